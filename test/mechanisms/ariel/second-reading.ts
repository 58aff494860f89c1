/**
 * SPEC 4, 5, 7.4 and 11 read a second time: what a dry run must list, straight from the sentences of the specification.
 *
 * It knows no r-code: it walks the tree of a policy. Nothing here is quick: records are a list, stars are looked for, and a watchdog is due
 * when the history says so.
 *
 * Boundary: test code only. Policies are those of `random-policies.ts`: everything that they name is declared.
 */
import {
  type Action,
  type Atom,
  atomsIn,
  type Entity,
  type Guard,
  isStar,
  type Plant,
  type RandomPolicy,
  type RecordedEvent,
  type Section,
  type Target,
  type Watchdog,
} from './policy-tree.ts'
import { compares, type Found, holds, Row, recordsOf } from './second-reading-rows.ts'

/** SPEC 5.2: more often within a second is a runaway. */
const MOST = 32

export class SecondReading {
  /** As a dry run lists them: at, line, action, target, value. */
  readonly listed: unknown[][] = []
  readonly #policy: RandomPolicy
  readonly #rows = new Map<string, Row>()
  readonly #variables = new Map<string, number>()
  readonly #due = new Map<Watchdog, number>()
  readonly #done = new Map<string, number[]>()
  readonly #classic: boolean
  #now = 0
  #hit: Row[] = []

  constructor(plant: Plant, policy: RandomPolicy, mode: 'classic' | 'settling') {
    this.#policy = policy
    this.#classic = mode === 'classic'
    for (const number of plant.nodes) this.#add('N', number)
    for (const [number, node] of plant.tasks) {
      const task = this.#add('T', number)
      task.node = this.#row(['N', node])
      task.node.members.push(task)
    }
    for (const { number } of policy.watchdogs) this.#add('T', number)
    for (const [number, members] of plant.groups) {
      this.#add('G', number).members.push(...members.map((member) => this.#row(['T', member])))
    }
    for (const filter of policy.filters) this.#row(filter.entity).filter = filter
  }

  run(history: readonly RecordedEvent[]): void {
    for (const event of history) {
      this.#fireBefore(event.at, history)
      this.#now = event.at
      if (event.kind === 'end') return
      if (event.kind === 'deadlock') this.#deadlock((event.entities ?? []).map((name) => this.#named(name)))
      else this.#tell(event, this.#named(event.entity ?? ''))
      if (!['ok', 'heartbeat'].includes(event.kind)) this.#pass(() => undefined)
    }
  }

  // SPEC 5.1, 5.2 steps 1 and 2: the database.

