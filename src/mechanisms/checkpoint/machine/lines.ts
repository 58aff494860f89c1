/**
 * Where a recovery would lead, without one: every member says how far it is, and goes on.
 *
 * Boundary: functions over the state.
 */
import type { Context } from '../../../log/machine.ts'
import { tell } from './messages.ts'
import { HALT_MS } from './protocol.ts'
import { lineFor, namedLine } from './recovering.ts'
import type { Group, Member, Waiter } from './state.ts'
import { tokenOf } from './timers.ts'
import type { World } from './world.ts'

export function askForLine(
  world: World,
  group: Group,
  failed: readonly Member[],
  asking: Pick<Waiter, 'caller' | 'number'>,
  context: Context,
): void {
  const left = new Set<number>()
  for (const member of group.byName.values()) {
    if (member.session === null) continue
    left.add(member.place)
    if (member.halt === 'no') tell(member, context, ['checkpoint.tell', group.id, member.place])
  }
  const want = { kind: 'line', failed: failed.map(({ place }) => place), left, dueMs: context.serviceMs + HALT_MS } as const
  world.state.hold(group, asking, want)
  if (left.size > 0) context.schedule(want.dueMs, tokenOf(group, 'line'), 'service')
  answerLines(world, group, context)
}

/** Answers those for whom all members have said how far they are, or have had the time to. A recovery knows better: they wait for it. */
export function answerLines(world: World, group: Group, context: Context): void {
  if (world.state.waiters.size === 0 || group.recovery !== null) return
  const isKnown = (want: Waiter['want']) => want.kind === 'line' && (want.left.size === 0 || want.dueMs <= context.serviceMs)
  for (const { caller, number, want } of world.state.takeWaiters(group, isKnown)) {
    if (want.kind === 'line') context.reply(caller, number, { value: namedLine(group, lineFor(group, new Set(want.failed))) })
  }
}
