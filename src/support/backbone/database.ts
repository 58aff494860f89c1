/**
 * The database of the backbone (SPEC 5.1): one row for each task, node and group, and the variables of the program.
 *
 * Declared tasks are running and nodes up at start. An entity that is first heard of later is running (up) too. A row that only the
 * program names is there, so that the program finds it without looking it up, but it is not *known* until somebody tells of it.
 *
 * Boundary: pure, plain data in snapshots. `store` is steps 1 and 2 of a pass; what follows from a notification is the interpreter's.
 *   D1  The state is a function of the topology and of what was stored and done, in its order.
 *   D2  `store` changes everything or, if it throws, nothing.
 */
import { PerdureError } from '../../errors.ts'
import { AlphaCount } from '../alpha-count.ts'
import { type EntityKind, type EntityName, writtenName } from './entity.ts'
import { ERROR_CODES, type NodeStatus, type Notification, type TaskStatus } from './notification.ts'
import { GroupRow, type GroupState, NodeRow, type NodeState, type Row, TaskRow, type TaskState } from './rows.ts'
import type { ToolEntry, Topology } from './topology.ts'

/** Entities that have ever been told of: twice what a script can declare, few enough to hold in memory. */
export const MAX_NOTIFIED = 131_072

/** A to Z. */
export const VARIABLES = 26

export interface DatabaseState {
  readonly tasks: readonly TaskState[]
  readonly nodes: readonly NodeState[]
  readonly groups: readonly GroupState[]
  readonly variables: readonly number[]
  /** Number of the next error record. */
  readonly next: number
}

export class Database {
  readonly variables: number[] = new Array<number>(VARIABLES).fill(0)
  readonly #topology: Topology
  readonly #tasks = new Map<number, TaskRow>()
  readonly #nodes = new Map<number, NodeRow>()
  readonly #groups = new Map<number, GroupRow>()
  readonly #watchdogs = new Map<number, TaskRow>()
  #next = 0
  #notified = 0
  /** What stars range over where something of the kind is declared. */
  readonly #declared: Readonly<Record<EntityKind, readonly Row[]>>
  /** The same where nothing is: those ever notified; undefined after a change. */
  #heard: Partial<Record<EntityKind, readonly Row[]>> = {}

  constructor(topology: Topology) {
    this.#topology = topology
    this.#declare()
    this.#declared = this.#declaredRows()
  }

  task(number: number): TaskRow {
    return this.#row(this.#tasks, number, () => new TaskRow(number))
  }

