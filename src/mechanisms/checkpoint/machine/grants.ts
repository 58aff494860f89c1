/**
 * What a proxy is given to begin with.
 *
 * Boundary: data, and notes.
 */
import type { Context } from '../../../log/machine.ts'
import { pump, tell } from './messages.ts'
import type { Grant } from './protocol.ts'
import { tellDiscards, tellReleased } from './saving.ts'
import { isNew, type Member, namesOf } from './state.ts'
import { wantsOf } from './waiting.ts'
import type { World } from './world.ts'

export function grantOf(member: Member, { position }: Context): Grant {
  const { group, place, checkpoints, mailbox } = member
  const head = { group: group.id, place, epoch: group.epoch, position, names: namesOf(group) }
  if (isNew(member)) return { ...head, index: -1, state: null, rule: null, delivered: 0, replayTo: 0 }
  const { index, state, rule, delivered } = checkpoints.at(-1)!
  return { ...head, index, state, rule, delivered, replayTo: Math.max(delivered, mailbox.lastPosition) }
}

/** What a proxy has to hear that begins, or begins anew, from a checkpoint. */
export function tellAgain({ state }: World, member: Member, context: Context): void {
  tellDiscards(member, context)
  tellReleased(member, member.released, context)
  member.behind = member.group.markers
    .filter((position) => position > member.delivered)
    .map((position) => ({ kind: 'marker', position }))
  pump(member, context)
  const { group, place } = member
  const isAsked = wantsOf('ask', place)
  const asked = [...state.waiters.values()].some((waiter) => waiter.group === group.id && isAsked(waiter.want))
  if (asked) tell(member, context, ['checkpoint.please', group.id, place])
}
