/**
 * What the database knows about one entity (SPEC 5.1).
 *
 * Rows are shared: the members of a group and the tasks of a node are the rows of those tasks, so that a group is never out of step
 * with its members.
 *
 * Boundary: shapes, and their plain form for snapshots. What a script declares about an entity is not in the plain form.
 */
import { AlphaCount, type AlphaState } from '../alpha-count.ts'
import type { EntityName } from './entity.ts'
import { ErrorList, type TallyState } from './error-list.ts'
import type { NodeStatus, TaskStatus } from './notification.ts'
import type { WatchdogEntry } from './topology.ts'

/** In the snapshots of most rows. */
const NONE: readonly never[] = []

export interface Watched {
  readonly watchdog: WatchdogEntry
  /** When the next heartbeat is due; undefined: disarmed. */
  dueUs: number | undefined
}

interface RowState {
  readonly number: number
  /** Declared, notified or acted upon; a row that is not known is only named by the program. */
  readonly known: boolean
  readonly notified: boolean
  readonly errors: readonly TallyState[]
}

export interface TaskState extends RowState {
  readonly status: TaskStatus
  readonly starts: number
  readonly restarts: number
  readonly phase: number
  readonly fired: boolean
  readonly alpha: AlphaState
  /** Of each armed watchdog of it: its number, and when it is due. */
  readonly due: readonly (readonly [watchdog: number, dueUs: number])[]
  readonly deadlockedWith: readonly number[]
}

export interface NodeState extends RowState {
  readonly status: NodeStatus
  readonly reboots: number
  readonly reintegrated: boolean
  readonly alpha: AlphaState
}

export type GroupState = RowState

abstract class EntityRow implements EntityName {
  abstract readonly kind: EntityName['kind']
  readonly number: number
  known = false
  notified = false
  declared = false
  readonly errors: ErrorList = new ErrorList()

  constructor(number: number) {
    this.number = number
  }

  declare(): this {
    this.declared = true
    this.known = true
    return this
  }

  protected restoreRow(state: RowState | undefined): void {
    this.known = state?.known ?? this.declared
    this.notified = state?.notified ?? false
    this.errors.restore(state?.errors ?? [])
  }
}

export class TaskRow extends EntityRow {
  readonly kind = 'task'
  status: TaskStatus = 'running'
  starts = 0
  restarts = 0
  phase = 0
  /** As a watchdog: it fired, and nobody has cleared that. */
  fired = false
  alpha: AlphaCount = new AlphaCount()
  deadlockedWith: number[] = []
  /** The node that hosts it, if a script says so. */
  node: NodeRow | undefined
  readonly groups: GroupRow[] = []
  /** The watchdogs that watch it. */
  watched: readonly Watched[] = []

  disarm(): void {
    for (const watched of this.watched) watched.dueUs = undefined
  }

  snapshot(): TaskState {
    const { number, known, notified, status, starts, restarts, phase, fired } = this
    const errors = this.errors.snapshot()
    const alpha = this.alpha.snapshot()
    const deadlockedWith = this.deadlockedWith.length === 0 ? NONE : [...this.deadlockedWith]
    return { number, known, notified, errors, status, starts, restarts, phase, fired, alpha, due: this.#due(), deadlockedWith }
  }

  #due(): TaskState['due'] {
    if (this.watched.length === 0) return NONE
    return this.watched.flatMap(({ watchdog, dueUs }) => (dueUs === undefined ? [] : [[watchdog.number, dueUs] as const]))
  }

  /** Without a state: as it was before anybody told of it. */
  restore(state: TaskState | undefined): void {
    this.restoreRow(state)
    this.status = state?.status ?? 'running'
    this.starts = state?.starts ?? 0
    this.restarts = state?.restarts ?? 0
    this.phase = state?.phase ?? 0
    this.fired = state?.fired ?? false
    this.alpha.restore(state?.alpha)
    const deadlockedWith = state?.deadlockedWith ?? NONE
    if (this.deadlockedWith.length + deadlockedWith.length > 0) this.deadlockedWith = [...deadlockedWith]
    for (const watched of this.watched) {
      watched.dueUs = state?.due.find(([number]) => number === watched.watchdog.number)?.[1]
    }
  }
}

export class NodeRow extends EntityRow {
  readonly kind = 'node'
  status: NodeStatus = 'up'
  reboots = 0
  reintegrated = false
  alpha: AlphaCount = new AlphaCount()
  /** Those that a script puts on it, by number. */
  readonly tasks: TaskRow[] = []

  snapshot(): NodeState {
    const { number, known, notified, status, reboots, reintegrated } = this
    const errors = this.errors.snapshot()
    return { number, known, notified, errors, status, reboots, reintegrated, alpha: this.alpha.snapshot() }
  }

  restore(state: NodeState | undefined): void {
    this.restoreRow(state)
    this.status = state?.status ?? 'up'
    this.reboots = state?.reboots ?? 0
    this.reintegrated = state?.reintegrated ?? false
    this.alpha.restore(state?.alpha)
  }
}

export class GroupRow extends EntityRow {
  readonly kind = 'group'
  /** As declared; in the order of their numbers. */
  readonly members: TaskRow[] = []

  snapshot(): GroupState {
    const { number, known, notified } = this
    return { number, known, notified, errors: this.errors.snapshot() }
  }

  restore(state: GroupState | undefined): void {
    this.restoreRow(state)
  }
}

export type Row = TaskRow | NodeRow | GroupRow
