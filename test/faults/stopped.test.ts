/**
 * Processes of a site are stopped and go on later, as a debugger, a full machine or a sleeping laptop does it: the owner, a worker
 * process, a program that hosts runs itself, a plain client.
 *
 * What runs do outside is written into a file with the key of the step and the fence of the placement. A process that was replaced
 * while it was stopped may not begin anything outside when it wakes.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { amount, LONG, LONG_TEST_MS, report } from './amount.ts'
import { type Child, Children } from './children.ts'

/** Long against a turn of any loop, short against the 5 s after which a silent node is fenced. */
const SHORT_STOP_MS = 1_000

/** A stop that this machine has made longer than this is none of a second; it is tried again, so often at most. */
const LONGEST_SHORT_STOP_MS = 2_500
const MOST_TRIES = 5

/** In the short version as long as the fence takes; the long one is the laptop that sleeps for a minute. */
const LONG_STOP_MS = LONG ? 60_000 : 7_500

const STEP_MS = 40

/** What comes after seconds may take many times as long; less than the test may take. */
const PATIENCE = { interval: STEP_MS, timeout: LONG_TEST_MS / 2 }

interface Effect {
  readonly key: string
  readonly run: string
  readonly step: number
  readonly fence: number
  readonly pid: number
}

type Role = 'owner' | 'worker' | 'hosting guest' | 'client'

/** An owner with two worker processes, a guest that hosts runs itself, and a guest that only asks. */
class Stage {
  readonly children: Children
  readonly #processes: Readonly<Record<'owner' | 'hosting guest' | 'client', Child>>
  #asked = 0

  private constructor(children: Children, processes: Readonly<Record<'owner' | 'hosting guest' | 'client', Child>>) {
    this.children = children
    this.#processes = processes
  }

  static async open(children: Children): Promise<Stage> {
    const [owner, hosting, client] = await Promise.all(['', '', ''].map(() => ready(children)))
    if (!owner || !hosting || !client) throw new Error('three were started')
    const folder = children.path('data')
    await told(owner, { do: 'open', folder }, 'open')
    await told(owner, { do: 'host', name: 'w', workers: 2 }, 'hosting')
    await told(hosting, { do: 'open', folder, attach: true }, 'open')
    await told(hosting, { do: 'host', name: 'g' }, 'hosting')
    await told(client, { do: 'open', folder, attach: true }, 'open')
    return new Stage(children, { owner, 'hosting guest': hosting, client })
  }

  get owner(): Child {
    return this.#processes.owner
  }

  get client(): Child {
    return this.#processes.client
  }

  get effects(): readonly Effect[] {
    return this.children.lines('effects').map((line) => JSON.parse(line) as Effect)
  }

  /** The pids of the workers that live. */
  get workers(): ReadonlyMap<string, number> {
    const workers = new Map<string, number>()
    for (const { event, name, pid } of this.owner.lines) {
      if (event === 'node' && String(name).startsWith('w/')) workers.set(String(name), Number(pid))
    }
    return workers
  }

  /** A worker is whichever has begun the latest step, so that it is in the middle of something. */
  pidOf(role: Role): number {
    if (role !== 'worker') return this.#processes[role].pid
    const pids = [...this.workers.values()]
    return this.effects.findLast(({ pid }) => pids.includes(pid))?.pid ?? (pids[0] as number)
  }

  async start(keys: readonly string[], steps: number): Promise<void> {
    const input = [this.children.path('effects'), steps, STEP_MS, this.children.path('hold')]
    for (const key of keys) this.owner.tell({ do: 'start', definition: 'steps', key, input })
    for (const key of keys) await this.owner.event('started', (line) => line.key === key)
    for (const key of keys) this.owner.tell({ do: 'result', definition: 'steps', key })
  }

  async ended(keys: readonly string[], steps: number): Promise<void> {
    for (const key of keys) {
      const { value } = await this.owner.event('result', (line) => line.key === key)
      expect(value, key).toBe((steps * (steps + 1)) / 2)
    }
  }

  /** Until a run of this process has begun a step in another one. */
  async movedFrom(pid: number): Promise<void> {
    const runs = new Set(this.effects.filter((effect) => effect.pid === pid).map(({ run }) => run))
    const moved = () => this.effects.some((effect) => runs.has(effect.run) && effect.pid !== pid)
    await expect.poll(moved, PATIENCE).toBe(true)
  }

  /** Until every run has begun its first step. */
  async begun(keys: readonly string[]): Promise<void> {
    await expect.poll(() => new Set(this.effects.map(({ run }) => run)).size, PATIENCE).toBe(keys.length)
  }

  /** From now on no run gets past its middle. */
  hold(): void {
    writeFileSync(this.children.path('hold'), '')
  }

  letGo(): void {
    rmSync(this.children.path('hold'))
  }

  async statistics(): Promise<{ readonly nodesLost: number; readonly runsResumed: number }> {
    this.#asked += 1
    const name = this.#asked
    this.owner.tell({ do: 'ask', name })
    return (await this.owner.event('answer', (line) => line.name === name)).statistics as {
      nodesLost: number
      runsResumed: number
    }
  }

  /** A client that is served, whatever became of the others. */
  async served(id: string): Promise<void> {
    this.client.tell({ do: 'put', id })
    await this.client.event('put', (line) => line.id === id)
  }
}

