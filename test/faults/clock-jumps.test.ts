/**
 * The system's clock jumps by an hour, forwards and backwards, under a site of several processes: nothing ends early or late, nobody
 * is fenced, and the time of the log does not go back.
 */
import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { amount, LONG_TEST_MS, report } from './amount.ts'
import { type Child, Children, programPath, type StartOptions } from './children.ts'
import { storedIn } from './stored-log.ts'

const HOUR_MS = 3_600_000

/** What every wait of this suite waits for; a jump comes several times within it. */
const WAIT_MS = 1_200

/** Later than this is late: far from an hour, and more than a machine that is busy with something else takes. */
const LATE_MS = 30_000

/** Debian's package libfaketime, by the architectures it is built for. */
const FAKETIME = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path))

/** Ways to put a process's clock forward: where it lies in a file, and how its text is written. */
interface FakeClock {
  options(file: string): StartOptions
  text(jumpMs: number): string
}

const ownClock: FakeClock = {
  options: (file) => ({ flags: ['--import', programPath('jumping-clock')], env: { PERDURE_TEST_CLOCK: file } }),
  text: String,
}

/** Every call of the system that asks for the time of day is answered by a library loaded first. */
const systemWide: FakeClock = {
  options: (file) => ({
    env: {
      LD_PRELOAD: FAKETIME ?? '',
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DONT_RESET: '1',
    },
  }),
  text: (jumpMs) => `${jumpMs < 0 ? '-' : '+'}${Math.abs(jumpMs) / 1_000}s`,
}

class Clock {
  readonly file: string
  readonly #kind: FakeClock
  jumps = 0

  constructor(children: Children, kind: FakeClock) {
    this.file = children.path('clock')
    this.#kind = kind
    this.set(0)
    this.jumps = 0
  }

  get options(): StartOptions {
    return this.#kind.options(this.file)
  }

