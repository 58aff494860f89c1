/**
 * What every part of the group machine is given: the state, the ways out of it, and what is still to be done in this entry.
 *
 * A fault may lead to a suspension, that to another view, that to a decision, that to the next fault. So that no part calls
 * another in circles, each only notes what follows: `settle.ts` does it before the entry is over.
 *
 * Boundary: data.
 *   W1  Between two entries `suspects`, `dirty` and `bereft` are empty: they are no state.
 */
import type { Fault } from '../../../fault.ts'
import type { Context, Failure } from '../../../log/machine.ts'
import type { FaultPort } from '../../../support/faults.ts'
import type { BufferedOut } from './protocol.ts'
import type { Group, GroupsState, Member } from './state.ts'

/** Puts a tuple into a space, in the same entry; returns why it could not be put. */
export type OutPort = (out: BufferedOut, context: Context) => Failure | undefined

export interface Ports {
  readonly report: FaultPort
  readonly out: OutPort
}

export interface Suspect {
  readonly group: Group
  readonly member: Member
  /** For people. */
  readonly reason: string
  /** `certain`: it is in a wrong state or not there at all, so the group's minimum does not save it. */
  readonly evidence: 'counted' | 'certain'
}

export interface World {
  readonly state: GroupsState
  readonly ports: Ports
  /** To be suspended, each if the group can spare it. */
  readonly suspects: Suspect[]
  /** Groups whose members, acting member or queue have changed. */
  readonly dirty: Set<Group>
  /** Groups of which a member has lost its object: calls that it was to answer have to be looked at. */
  readonly bereft: Set<Group>
}

export function reportGroup(
  { ports }: World,
  group: Group,
  code: Fault['code'],
  data: Readonly<Record<string, unknown>>,
  context: Context,
): void {
  ports.report({ detector: detectorOf(group), entity: { kind: 'group', name: groupName(group) }, code, data }, context)
}

export function reportMember(
  { ports }: World,
  group: Group,
  member: Member,
  code: Fault['code'],
  data: Readonly<Record<string, unknown>>,
  context: Context,
): void {
  const entity = { kind: 'member', name: `${groupName(group)}/${member.id}` } as const
  ports.report({ detector: detectorOf(group), entity, code, data }, context)
}

/** As entities of faults are named; a member is `name/key/member`. */
export function groupName({ name, key }: Pick<Group, 'name' | 'key'>): string {
  return `${name}/${key}`
}

const DETECTORS = {
  active: 'activeReplication',
  passive: 'passiveReplication',
  leader: 'leaderFollower',
  vote: 'group',
} as const

function detectorOf({ spec }: Group): string {
  return DETECTORS[spec.style]
}
