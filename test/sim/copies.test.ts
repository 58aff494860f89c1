/**
 * Runs of several copies, in the simulator: some seeds, a crash at any event, and the proof that it would notice.
 *
 * `PERDURE_COPIES_SEEDS` plays more seeds, `PERDURE_CRASH_EVERY=1` tries all events, as the longer checks do.
 */
import { resilient } from 'perdure'
import { crashEverywhere, type Scenario, type StrikeKind, simulate } from 'perdure/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CopyPart } from '../../src/mechanisms/process/host/granted.ts'
import { ProcessMachine } from '../../src/mechanisms/process/machine/machine.ts'
import { placeUnder } from '../../src/mechanisms/process/machine/replication.ts'
import { savedRuns } from '../../src/mechanisms/process/machine/snapshot.ts'
import { counters, movedTwins, sleepers, twins } from './scenarios-copies.ts'

const SEEDS = Number(process.env.PERDURE_COPIES_SEEDS ?? 8)
const EVERY = Number(process.env.PERDURE_CRASH_EVERY ?? 53)

/** A planted bug must be found within so many. */
const SEEDS_FOR_A_BUG = 200

const KINDS: readonly StrikeKind[] = ['worker crash', 'owner crash', 'power loss']

describe('a run of several copies is one run', () => {
  test.each([
    { name: 'twins', scenario: twins },
    { name: 'twins that are moved', scenario: movedTwins },
    { name: 'counters', scenario: counters },
    { name: 'sleepers', scenario: sleepers },
  ])(
    `in ${SEEDS} seeds of $name`,
    async ({ scenario }) => {
      const report = await simulate({ seeds: SEEDS }, scenario)
      expect(report.seeds).toBe(SEEDS)
      expect(report.sometimes['owner reopened']).toBeGreaterThan(SEEDS)
    },
    20_000 + SEEDS * 1_000,
  )

  const three: Scenario = async (world) => {
    const body = resilient(
      'three',
      async (p) => {
        const kept = (p.restored ?? []) as readonly number[]
        const first = kept.length > 0 ? kept : [await p.step('first', (info) => world.effect(info, 'first') ?? 1)]
        if (kept.length === 0) await p.checkpoint(first)
        const both = await Promise.all([
          p.step('left', (info) => world.effect(info, 'left') ?? 2),
          p.step('right', (info) => world.effect(info, 'right') ?? 3),
        ])
        await p.space('box').out(['n', ...both])
        const [, two] = await p.space('box').in(['n', Number, Number])
        await p.sleep(5)
        return [...first, ...both, two]
      },
      { layer: 'replicas', replicas: 3 },
    )
    world.host([body])
    await world.start(body, 'k', [])
    return world.result(body, 'k')
  }

  test.each(KINDS)('killed at any event it has the same result: %s', async (kind) => {
    const { events, crashes } = await crashEverywhere({ kinds: [kind], every: EVERY, nodes: 3 }, three)
    expect(events).toBeGreaterThan(150)
    expect(crashes).toBe(Math.ceil(events / EVERY))
  })
})

describe('the simulator notices', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  const found = (scenario: Scenario) =>
    simulate({ seeds: SEEDS_FOR_A_BUG, shrinkEvents: 0 }, scenario).then(
      () => 'nothing',
      () => 'the bug',
    )

  test('copies that execute steps they were not given', async () => {
    const want = CopyPart.prototype.want
    vi.spyOn(CopyPart.prototype, 'want').mockImplementation(function (this: CopyPart, number, name) {
      want.call(this, number, name)
      this.grant({ number, epoch: 0, deaths: 0, failed: 0 })
    })
    expect(await found(twins)).toBe('the bug')
  })

  test('a site that lets copies act that it has replaced', async () => {
    const admit = ProcessMachine.prototype.admit
    vi.spyOn(ProcessMachine.prototype, 'admit').mockImplementation(function (this: ProcessMachine, operation, context) {
      const runs = savedRuns([...this.snapshot()].map((part) => ['process', part]))
      const acting = runs.find(({ id }) => operation.caller.kind === 'run' && id === operation.caller.id)
      if (acting === undefined || placeUnder(acting, operation.fence)) return admit.call(this, operation, context)
      return admit.call(this, { ...operation, fence: acting.fence }, context)
    })
    expect(await found(sleepers)).toBe('the bug')
  })
})
