/**
 * The proof that the tests of checkpoint groups would notice: each bug that is planted in a copy of the source makes the tests named beside
 * it fail. All of them with PERDURE_MUTANTS, else one. Bugs that the simulator finds are in `test/sim`.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Planted, Planting, ROOT } from '../../planting.ts'

interface Mutant extends Planted {
  /** Below test/mechanisms/checkpoint/. */
  readonly tests: string
}

const CHECKPOINT = 'mechanisms/checkpoint'

const MUTANTS: readonly Mutant[] = [
  {
    name: 'skip rule 2 looks the wrong way: what comes from a later interval is not asked about',
    file: `${CHECKPOINT}/exact.ts`,
    find: 'token.index <= state.received[token.from]!',
    replace: 'token.index >= state.received[token.from]!',
    tests: 'exact.test.ts',
  },
  {
    name: 'skip rule 1 looks the wrong way: nothing is asked about once something was sent',
    file: `${CHECKPOINT}/exact.ts`,
    find: 'return !state.sent ||',
    replace: 'return state.sent ||',
    tests: 'exact.test.ts',
  },
  {
    name: 'a path that comes back to where it began is no rewinding path, whatever it passes',
    file: `${CHECKPOINT}/rollback-graph.ts`,
    find: 'return later[i]! <= x',
    replace: 'return later[i]! < x',
    tests: 'rollback-graph.test.ts',
  },
  {
    name: 'a replay set that has what was sent in the interval that is undone',
    file: `${CHECKPOINT}/line.ts`,
    find: '(from === undefined || sent < ranks[from]!)',
    replace: '(from === undefined || sent <= ranks[from]!)',
    tests: 'line.test.ts',
  },
  {
    name: 'a message of the interval that is undone is accepted after the recovery',
    file: `${CHECKPOINT}/epochs.ts`,
    find: 'limit !== undefined && token.index < limit',
    replace: 'limit !== undefined && token.index <= limit',
    tests: 'epochs.test.ts',
  },
  {
    name: 'the simple vector is merged with OR',
    file: `${CHECKPOINT}/bhmr.ts`,
    find: 'simple[k] = simple[k]! && m.simple[k]!',
    replace: 'simple[k] = simple[k]! || m.simple[k]!',
    tests: 'protocols.test.ts',
  },
  {
    name: 'a lazy stamp that does not rise at a checkpoint, although a message with it was delivered',
    file: `${CHECKPOINT}/bcs.ts`,
    find: '    state.equal = true\n',
    replace: '',
    tests: 'protocols.test.ts',
  },
  {
    name: 'what a member was given before it sent is not in the graph when somebody asks',
    file: `${CHECKPOINT}/machine/messages.ts`,
    find: '    addEdge(member, mail, interval)\n    member.events.received',
    replace: '    member.events.received',
    tests: 'machine/messages.test.ts',
  },
  {
    name: 'a question that was answered no leaves no edge for the next one who asks',
    file: `${CHECKPOINT}/machine/speaking.ts`,
    find: '    addEdge(member, mail, index)\n    noteActivity(member, context)\n',
    replace: '    noteActivity(member, context)\n',
    tests: 'machine/messages.test.ts',
  },
  {
    name: 'a recovery that begins no new epoch',
    file: `${CHECKPOINT}/machine/recovering.ts`,
    find: '  group.epoch += 1\n',
    replace: '',
    tests: 'machine/recovering.test.ts',
  },
  {
    name: 'a question that is repeated is answered no',
    file: `${CHECKPOINT}/machine/speaking.ts`,
    find: 'return checked.forces ? TRUE : FALSE',
    replace: 'return FALSE',
    tests: 'machine/messages.test.ts',
  },
  {
    name: 'a message is delivered without the checkpoint that the service says it forces',
    file: `${CHECKPOINT}/site/incarnation.ts`,
    find: 'if (save && this.#queue.first === mail) {',
    replace: "if (save && judgement === 'save' && this.#queue.first === mail) {",
    tests: 'site/proxy.test.ts',
  },
]

/** A run of one test file takes some seconds, on a busy machine many. */
const TIMEOUT_MS = 120_000

/** A broken protocol fails many schedules, and each failure shows its own. */
const MAX_OUTPUT = 64 * 1024 * 1024

const planting = new Planting(
  'test/mechanisms/checkpoint',
  'test/log/seeded.ts',
  'test/mechanisms/machine-driver.ts',
  'test/planting.ts',
  'test/reporter.ts',
  'vitest.config.ts',
)
afterAll(() => planting.remove())

/** What the tests say of it. */
function judged(mutant: Mutant): Promise<string> {
  const cwd = planting.plant(mutant)
  const words = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', join('test/mechanisms/checkpoint', mutant.tests)]
  const env = { ...process.env, PERDURE_RESULTS: join(cwd, 'results'), NO_COLOR: '1' }
  return new Promise((resolve) => {
    execFile(process.execPath, words, { cwd, timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT, env }, (_, stdout) => resolve(stdout))
  })
}

const ALL = process.env.PERDURE_MUTANTS !== undefined
const CHOSEN = ALL ? MUTANTS : MUTANTS.slice(0, 1)

/** How many tests have passed and failed. */
function countsOf(said: string): readonly [passed: number, failed: number] {
  const [passed = 0, failed = 0] = /(\d+) passed, (\d+) failed/.exec(said)?.slice(1).map(Number) ?? []
  return [passed, failed]
}

test.concurrent.each(CHOSEN.map((mutant) => [mutant.name, mutant] as const))(
  'a bug planted in the source of checkpoint groups is caught: %s',
  { timeout: TIMEOUT_MS },
  async (_, mutant) => {
    const said = await judged(mutant)
    const [passed, failed] = countsOf(said)
    expect(passed, said).toBeGreaterThan(0)
    expect(failed, said).toBeGreaterThan(0)
  },
)

if (ALL) {
  test.each([...new Set(MUTANTS.map(({ tests }) => tests))])(
    'a copy without a bug passes %s',
    { timeout: TIMEOUT_MS },
    async (tests) => {
      const harmless = { name: 'none', file: 'log/log.ts', find: 'MAX_RECORD: number', replace: 'MAX_RECORD: number', tests }
      const said = await judged(harmless)
      expect(countsOf(said)[1], said).toBe(0)
      expect(countsOf(said)[0], said).toBeGreaterThan(0)
    },
  )
}
