/**
 * Tool blocks as data (SPEC 3.1), with what is missing or repeated in them.
 *
 * Boundary: pure. Reports A031, A032, A012 of numbers in a block, A015 and W108.
 */
import type { FilterEntry, ToolEntry, VariantEntry, WatchdogEntry } from '../../support/backbone/topology.ts'
import { readFilter } from './configure-filter.ts'
import type { Declarations } from './declarations.ts'
import type { Reports, Source, Span } from './diagnostics.ts'
import type { Block, Clause, Tool } from './syntax.ts'

type Requirement = readonly [clause: string, least: number]

/** What a block cannot work without (A031). */
const REQUIRED: Readonly<Record<Tool, readonly Requirement[]>> = {
  WATCHDOG: [['HEARTBEATS', 1]],
  'N-VERSION': [['VERSION', 2]],
  REPLICATED: [
    ['REPLICA', 2],
    ['METHOD', 1],
  ],
  'RETRY-BLOCK': [
    ['ATTEMPTS', 1],
    ['ACCEPTANCE TEST', 1],
  ],
  'RECOVERY-BLOCK': [
    ['ALTERNATE', 1],
    ['ACCEPTANCE TEST', 1],
  ],
  'CONSENSUS-RECOVERY-BLOCK': [
    ['VERSION', 2],
    ['ACCEPTANCE TEST', 1],
  ],
  STABILIZER: [
    ['COPIES', 1],
    ['CYCLES', 1],
  ],
  BARRIER: [['GROUP', 1]],
}

export interface ReadBlock {
  readonly number: number | undefined
  readonly watchdog?: WatchdogEntry
  readonly tool?: ToolEntry
  readonly filter?: FilterEntry
}

export function configureBlock(block: Block, source: Source, declarations: Declarations, reports: Reports): ReadBlock {
  const number = declarations.symbols.index(block.number)
  if (number !== undefined) {
    declarations.block(number, 'task', ...(block.tool === 'WATCHDOG' ? [] : ['group' as const]))
    // Stabilizers and barriers are counted apart: their number is not that of a task that they would use.
    if (block.tool !== 'STABILIZER' && block.tool !== 'BARRIER') declarations.useNumber('task', number, block.number)
  }
  checkClauses(block, reports)
  const line = source.lineOf(block.start)
  return block.tool === 'WATCHDOG'
    ? { number, ...readWatchdog(block, number, source, declarations) }
    : { number, tool: readTool(block, number ?? -1, line, declarations) }
}

/** Even numbers of voters can split in two halves (SPEC 3.1). */
export function checkVoters(block: Block, reports: Reports): void {
  const voters = block.clauses.filter(({ kind }) => kind === 'variant').length
  const standby = block.clauses.some((clause) => clause.kind === 'method' && clause.method === 'STANDBY SPARING')
  if (block.tool === 'RECOVERY-BLOCK' || standby || voters === 0 || voters % 2 === 1) return
  reports.add('W108', block.head, `${voters} voters can split in two equal halves: expected an odd number`)
}

function checkClauses(block: Block, reports: Reports): void {
  const first = new Map<string, Span>()
  const counts = new Map<string, number>()
  const repeated = new Set<string>()
  for (const clause of block.clauses) {
    const name = nameOf(clause)
    counts.set(name, (counts.get(name) ?? 0) + 1)
    const before = first.get(name)
    if (before === undefined) first.set(name, clause)
    else if (clause.kind !== 'variant' && !repeated.has(name)) {
      repeated.add(name)
      const related = [{ span: before, message: `the first ${name} is here` }]
      reports.add(
        'A032',
        { start: clause.start, end: clause.start + firstWordLength(name) },
        `${name} is given twice: keep one`,
        { related },
      )
    }
  }
  if (block.broken) return
  const lost = (name: string): number => block.lost.filter((word) => name.startsWith(word)).length
  const missing = REQUIRED[block.tool].filter(([name, least]) => (counts.get(name) ?? 0) + lost(name) < least)
  if (missing.length === 0) return
  const expected = missing.map(([name, least]) => (least === 1 ? name : `${name}, at least ${least} times`))
  reports.add('A031', block.head, `${block.tool} lacks a clause: expected ${expected.join(' and ')}`, { expected })
}

function firstWordLength(name: string): number {
  return (name.split(' ')[0] as string).length
}

