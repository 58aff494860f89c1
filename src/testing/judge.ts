/**
 * The last word on a seed: the whole log once more, operation by operation, and what it says about the effects outside.
 *
 * Boundary: reads; it throws what it finds wrong.
 *   U1  The result of a step is recorded at most once, each time its run is begun.
 *   U2  Whatever happened outside belongs to a run of the log, or is an output that a member of a checkpoint group has recorded.
 *   U3  Nothing takes effect for a run but under the fence of a present placement.
 */
import type { IncomingOperation } from '../log/operation.ts'
import type { Replica } from '../log/replica.ts'
import type { AttemptSpec } from '../mechanisms/process/machine/placement.ts'
import type { Effects } from './effects.ts'
import { Fences } from './fences.ts'
import type { Ledger } from './ledger.ts'
import type { Sometimes } from './sometimes.ts'
import { Spotter } from './spotter.ts'

/** Replies from the journal that make a recovery more than a formality. */
const LONG_JOURNAL = 3

interface Statistics {
  readonly nodesLost: number
}

export function judge(ledger: Ledger, effects: Effects, sometimes: Sometimes, newReplica: () => Replica): void {
  const replica = newReplica()
  const recorded = new Map<string, number>()
  const runs = new Set<number>()
  const outputs = new Set<string>()
  const fences = new Fences()
  const incarnations = new Map<unknown, number>()
  const spotter = new Spotter(replica, sometimes)
  replica.sink = {
    reply: (session, number, outcome) => spotter.replied(session, number, outcome),
    note: (session, note, position) => {
      spotter.noted(note)
      fences.noted(session, note, position)
      if (note[0] === 'attempt') incarnations.set(note[1], (note[3] as AttemptSpec).incarnation)
    },
  }
  let nodesLost = 0
  const before = (operation: IncomingOperation | undefined) => spotter.before(operation)
  for (const { operation, admission } of ledger.steps(replica, 0, undefined, before)) {
    spotter.after(operation)
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
    if (name === 'checkpoint.output') outputs.add(`${args[0]}:${args[1]}:${replica.position}`)
    if (caller.kind !== 'run') continue
    checkFence(operation, fences, replica.position)
    runs.add(caller.id)
    if (name === 'process.live' && Number(args[0]) > LONG_JOURNAL) sometimes.saw('long journal replayed')
    if (name !== 'process.step') continue
    const step = `${caller.id}:${incarnations.get(caller.id)}:${number}`
    recorded.set(step, (recorded.get(step) ?? 0) + 1)
  }
  const twice = [...recorded].find(([, times]) => times > 1)
  if (twice) throw new Error(`The result of the step ${twice[0]} (run:incarnation:number) is recorded ${twice[1]} times.`)
  for (const { idempotencyKey, fence } of effects.list) {
    const [logId, ...output] = idempotencyKey.split(':')
    if (fence === undefined && !outputs.has(output.join(':')))
      throw new Error(`The output ${idempotencyKey} was given outside, and is not in the log ${logId}.`)
    const run = Number(output[0])
    if (fence !== undefined && !runs.has(run))
      throw new Error(`The effect ${idempotencyKey} happened, and no run ${run} is in the log.`)
  }
}

/** An operation may itself be what places its run anew, at its own position. */
function checkFence({ caller, name, number, fence }: IncomingOperation, fences: Fences, position: number): void {
  if (caller.kind === 'run' && fences.mayAct(caller.id, fence, position)) return
  throw new Error(
    `Operation ${number} (${name}) of the ${caller.kind} at position ${position} took effect under the fence ${fence}, which is that of no present placement.`,
  )
}
