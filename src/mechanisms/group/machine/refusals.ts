/**
 * What the group machine answers when it cannot do what it was asked for.
 *
 * Boundary: texts, and the data to decide on.
 */
import type { Outcome } from '../../../log/machine.ts'
import { refusal } from '../../../log/outcome.ts'
import type { Call, Group } from './state.ts'

/** Calls of one group that are not decided. A program that awaits its calls has few; one that does not must not fill the log's memory. */
export const MAX_OPEN_CALLS = 1_024

/** Of one site: each is some kilobytes of state in every replica. */
export const MAX_GROUPS = 65_536

export function malformed(name: string, what: string): Outcome {
  return refusal('PERDURE_E_USAGE', `Malformed operation ${name}: ${what}. Both sides must run the same version of perdure.`)
}

export function unknownGroup(name: unknown, key: unknown): Outcome {
  const message = `There is no group ${String(name)} with the key "${String(key)}": it was closed, or never made. Make it first, with create({ key }).`
  return refusal('PERDURE_E_UNKNOWN_GROUP', message, { name: String(name), key: String(key) })
}

export function groupTaken({ name, key }: Group): Outcome {
  const message = `The group ${name} "${key}" exists with another specification: other members, strategy or arguments. Choose another key, or make it as it was made first; close() lets go of it.`
  return refusal('PERDURE_E_KEY_TAKEN', message, { name, key })
}

export function tooManyGroups(): Outcome {
  return refusal(
    'PERDURE_E_BUSY',
    `The site has ${MAX_GROUPS} groups, and cannot have one more. Close those that are not needed.`,
  )
}

export function nodeTaken(node: string): Outcome {
  const message = `A living host of members is named ${node}. Choose another name, or stop that one first.`
  return refusal('PERDURE_E_NODE_TAKEN', message, { name: node })
}

export function tooManyCalls({ name, key }: Group): Outcome {
  const message = `${MAX_OPEN_CALLS} calls of the group ${name} "${key}" are not decided yet; this one was not begun. Await calls before issuing more.`
  return refusal('PERDURE_E_BUSY', message, { name, key, open: MAX_OPEN_CALLS })
}

export function timedOut({ group, method, deadlineMs }: Call): Outcome {
  const { name, key } = group
  const message = `The call of ${method} of the group ${name} "${key}" was not decided in time; whether it takes effect is unknown. Allow it more time, or look at the members: groupOf(…).view.`
  return refusal('PERDURE_E_TIMEOUT', message, { name, key, method, deadlineMs })
}

export function exhausted({ name, key, spec, view }: Group): Outcome {
  const message = `The group ${name} "${key}" has ${view.members.length} active members and none that could join them by itself, but needs ${spec.minimum}. Promote a suspended member, or add one.`
  return refusal('PERDURE_E_GROUP_EXHAUSTED', message, { name, key, active: view.members.length, minimum: spec.minimum })
}

export function disagreed({ name, key, diverged }: Group): Outcome {
  const message = `The members of the group ${name} "${key}" are in different states, and no majority tells which one is right: ${diverged}. Promote the member whose state is right; the others are built again from it.`
  return refusal('PERDURE_E_DISAGREEMENT', message, { name, key })
}

export interface QuorumCount {
  readonly needed: number
  readonly best: number
  readonly members: number
}

export function noQuorum({ group, method }: Call, { needed, best, members }: QuorumCount): Outcome {
  const { name, key } = group
  const message = `${method} of the group ${name} "${key}" needs ${needed} equal answers of ${members} members; at most ${best} are left that could agree. Look for the members that crashed, or answer otherwise.`
  return refusal('PERDURE_E_NO_QUORUM', message, { name, key, method, needed, best, members })
}

export function viewLost({ group, method }: Call): Outcome {
  const { name, key } = group
  const message = `All members of the group ${name} "${key}" that executed ${method} were lost before it was decided; it has taken effect. Read the state before trying again.`
  return refusal('PERDURE_E_NO_QUORUM', message, { name, key, method })
}

export function closed({ name, key }: Group): Outcome {
  return refusal('PERDURE_E_CLOSED', `The group ${name} "${key}" was closed. Make it anew to go on.`, { name, key })
}

export function noMember({ name, key }: Group, member: unknown): Outcome {
  return refusal('PERDURE_E_USAGE', `The group ${name} "${key}" has no member ${String(member)}. Its view names those it has.`)
}

export function stale(member: unknown): Outcome {
  const message = `The member ${String(member)} was suspended, removed or placed anew since; what its former object says does not count.`
  return refusal('PERDURE_E_STALE', message, { member: String(member) })
}

export function notFront(call: number): Outcome {
  return refusal(
    'PERDURE_E_STALE',
    `Call ${call} is conducted by somebody else, or has been decided. Nothing is left to do here.`,
  )
}
