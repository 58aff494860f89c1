/**
 * Restarts a run at each of its checkpoints and compares: the proof that a body is written so that it can be.
 *
 *     await restartAtEveryCheckpoint(stringer, [['red', 'green', 'blue']], { prepare: (world) => world.start(maker, 'm', []) })
 *
 * A body starts at its top every time; after a checkpoint, with `p.restored`. What it does before its loop must depend on that, and
 * what it knows must all be in the state it saves. A body that forgets either shows it here: another result, another step, another
 * tuple.
 *
 * Boundary: one definition in a simulated site with one worker, which dies in the moment in which the checkpoint counts: the
 * journal is cut there, and nothing has come after it.
 *   R1  Restarted, the run has the same result, has executed the same steps with the same results, has started the same runs, and
 *       leaves the same tuples.
 */
import { PerdureError } from '../errors.ts'
import { equal } from '../log/codec/codec.ts'
import type { Gateway } from '../log/gateway.ts'
import { savedRuns } from '../mechanisms/process/machine/snapshot.ts'
import type { Definition, RunContext } from '../mechanisms/process/process.ts'
import { composeReplica } from '../node/compose.ts'
import { crashAt } from './faults.ts'
import { firstDifference, type Ledger } from './ledger.ts'
import { runSeed, type SeedRun, type SeedSetting } from './seed-run.ts'
import type { AnyDefinition, World } from './world.ts'

export interface RestartOptions {
  /** Others that the run starts or works with. */
  readonly definitions?: readonly AnyDefinition[]
  /** Before the run is started: tuples it takes, runs it works with. */
  readonly prepare?: (world: World) => Promise<unknown>
  /** Of all choices. Default 1. */
  readonly seed?: number
}

export interface RestartReport<R> {
  /** As often as this the run was restarted. */
  readonly checkpoints: number
  readonly result: R
}

/** The key of the run. */
const KEY = 'restarted'

/** Rejects with `PERDURE_E_INVARIANT` at the first checkpoint from which something else comes. */
export async function restartAtEveryCheckpoint<I extends readonly unknown[], R>(
  definition: Definition<RunContext, I, R>,
  input: I,
  { definitions = [], prepare, seed = 1 }: RestartOptions = {},
): Promise<RestartReport<R>> {
  const scenario = async (world: World): Promise<R> => {
    world.host([definition as unknown as AnyDefinition, ...definitions])
    await prepare?.(world)
    await world.start(definition, KEY, input)
    return world.result(definition, KEY)
  }
  const checkpoints: number[] = []
  const setting: SeedSetting = { seed, nodes: 1, faults: [], company: 'none' }
  const applied = (gateway: Gateway, operation: Uint8Array, event: number) => {
    const { caller, name } = gateway.replica.decode(operation, 0, operation.length)
    if (name !== 'process.checkpoint' || caller.kind !== 'run') return
    if (idOf(gateway, definition.name) === caller.id) checkpoints.push(event)
  }
  const undisturbed = await runSeed({ ...setting, applied }, scenario)
  const expected = left(undisturbed, 'Without a restart')
  for (const [at, event] of checkpoints.entries()) {
    const when = `Restarted at checkpoint ${at + 1} of ${checkpoints.length}`
    const found = left(await runSeed({ ...setting, faults: [crashAt(event + 1, 'worker crash')] }, scenario), when)
    for (const what of Object.keys(expected) as (keyof Left)[]) {
      if (!equal(expected[what], found[what])) throw differs(when, definition.name, what, expected[what], found[what])
    }
  }
  return { checkpoints: checkpoints.length, result: expected.result as R }
}

function idOf({ replica }: Gateway, definition: string): number | undefined {
  return savedRuns(replica.snapshot()).find((run) => run.definition === definition && run.key === KEY)?.id
}

/** What a run leaves behind. */
interface Left {
  readonly result: unknown
  readonly steps: readonly unknown[]
  readonly runs: readonly unknown[]
  readonly tuples: readonly unknown[]
}

function left({ outcome, ledger }: SeedRun, when: string): Left {
  if ('value' in outcome) return { result: outcome.value, ...leftInLog(ledger) }
  const { error: cause } = outcome
  const what = cause instanceof Error ? cause.message : String(cause)
  throw new PerdureError('PERDURE_E_INVARIANT', `${when} the run comes to no result: ${what}`, { cause })
}

function leftInLog(ledger: Ledger): Omit<Left, 'result'> {
  const replica = composeReplica()
  const recorded: [run: number, step: string][] = []
  for (const { operation, admission } of ledger.steps(replica)) {
    const { caller, name, args } = operation
    if (admission !== 'fresh' || caller.kind !== 'run' || name !== 'process.step') continue
    recorded.push([caller.id, `${args[0]}: ${JSON.stringify(args[1])}`])
  }
  const names = new Map(savedRuns(replica.snapshot()).map(({ id, definition, key }) => [id, `${definition}/${key}`]))
  const { total, tuples } = replica.query('space', 'tuples', []) as {
    readonly total: number
    readonly tuples: readonly { readonly space: string; readonly tuple: unknown }[]
  }
  return {
    steps: recorded.map(([run, step]) => `${names.get(run)} ${step}`).sort(),
    runs: [...names.values()].sort(),
    tuples: [total, ...tuples.map(({ space, tuple }) => `${space} ${JSON.stringify(tuple)}`).sort()],
  }
}

const NAMES: Readonly<Record<keyof Left, string>> = {
  result: 'its result',
  steps: 'what its steps did',
  runs: 'which runs it started',
  tuples: 'which tuples are left',
}

function differs(when: string, name: string, what: keyof Left, expected: unknown, found: unknown): PerdureError {
  const change = firstDifference(expected, found, what)
  return new PerdureError(
    'PERDURE_E_INVARIANT',
    `${when}, the run of ${name} differs in ${NAMES[what]}: ${change}. What comes before its loop must depend on p.restored, and all that the loop needs must be in the state of the checkpoint.`,
    { data: { expected, found } },
  )
}
