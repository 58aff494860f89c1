/**
 * The proof that the tests of groups would notice: each bug that is planted in a copy of the source makes the tests named beside it
 * fail. All of them with PERDURE_MUTANTS, else one.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Planted, Planting, ROOT } from '../../planting.ts'

interface Mutant extends Planted {
  /** Below test/mechanisms/group/. */
  readonly tests: string
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'a voter counts ballots that came too late',
    file: 'mechanisms/group/conduct.ts',
    find: "const late = kind !== 'late' && this.decision",
    replace: "const late = kind === 'late' && this.decision",
    tests: 'object-group.test.ts',
  },
  {
    name: 'a voter shrinks n by the members that have failed',
    file: 'mechanisms/group/strategies/poll.ts',
    find: '    this.ballots.push(ballot)\n',
    replace: "    if (ballot.kind === 'error') (this as { members: number }).members -= 1\n    else this.ballots.push(ballot)\n",
    tests: 'strategies/n-version.test.ts',
  },
  {
    name: 'a tolerance is a chain (single linkage)',
    file: 'support/windows.ts',
    find: '(last < first || near(at(points, first), at(points, last + 1)))',
    replace: '(last < first || near(at(points, last), at(points, last + 1)))',
    tests: 'adjudicators/adjudicator.test.ts',
  },
  {
    name: 'the acceptance test is not run on the last alternate',
    file: 'mechanisms/group/strategies/one-by-one.ts',
    find: "        this.#phase = 'testing'\n        this.#answer",
    replace:
      "        if (ballot.member === this.#call.members - 1) return this.#accepted('value', ballot.value)\n        this.#phase = 'testing'\n        this.#answer",
    tests: 'strategies/recovery-block.test.ts',
  },
  {
    name: 'the state is not restored: attempts work on the object itself',
    file: 'support/state/state.ts',
    find: 'return new DataFork(twinOf(',
    replace: 'if (state === undefined) return new DataFork(this.object)\n    return new DataFork(twinOf(',
    tests: 'strategies/recovery-group.test.ts',
  },
  {
    name: 'the state is restored shallowly',
    file: 'support/state/copy.ts',
    find: "    const copy = typeof item === 'object' ? this.#copyOf(item, from, name) : item\n",
    replace: '    const copy = item\n',
    tests: 'state/state.test.ts',
  },
  {
    name: 'a zombie writes into the arguments that others use',
    file: 'mechanisms/group/conduct.ts',
    find: "const given = state === 'none' && this.#strategy.agrees === undefined ? args : copyArguments(args)",
    replace: 'const given = args',
    tests: 'strategies/recovery-group.test.ts',
  },
  {
    name: 'what a revoked attempt puts out is performed',
    file: 'mechanisms/group/attempt.ts',
    find: '        if (this.#isRevoked) throw revoked()\n        this.#outs ??= []',
    replace: '        this.#outs ??= []',
    tests: 'telling.test.ts',
  },
  {
    name: 'a view changes without a fence: ballots of an old epoch count',
    file: 'mechanisms/group/machine/balloting.ts',
    find: 'member?.host === caller.id && member.epoch === epoch ? member',
    replace: 'member !== undefined ? member',
    tests: 'machine/members.test.ts',
  },
  {
    name: 'suspicion goes below the minimum',
    file: 'mechanisms/group/membership.ts',
    find: 'return active - 1 >= minimum',
    replace: 'return active - 1 >= Math.min(1, minimum)',
    tests: 'enrolment.test.ts',
  },
]

/** A run of one test file takes some seconds, on a busy machine many. */
const TIMEOUT_MS = 120_000

const planting = new Planting(
  'test/mechanisms/group',
  'test/mechanisms/machine-driver.ts',
  'test/planting.ts',
  'test/reporter.ts',
  'vitest.config.ts',
)
afterAll(() => planting.remove())

/** What the tests say of it. */
function judged(mutant: Mutant): Promise<string> {
  const cwd = planting.plant(mutant)
  const words = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', join('test/mechanisms/group', mutant.tests)]
  const env = { ...process.env, PERDURE_RESULTS: join(cwd, 'results'), NO_COLOR: '1' }
  return new Promise((resolve) => {
    execFile(process.execPath, words, { cwd, timeout: TIMEOUT_MS, env }, (_, stdout) => resolve(stdout))
  })
}

const CHOSEN = process.env.PERDURE_MUTANTS !== undefined ? MUTANTS : MUTANTS.slice(0, 1)

test.concurrent.each(CHOSEN.map((mutant) => [mutant.name, mutant] as const))(
  'a bug planted in the source of groups is caught: %s',
  { timeout: TIMEOUT_MS },
  async (_, mutant) => {
    const said = await judged(mutant)
    const [passed, failed] = /(\d+) passed, (\d+) failed/.exec(said)?.slice(1).map(Number) ?? [0, 0]
    expect(passed, said).toBeGreaterThan(0)
    expect(failed, said).toBeGreaterThan(0)
  },
)
