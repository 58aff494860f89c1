/**
 * The configuration part as data (SPEC 3): what is declared, within which bounds, as the topology that the backbone is given.
 *
 * Boundary: pure. Reports A011 (with `include` of the caller), A012, A014, A015 and W106; tool blocks are read in `configure-block.ts`.
 */
import type {
  FilterEntry,
  GroupEntry,
  InjectionEntry,
  Role,
  TaskEntry,
  ToolEntry,
  Topology,
  WatchdogEntry,
} from '../../support/backbone/topology.ts'
import { configureBlock } from './configure-block.ts'
import { readFilter } from './configure-filter.ts'
import type { Declarations } from './declarations.ts'
import type { Reports, Source, Span } from './diagnostics.ts'
import type { WordOf } from './keywords.ts'
import type { Configuration, Numeral, Range, Script } from './syntax.ts'

/** Entities that ranges may declare in all: far more than a backbone can watch, few enough to hold in memory. */
export const MAX_DECLARED = 65_536

/** Microseconds (SPEC 3). */
export const TIMEOUTS: Readonly<Record<WordOf<'timeout'>, number>> = {
  MIA_SEND_TIMEOUT: 200_000,
  TAIA_SEND_TIMEOUT: 200_000,
  IMALIVE_CLEAR_TIMEOUT: 120_000,
  MIA_RECV_TIMEOUT: 250_000,
  TAIA_RECV_TIMEOUT: 250_000,
  IMALIVE_SET_TIMEOUT: 300_000,
  TEIF_TIMEOUT: 300_000,
  MID_TIMEOUT: 500_000,
  REQUEST_DB_TIMEOUT: 200_000,
  REPLY_DB_TIMEOUT: 500_000,
}

/** W106: the second must exceed the first. */
const LONGER = [
  ['MIA_SEND_TIMEOUT', 'MIA_RECV_TIMEOUT'],
  ['TAIA_SEND_TIMEOUT', 'TAIA_RECV_TIMEOUT'],
  ['IMALIVE_CLEAR_TIMEOUT', 'IMALIVE_SET_TIMEOUT'],
] as const

const ROLES: Readonly<Record<WordOf<'role'>, Role>> = {
  MANAGER: 'manager',
  ASSISTANT: 'assistant',
  BACKUP: 'assistant',
  AGENT: 'agent',
}

/** What the configuration amounts to, as far as it is free of errors. */
export interface Plant {
  readonly topology: Topology
  /** Place of the role of each node. */
  readonly roles: ReadonlyMap<number, { readonly role: Role; readonly span: Span }>
  readonly defaultAction: { readonly action: 'stop' | 'restart'; readonly span: Span } | undefined
  /** Where a time-out got its value. */
  readonly timeouts: ReadonlyMap<string, { readonly us: number; readonly span: Span }>
}

export function configure(script: Script, source: Source, declarations: Declarations, reports: Reports): Plant {
  const configurator = new Configurator(source, declarations, reports)
  for (const statement of script.statements) {
    if (statement.kind === 'section') continue
    if (statement.kind === 'block') configurator.block(statement)
    else configurator.statement(statement)
  }
  return configurator.plant()
}

/** W106 (SPEC 3). */
export function checkTimeouts(plant: Plant, reports: Reports): void {
  for (const [short, long] of LONGER) {
    const given = plant.timeouts.get(long) ?? plant.timeouts.get(short)
    const [least, value] = [plant.topology.timeouts[short] as number, plant.topology.timeouts[long] as number]
    if (given !== undefined && value <= least) {
      reports.add('W106', given.span, `${long} is ${value} us, ${short} is ${least} us: expected ${long} to be longer`)
    }
  }
}

class Configurator {
  readonly #source: Source
  readonly #declarations: Declarations
  readonly #reports: Reports
  readonly #roles = new Map<number, { role: Role; span: Span }>()
  readonly #timeouts = new Map<string, { us: number; span: Span }>()
  readonly #tasks = new Map<number, TaskEntry>()
  readonly #mailboxes = new Map<number, { mailbox: number; alias: number }>()
  readonly #groups: GroupEntry[] = []
  readonly #filters: FilterEntry[] = []
  readonly #watchdogs: WatchdogEntry[] = []
  readonly #tools: ToolEntry[] = []
  readonly #injections: InjectionEntry[] = []
  readonly #tasksPerNode: Record<number, number> = {}
  readonly #watchdogPlaces = new Map<number, Span>()
  #nodes: number | undefined
  #defaultAction: Plant['defaultAction']
  #manager: Span | undefined
  #expanded = 0

