/**
 * The lag policy: no rule of a checkpoint protocol makes a member save that is idle, or does not like to; and one that never saves
 * keeps the line of all, and with it every message since, where it is. So who holds it back is asked to save: when work has
 * had no checkpoint for too long, when too much would be done again, when outputs wait, and when a member wants to leave.
 *
 * Source: Zweiacker 1997, "liveness" of forced checkpoints; the policy is our own.
 * Boundary: functions over the state; what a member does when it is asked is its proxy's affair.
 *   L1  While something waits for a checkpoint, a deadline of the log looks after it; when nothing does, the last one ends by itself.
 *   L2  A member is asked again, without having saved, after ASK_AGAIN_MS at the earliest.
 */
import type { Context } from '../../../log/machine.ts'
import type { GroupSpec } from './protocol.ts'
import { type Group, intervalOf, isNew, type Member } from './state.ts'
import { tokenOf } from './timers.ts'

/** Service time that an output waits for the checkpoints of others before those are asked for: people wait for it. */
export const OUTPUT_PATIENCE_MS = 1_000

/** A save takes its time; to ask twice makes it no quicker. */
export const ASK_AGAIN_MS = 1_000

/** Work up to which no interval of the member may be left undone: its place, its last such interval. */
export interface Target {
  readonly member: Member
  readonly interval: number
}

/** Something of the member has been done that a failure can undo. */
export function noteActivity(member: Member, context: Context): void {
  const { group, checkpoints } = member
  const last = checkpoints[checkpoints.length - 1]
  if (last !== undefined && last.workMs === null) last.workMs = context.serviceMs
  if (group.lagAtMs === null) arm(group, context.serviceMs + group.spec.lag.undoneMs, context)
  if (isTooMuch(group) && context.serviceMs >= group.askAgainMs) askBecauseOfAmount(group, context)
}

export function isTooMuch({ undone, bytes, spec }: { undone: number; bytes: number; spec: GroupSpec }): boolean {
  return undone > spec.lag.undoneMessages || bytes > spec.lag.logBytes
}

/** An output waits, or somebody who wants to leave. */
export function noteWaiting(group: Group, patienceMs: number, context: Context): void {
  arm(group, context.serviceMs + patienceMs, context)
}

function askBecauseOfAmount(group: Group, context: Context): void {
  group.askAgainMs = context.serviceMs + ASK_AGAIN_MS
  ask(group, [...repeated(group)], context)
  // Whoever is refused because of it does nothing that would ask again.
  arm(group, group.askAgainMs, context)
}

/** What would be done again if all failed. */
function* repeated({ byName }: Group): Generator<Target> {
  for (const member of byName.values()) if (member.mailbox.heard > 0) yield { member, interval: member.checkpoints[0]!.index }
}

/** The deadline of the log is there. Looks who has to be asked, and whether there is anything left to look after. */
export function lookAfter(group: Group, context: Context): void {
  const now = context.serviceMs
  if (group.lagAtMs === null || now < group.lagAtMs) return
  group.lagAtMs = null
  const targets: Target[] = []
  let nextMs = Number.POSITIVE_INFINITY
  for (const member of group.byName.values()) {
    for (const [interval, dueMs] of waiting(member)) {
      if (dueMs <= now) targets.push({ member, interval })
      nextMs = Math.min(nextMs, dueMs <= now ? now + ASK_AGAIN_MS : dueMs)
    }
  }
  if (isTooMuch(group)) {
    const before = targets.length
    targets.push(...repeated(group))
    if (targets.length > before) nextMs = Math.min(nextMs, now + ASK_AGAIN_MS)
  }
  if (group.recovery === null && targets.length > 0) ask(group, targets, context)
  if (nextMs < Number.POSITIVE_INFINITY) arm(group, nextMs, context)
}

/** What of a member waits for checkpoints: the interval, and when somebody is to be asked. */
function* waiting(member: Member): Generator<readonly [interval: number, dueMs: number]> {
  const { checkpoints, outputs, group, leaving } = member
  const oldest = checkpoints.find(({ workMs }) => workMs !== null)
  if (oldest !== undefined) yield [oldest.index, oldest.workMs! + group.spec.lag.undoneMs]
  const output = outputs[0]
  if (output !== undefined) yield [output.interval, output.atMs + OUTPUT_PATIENCE_MS]
  if (leaving) yield [intervalOf(member) - (checkpoints.at(-1)?.workMs === null ? 1 : 0), 0]
}

/** Asks every member whose failure would undo one of these intervals. */
export function ask(group: Group, targets: readonly Target[], context: Context): void {
  for (const member of group.byName.values()) {
    if (member.session === null || member.halt !== 'no' || isNew(member)) continue
    const undone = group.graph.line([member.slot])
    const holds = targets.some(({ member: { slot }, interval }) => undone[slot] !== 'current' && undone[slot]! <= interval)
    if (holds) askToSave(member, context)
  }
}

function askToSave(member: Member, context: Context): void {
  const { asked, group, place, session, tentative } = member
  const index = intervalOf(member)
  if (tentative !== null || (asked !== null && asked.index === index && context.serviceMs < asked.atMs + ASK_AGAIN_MS)) return
  member.asked = { atMs: context.serviceMs, index }
  context.note(session!, ['checkpoint.please', group.id, place])
}

function arm(group: Group, atMs: number, context: Context): void {
  if (group.lagAtMs !== null && group.lagAtMs <= atMs) return
  group.lagAtMs = atMs
  context.schedule(atMs, tokenOf(group, 'lag'), 'service')
}
