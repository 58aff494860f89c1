/**
 * Checkpoints: they are stable as soon as they are entries. And what becomes free when the line of all has moved on: older checkpoints,
 * messages and events go, outputs leave, members that wanted to leave have left.
 *
 * Boundary: functions over the state.
 *   V1  The line of all is looked for when something waits for it, and otherwise once for as many checkpoints as there are members, so
 *       that it costs the same for each.
 *   V2  An output leaves in the entry in which the line of all has passed its interval, and not before; only then can no failure undo it.
 *   V3  A reference to a state stored elsewhere is discarded when no checkpoint has it any more.
 */
import type { Context } from '../../../log/machine.ts'
import { isTooMuch, lookAfter } from './lag.ts'
import { removeMember } from './leaving.ts'
import { pump, tell } from './messages.ts'
import type { StoredState } from './protocol.ts'
import { callGroup, keepTaken } from './requests.ts'
import { type Checkpoint, type Group, intervalOf, isNew, type Member, type Recorded, recount, type Tentative } from './state.ts'
import { answer, wantsOf } from './waiting.ts'
import { memberChanged, reportMember, type World } from './world.ts'

/** Positions of outputs in one note, by payload: it fits a frame. */
const RELEASE_BYTES: number = 512 * 1024

/** References kept for a dead member: more than that many states stored elsewhere are its own affair. */
const MAX_DISCARDS = 4_096

/** The checkpoint counts from here on; everything delivered before it has been heard. */
export function keep(world: World, member: Member, saved: Tentative, context: Context): void {
  const { group, slot, checkpoints, events, fails } = member
  const wasNew = isNew(member)
  if (!wasNew) group.graph.open(slot)
  const state = saved.state ?? checkpoints.at(-1)!.state
  const checkpoint: Checkpoint = { ...saved, state, delivered: member.delivered, event: events.next, workMs: null }
  checkpoints.push(checkpoint)
  events.add(saved.cause === 'forced' ? 'forced' : 'basic', saved.index, 0)
  member.asked = null
  if (fails?.message === null) member.fails = null
  group.saves += 1
  if (wasNew) {
    pump(member, context)
    memberChanged(member, 'began', context)
  }
  answer(world, group, context, wantsOf('ask', member.place), { value: saved.index })
}

/** After checkpoints: looks for the line of all if it is worth it (V1). */
export function settle(world: World, group: Group, context: Context): void {
  if (group.saves >= group.byName.size || isTooMuch(group) || somethingWaits(group)) collect(world, group, context)
}

/** The lag policy looks at what is left when all that can go has gone. */
export function tend(world: World, group: Group, context: Context): void {
  if (group.recovery === null) collect(world, group, context)
  lookAfter(group, context)
}

function somethingWaits({ byName }: Group): boolean {
  for (const { outputs, held, leaving } of byName.values()) if (outputs.length > 0 || held.length > 0 || leaving) return true
  return false
}

/** Frees what is below the line of all. */
export function collect(world: World, group: Group, context: Context): void {
  group.saves = 0
  const floor = group.graph.floor()
  group.graph.trim(floor)
  let moved = false
  for (const member of group.byName.values()) if (!isNew(member)) moved = free(member, floor[member.slot]!, context) || moved
  if (moved) {
    recount(group)
    group.askAgainMs = 0
  }
  for (const member of group.byName.values()) release(world, member, floor[member.slot]!, context)
  for (const member of [...group.byName.values()]) if (member.leaving) leaveIfDone(world, member, context)
  dropMarkers(group)
}

function free(member: Member, floor: number, context: Context): boolean {
  const { checkpoints, mailbox, events } = member
  let below = 0
  while (checkpoints[below]!.index < floor) below += 1
  if (below === 0) return false
  const gone = checkpoints.splice(0, below)
  discard(member, gone, context)
  const first = checkpoints[0]!
  mailbox.drop(first.delivered)
  events.dropBefore(first.event)
  return true
}

/** V3. These checkpoints are gone. */
export function discard(member: Member, gone: readonly Checkpoint[], context: Context): void {
  const refs: Uint8Array[] = []
  const seen = new Set<StoredState>()
  for (const { state } of gone) {
    if (state.kind !== 'external' || seen.has(state)) continue
    seen.add(state)
    if (!member.checkpoints.some((kept) => isSameRef(kept.state, state.ref)) && !refs.some((ref) => isEqual(ref, state.ref)))
      refs.push(state.ref)
  }
  if (refs.length === 0) return
  member.discards.push(...refs)
  if (member.discards.length > MAX_DISCARDS) member.discards.splice(0, member.discards.length - MAX_DISCARDS)
  tellDiscards(member, context)
}

export function tellDiscards(member: Member, context: Context): void {
  if (member.session === null || member.discards.length === 0) return
  tell(member, context, ['checkpoint.discard', member.group.id, member.place, member.discards])
  member.discards = []
}

function isSameRef(state: StoredState, ref: Uint8Array): boolean {
  return state.kind === 'external' && isEqual(state.ref, ref)
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && a.every((byte, i) => byte === b[i]))
}

/** V2. */
function release(world: World, member: Member, floor: number, context: Context): void {
  keepTaken(member, context)
  const { outputs } = member
  let count = 0
  while (count < outputs.length && outputs[count]!.interval < floor) count += 1
  if (count === 0) return
  const gone = outputs.splice(0, count)
  const given: Member['released'] = []
  for (const recorded of gone) {
    const { output, position } = recorded
    if (output[0] === 'output') given.push([position, output[1]])
    else perform(world, member, recorded, context)
  }
  member.released.push(...given)
  tellReleased(member, given, context)
}

export function tellReleased(member: Member, given: Member['released'], context: Context): void {
  if (member.session === null) return
  for (let at = 0; at < given.length; ) {
    const first = at
    for (let bytes = 0; at < given.length && (at === first || bytes + given[at]![1].length <= RELEASE_BYTES); at++)
      bytes += given[at]![1].length
    tell(member, context, ['checkpoint.release', member.group.id, member.place, given.slice(first, at)])
  }
}

function perform(world: World, member: Member, recorded: Recorded, context: Context): void {
  const { output, position } = recorded
  if (output[0] === 'call') return callGroup(member, output, recorded, context)
  const refused = world.ports.out(output.slice(1), context)
  if (refused !== undefined) reportMember(world, member, 'output-refused', { position, reason: refused.message }, context)
}

/** Nothing of it can be undone, and nothing is left for it to do. */
function leaveIfDone(world: World, member: Member, context: Context): void {
  const { checkpoints, outputs, released, group } = member
  const isDone = checkpoints.length === 1 && checkpoints[0]!.workMs === null && outputs.length === 0 && released.length === 0
  if (!isDone || group.recovery !== null) return
  answer(world, group, context, wantsOf('leave', member.place), { value: true })
  removeMember(world, member, context)
}

/** Those that every member has passed with the first checkpoint to which it could go back. */
function dropMarkers(group: Group): void {
  if (group.markers.length === 0) return
  let passed = Number.POSITIVE_INFINITY
  for (const member of group.byName.values()) if (!isNew(member)) passed = Math.min(passed, member.checkpoints[0]!.delivered)
  group.markers = group.markers.filter((position) => position > passed)
}

/** Whether it is the next one of the member. */
export function isNextIndex(member: Member, index: number): boolean {
  return index === (isNew(member) ? 0 : intervalOf(member) + 1)
}
