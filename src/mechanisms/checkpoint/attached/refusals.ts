/**
 * What the service of attached members says no to, and what to do about it.
 *
 * Boundary: texts.
 */
import type { Outcome } from '../../../log/machine.ts'
import { refusal } from '../../../log/outcome.ts'

export function malformed(operation: string, why: string): Outcome {
  return refusal(
    'PERDURE_E_USAGE',
    `${operation} cannot be understood: ${why}. The schemas of all operations are in openapi.json.`,
  )
}

export function unknownGroup(context: string): Outcome {
  return refusal('PERDURE_E_UNKNOWN_GROUP', `There is no context ${context}. Create it before members are attached.`, { context })
}

export function unknownMember(context: string, member: string): Outcome {
  const message = `${member} is no member of the context ${context}, or has left. Attach it first.`
  return refusal('PERDURE_E_UNKNOWN_MEMBER', message, { context, member })
}

export function replaced(member: string): Outcome {
  const message = `Another proxy works for ${member} now; what this one says does not count. Let this process end.`
  return refusal('PERDURE_E_STALE', message, { member })
}

export function gone(member: string): Outcome {
  return refusal('PERDURE_E_UNKNOWN_MEMBER', `${member} has left the context. Attach it again to go on.`, { member })
}

export function tooMany(what: string): Outcome {
  return refusal('PERDURE_E_BUSY', `There are ${what}, and no more fit. Delete what is not needed any more.`)
}

export function noLower(context: string, member: string, index: number): Outcome {
  const message = `${member} cannot go back to checkpoint ${index}, and every lower one was given up, since all members had gone on. Restore its store from a backup, or delete the context ${context} and begin anew.`
  return refusal('PERDURE_E_WEDGED', message, { context, member, index })
}