  /** Whoever reads the file meanwhile sees the one or the other. */
  set(jumpMs: number): void {
    writeFileSync(`${this.file}.new`, this.#kind.text(jumpMs))
    renameSync(`${this.file}.new`, this.file)
    this.jumps += 1
  }
}

describe.each([
  ['as the processes see it', ownClock, false],
  ['as the system says it (skipped without libfaketime)', systemWide, FAKETIME === undefined],
] as const)('the clock jumps by an hour both ways, %s', (_how, kind, missing) => {
  test.skipIf(missing)(
    'under a running site: sleeps and time-outs end when they should, nobody is fenced, the time of the log does not go back',
    async () => {
      await using children = new Children()
      const clock = new Clock(children, kind)
      const owner = await openedSite(children, clock)
      owner.tell({ do: 'host', name: 'a', workers: 2 })
      await owner.event('hosting')
      const guest = await openedSite(children, clock, 'attach')
      guest.tell({ do: 'host', name: 'g' })
      await guest.event('hosting')
      const seen = new Set<number>()
      let waits = 0
      for (let round = 1; round <= amount(1, 5); round += 1) {
        waits += await waitThroughJumps(owner, guest, clock, round, seen)
      }
      clock.set(0)
      const { statistics, nodes } = await answerOf(owner, 'end')
      expect(statistics).toMatchObject({ nodesLost: 0, runsResumed: 0 })
      expect((nodes as unknown[]).length).toBe(3)
      owner.tell({ do: 'close' })
      await owner.event('closed')
      const { wallMs } = await storedIn(children.path('data'), children.path('copy'))
      expect(wallMs.filter((ms, at) => ms < (wallMs[at - 1] ?? 0))).toEqual([])
      // The jumps were real: the processes have seen other hours.
      expect(seen.size).toBeGreaterThanOrEqual(3)
      report('clock jumps', { jumps: clock.jumps, waits, records: wallMs.length })
    },
    LONG_TEST_MS,
  )

  test.skipIf(missing)(
    'back, before the site is opened again: what was asleep sleeps for the rest of its time, not for an hour',
    async () => {
      await using children = new Children()
      const clock = new Clock(children, kind)
      const before = await openedSite(children, clock)
      before.tell({ do: 'host', name: 'a' })
      await before.event('hosting')
      before.tell({ do: 'start', definition: 'sleeper', key: 'k', input: [1, WAIT_MS] })
      await asleepAndKilled(before)
      clock.set(-HOUR_MS)
      const after = await openedSite(children, clock)
      after.tell({ do: 'host', name: 'a' })
      after.tell({ do: 'result', definition: 'sleeper', key: 'k' })
      const { value, tookMs } = await after.event('result')
      expect(Number(value)).toBeGreaterThanOrEqual(WAIT_MS)
      expect(Number(value)).toBeLessThan(WAIT_MS + LATE_MS)
      expect(Number(tookMs)).toBeLessThan(WAIT_MS + LATE_MS)
      const { wallMs } = await answerOf(after, 'now')
      expect(Number(wallMs)).toBeLessThan(Date.now() - HOUR_MS / 2)
      after.tell({ do: 'close' })
      await after.event('closed')
      const stored = await storedIn(children.path('data'), children.path('copy'))
      expect(stored.wallMs.filter((ms, at) => ms < (stored.wallMs[at - 1] ?? 0))).toEqual([])
    },
  )

  test.skipIf(missing)(
    'forward, before the site is opened again: what has slept long enough by that clock wakes at once',
    async () => {
      await using children = new Children()
      const clock = new Clock(children, kind)
      const before = await openedSite(children, clock)
      before.tell({ do: 'host', name: 'a' })
      await before.event('hosting')
      before.tell({ do: 'start', definition: 'sleeper', key: 'k', input: [1, HOUR_MS / 2] })
      await asleepAndKilled(before)
      clock.set(HOUR_MS)
      const after = await openedSite(children, clock)
      after.tell({ do: 'host', name: 'a' })
      after.tell({ do: 'result', definition: 'sleeper', key: 'k' })
      const { value, tookMs } = await after.event('result')
      expect(Number(tookMs)).toBeLessThan(LATE_MS)
      expect(Number(value)).toBeGreaterThanOrEqual(HOUR_MS / 2)
    },
  )
})

async function openedSite(children: Children, clock: Clock, attach?: 'attach'): Promise<Child> {
  const child = children.start('site', [], clock.options)
  await child.event('ready')
  child.tell({ do: 'open', folder: children.path('data'), attach: attach !== undefined })
  await child.event('open')
  return child
}

/** What a run does after its start is known later than the start: killed too early it would go to sleep only after the jump. */
async function asleepAndKilled(child: Child): Promise<void> {
  await child.event('started')
  child.tell({ do: 'asleep', definition: 'sleeper', key: 'k' })
  await child.event('asleep')
  child.signal('SIGKILL')
  await child.ended()
}

/** Sleeps and time-outs of every process, while the clock jumps to and fro; how many there were. */
async function waitThroughJumps(owner: Child, guest: Child, clock: Clock, round: number, seen: Set<number>): Promise<number> {
  const names = [1, 2, 3, 4].map((n) => `${round}.${n}`)
  for (const key of names) owner.tell({ do: 'start', definition: 'sleeper', key, input: [2, WAIT_MS / 2] })
  for (const key of names) await owner.event('started', (line) => line.key === key)
  for (const key of names) owner.tell({ do: 'result', definition: 'sleeper', key })
  for (const process of [owner, guest]) process.tell({ do: 'wait', name: round, timeoutMs: WAIT_MS })
  for (const jumpMs of [HOUR_MS, -HOUR_MS, 0, HOUR_MS]) {
    clock.set(jumpMs)
    const name = `${round}, ${clock.jumps}`
    const { wallMs } = await answerOf(guest, name)
    seen.add(Math.round((Number(wallMs) - Date.now()) / HOUR_MS))
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS / 5))
  }
  const ended = [
    ...names.map((key) => owner.event('result', (line) => line.key === key)),
    ...[owner, guest].map((process) => process.event('waited', (line) => line.name === round)),
  ]
  for (const { tookMs, value, code, key } of await Promise.all(ended)) {
    expect(Number(tookMs), `${key ?? 'a time-out'}`).toBeGreaterThan(WAIT_MS - 100)
    expect(Number(tookMs), `${key ?? 'a time-out'}`).toBeLessThan(WAIT_MS + LATE_MS)
    if (key === undefined) expect(code).toBe('PERDURE_E_TIMEOUT')
    else expect(Number(value)).toBeGreaterThanOrEqual(WAIT_MS)
  }
  return ended.length
}

async function answerOf(child: Child, name: string) {
  child.tell({ do: 'ask', name })
  return await child.event('answer', (line) => line.name === name)
}
