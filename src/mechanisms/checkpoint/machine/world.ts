/**
 * What every part of the machine is given: the state, and the ways out of it.
 *
 * Boundary: data, and how faults and changes are worded.
 */
import type { Fault } from '../../../fault.ts'
import type { Context, Failure } from '../../../log/machine.ts'
import type { FaultPort } from '../../../support/faults.ts'
import type { Group, GroupsState, Member } from './state.ts'

/** Puts a tuple into a space, in the same entry; returns why it could not be put. */
export type OutPort = (out: readonly unknown[], context: Context) => Failure | undefined

export interface Ports {
  readonly report: FaultPort
  readonly out: OutPort
}

export interface World {
  readonly state: GroupsState
  readonly ports: Ports
}

/** No name of a space: topics of spaces are their names. */
export const CHECKPOINT_TOPIC = 'checkpoint:site'

export function reportMember(
  { ports }: World,
  { group, name }: Member,
  code: Fault['code'],
  data: Readonly<Record<string, unknown>>,
  context: Context,
): void {
  ports.report({ detector: 'checkpointGroup', entity: { kind: 'member', name: `${group.name}/${name}` }, code, data }, context)
}

export function reportGroup(
  { ports }: World,
  { name }: Group,
  code: Fault['code'],
  data: Readonly<Record<string, unknown>>,
  context: Context,
): void {
  ports.report({ detector: 'checkpointGroup', entity: { kind: 'group', name }, code, data }, context)
}

/** Tells whoever watches what has become of a member. */
export function memberChanged({ group, name }: Member, kind: string, context: Context): void {
  context.changed(CHECKPOINT_TOPIC, kind, { group: group.name, member: name })
}
