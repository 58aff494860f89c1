/**
 * What a group costs: calls of groups in this process beside the direct call of the same method, and what stragglers leave behind.
 *
 * Not measured: members that do something, which is what calls are for; members in threads and in other processes.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { host, open, space } from 'perdure'
import {
  activeReplication,
  dependable,
  leaderFollower,
  majority,
  nVersion,
  objectGroup,
  passiveReplication,
  recoveryBlock,
} from 'perdure/group'
import { type Bench, type Effort, type Figure, inTurns, perSecond } from './measure.ts'

const CALLS = 400_000
const ASYNC_CALLS = 150_000

/** Calls of the straggler bench, as the issue has it. */
const STRAGGLING = 200_000

class Counter {
  count = 0

  add(n: number): number {
    this.count += n
    return this.count
  }

  async addLater(n: number): Promise<number> {
    this.count += n
    return this.count
  }
}

class OtherCounter extends Counter {}
class ThirdCounter extends Counter {}

const VARIANTS = [Counter, OtherCounter, ThirdCounter] as const

const Three = dependable(Counter, nVersion({ variants: VARIANTS, adjudicator: majority() }))
const One = dependable(Counter, nVersion({ variants: [Counter], adjudicator: majority() }))
const accept = (result: unknown): boolean => typeof result === 'number'
const Block = dependable(Counter, recoveryBlock({ variants: [Counter, OtherCounter], accept }))

export const groups: Bench = {
  name: 'groups',
  async run(effort) {
    return [
      await passThrough(effort),
      await compared('majority of 3, synchronous', new Three(), '>= 250,000', effort),
      await comparedAsync('majority of 3, asynchronous', new Three(), '>= 100,000', effort),
      await compared('recovery block, small state', new Block(), '>= 150,000', effort),
    ]
  },
}

/** Calls under way at once. */
const PIPELINED = 1_000

/** Three replicas in this process, memory engine; the log orders and decides. A call is four operations: itself and three ballots. */
export const replicated: Bench = {
  name: 'replicated',
  async run(effort) {
    const site = await open('memory:')
    for (const node of ['a', 'b', 'c']) await host(site, node, [Counter])
    const jobs = await space(site, 'jobs')
    const calls = Math.max(5, Math.round(20 * effort.share)) * PIPELINED
    const floor = async () => {
      const startedMs = performance.now()
      for (let n = 0; n < calls; n += PIPELINED) {
        const asked: Promise<unknown>[] = []
        for (let i = 0; i < 2 * PIPELINED; i += 1) asked.push(jobs.out(['job', i, 'cat.png']), jobs.in(['job', i, String]))
        await Promise.all(asked)
      }
      return perSecond(calls, startedMs)
    }
    const figures: Figure[] = []
    for (const [style, strategy, target] of [
      ['active', activeReplication({ replicas: 3 }), '>= 20,000'],
      ['passive', passiveReplication({ replicas: 3 }), ''],
      ['leader/follower', leaderFollower({ replicas: 3 }), ''],
    ] as const) {
      const Replicated = dependable(Counter, strategy, { site, name: 'counters' })
      const counter = await Replicated.create({ key: style })
      const each = async () => {
        const startedMs = performance.now()
        for (let n = 0; n < calls; n += PIPELINED) {
          const asked: Promise<number>[] = []
          for (let i = 0; i < PIPELINED; i += 1) asked.push(counter.add(1))
          await Promise.all(asked)
        }
        return perSecond(calls, startedMs)
      }
      for (let warm = 0; warm < 2; warm += 1) await each()
      const what = `${style} replication, 3 replicas, memory, ${PIPELINED.toLocaleString('en')} calls under way`
      figures.push(await inTurns(effort, { what, unit: 'calls/s', floor: 'four operations of a space', target }, each, floor))
    }
    await site.close()
    return figures
  },
}