  node(number: number): NodeRow {
    const row = this.#row(this.#nodes, number, () => new NodeRow(number))
    if (number < (this.#topology.nodes ?? 0)) row.declare()
    return row
  }

  group(number: number): GroupRow {
    return this.#row(this.#groups, number, () => new GroupRow(number))
  }

  row({ kind, number }: EntityName): Row {
    if (kind === 'task') return this.task(number)
    return kind === 'node' ? this.node(number) : this.group(number)
  }

  /** The task that a watchdog watches; undefined if there is no such watchdog. */
  watchedBy(watchdog: number): TaskRow | undefined {
    return this.#watchdogs.get(watchdog)
  }

  /**
   * What a star ranges over (SPEC 11), by number: the declared entities of the kind, or, where the script declares none, those ever
   * notified. With the declared tasks go the numbers of watchdogs and blocks, which count as such (SPEC 8).
   */
  domain<K extends EntityName['kind']>(kind: K): readonly Extract<Row, { kind: K }>[] {
    const declared = this.#declared[kind]
    if (declared.length === 0) this.#heard[kind] ??= byNumber([...this.#rows(kind).values()].filter(({ notified }) => notified))
    return (this.#heard[kind] ?? declared) as readonly Extract<Row, { kind: K }>[]
  }

  /** Steps 1 and 2 (SPEC 5.2). A notification that no row can take is refused: `PERDURE_E_USAGE`. */
  store(notification: Notification): void {
    switch (notification.kind) {
      case 'deadlock':
        return this.#storeDeadlock(notification)
      case 'fired': {
        const watched = this.#watchdogs.get(notification.watchdog)
        if (watched === undefined)
          throw refused(`${notification.watchdog} is the number of no watchdog: expected that of one in the policy`)
        watched.errors.checkRoom(ERROR_CODES.WATCHDOG_FIRED, writtenName(watched))
        this.#checkRoom([watched, { kind: 'task', number: notification.watchdog }])
        const watchdog = this.task(notification.watchdog)
        this.#hear(watchdog)
        watchdog.fired = true
        for (const own of watched.watched) if (own.watchdog.number === notification.watchdog) own.dueUs = undefined
        this.#hear(watched)
        return this.#fail(watched, ERROR_CODES.WATCHDOG_FIRED, notification.atUs)
      }
      default:
        return this.#storeAbout(notification)
    }
  }

  /** An error record that is no judgement and starts no pass (SPEC 11, RUNAWAY). */
  record(row: Row, code: number, atUs: number): void {
    row.errors.checkRoom(code, writtenName(row))
    row.known = true
    row.errors.add(code, this.#next, atUs)
    this.#next += 1
  }

  /** Takes over the state of another database. What only this topology declares is as it was at start. */
  load(state: DatabaseState): void {
    this.#notified = 0
    this.#loadRows(this.#tasks, state.tasks, (number) => this.task(number))
    this.#loadRows(this.#nodes, state.nodes, (number) => this.node(number))
    this.#loadRows(this.#groups, state.groups, (number) => this.group(number))
    for (let at = 0; at < VARIABLES; at += 1) this.variables[at] = state.variables[at] ?? 0
    this.#next = state.next
    this.#heard = {}
  }

  /** A row that the state does not know is one that nobody has told of yet. */
  #loadRows<S extends { readonly number: number; readonly notified: boolean }>(
    rows: ReadonlyMap<number, { readonly number: number; known: boolean; restore(state: S | undefined): void }>,
    states: readonly S[],
    rowOf: (number: number) => { restore(state: S | undefined): void },
  ): void {
    for (const state of states) {
      rowOf(state.number).restore(state)
      if (state.notified) this.#notified += 1
    }
    if (rows.size === states.length) return
    const told = new Set(states.map(({ number }) => number))
    for (const row of rows.values()) if (!told.has(row.number)) row.restore(undefined)
  }

  snapshot(): DatabaseState {
    const states = <S extends { readonly number: number }>(rows: Iterable<{ known: boolean; snapshot(): S }>): S[] =>
      [...rows]
        .filter(({ known }) => known)
        .map((row) => row.snapshot())
        .sort((a, b) => a.number - b.number)
    return {
      tasks: states<TaskState>(this.#tasks.values()),
      nodes: states<NodeState>(this.#nodes.values()),
      groups: states<GroupState>(this.#groups.values()),
      variables: [...this.variables],
      next: this.#next,
    }
  }

  #storeAbout(notification: Exclude<Notification, { kind: 'deadlock' | 'fired' }>): void {
    const { entity, atUs, successes } = notification
    this.#checkRoom([entity])
    const row = this.row(entity)
    if (notification.kind === 'error') row.errors.checkRoom(notification.code, writtenName(entity))
    this.#hear(row)
    if (row.kind !== 'group') {
      row.alpha.observe(atUs)
      if (successes !== undefined && notification.kind !== 'ok') row.alpha.succeed(successes)
    }
    switch (notification.kind) {
      case 'error':
        if (notification.status !== undefined) setStatus(row, notification.status)
        return this.#fail(row, notification.code, atUs)
      case 'ok':
        if (row.kind !== 'group') row.alpha.succeed(successes ?? 1)
        return
      case 'phase':
        if (row.kind === 'task') row.phase = notification.value
        return
      case 'status':
        return setStatus(row, notification.status)
      case 'heartbeat':
        if (row.kind === 'task') beat(row, atUs)
    }
  }

  #storeDeadlock({ entities }: Extract<Notification, { kind: 'deadlock' }>): void {
    this.#checkRoom(entities)
    const rows = entities.map(({ number }) => this.task(number))
    for (const row of rows) this.#hear(row)
    for (const row of rows) row.deadlockedWith = rows.filter((other) => other !== row).map(({ number }) => number)
  }

  #fail(row: Row, code: number, atUs: number): void {
    row.errors.add(code, this.#next, atUs)
    this.#next += 1
    if (row.kind === 'group') return
    row.alpha.observe(atUs)
    row.alpha.fail(atUs)
  }

  /** D2: before a row is made. */
  #checkRoom(entities: readonly EntityName[]): void {
    if (this.#notified + entities.length <= MAX_NOTIFIED) return
    const fresh = entities.filter(({ kind, number }) => this.#rows(kind).get(number)?.notified !== true)
    if (this.#notified + fresh.length > MAX_NOTIFIED)
      throw refused(`${MAX_NOTIFIED} entities have been told of: expected no more`)
  }

  /** Any notification about a task ends the deadlocks that were reported of it (SPEC 11). */
  #hear(row: Row): void {
    if (!row.notified) {
      this.#notified += 1
      row.notified = true
      row.known = true
      this.#heard = {}
    }
    if (row.kind !== 'task' || row.deadlockedWith.length === 0) return
    for (const number of row.deadlockedWith) {
      const other = this.task(number)
      other.deadlockedWith = other.deadlockedWith.filter((with_) => with_ !== row.number)
    }
    row.deadlockedWith = []
  }

  #row<R extends Row>(rows: Map<number, R>, number: number, make: () => R): R {
    let row = rows.get(number)
    if (row === undefined) {
      row = make()
      rows.set(number, row)
    }
    return row
  }

  #rows(kind: EntityName['kind']): ReadonlyMap<number, Row> {
    if (kind === 'task') return this.#tasks
    return kind === 'node' ? this.#nodes : this.#groups
  }

  #declaredRows(): Readonly<Record<EntityKind, readonly Row[]>> {
    const { tasks, groups, roles, watchdogs } = this.#topology
    const numbers: Readonly<Record<EntityKind, readonly number[]>> = {
      task: tasks.length === 0 ? [] : [...tasks, ...watchdogs, ...taskTools(this.#topology)].map(({ number }) => number),
      node: [...Object.keys(roles).map(Number), ...tasks.map(({ node }) => node)],
      group: groups.map(({ number }) => number),
    }
    const rowsOf = (kind: EntityKind): readonly Row[] =>
      byNumber([...new Set(numbers[kind])].map((number) => this.row({ kind, number })))
    return { task: rowsOf('task'), node: rowsOf('node'), group: rowsOf('group') }
  }

  #declare(): void {
    const { tasks, groups, roles, filters, watchdogs } = this.#topology
    for (const { number, node } of tasks) {
      const [task, host] = [this.task(number).declare(), this.node(node).declare()]
      task.node = host
      host.tasks.push(task)
    }
    for (const number of Object.keys(roles)) this.node(Number(number)).declare()
    for (const { number, members } of groups) {
      const group = this.group(number).declare()
      for (const member of members.toSorted((a, b) => a - b)) {
        const task = this.task(member).declare()
        group.members.push(task)
        task.groups.push(group)
      }
    }
    for (const { kind, number, ...filter } of filters) {
      const row = kind === 'task' ? this.task(number) : this.node(number)
      row.alpha = new AlphaCount(filter)
    }
    for (const watchdog of watchdogs) {
      const watched = this.task(watchdog.watched).declare()
      this.task(watchdog.number).declare()
      watched.watched = [...watched.watched, { watchdog, dueUs: undefined }]
      this.#watchdogs.set(watchdog.number, watched)
    }
    for (const { number } of taskTools(this.#topology)) this.task(number).declare()
  }
}

/** SPEC 8: the numbers of blocks count as declared tasks; stabilizers and barriers have numbers of their own. */
function taskTools({ tools }: Topology): readonly ToolEntry[] {
  return tools.filter(({ tool }) => tool !== 'stabilizer' && tool !== 'barrier')
}

function byNumber(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((a, b) => a.number - b.number)
}

/** A heartbeat that was due and came in time is a success (SPEC 7.4); one that arms a watchdog was not due. */
function beat(row: TaskRow, atUs: number): void {
  let inTime = false
  for (const watched of row.watched) {
    if (watched.dueUs !== undefined && atUs <= watched.dueUs) inTime = true
    watched.dueUs = atUs + watched.watchdog.periodUs
  }
  if (inTime) row.alpha.succeed()
}

/** A node that was down and is reported up has come back (SPEC 11, REINTEGRATED). */
function setStatus(row: Row, status: TaskStatus | NodeStatus): void {
  if (row.kind === 'task') row.status = status as TaskStatus
  else if (row.kind === 'node') {
    if (row.status === 'down' && status === 'up') row.reintegrated = true
    row.status = status as NodeStatus
  }
}

function refused(message: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', `The notification is refused: ${message}.`)
}
