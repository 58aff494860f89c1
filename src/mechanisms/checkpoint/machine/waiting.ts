/**
 * Answers to those who wait.
 *
 * Boundary: functions over the state and the replies.
 */
import type { Context, Outcome } from '../../../log/machine.ts'
import type { Group, Want } from './state.ts'
import type { World } from './world.ts'

export function answer(
  { state }: World,
  group: Group,
  context: Context,
  wanted: (want: Want) => boolean,
  outcome: Outcome,
): void {
  for (const { caller, number } of state.takeWaiters(group, wanted)) context.reply(caller, number, outcome)
}

export function wantsOf(kind: 'leave' | 'ask' | 'save', place: number): (want: Want) => boolean {
  return (want) => want.kind === kind && want.place === place
}
