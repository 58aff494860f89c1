/**
 * What a pass has decided, as data: who carries it out is known above.
 *
 * Boundary: shapes.
 */
import type { ActionName } from './effects.ts'
import type { EntityName } from './entity.ts'
import type { Notification } from './notification.ts'

/** One action on one target. The database holds its effect already. */
export interface Performed {
  /** Time of the pass. */
  readonly atUs: number
  /** Of the script. */
  readonly line: number
  /** Of the instruction; -1 for what a watchdog does by itself. */
  readonly address: number
  readonly action: ActionName
  readonly target: EntityName | undefined
  /** The message of SEND, the function of CALL, what LOG writes, the milliseconds of PAUSE. */
  readonly value: number | string | undefined
  /** Of CALL and WARN. */
  readonly args: readonly number[]
  /** What WARN tells of. */
  readonly about: Reason | undefined
}

export type Reason =
  | { readonly kind: 'notification'; readonly notification: Notification }
  | { readonly kind: 'error'; readonly code: number; readonly entities: readonly EntityName[] }
  | { readonly kind: 'action'; readonly address: number; readonly targets: readonly EntityName[] }

/** Something that went on in a pass beside its actions, for people. */
export interface Note {
  readonly atUs: number
  readonly line: number
  readonly text: string
}

/** Watches passes; it decides nothing. */
export interface Observer {
  /** A notification has been stored; `pass` if the program runs now. */
  stored?(notification: Notification, then: 'pass' | 'no pass'): void
  /** The value that an instruction has put on the stack, has decided a jump with or has given a variable. */
  evaluated?(address: number, value: number): void
  /** The pass ends with this instruction, which has been repeated too often (RUNAWAY). */
  stopped?(address: number): void
  performed?(action: Performed): void
  noted?(note: Note): void
}
