/**
 * A member joins: for the first time, or again after its proxy was lost, which is its recovery and the same code.
 *
 * Boundary: functions over the state.
 *   J1  Nobody is given a grant while a recovery is under way: its epoch would be over before it arrives.
 *   J2  A new member counts from its first checkpoint on; until then messages for it queue.
 */
import type { Caller, Context, Outcome } from '../../../log/machine.ts'
import { MAX_MEMBERS } from '../protocol.ts'
import { grantOf, tellAgain } from './grants.ts'
import { tellOthers } from './messages.ts'
import { MAX_PLACES, memberTaken, tooManyMembers, wedged } from './refusals.ts'
import { type Group, type Member, namesOf, newMember } from './state.ts'
import { memberChanged, type World } from './world.ts'

interface Asking {
  readonly caller: Caller
  readonly number: number
}

export function join(world: World, group: Group, name: string, asking: Asking, context: Context): Outcome | undefined {
  const { state } = world
  const isWanted = [...state.waiters.values()].some(
    ({ group: id, want }) => id === group.id && want.kind === 'join' && want.member === name,
  )
  if (isWanted) return memberTaken(group, name)
  const refused = refuse(group, name)
  if (refused !== undefined) return refused
  if (group.recovery === null) return admit(world, group, name, asking, context)
  state.hold(group, asking, { kind: 'join', member: name })
  return undefined
}

/** Answers with a grant, and tells what belongs to it; or says why not. */
export function admit(
  world: World,
  group: Group,
  name: string,
  { caller, number }: Asking,
  context: Context,
): Outcome | undefined {
  const refused = refuse(group, name)
  if (refused !== undefined || caller.kind !== 'session') return refused
  const known = group.byName.get(name)
  const member = known ?? add(world, group, name)
  world.state.attach(member, caller.id)
  context.reply(caller, number, { value: grantOf(member, context) })
  if (known === undefined) {
    const names = namesOf(group)
    tellOthers(group, member, context, (other) => ['checkpoint.names', group.id, other.place, names])
  }
  tellAgain(world, member, context)
  memberChanged(member, 'joined', context)
  return undefined
}

function refuse(group: Group, name: string): Outcome | undefined {
  const known = group.byName.get(name)
  if (known?.wedged != null) return wedged(known)
  if (known !== undefined) return known.session === null ? undefined : memberTaken(group, name)
  if (group.byName.size >= MAX_MEMBERS) return tooManyMembers(group, MAX_MEMBERS)
  const most = carriesVectors(group) ? MAX_MEMBERS : MAX_PLACES
  return group.places.length >= most ? tooManyMembers(group, most) : undefined
}

/** Their length is the number of places. */
function carriesVectors({ spec: { protocol } }: Group): boolean {
  return protocol === 'hmnr' || protocol === 'fdas' || protocol === 'bhmr'
}

function add({ state }: World, group: Group, name: string): Member {
  const member = newMember(group, { id: state.nextMember, name, place: group.places.length, slot: group.graph.join() })
  state.nextMember += 1
  state.members.set(member.id, member)
  group.places.push(member)
  group.placeNames.push(name)
  group.byName.set(name, member)
  group.bySlot[member.slot] = member
  return member
}
