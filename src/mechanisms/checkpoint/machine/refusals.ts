/**
 * What the machine of checkpoint groups answers when it cannot do what it was asked for.
 *
 * Boundary: texts, and the data to decide on.
 */
import type { Outcome } from '../../../log/machine.ts'
import { refusal } from '../../../log/outcome.ts'
import { MAX_MEMBERS } from '../protocol.ts'
import type { Group, Member } from './state.ts'

/** Of one site: each is some kilobytes of state in every replica. */
export const MAX_GROUPS = 4_096

/**
 * Members that one group has in its life: their names are in every grant. Where messages carry vectors it is `MAX_MEMBERS`.
 */
export const MAX_PLACES = 4_096

/** Messages that a member has not been given yet: as many as may be under way in a site. */
export const MAX_INBOX = 65_536

/** Bytes of the messages that one group keeps, or twice what its lag policy allows, if that is more. */
export const MAX_KEPT_BYTES: number = 64 * 1024 * 1024

/** Checkpoints of one group that somebody could still go back to: each has at most an inline state. */
export const MAX_LIVE = 65_536

/** Outputs of one member that were not given to it yet. */
export const MAX_OUTPUTS = 16_384

/** Requests of one member that are not over: what waits, and what is held until it is stable. As many operations as a client may have open, four times. */
export const MAX_REQUESTS = 4_096

export const MAX_SNAPSHOTS = 16

export function malformed(name: string, what: string): Outcome {
  return refusal('PERDURE_E_USAGE', `Malformed operation ${name}: ${what}. Both sides must run the same version of perdure.`)
}

export function unknownGroup(name: unknown): Outcome {
  const message = `There is no checkpoint group ${String(name)}: it was deleted, or never made. Make it first, with checkpointGroup(site, name).`
  return refusal('PERDURE_E_UNKNOWN_GROUP', message, { name: String(name) })
}

export function unknownMember({ name, byName }: Group, member: unknown): Outcome {
  const members = [...byName.keys()].slice(0, 16).join(', ')
  const message = `The checkpoint group ${name} has no member ${String(member)}: it has left, or never joined. It has ${members === '' ? 'none' : members}; join it first.`
  return refusal('PERDURE_E_UNKNOWN_MEMBER', message, { name, member: String(member) })
}

export function groupTaken({ name, spec }: Group): Outcome {
  const message = `The checkpoint group ${name} exists with another protocol (${spec.protocol}) or another lag policy. Choose another name, or open it as it was made first; delete() lets go of it.`
  return refusal('PERDURE_E_KEY_TAKEN', message, { name })
}

export function tooManyGroups(): Outcome {
  return refusal(
    'PERDURE_E_BUSY',
    `The site has ${MAX_GROUPS} checkpoint groups, and cannot have one more. Delete those that are not needed.`,
  )
}

export function memberTaken({ name }: Group, member: string): Outcome {
  const message = `The checkpoint group ${name} has a member ${member}, and its proxy lives. Choose another name, or close that one first; after a crash, wait until its session has ended.`
  return refusal('PERDURE_E_MEMBER_TAKEN', message, { name, member })
}

export function tooManyMembers({ name }: Group, most: number): Outcome {
  const message =
    most === MAX_MEMBERS
      ? `The checkpoint group ${name} has, or had, ${MAX_MEMBERS} members and cannot have one more. Split it into several groups.`
      : `The checkpoint group ${name} has had ${most} members and cannot have one more. Delete it and make it anew, or let members come back under their names.`
  return refusal('PERDURE_E_BUSY', message, { name, members: most })
}

export function wedged({ group, name, wedged: why }: Member): Outcome {
  const message = `The member ${name} of the checkpoint group ${group.name} failed too often at the same place and is not built again: ${why}. Mend its program, then name it in recover(['${name}']) and join it.`
  return refusal('PERDURE_E_WEDGED', message, { name: group.name, member: name })
}

export function stale(what: string): Outcome {
  const message = `The member's proxy was replaced, or the group has gone back since (${what}); what it says does not count. A proxy that hears this joins again.`
  return refusal('PERDURE_E_STALE', message)
}

export function inboxFull({ group, name }: Member): Outcome {
  const message = `${MAX_INBOX} messages for ${name} of the checkpoint group ${group.name} wait to be delivered; this one was not sent. Send again when it has caught up, or look whether it runs.`
  return refusal('PERDURE_E_BUSY', message, { name: group.name, member: name, waiting: MAX_INBOX })
}

export function logsFull({ name }: Group, bytes: number): Outcome {
  const message = `The checkpoint group ${name} keeps ${bytes} bytes of messages that could still be needed; this one was not sent. Members that do not save, or do not run, hold them: let them save, recover them, or let them leave.`
  return refusal('PERDURE_E_BUSY', message, { name, bytes })
}

export function tooManyCheckpoints({ name }: Group): Outcome {
  const message = `The checkpoint group ${name} keeps ${MAX_LIVE} checkpoints that could still be needed. Members that do not save hold them: let them save, recover them, or let them leave.`
  return refusal('PERDURE_E_BUSY', message, { name, checkpoints: MAX_LIVE })
}

export function tooManyOutputs({ group, name }: Member): Outcome {
  const message = `${MAX_OUTPUTS} outputs of ${name} of the checkpoint group ${group.name} are not done yet; this one was not recorded. Wait for those before.`
  return refusal('PERDURE_E_BUSY', message, { name: group.name, member: name, outputs: MAX_OUTPUTS })
}

export function tooManyRequests({ group, name }: Member): Outcome {
  const message = `${MAX_REQUESTS} requests of ${name} of the checkpoint group ${group.name} wait for their answer, or for its next checkpoints; this one was not made. Wait for answers, and save more often.`
  return refusal('PERDURE_E_BUSY', message, { name: group.name, member: name, requests: MAX_REQUESTS })
}

export function tooManySnapshots({ name }: Group): Outcome {
  return refusal(
    'PERDURE_E_BUSY',
    `${MAX_SNAPSHOTS} snapshots of the checkpoint group ${name} are being taken. Wait for one of them.`,
  )
}

export function snapshotTooLarge({ name }: Group, most: number): Outcome {
  const message = `The states and messages of the checkpoint group ${name} are more than the ${most} bytes that one answer may have. Look at its members one by one.`
  return refusal('PERDURE_E_VALUE', message, { name, bytes: most })
}

export function noProxy({ group, name }: Member): Outcome {
  const message = `The member ${name} of the checkpoint group ${group.name} has no proxy now, so it cannot save. Join it first; its last checkpoint is kept.`
  return refusal('PERDURE_E_MEMBER_LOST', message, { name: group.name, member: name })
}

export function rolledBack({ group, name }: Member): Outcome {
  const message = `The member ${name} of the checkpoint group ${group.name} went back before that was done. Save and try again.`
  return refusal('PERDURE_E_STALE', message, { name: group.name, member: name })
}

export function deleted({ name }: Group): Outcome {
  return refusal('PERDURE_E_CLOSED', `The checkpoint group ${name} was deleted. Make it anew to go on.`, { name })
}