  constructor(source: Source, declarations: Declarations, reports: Reports) {
    this.#source = source
    this.#declarations = declarations
    this.#reports = reports
  }

  statement(statement: Configuration & Span & { readonly head: Span }): void {
    const { symbols } = this.#declarations
    switch (statement.kind) {
      case 'include':
        return
      case 'roles':
        return this.#defineRoles(statement)
      case 'nodes':
        this.#nodes = symbols.integer(statement.count, { least: 1 })
        return
      case 'numtasks': {
        const node = symbols.index(statement.node)
        const count = symbols.integer(statement.count, { least: 0 })
        if (node !== undefined && count !== undefined) this.#tasksPerNode[node] = count
        return
      }
      case 'default':
        this.#defaultAction = { action: statement.action === 'RESTART' ? 'restart' : 'stop', span: statement }
        return
      case 'timeout': {
        const us = symbols.time(statement.time, 'US', 1)
        if (us !== undefined) this.#timeouts.set(statement.name, { us, span: statement.time })
        return
      }
      case 'task':
        return this.#declareTasks(statement)
      case 'mailbox':
        return this.#assignMailboxes(statement)
      case 'group':
        return this.#declareGroup(statement)
      case 'alpha': {
        const { entity, number: numeral } = statement
        const number = entity === 'task' ? this.#declarations.use('task', numeral) : symbols.index(numeral)
        const filter = readFilter(this.#declarations, statement.filter, { kind: entity, number: number ?? -1 })
        if (filter !== undefined && number !== undefined) this.#filters.push(filter)
        return
      }
      case 'inject':
        return this.#inject(statement)
    }
  }

  block(block: Parameters<typeof configureBlock>[0]): void {
    const read = configureBlock(block, this.#source, this.#declarations, this.#reports)
    if (read.watchdog !== undefined) this.#watchdogs.push(read.watchdog)
    if (read.tool !== undefined) this.#tools.push(read.tool)
    if (read.filter !== undefined) this.#filters.push(read.filter)
    if (read.number === undefined || block.tool !== 'WATCHDOG') return
    const first = this.#watchdogPlaces.get(read.number)
    if (first !== undefined) this.#declarations.twice(`watchdog ${read.number}`, block.number, first)
    else this.#watchdogPlaces.set(read.number, block.number)
  }

  plant(): Plant {
    const tasks = [...this.#tasks.values()].map((task) => ({ ...task, ...this.#mailboxes.get(task.number) }))
    const byNumber = (a: { number: number }, b: { number: number }): number => a.number - b.number
    const topology: Topology = {
      topology: 1,
      ...(this.#nodes !== undefined && { nodes: this.#nodes }),
      roles: Object.fromEntries([...this.#roles].map(([node, { role }]) => [node, role])),
      tasksPerNode: this.#tasksPerNode,
      ...(this.#defaultAction !== undefined && { defaultAction: this.#defaultAction.action }),
      timeouts: { ...TIMEOUTS, ...Object.fromEntries([...this.#timeouts].map(([name, { us }]) => [name, us])) },
      tasks: tasks.sort(byNumber),
      groups: [...this.#groups, ...this.#groupsOfVersions()].sort(byNumber),
      filters: this.#filters,
      watchdogs: this.#watchdogs,
      tools: this.#tools,
      injections: this.#injections,
    }
    return { topology, roles: this.#roles, defaultAction: this.#defaultAction, timeouts: this.#timeouts }
  }

  /** SPEC 3.1: a group with the number of each N-version task; a LOGICAL of that number, wherever it stands, goes before it. */
  #groupsOfVersions(): GroupEntry[] {
    const groups = new Map<number, GroupEntry>()
    for (const { tool, number, variants } of this.#tools) {
      if (tool !== 'n-version' || variants === undefined || groups.has(number) || this.#declarations.groups.has(number)) continue
      groups.set(number, { number, name: `N-VERSION ${number}`, members: variants.map(({ task }) => task) })
    }
    return [...groups.values()]
  }

  #defineRoles({ nodes, upTo, role }: Extract<Configuration, { kind: 'roles' }>): void {
    const { symbols } = this.#declarations
    const numbers = nodes.map((node) => ({ node: symbols.index(node), span: node as Span }))
    const [first] = numbers
    if (upTo !== undefined && first?.node !== undefined) {
      const length = this.#lengthOf({ first: nodes[0] as Numeral, last: upTo, ...upTo })
      for (let at = 1; at < (length ?? 0); at += 1) numbers.push({ node: first.node + at, span: upTo })
    }
    for (const { node, span } of numbers) {
      if (node === undefined) continue
      if (role === 'MANAGER') {
        if (this.#manager !== undefined) this.#declarations.twice('a manager', span, this.#manager)
        else this.#manager = span
      }
      this.#roles.set(node, { role: ROLES[role], span })
    }
  }

  #declareTasks({ range, name, node, local }: Extract<Configuration, { kind: 'task' }>): void {
    const declarations = this.#declarations
    declarations.demand('task')
    const numbers = this.#expand(range)
    const locals = this.#expand(local)
    const host = declarations.symbols.index(node)
    if (numbers === undefined) return declarations.lose()
    if (locals !== undefined) this.#sameLength(numbers, locals, local)
    // Declared whatever is wrong with the rest of the statement, so that what names these tasks is not reported as well.
    for (const [at, number] of numbers.entries()) {
      const title = range.last === undefined ? name.text : `${name.text}${number}`
      if (!declarations.declare('task', number, title, range.first)) continue
      this.#tasks.set(number, { number, name: title, node: host ?? -1, local: locals?.[at] ?? -1 })
    }
  }

  #assignMailboxes({ range, mailbox, alias }: Extract<Configuration, { kind: 'mailbox' }>): void {
    const numbers = this.#expand(range)
    for (const number of numbers ?? []) this.#declarations.useNumber('task', number, range.first)
    const mailboxes = this.#expand(mailbox)
    const aliases = this.#expand(alias)
    if (numbers === undefined || mailboxes === undefined || aliases === undefined) return
    const fits = [this.#sameLength(numbers, mailboxes, mailbox), this.#sameLength(numbers, aliases, alias)]
    if (fits.includes(false)) return
    for (const [at, number] of numbers.entries()) {
      this.#mailboxes.set(number, { mailbox: mailboxes[at] as number, alias: aliases[at] as number })
    }
  }

  #declareGroup({ number: numeral, name, members }: Extract<Configuration, { kind: 'group' }>): void {
    const declarations = this.#declarations
    declarations.demand('group')
    const numbers = members.map((member) => declarations.use('task', member))
    const number = declarations.symbols.index(numeral)
    if (number === undefined) return declarations.lose()
    if (!declarations.declare('group', number, name.text, numeral)) return
    const held = [...new Set(numbers.filter((member) => member !== undefined))]
    this.#groups.push({ number, name: name.text, members: held })
  }

  #inject({ fault, node, after }: Extract<Configuration, { kind: 'inject' }>): void {
    const { symbols } = this.#declarations
    const target = symbols.index(node)
    const amount = symbols.integer(after.amount, { least: 0 })
    if (target === undefined || amount === undefined) return
    const ticks = after.unit === undefined || after.unit === 'TICKS'
    const when = ticks ? { ticks: amount } : { us: symbols.time(after, 'US') as number }
    this.#injections.push({ fault: fault === 'MANAGERFAULT' ? 'manager' : 'backup', node: target, after: when })
  }

  #expand(range: Range): number[] | undefined {
    const first = this.#declarations.symbols.index(range.first)
    const length = this.#lengthOf(range)
    if (first === undefined || length === undefined) return undefined
    return Array.from({ length }, (_, at) => first + at)
  }

  /** Entities in a range; undefined after a report. */
  #lengthOf({ first, last }: Range): number | undefined {
    const from = this.#declarations.symbols.index(first)
    if (from === undefined) return undefined
    if (last === undefined) return 1
    const to = this.#declarations.symbols.integer(last, { least: from })
    if (to === undefined) return undefined
    const length = to - from + 1
    this.#expanded += length
    if (this.#expanded <= MAX_DECLARED) return length
    this.#expanded -= length
    this.#reports.add(
      'A015',
      last,
      `${last.text} is out of range: expected ranges of no more than ${MAX_DECLARED} entities in all`,
    )
    return undefined
  }

  #sameLength(first: readonly number[], second: readonly number[], place: Span): boolean {
    if (first.length === second.length) return true
    this.#reports.add(
      'A014',
      place,
      `this range has ${second.length}, the first one ${first.length}: expected ranges of equal length`,
    )
    return false
  }
}
