/**
 * A member is no member any more, or a group no group.
 *
 * Boundary: functions over the state. When a member may go is said in `saving.ts`.
 */
import type { Context } from '../../../log/machine.ts'
import { tell, tellOthers } from './messages.ts'
import { excuse } from './recording.ts'
import { deleted, unknownMember } from './refusals.ts'
import { forgetCallers } from './requests.ts'
import { type Group, type Member, namesOf, recount } from './state.ts'
import { answer, wantsOf } from './waiting.ts'
import { memberChanged, type World } from './world.ts'

/** Its messages in the logs of others come from nobody from here on. */
export function removeMember(world: World, member: Member, context: Context): void {
  const { group, name, place, slot } = member
  tellAllDiscards(member, context)
  tell(member, context, ['checkpoint.over', group.id, place, 'left', 'it has left'])
  world.state.attach(member, null)
  excuse(member, context)
  group.byName.delete(name)
  group.places[place] = undefined
  group.bySlot[slot] = undefined
  group.graph.leave(slot)
  recount(group)
  answer(world, group, context, wantsOf('ask', place), unknownMember(group, name))
  const names = namesOf(group)
  tellOthers(group, null, context, (other) => ['checkpoint.names', group.id, other.place, names])
  memberChanged(member, 'left', context)
  forgetCallers(world, [member], context)
}

export function deleteGroup(world: World, group: Group, context: Context): void {
  answer(world, group, context, () => true, deleted(group))
  for (const { caller, number } of group.snapshots.splice(0)) context.reply(caller, number, deleted(group))
  for (const member of group.byName.values()) {
    tellAllDiscards(member, context)
    tell(member, context, ['checkpoint.over', group.id, member.place, 'deleted', `the group ${group.name} was deleted`])
    world.state.attach(member, null)
    memberChanged(member, 'left', context)
  }
  world.state.remove(group)
  forgetCallers(world, [...group.byName.values()], context)
}

/** Of all its checkpoints: nobody will go back to them. */
function tellAllDiscards(member: Member, context: Context): void {
  const refs = new Set(member.discards)
  for (const { state } of member.checkpoints) if (state.kind === 'external') refs.add(state.ref)
  if (refs.size > 0) tell(member, context, ['checkpoint.discard', member.group.id, member.place, [...refs]])
}
