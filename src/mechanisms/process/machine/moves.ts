/**
 * Who is told that runs have left their places: those who moved or paused one, and those who drain a node.
 *
 * What happened is collected while an entry is applied, and answered once everything in it has its place.
 *
 * Boundary: functions over the state, called by `placement.ts` at the end of every entry that gives places.
 */
import type { Caller, Context } from '../../../log/machine.ts'
import type { Drain } from './drains.ts'
import type { Node } from './nodes.ts'
import type { ProcessState } from './state.ts'

/** Answers what the entry has decided. */
export function settle(state: ProcessState, context: Context): void {
  for (const run of state.left.splice(0)) {
    const { ended, paused, node } = run
    for (const { caller, number } of state.movers.takeOf(run.id)) context.reply(caller, number, { value: node ?? null })
    const holds = !ended && paused !== undefined && node === undefined
    for (const { caller, number } of state.pausers.takeOf(run.id)) context.reply(caller, number, { value: holds })
  }
  for (const node of state.emptied.splice(0)) {
    if (node.draining === 'stop') {
      for (const session of new Set([node.session, node.parentSession])) {
        if (session !== 0) context.note(session, ['retire', node.name, node.boot])
      }
    }
    drained(state, node, 'stay', context)
  }
}

/** A node that is gone is drained for whoever asked. */
export function gone(state: ProcessState, node: Node, context: Context): void {
  drained(state, node, 'stay', context)
  drained(state, node, 'stop', context)
}

function drained(state: ProcessState, node: Node, then: Drain['then'], context: Context): void {
  for (const { caller, number, runs, handedOver, cutOff } of state.drains.done(node.epoch, then)) {
    context.reply(caller, number, { value: { runs, handedOver, cutOff } })
  }
}

/** Nobody is there to be told any more. What was asked for goes on. */
export function dropMoves(state: ProcessState, caller: Caller): void {
  state.movers.dropAll(caller)
  state.pausers.dropAll(caller)
  state.drains.drop(caller)
}

/** One of them gives up waiting; false if none waits under this number. */
export function dropMove(state: ProcessState, caller: Caller, number: number): boolean {
  return state.movers.drop(caller, number) || state.pausers.drop(caller, number) || state.drains.drop(caller, number)
}