describe.concurrent('stopped for a second', () => {
  test(
    'one after the other, every process of a site: nobody is fenced, every effect takes place once',
    async () => {
      for (let tries = 1; ; tries += 1) {
        const longestMs = await stoppedForASecond()
        if (longestMs < LONGEST_SHORT_STOP_MS) return
        expect(tries, `this machine makes ${Math.round(longestMs)} ms of a second`).toBeLessThan(MOST_TRIES)
      }
    },
    LONG_TEST_MS,
  )
})

/** Judges only what was no longer than it should be; the longest of the stops. */
async function stoppedForASecond(): Promise<number> {
  await using children = new Children()
  const stage = await Stage.open(children)
  const rounds = amount(1, 8)
  const keys = ['a', 'b', 'c', 'd', 'e', 'f']
  const steps = Math.ceil((rounds * 4 * (SHORT_STOP_MS + 200)) / STEP_MS)
  await stage.start(keys, steps)
  await stage.begun(keys)
  let stops = 0
  let longestMs = 0
  for (let round = 1; round <= rounds; round += 1) {
    for (const role of ['owner', 'worker', 'hosting guest', 'client'] as const) {
      longestMs = Math.max(longestMs, await stoppedFor(stage.pidOf(role), SHORT_STOP_MS))
      if (longestMs >= LONGEST_SHORT_STOP_MS) return longestMs
      await stage.served(`${round} ${role}`)
      stops += 1
    }
  }
  const statistics = await stage.statistics()
  expect(statistics).toMatchObject({ nodesLost: 0, runsResumed: 0 })
  await stage.ended(keys, steps)
  expectEffects(stage.effects, keys, steps, 0)
  report('stopped for 1 s', { stops, effects: stage.effects.length, fences: statistics.nodesLost })
  return longestMs
}

describe.concurrent('stopped for long', () => {
  test(
    'a worker process and a program that hosts runs itself: both are fenced, their runs go on elsewhere, and neither begins anything when it wakes',
    async () => {
      await using children = new Children()
      const stage = await Stage.open(children)
      const keys = ['a', 'b', 'c', 'd', 'e', 'f']
      const steps = 60
      stage.hold()
      await stage.start(keys, steps)
      await stage.begun(keys)
      const pids = [stage.pidOf('worker'), stage.pidOf('hosting guest')]
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      await Promise.all([forMs(LONG_STOP_MS), ...pids.map((pid) => stage.movedFrom(pid))])
      const asleep = stage.effects.length
      // First this: what the stopped ones find when they wake is a step that is over, and the next one to be begun.
      stage.letGo()
      for (const pid of pids) wake(pid)
      await stage.ended(keys, steps)
      const { nodesLost } = await stage.statistics()
      expect(nodesLost).toBe(2)
      const late = stage.effects.slice(asleep).filter(({ pid }) => pids.includes(pid))
      expect(late).toEqual([])
      // Of each process one step of each of its runs may have been under way; it is repeated under its key.
      expectEffects(stage.effects, keys, steps, keys.length)
      report('stopped for long, hosts', { stoppedMs: LONG_STOP_MS, fences: nodesLost, effects: stage.effects.length })
    },
    LONG_TEST_MS,
  )

  test(
    'the owner: everybody waits and goes on, nobody is fenced, every effect takes place once',
    async () => {
      await using children = new Children()
      const stage = await Stage.open(children)
      const keys = ['a', 'b', 'c']
      const steps = 40
      await stage.start(keys, steps)
      await stage.begun(keys)
      stage.client.tell({ do: 'wait', name: 'patient', timeoutMs: 500 })
      await stoppedFor(stage.pidOf('owner'), LONG_STOP_MS)
      await stage.served('after')
      expect((await stage.client.event('waited')).code).toBe('PERDURE_E_TIMEOUT')
      await stage.ended(keys, steps)
      const statistics = await stage.statistics()
      expect(statistics).toMatchObject({ nodesLost: 0, runsResumed: 0 })
      expectEffects(stage.effects, keys, steps, 0)
      report('stopped for long, owner', { stoppedMs: LONG_STOP_MS, fences: statistics.nodesLost, effects: stage.effects.length })
    },
    LONG_TEST_MS,
  )
})

/** Each step has its effect, under one key that no other has; at most so many of them twice, and never under an older fence again. */
function expectEffects(effects: readonly Effect[], keys: readonly string[], steps: number, mostTwice: number): void {
  const times = new Map<string, number>()
  const fences = new Map<string, number>()
  for (const { key, run, step, fence } of effects) {
    const name = `${run} ${step} ${key}`
    times.set(name, (times.get(name) ?? 0) + 1)
    expect(fence, `${name}: the fence of an effect after one of ${fences.get(run)}`).toBeGreaterThanOrEqual(fences.get(run) ?? 0)
    fences.set(run, fence)
  }
  expect(times.size).toBe(keys.length * steps)
  expect([...times].filter(([, count]) => count > 2)).toEqual([])
  expect([...times].filter(([, count]) => count > 1).length).toBeLessThanOrEqual(mostTwice)
}

/** How long the process has been stopped. */
async function stoppedFor(pid: number, stopMs: number): Promise<number> {
  const stoppedMs = performance.now()
  process.kill(pid, 'SIGSTOP')
  await forMs(stopMs)
  wake(pid)
  return performance.now() - stoppedMs
}

/** It may have been killed meanwhile: whoever started it does that when it is fenced. */
function wake(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT')
  } catch {
    // Gone.
  }
}

async function ready(children: Children): Promise<Child> {
  const child = children.start('site')
  await child.event('ready')
  return child
}

async function told(child: Child, order: Readonly<Record<string, unknown>>, answer: string): Promise<void> {
  child.tell(order)
  await child.event(answer)
}

function forMs(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}
