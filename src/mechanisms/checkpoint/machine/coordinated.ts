/**
 * Protocol `koo-toueg`: checkpoints are taken together, by as few members as possible.
 *
 * Whoever wants one saves tentatively. Then those must save from whom it has been given messages since its last permanent checkpoint that
 * they sent after their own, and those from whom these were, and so on; a member sends and delivers nothing between its tentative
 * checkpoint and the decision. When all have saved, one entry makes all of them permanent; a failure undoes them.
 *
 * Source: Koo and Toueg 1987, the checkpoint algorithm; its labels are the edges of the graph here, and its tree of questions is one
 * set in one place. Two checkpoints an object suffice: the permanent and the tentative one.
 * Boundary: functions over the state.
 *   K1  One coordinated checkpoint is under way at a time; who begins another waits, tentatively saved. If it is drawn into the one
 *       under way, that save is its part of it.
 */
import type { Context } from '../../../log/machine.ts'
import { tell } from './messages.ts'
import { collect, keep } from './saving.ts'
import { type Group, intervalOf, type Member, type Tentative } from './state.ts'
import { answer, wantsOf } from './waiting.ts'
import type { World } from './world.ts'

export function saveTentatively(world: World, member: Member, tentative: Tentative, context: Context): void {
  const { group } = member
  member.tentative = tentative
  if (group.coordinated === null) group.coordinated = new Set([member.place])
  if (group.coordinated.has(member.place)) drawIn(group, group.coordinated, member, context)
  commitIfSaved(world, group, context)
}

/** Those on whose unsaved sendings the member's tentative checkpoint depends. */
function drawIn(group: Group, taking: Set<number>, member: Member, context: Context): void {
  for (const other of group.byName.values()) {
    if (taking.has(other.place) || other.session === null) continue
    if (group.graph.given(other.slot, intervalOf(other), member.slot) === undefined) continue
    taking.add(other.place)
    if (other.tentative === null) tell(other, context, ['checkpoint.tentative', group.id, other.place])
    else drawIn(group, taking, other, context)
  }
}

function commitIfSaved(world: World, group: Group, context: Context): void {
  for (let taking = group.coordinated; taking !== null; taking = group.coordinated) {
    const members = [...taking].map((place) => group.places[place]!)
    if (members.some(({ tentative }) => tentative === null)) return
    for (const member of members) {
      const tentative = member.tentative!
      member.tentative = null
      keep(world, member, { ...tentative, position: context.position }, context)
      answer(world, group, context, wantsOf('save', member.place), { value: true })
    }
    group.coordinated = null
    beginNext(group, context)
  }
  collect(world, group, context)
}

/** K1. The one that has waited for longest. */
function beginNext(group: Group, context: Context): void {
  let next: Member | undefined
  for (const member of group.byName.values()) {
    if (member.tentative === null) continue
    if (next === undefined || member.tentative.position < next.tentative!.position) next = member
  }
  if (next === undefined) return
  group.coordinated = new Set([next.place])
  drawIn(group, group.coordinated, next, context)
}

/** Nothing tentative is left. */
export function abortCoordinated(world: World, group: Group, context: Context): void {
  group.coordinated = null
  for (const member of group.byName.values()) {
    if (member.tentative === null) continue
    member.tentative = null
    answer(world, group, context, wantsOf('save', member.place), { value: false })
  }
}
