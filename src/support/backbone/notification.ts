/**
 * What the backbone is told (SPEC 5.2, 5.3): the words between detectors, tasks and the recovery program.
 *
 * Boundary: shapes and numbers. Times are whole microseconds of the history or of the log.
 */
import type { EntityName } from './entity.ts'

export type TaskStatus = 'waiting' | 'running' | 'stopped' | 'isolated'
export type NodeStatus = 'up' | 'down' | 'isolated'

export const TASK_STATUSES: readonly TaskStatus[] = ['waiting', 'running', 'stopped', 'isolated']
export const NODE_STATUSES: readonly NodeStatus[] = ['up', 'down', 'isolated']

/** Codes of errors that the backbone itself reports (SPEC 3.1, 5.2). Scripts and tasks give all others their meaning. */
export const ERROR_CODES = { WATCHDOG_FIRED: 1, ACTION_FAILED: 2, RUNAWAY: 3 } as const

/** Tasks in one report of a deadlock: cycles among more are split up by whoever finds them. */
export const MAX_DEADLOCKED = 64

interface About {
  readonly atUs: number
  readonly entity: EntityName
  /** Successes that its owner has counted since its last record (SPEC 7.4): they count before this one is judged. */
  readonly successes?: number
}

export type Notification =
  /** `status` is what was observed together with the error, as of an action that failed. */
  | (About & { readonly kind: 'error'; readonly code: number; readonly status?: TaskStatus | NodeStatus })
  | (About & { readonly kind: 'ok' })
  /** Of a task: its own progress. */
  | (About & { readonly kind: 'phase'; readonly value: number })
  /** Of a task or node. */
  | (About & { readonly kind: 'status'; readonly status: TaskStatus | NodeStatus })
  /** Of a task that a watchdog watches. */
  | (About & { readonly kind: 'heartbeat' })
  /** These tasks wait for each other. */
  | { readonly kind: 'deadlock'; readonly atUs: number; readonly entities: readonly EntityName[] }
  /** No heartbeat came in time. `watchdog` is the number of the watchdog itself. */
  | { readonly kind: 'fired'; readonly atUs: number; readonly watchdog: number }
