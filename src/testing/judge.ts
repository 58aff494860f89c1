/**
 * The last word on a seed: the whole log once more, operation by operation, and what it says about the effects outside.
 *
 * Boundary: reads; it throws what it finds wrong.
 *   U1  The result of a step is recorded at most once.
 *   U2  Whatever happened outside belongs to a run of the log.
 *   U3  Nothing takes effect for a run but under the fence of its last placement.
 */
import type { IncomingOperation } from '../log/operation.ts'
import type { Replica } from '../log/replica.ts'
import type { Effects } from './effects.ts'
import type { Ledger } from './ledger.ts'
import type { Sometimes } from './sometimes.ts'

/** Replies from the journal that make a recovery more than a formality. */
const LONG_JOURNAL = 3

interface Statistics {
  readonly nodesLost: number
}

export function judge(ledger: Ledger, effects: Effects, sometimes: Sometimes, newReplica: () => Replica): void {
  const replica = newReplica()
  const recorded = new Map<string, number>()
  const runs = new Set<number>()
  const fences = new Map<unknown, unknown>()
  replica.sink = { reply: () => undefined, note: (_session, [kind, run, fence]) => kind === 'attempt' && fences.set(run, fence) }
  let nodesLost = 0
  for (const { operation, admission } of ledger.steps(replica)) {
    const { caller, name, number, args } = operation
    if (admission === 'settled') sometimes.saw('duplicate suppressed')
    if (admission === 'refused' && caller.kind === 'run')
      sometimes.saw(name === 'process.step' ? 'stale step refused' : 'stale fence refused')
    const lost = (replica.query('process', 'statistics', []) as Statistics).nodesLost
    if (lost > nodesLost && (name === 'process.fence' || name === 'site.tick')) sometimes.saw('fenced by silence')
    if (lost > nodesLost && name === 'process.exited') sometimes.saw('exit reported')
    nodesLost = lost
    if (admission !== 'fresh') continue
    if (name === 'process.refute') sometimes.saw('suspicion refuted')
    if (caller.kind !== 'run') continue
    checkFence(operation, fences.get(caller.id), replica.position)
    runs.add(caller.id)
    if (name === 'process.live' && Number(args[0]) > LONG_JOURNAL) sometimes.saw('long journal replayed')
    if (name === 'process.step') recorded.set(`${caller.id}:${number}`, (recorded.get(`${caller.id}:${number}`) ?? 0) + 1)
  }
  const twice = [...recorded].find(([, times]) => times > 1)
  if (twice) throw new Error(`The result of the step ${twice[0]} (run:number) is recorded ${twice[1]} times.`)
  for (const { idempotencyKey } of effects.list) {
    const run = Number(idempotencyKey.split(':')[1])
    if (!runs.has(run)) throw new Error(`The effect ${idempotencyKey} happened, and no run ${run} is in the log.`)
  }
}

/** An operation may itself be what places its run anew, at its own position. */
function checkFence({ caller, name, number, fence }: IncomingOperation, expected: unknown, position: number): void {
  if (fence === expected || expected === position) return
  throw new Error(
    `Operation ${number} (${name}) of the ${caller.kind} at position ${position} took effect under the fence ${fence}; its last placement is ${expected}.`,
  )
}