  #tell(event: RecordedEvent, row: Row): void {
    this.#hear(row)
    this.#countPeriods(row)
    if (event.kind !== 'ok') this.#succeed(row, event.successes ?? 0)
    if (event.kind === 'error') this.#fail(row, event.code ?? 0)
    else if (event.kind === 'ok') this.#succeed(row, event.successes ?? 1)
    else if (event.kind === 'phase') row.phase = event.value ?? 0
    else if (event.kind === 'heartbeat') this.#beat(row)
    else {
      if (row.status === 'down' && event.status === 'up') row.reintegrated = true
      row.status = event.status ?? ''
    }
  }

  #deadlock(rows: readonly Row[]): void {
    for (const row of rows) this.#hear(row)
    for (const row of rows) for (const other of rows) if (other !== row) row.waitsWith.add(other)
  }

  /** SPEC 11: a deadlock is cleared by any later notification of either. */
  #hear(row: Row): void {
    for (const other of row.waitsWith) other.waitsWith.delete(row)
    row.waitsWith.clear()
  }

  #fail(row: Row, code: number): void {
    row.records.push({ code, at: this.#now, open: true })
    this.#countPeriods(row)
    row.score += 1
    row.lastErrorAt = this.#now
    row.periods = 0
  }

  #succeed(row: Row, times: number): void {
    if (row.filter !== undefined) for (let time = 0; time < times; time += 1) row.score *= row.filter.factor
  }

  #countPeriods(row: Row): void {
    const every = row.filter?.everyMs
    if (every === undefined) return
    for (; row.periods < Math.floor((this.#now - row.lastErrorAt) / every); row.periods += 1) this.#succeed(row, 1)
  }

  #beat(row: Row): void {
    const own = this.#policy.watchdogs.filter(({ watched }) => watched === row.number)
    if (own.some((watchdog) => this.#now <= (this.#due.get(watchdog) ?? -1))) this.#succeed(row, 1)
    for (const watchdog of own) this.#due.set(watchdog, this.#now + watchdog.periodMs)
  }

  // SPEC 3.1, 5.3: watchdogs fire before events of the same time, unless a heartbeat comes at that time.

  #fireBefore(at: number, history: readonly RecordedEvent[]): void {
    for (;;) {
      const [next] = [...this.#due]
        .filter(([{ watched }, due]) => due <= at && !history.some((event) => isBeat(event, watched, due)))
        .sort(([a, dueA], [b, dueB]) => dueA - dueB || a.number - b.number)
      if (next === undefined) return
      const [watchdog, due] = next
      this.#now = due
      this.#due.delete(watchdog)
      const [own, watched] = [this.#row(['T', watchdog.number]), this.#row(['T', watchdog.watched])]
      own.fired = true
      this.#hear(own)
      this.#hear(watched)
      this.#fail(watched, 1)
      this.#pass(() => this.#alarm(watchdog, watched))
    }
  }

  #alarm({ onError, line }: Watchdog, watched: Row): void {
    if (onError === undefined) return
    if (Array.isArray(onError)) return this.#list(line, 'WARN', this.#row(onError as unknown as Entity))
    const target = onError === 'REBOOT' ? watched.node : watched
    if (target === undefined) return
    this.#list(line, onError as string, target)
    this.#effect(onError as string, target)
  }

  // SPEC 5.2 steps 3 to 5: a pass.

  #pass(alarm: () => void): void {
    this.#hit = []
    alarm()
    for (const section of this.#policy.sections) if (this.#section(section) === 'runaway') break
    if (!this.#classic) for (const row of this.#hit) for (const record of row.records) record.open = false
  }

  /** In an ELSE the atoms are those of the guard before it (SPEC 4.3). */
  #section({ branches }: Section): 'runaway' | undefined {
    let found: Found[] = []
    let atoms: readonly Atom[] = []
    for (const { guard, actions } of branches) {
      if (guard !== undefined) {
        found = []
        atoms = atomsIn(guard)
        if (!this.#isTrue(guard, found)) continue
      }
      for (const action of actions) {
        const end = 'branches' in action ? this.#section(action) : this.#act(action, atoms, found)
        if (end === 'runaway') return end
      }
      return undefined
    }
    return undefined
  }

  #isTrue(guard: Guard, found: Found[]): boolean {
    if (guard.kind === 'not') return !this.#isTrue(guard.term, found)
    if (guard.kind !== 'both' && guard.kind !== 'either') return this.#atom(guard, found)
    const [left, right] = [this.#isTrue(guard.left, found), this.#isTrue(guard.right, found)]
    return guard.kind === 'both' ? left && right : left || right
  }

  // SPEC 4.1: conditions.

  #atom(atom: Atom, found: Found[]): boolean {
    if (atom.kind === 'status') {
      const domain = this.#domain(atom.entity)
      const rest = domain.filter((row) => !holds(atom.word, row))
      const fulfilled = domain.filter((row) => holds(atom.word, row))
      found.push({ '@': fulfilled, '~': rest })
      return isStar(atom.entity) ? fulfilled.length > 0 : holds(atom.word, this.#row(atom.entity))
    }
    found.push(undefined)
    if (atom.kind === 'deadlocked') return this.#row(atom.first).waitsWith.has(this.#row(atom.second))
    if (atom.kind === 'value') return compares(this.#variables.get(atom.variable) ?? 0, atom.sign, atom.constant)
    return compares(this.#asked(atom.query, this.#row(atom.entity)), atom.sign, atom.constant)
  }

  #asked(query: string, row: Row): number {
    const last = row.records.at(-1)
    if (query === 'ERRN') return row.records.length
    if (query === 'ERRT') return last?.code ?? 0
    if (query === 'PHASE') return row.phase
    if (query === 'ALPHA') return Math.round(row.score * 1000) / 1000
    if (query === 'RESTARTED') return row.kind === 'G' ? Math.max(...row.members.map(({ restarts }) => restarts)) : row.restarts
    return last === undefined ? Number.NaN : Math.floor(this.#now - last.at)
  }

  // SPEC 4.2, 11: actions.

  #act(action: Action, atoms: readonly Atom[], found: readonly Found[]): 'runaway' | undefined {
    const { verb, line, value, about, target, warn } = action
    if (verb === 'LET') return void this.#variables.set(action.variable ?? '', this.#computed(action))
    if (verb === 'LOG' || verb === 'CALL' || verb === 'PAUSE') {
      const written = value === 'CLOCK' ? this.#now : value === 'A' ? (this.#variables.get('A') ?? 0) : value
      return void this.listed.push([this.#now, line, verb, undefined, written])
    }
    if (about !== undefined && !recordsOf(this.#row(about)).some(({ code }) => code === value)) return undefined
    let isDone = false
    for (const row of target === undefined ? [] : this.#targets(target, atoms, found)) {
      if (row.kind === 'N' ? verb === 'START' || verb === 'SEND' : verb === 'REBOOT') continue
      const end = this.#do(action, row)
      if (end === 'runaway') return end
      isDone = true
    }
    return warn !== undefined && isDone ? this.#do({ verb: 'WARN', line }, this.#row(warn)) : undefined
  }

  #do({ verb, line, value }: Pick<Action, 'verb' | 'line' | 'value'>, row: Row): 'runaway' | undefined {
    const name = verb === 'KILL' ? 'STOP' : verb === 'RESTART' && row.kind === 'N' ? 'REBOOT' : (verb.split(' ')[0] as string)
    const key = `${line} ${name} ${row.kind}${row.number}`
    const times = this.#done.get(key) ?? []
    if (times.filter((at) => this.#now - at < 1000).length >= MOST) {
      row.records.push({ code: 3, at: this.#now, open: true })
      return 'runaway'
    }
    this.#done.set(key, [...times, this.#now])
    this.#list(line, name, row, verb === 'SEND' ? value : undefined)
    const all = row.kind === 'G' ? row.members : [row]
    if (verb === 'REMOVE') for (const each of [row, ...all]) each.records = each.records.filter(({ code }) => code !== value)
    else if (verb === 'REMOVE ANY') for (const each of [row, ...all]) each.records = []
    else if (verb === 'REMOVE PHASE') for (const each of all) each.phase = 0
    else if (verb === 'CLEAR') for (const each of all) each.fired = false
    else if (verb !== 'SEND' && verb !== 'WARN') this.#effect(name, row)
    return undefined
  }

  #effect(name: string, row: Row): void {
    this.#hit.push(row, ...row.members)
    if (row.kind !== 'N') {
      for (const task of row.kind === 'G' ? row.members : [row]) this.#onTask(name, task)
      return
    }
    row.status = name === 'ISOLATE' ? 'isolated' : name === 'STOP' || name === 'SHUTDOWN' ? 'down' : 'up'
    if (name === 'REBOOT') row.reboots += 1
    for (const task of row.members) {
      if (row.status === 'down') this.#onTask('STOP', task)
      else if (row.status === 'up') task.status = 'running'
      if (name === 'REBOOT') this.#disarm(task)
    }
  }

  #onTask(name: string, task: Row): void {
    task.status = name === 'ISOLATE' ? 'isolated' : name === 'STOP' ? 'stopped' : 'running'
    if (name === 'START' || name === 'RESTART') task.starts += 1
    if (name === 'RESTART') task.restarts += 1
    if (name === 'STOP' || name === 'ISOLATE' || name === 'RESTART') this.#disarm(task)
  }

  #disarm(task: Row): void {
    for (const watchdog of this.#due.keys()) if (watchdog.watched === task.number) this.#due.delete(watchdog)
  }

  #computed({ expression: [left, operator, right] = [0, '+', 0] }: Action): number {
    const value = (part: string | number): number => (typeof part === 'number' ? part : (this.#variables.get(part) ?? 0))
    const [a, b] = [value(left), value(right)]
    if (operator === '+') return (a + b) | 0
    if (operator === '-') return (a - b) | 0
    return operator === '*' ? Math.imul(a, b) : Math.trunc(a / b) | 0
  }

  // SPEC 2.1, 4.3: who is meant.

  #targets(target: Target, atoms: readonly Atom[], found: readonly Found[]): readonly Row[] {
    if (!('form' in target)) return isStar(target) ? this.#domain(target) : [this.#row(target)]
    if (target.form !== '$') return (found[target.atom]?.[target.form] ?? []).filter(({ kind }) => (target.kind ?? kind) === kind)
    const atom = atoms[target.atom] as Extract<Atom, { entity: Entity }>
    const row = this.#row(atom.entity)
    if (row.kind === target.kind) return [row]
    if (target.kind === 'G') return this.#all('G').filter(({ members }) => members.includes(row))
    const hosts = new Set((row.kind === 'G' ? row.members : [row]).flatMap(({ node }) => node ?? []))
    return this.#all('N').filter((node) => hosts.has(node))
  }

  #domain([letter, number]: Entity): readonly Row[] {
    if (letter === '*') return (['T', 'N', 'G'] as const).flatMap((kind) => this.#all(kind))
    if (number === '*') return this.#all(letter)
    const row = this.#row([letter, number])
    return row.kind === 'G' ? row.members : [row]
  }

  #all(kind: Row['kind']): readonly Row[] {
    return [...this.#rows.values()].filter((row) => row.kind === kind).sort((a, b) => a.number - b.number)
  }

  #add(kind: Row['kind'], number: number): Row {
    const row = new Row(kind, number)
    this.#rows.set(`${kind}${number}`, row)
    return row
  }

  #row([letter, number]: Entity): Row {
    return this.#named(`${letter}${number}`)
  }

  #named(name: string): Row {
    const row = this.#rows.get(name)
    if (row === undefined) throw new Error(`${name} is not declared`)
    return row
  }

  #list(line: number, action: string, { kind, number }: Row, value?: number | string): void {
    this.listed.push([this.#now, line, action, `${kind}${number}`, value])
  }
}

function isBeat({ kind, entity, at }: RecordedEvent, watched: number, due: number): boolean {
  return kind === 'heartbeat' && entity === `T${watched}` && at === due
}
