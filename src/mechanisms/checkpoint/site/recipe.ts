/**
 * What `join` was given: all that a proxy needs to make a member's object, as often as it has to.
 *
 * Boundary: data.
 */
import type { GroupProtocol } from '../machine/protocol.ts'
import type { ObjectFactory } from './member-object.ts'

export interface Recipe {
  readonly group: string
  readonly member: string
  readonly protocol: GroupProtocol
  readonly factory: ObjectFactory
  /** What one call of the object may take, in milliseconds. */
  readonly maxTurnMs: number
}