/** 200,000 calls whose third member always answers after the decision. */
export const stragglers: Bench = {
  name: 'stragglers',
  async run({ share }) {
    const calls = Math.round(STRAGGLING * Math.max(share, 0.5))
    const quick = { add: async (n: number) => n }
    const slow = { add: (n: number) => new Promise<number>((resolve) => setImmediate(resolve, n)) }
    const plain = await slope(calls, async (n, done) => {
      await Promise.all([quick.add(n), quick.add(n)])
      slow.add(n).then(done, done)
    })
    let done = () => {}
    const strategy = nVersion({ adjudicator: majority(), timeoutMs: 1_000, stragglerMs: 1_000 })
    const group = objectGroup({ a: { ...quick }, b: { ...quick }, slow }, strategy, { onVerdict: () => done() })
    const grouped = await slope(calls, async (n, complete) => {
      done = complete
      await group.add(n)
    })
    // What is left of the shared timer ends by itself.
    while (timers() > 0) await new Promise((resolve) => setImmediate(resolve))
    const what = `heap slope of ${calls.toLocaleString('en')} calls with a straggler each (live timers afterwards: ${timers()}, unhandled rejections: ${grouped.unhandled})`
    return [
      {
        what,
        unit: 'MB/100k calls',
        values: [grouped.megabytes],
        floor: { what: 'as many promises without a group', values: [plain.megabytes] },
        target: '< 1',
      },
    ]
  },
}

/** Megabytes of the heap for 100,000 calls, between the first quarter and the end, collected. */
async function slope(
  calls: number,
  call: (n: number, done: () => void) => Promise<unknown>,
): Promise<{ megabytes: number; unhandled: number }> {
  let completed = 0
  let unhandled = 0
  const done = () => {
    completed += 1
  }
  const count = () => {
    unhandled += 1
  }
  process.on('unhandledRejection', count)
  const quarter = Math.round(calls / 4)
  let first = 0
  for (let n = 1; n <= calls; n += 1) {
    await call(n, done)
    if (n !== quarter && n !== calls) continue
    while (completed < n) await new Promise((resolve) => setImmediate(resolve))
    if (n === quarter) first = collected()
  }
  const bytes = collected() - first
  process.off('unhandledRejection', count)
  return { megabytes: ((bytes / (calls - quarter)) * 100_000) / 2 ** 20, unhandled }
}

function collected(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
}

async function passThrough(effort: Effort): Promise<Figure> {
  const calls = Math.round(ASYNC_CALLS * effort.share)
  const each = async (counter: Pick<Counter, 'addLater'>) => {
    const startedMs = performance.now()
    for (let n = 0; n < calls; n += 1) await counter.addLater(1)
    return ((performance.now() - startedMs) * 1e6) / calls
  }
  const [group, direct] = [new One(), new Counter()]
  for (const counter of [group, direct, group, direct]) await each(counter)
  const values: number[] = []
  const floors: number[] = []
  for (let round = 0; round < effort.rounds; round += 1) {
    const alone = await each(direct)
    floors.push(alone)
    values.push((await each(group)) - alone)
  }
  return {
    what: 'group of one, asynchronous: over the direct call',
    unit: 'ns/call',
    values,
    floor: { what: 'the direct call', values: floors },
    target: '<= 500',
  }
}

async function compared(what: string, group: Pick<Counter, 'add'>, target: string, effort: Effort): Promise<Figure> {
  const calls = Math.round(CALLS * effort.share)
  const each = (counter: Pick<Counter, 'add'>) => {
    const startedMs = performance.now()
    for (let n = 0; n < calls; n += 1) counter.add(1)
    return perSecond(calls, startedMs)
  }
  const direct = new Counter()
  for (const counter of [group, direct, group, direct]) each(counter)
  const measured = { what, unit: 'calls/s', floor: 'the direct call', target }
  return inTurns(
    effort,
    measured,
    () => each(group),
    () => each(direct),
  )
}

async function comparedAsync(what: string, group: Pick<Counter, 'addLater'>, target: string, effort: Effort): Promise<Figure> {
  const calls = Math.round(ASYNC_CALLS * effort.share)
  const each = async (counter: Pick<Counter, 'addLater'>) => {
    const startedMs = performance.now()
    for (let n = 0; n < calls; n += 1) await counter.addLater(1)
    return perSecond(calls, startedMs)
  }
  const direct = new Counter()
  for (const counter of [group, direct, group, direct]) await each(counter)
  const measured = { what, unit: 'calls/s', floor: 'the direct call', target }
  return inTurns(
    effort,
    measured,
    () => each(group),
    () => each(direct),
  )
}