function nameOf(clause: Clause): string {
  switch (clause.kind) {
    case 'time':
    case 'count':
    case 'variant':
      return clause.word
    case 'name':
      return clause.word === 'METRIC' ? 'METRIC' : 'ACCEPTANCE TEST'
    case 'epsilon':
    case 'voting':
    case 'method':
    case 'spare':
    case 'group':
      return clause.kind.toUpperCase()
    case 'outcome':
      return `ON ${clause.event}`
    case 'alarm':
      return 'ON ERROR'
    case 'filter':
      return 'ALPHACOUNT'
  }
}

function readWatchdog(
  block: Block,
  number: number | undefined,
  source: Source,
  declarations: Declarations,
): { watchdog?: WatchdogEntry; filter?: FilterEntry } {
  const { symbols } = declarations
  const watched = block.watched === undefined ? undefined : declarations.use('task', block.watched)
  let periodUs: number | undefined
  let filter: FilterEntry | undefined
  let onError: WatchdogEntry['onError']
  let line = source.lineOf(block.start)
  for (const clause of block.clauses) {
    if (clause.kind === 'time') periodUs = symbols.time(clause.time, 'S', 1)
    else if (clause.kind === 'filter') filter = readFilter(declarations, clause.filter, { kind: 'task', number: watched ?? -1 })
    else if (clause.kind === 'alarm') {
      line = source.lineOf(clause.start)
      if (clause.action !== 'WARN') onError = clause.action === 'REBOOT' ? 'reboot' : 'restart'
      else {
        const warn = clause.word === 'TASK' ? 'task' : 'group'
        onError = { warn, number: declarations.use(warn, clause.target) ?? -1 }
      }
    }
  }
  if (number === undefined || watched === undefined || periodUs === undefined) return {}
  const watchdog = { number, watched, periodUs, ...(onError !== undefined && { onError }), line }
  return { watchdog, ...(filter !== undefined && { filter }) }
}

type Draft = { -readonly [K in keyof ToolEntry]: ToolEntry[K] | undefined }

function readTool(block: Block, number: number, line: number, declarations: Declarations): ToolEntry {
  const draft: Draft = { tool: block.tool.toLowerCase() as ToolEntry['tool'], number, line }
  const variants: VariantEntry[] = []
  const places = new Map<number, Span>()
  for (const clause of block.clauses) {
    if (clause.kind !== 'variant') {
      readClause(clause, draft, declarations)
      continue
    }
    const variant = declarations.symbols.index(clause.number)
    const task = declarations.use('task', clause.task)
    const timeoutUs = clause.timeout === undefined ? undefined : declarations.symbols.time(clause.timeout, 'S')
    if (variant === undefined || task === undefined) continue
    const before = places.get(variant)
    if (before !== undefined) declarations.twice(`${clause.word} ${variant}`, clause.number, before)
    else places.set(variant, clause.number)
    variants.push({ number: variant, task, ...(timeoutUs !== undefined && { timeoutUs }) })
  }
  if (variants.length > 0) draft.variants = variants
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined)) as unknown as ToolEntry
}

function readClause(clause: Exclude<Clause, { kind: 'variant' }>, draft: Draft, declarations: Declarations): void {
  const { symbols } = declarations
  switch (clause.kind) {
    case 'time': {
      const us = symbols.time(clause.time, 'S')
      if (clause.word === 'PAUSE') draft.pauseUs = us
      else draft.timeoutUs = us
      return
    }
    case 'count':
      draft[clause.word.toLowerCase() as 'attempts' | 'copies' | 'cycles'] = symbols.integer(clause.count, { least: 1 })
      return
    case 'name':
      draft[clause.word === 'METRIC' ? 'metric' : 'acceptance'] = clause.name.text
      return
    case 'epsilon':
      draft.epsilon = symbols.real(clause.epsilon, (value) => value >= 0, 'a real from 0')
      return
    case 'voting':
      draft.voting = clause.algorithm.toLowerCase()
      if (clause.scale !== undefined) draft.scale = symbols.real(clause.scale, (value) => value > 0, 'a real above 0')
      return
    case 'method':
      draft.method = clause.method === 'MODULAR REDUNDANCY' ? 'modular redundancy' : 'standby sparing'
      return
    case 'spare':
      draft.spare = declarations.use('task', clause.task)
      return
    case 'group':
      draft.group = declarations.use('group', clause.group)
      return
    case 'outcome':
      draft[clause.event === 'SUCCESS' ? 'onSuccess' : 'onError'] = declarations.use('task', clause.task)
      return
    case 'alarm':
    case 'filter':
      return
  }
}
