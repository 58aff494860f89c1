/**
 * Programs for the simulator: each uses a part of the public contract as users do, and knows what must come out of it whatever
 * happens on the way.
 */
import { active, any, PerdureError, resilient, run, type Space, space } from 'perdure'
import { isLost, type Scenario, type World } from 'perdure/testing'
import { groups } from './groups.ts'
import { holds } from './holds.ts'
import { merchants } from './merchants.ts'
import { moves } from './moves.ts'
import { tellers } from './reattach.ts'
import { outputs, tokens, visitors, writers } from './scenarios-checkpoints.ts'
import { counters, movedTwins, sleepers, twins } from './scenarios-copies.ts'
import { clerks } from './scenarios-files.ts'
import { adders, callers } from './scenarios-groups.ts'
import { travellers } from './scenarios-moves.ts'
import { kinds, seats, weave } from './scenarios-runs.ts'
import { parcels, seasons, swaps } from './scenarios-spaces.ts'
import { watchers } from './watchers.ts'

/** A coordinator puts tasks, workers take them, do something outside, and put results. */
const farm: Scenario = async (world) => {
  const tasks = world.random.between(2, 10)
  const hands = world.random.between(1, 3)
  const pace = paceOf(world)
  const worker = resilient('worker', async (p, id: number) => {
    for (let done = 0; ; done++) {
      const [, task] = await p.space('farm').in(['task', Number])
      if (task < 0) return done
      const square = await p.step('square', async (info) => {
        world.effect(info, `task ${task}`)
        if (task % 2 === 0) await world.pause(20 * pace)
        return task * task
      })
      await p.space('farm').out(['result', task, square, id])
    }
  })
  const coordinator = resilient('coordinator', async (p, count: number, workers: number) => {
    const farm = p.space('farm')
    const started = await Promise.all(Array.from({ length: workers }, (_, id) => p.start(worker, `w${id}`, [id])))
    for (let task = 0; task < count; task++) await farm.out(['task', task])
    let sum = 0
    for (let n = 0; n < count; n++) {
      const [, , square] = await farm.in(['result', Number, Number, Number])
      sum += square
    }
    for (const _ of started) await farm.out(['task', -1])
    const done = await Promise.all(started.map((each) => each.result()))
    return { sum, done: done.reduce((a, b) => a + b, 0) }
  })
  world.host([worker, coordinator])
  await Promise.all([world.start(coordinator, 'main', [tasks, hands]), world.start(coordinator, 'main', [tasks, hands])])
  const { sum, done } = await world.result(coordinator, 'main')
  const numbers = upTo(tasks)
  world.check(sum === numbers.reduce((a, task) => a + task * task, 0), `the sum of the squares is ${sum}`)
  world.check(done === tasks, `${done} tasks were done of ${tasks}`)
  const left = await world.insist(async (site) => (await space(site, 'farm')).count([any, any]))
  world.check(left === 0, `${left} tasks are left`)
  const effects = numbers.map((task) => `task ${task}`)
  checkEffects(world, effects)
}

/** Runs pass a token around a ring, add to it and keep some of it; nothing appears or disappears. */
const ring: Scenario = async (world) => {
  const size = world.random.between(2, 4)
  const rounds = world.random.between(2, 8)
  const member = resilient('member', async (p, at: number, members: number, turns: number) => {
    const ring = p.space('ring')
    let kept = 0
    for (let turn = 0; turn < turns; turn++) {
      const [, , amount] = await ring.in(['token', at, Number])
      const keep = Math.floor(p.random() * 3)
      kept += keep
      await ring.out(['token', (at + 1) % members, amount + 10 - keep])
    }
    return kept
  })
  const mint = resilient('mint', (p) => p.space('ring').out(['token', 0, 100]))
  world.host([member, mint])
  const members = upTo(size)
  await Promise.all([...members.map((at) => world.start(member, `m${at}`, [at, size, rounds])), world.start(mint, 'once', [])])
  const kept = (await Promise.all(members.map((at) => world.result(member, `m${at}`)))).reduce((a, b) => a + b, 0)
  const tokens = await world.insist(async (site) => {
    const ring = await space(site, 'ring')
    const [, , amount] = await ring.rd(['token', Number, Number])
    return { amount, count: await ring.count([any, any, any]) }
  })
  const all = 100 + 10 * size * rounds
  world.check(tokens.count === 1, `${tokens.count} tokens are in the ring`)
  world.check(tokens.amount + kept === all, `${tokens.amount} in the token and ${kept} kept are not ${all}`)
}

/** Races, sleeps, time-outs and cancellations: who wins is decided once. */
const patience: Scenario = async (world) => {
  const count = world.random.between(1, 4)
  const racer = resilient('racer', async (p, k: number, waitMs: number) => {
    const won = await p.race({ go: p.space('start').in(['go', k]), late: p.sleep(waitMs) })
    await p.step('tell', (info) => world.effect(info, `racer ${k}: ${won.key}`))
    return won.key
  })
  const timer = resilient('timer', async (p, waitMs: number) => {
    await p.sleep(1)
    const fromMs = p.now()
    try {
      await p.space('start').in(['never', Number], { timeoutMs: waitMs })
    } catch (error) {
      if (!PerdureError.is(error, 'PERDURE_E_TIMEOUT')) throw error
    }
    return p.now() - fromMs
  })
  const child = resilient('child', (p, k: number) => p.space('start').in(['never', k, 'child']))
  const waiter = resilient('waiter', async (p, k: number) => {
    await p.start(child, `c${k}`, [k], { attached: true })
    try {
      p.space('start')
        .out(['waits', k])
        .catch(() => undefined)
      await p.space('start').in(['late', k])
    } finally {
      await p.sleep(20)
      await p.space('start').out(['cleaned', k])
    }
  })
  world.host([racer, timer, child, waiter])
  await Promise.all(upTo(count).map((k) => patienceOf(world, k)))

  async function patienceOf(at: World, k: number): Promise<void> {
    const waitMs = at.random.between(1, 400)
    await Promise.all([at.start(racer, `r${k}`, [k, waitMs]), at.start(timer, `t${k}`, [waitMs]), at.start(waiter, `w${k}`, [k])])
    await at.sleep(at.random.between(1, 400))
    const put = await putOnce(at, 'start', ['go', k])
    // Half of them are cancelled while they begin; the others wait, and what comes after their end is not for them.
    const waits = at.random.chance(0.5)
    if (waits) await at.insist(async (site) => (await space(site, 'start')).rd(['waits', k]))
    await at.insist((site) => run(site, waiter, `w${k}`).cancel('enough'))
    const late = waits ? await putOnce(at, 'start', ['late', k]) : { least: 0, most: 0 }
    const winner = await at.result(racer, `r${k}`)
    const left = await at.insist(async (site) => (await space(site, 'start')).count(['go', k]))
    const gone = winner === 'go' ? 1 : 0
    at.check(
      left + gone >= put.least && left + gone <= put.most,
      `${left} starts are left, ${gone} won, of ${put.least} to ${put.most}`,
    )
    const waitedMs = await at.result(timer, `t${k}`)
    at.check(waitedMs >= waitMs, `the time-out of ${waitMs} ms came after ${waitedMs} ms`)
    await expectCode(at, at.result(waiter, `w${k}`), 'PERDURE_E_CANCELLED')
    const known = await at.insist(
      async (site) => (await run(site, child, `c${k}`).status().catch(codeOf)) as { state?: string } | string,
    )
    if (known !== 'PERDURE_E_UNKNOWN_RUN') await expectCode(at, at.result(child, `c${k}`), 'PERDURE_E_CANCELLED')
    const stays = await at.insist(async (site) => (await space(site, 'start')).count(['late', k]))
    at.check(
      stays >= late.least && stays <= late.most,
      `a cancelled run took what came later: ${stays} of ${late.least} are left`,
    )
    const cleaned = await at.insist(async (site) => (await space(site, 'start')).count(['cleaned', k]))
    at.check(cleaned <= 1, `the waiter cleaned up ${cleaned} times`)
    const told = new Set(at.effects.map(({ content }) => String(content)).filter((text) => text.startsWith(`racer ${k}:`)))
    at.check(
      told.size === 1 && told.has(`racer ${k}: ${winner}`),
      `racer ${k} was won by ${winner}, and outside is known: ${[...told]}`,
    )
  }
}

/** A loop that cuts its journal; wherever it is restarted, each round happens once. */
const beads: Scenario = async (world) => {
  const rounds = world.random.between(3, 14)
  const every = world.random.between(1, 3)
  const pace = paceOf(world)
  const burst = world.random.chance(0.1) ? 300 : 0
  const maker = resilient('maker', async (p, count: number, more: number) => {
    for (let n = 0; n < more; n++) await p.space('spare').out(['spare', n])
    for (let n = 0; n < count; n++) {
      await p.space('beads').out(['bead', n])
      if (n % 4 === 0) await p.sleep(20 * pace)
    }
  })
  const stringer = resilient('stringer', async (p, count: number, cut: number) => {
    let { at, sum, dice } = (p.restored ?? { at: 0, sum: 0, dice: [] }) as { at: number; sum: number; dice: number[] }
    while (at < count) {
      const [, bead] = await p.space('beads').in(['bead', Number])
      const die = p.random()
      await p.step('string', async (info) => {
        world.effect(info, `bead ${bead} with ${die}`)
        await world.pause(10 * pace)
      })
      at += 1
      sum += bead
      dice = [...dice, die]
      if (at % cut === 0) await p.checkpoint({ at, sum, dice })
    }
    return { sum, dice }
  })
  world.host([maker, stringer])
  await Promise.all([world.start(maker, 'm', [rounds, burst]), world.start(stringer, 's', [rounds, every])])
  const { sum, dice } = await world.result(stringer, 's')
  await world.result(maker, 'm')
  world.check(sum === (rounds * (rounds - 1)) / 2, `the sum of ${rounds} beads is ${sum}`)
  const spare = await world.insist(async (site) => (await space(site, 'spare')).count(['spare', Number]))
  world.check(spare === burst, `${spare} spare beads of ${burst}`)
  const effects = dice.map((die, at) => `bead ${at} with ${die}`)
  checkEffects(world, effects)
}

/** Plain clients that put and take while they and everything else are killed: nothing is taken twice, nothing is lost. */
const clients: Scenario = async (world) => {
  const idle = resilient('idle', () => undefined)
  world.host([idle])
  const puts = { sure: new Set<number>(), tried: new Set<number>() }
  const takes = { sure: [] as number[], unknown: 0 }
  let next = 0
  const putter = async (jobs: Space) => {
    const number = next++
    puts.tried.add(number)
    await jobs.out(['job', number])
    puts.sure.add(number)
  }
  const taker = async (jobs: Space) => {
    takes.unknown += 1
    const tuple = world.random.chance(0.5)
      ? await jobs.inp(['job', Number])
      : await jobs.in(['job', Number], { timeoutMs: 200 }).catch(timedOut)
    takes.unknown -= 1
    if (tuple !== null) takes.sure.push(tuple[1])
  }
  const live = async (act: (jobs: Space) => Promise<void>) => {
    for (let n = world.random.between(2, 10); n > 0; ) {
      const site = await world.attach(world.random.chance(0.5) ? 'bound' : 'lasting')
      const lifeMs = world.random.between(1, 300)
      const busy = (async () => {
        const jobs = await space(site, 'jobs')
        for (; n > 0; n -= 1) await act(jobs)
      })().catch((error: unknown) => {
        if (!isLost(error)) throw error
      })
      await Promise.race([busy, world.sleep(lifeMs)])
      world.kill(site)
      n -= 1
    }
  }
  await Promise.all([live(putter), live(putter), live(taker), live(taker)])
  world.calm()
  const left = new Set<number>()
  await world.insist(async (site) => {
    const jobs = await space(site, 'jobs')
    for (const number of puts.tried) if ((await jobs.count(['job', number])) > 0) left.add(number)
  })
  const taken = new Set(takes.sure)
  world.check(taken.size === takes.sure.length, `a job was taken twice: ${takes.sure}`)
  world.check(
    [...taken].every((number) => !left.has(number) && puts.tried.has(number)),
    'a job that was taken is still there, or was never put',
  )
  const missing = [...puts.sure].filter((number) => !taken.has(number) && !left.has(number))
  world.check(
    missing.length <= takes.unknown,
    `${missing.length} jobs are lost (${missing}), ${takes.unknown} takes have an unknown outcome`,
  )
}

/** Active tuples become passive ones, once, whatever happens to the runs that compute them. */
const actives: Scenario = async (world) => {
  const count = world.random.between(1, 4)
  const twice = resilient('twice', (p, n: number) => p.step('compute', (info) => world.effect(info, `twice ${n}`) ?? 2 * n))
  const refuse = resilient('refuse', async (p, n: number): Promise<number> => {
    await p.sleep(10)
    throw new RangeError(`not ${n}`)
  })
  const starter = resilient('starter', async (p, tuples: number) => {
    for (let n = 0; n < tuples; n++) {
      await p.space('actives').eval(['double', n, active(twice, [n]), active(twice, [n + 100])])
      await p.space('actives').eval(['failed', n, active(refuse, [n])])
    }
  })
  world.host([twice, refuse, starter])
  await world.start(starter, 's', [count])
  await world.result(starter, 's')
  for (const n of upTo(count)) {
    const [, , a, b] = await world.insist(async (site) => (await space(site, 'actives')).rd(['double', n, Number, Number]))
    world.check(a === 2 * n && b === 2 * n + 200, `the doubles of ${n} are ${a} and ${b}`)
    const [, , error] = await world.insist(async (site) => (await space(site, 'actives')).rd(['failed', n, Object]))
    world.check((error as { code?: string }).code === 'RangeError', `the failed field is ${JSON.stringify(error)}`)
  }
  const all = await world.insist(async (site) => {
    const place = await space(site, 'actives')
    return (await place.count(['double', Number, any, any])) + (await place.count(['failed', Number, any]))
  })
  world.check(all === 2 * count, `${all} tuples came of ${2 * count} active ones`)
  const effects = upTo(count).flatMap((n) => [`twice ${n}`, `twice ${n + 100}`])
  checkEffects(world, effects)
}

/** Steps that take seconds: nodes are suspected, heard again, or fenced while they execute one, and finish it as nobody. */
const slow: Scenario = async (world) => {
  const count = world.random.between(2, 4)
  const steps = 3
  const trouble = troubleOf(world)
  const walker = resilient('walker', async (p, k: number) => {
    const seen: number[] = []
    for (let n = 0; n < steps; n++) {
      const waitMs = Math.floor(p.random() * 6_000)
      const step = await p.step('walk', async (info) => {
        world.effect(info, `walker ${k} step ${n}`)
        trouble()
        await world.pause(waitMs)
        return n
      })
      seen.push(step)
      await p.sleep(Math.floor(p.random() * 6_000))
    }
    return seen.join()
  })
  world.host([walker])
  await Promise.all(upTo(count).map((k) => world.start(walker, `k${k}`, [k])))
  for (const k of upTo(count)) {
    const seen = await world.result(walker, `k${k}`)
    world.check(seen === upTo(steps).join(), `walker ${k} went ${seen}`)
  }
  const effects = upTo(count).flatMap((k) => upTo(steps).map((n) => `walker ${k} step ${n}`))
  checkEffects(world, effects)
}

/** Fewer than the deaths at one place after which a run is wedged, and should be. */
const MOST_TROUBLES = 3

/** The process that executes a step is stopped; now and then its owner dies meanwhile, when others of its steps are about to begin. */
function troubleOf(world: World): () => void {
  let troubles = 0
  return () => {
    if (troubles >= MOST_TROUBLES || !world.random.chance(0.5)) return
    troubles += 1
    // Mostly for longer than it takes to be fenced.
    if (world.random.chance(0.2)) return world.hold(world.random.between(1_500, 5_000))
    if (world.random.chance(0.5)) return world.hold(world.random.between(5_100, 9_000))
    world.hold(world.random.between(10, 300))
    const strike = () => world.strike('owner crash')
    world.sleep(world.random.next() * 4).then(strike, strike)
  }
}

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  farm,
  ring,
  patience,
  beads,
  clients,
  actives,
  slow,
  seats,
  weave,
  kinds,
  parcels,
  swaps,
  seasons,
  travellers,
  tellers,
  holds,
  groups,
  watchers,
  moves,
  clerks,
  twins,
  movedTwins,
  sleepers,
  counters,
  adders,
  callers,
  tokens,
  writers,
  outputs,
  visitors,
  merchants,
}

/** Factor for what takes time: with slow steps, nodes are suspected and fenced while they execute one. */
function paceOf(world: World): number {
  return world.random.chance(0.5) ? 1 : world.random.between(10, 300)
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}

/** Exactly these effects happened, each under one key only: a step that was executed as if it were two has two. */
function checkEffects(world: World, expected: readonly string[]): void {
  const keys = new Map<string, Set<string>>()
  for (const { content, idempotencyKey } of world.effects) {
    const text = String(content)
    keys.set(text, (keys.get(text) ?? new Set()).add(idempotencyKey))
  }
  const found = [...keys.keys()].sort().join('; ')
  const wanted = [...expected].sort().join('; ')
  world.check(found === wanted, `the effects are ${found}; expected were ${wanted}`)
  for (const [text, each] of keys) world.check(each.size === 1, `the effect ${text} has the keys ${[...each].join(', ')}`)
}

/** Puts a tuple through clients whose sessions may be lost: how often it was put, at least and at most. */
async function putOnce(
  world: World,
  name: string,
  tuple: readonly unknown[],
): Promise<{ readonly least: number; readonly most: number }> {
  let tries = 0
  await world.insist(async (site) => {
    const place = await space(site, name)
    tries += 1
    await place.out(tuple)
  })
  return { least: 1, most: tries }
}

async function expectCode(world: World, result: Promise<unknown>, code: string): Promise<void> {
  const found = await result.then(() => 'a result', codeOf)
  world.check(found === code, `${code} was expected, ${found} came`)
}

function codeOf(error: unknown): string {
  return error instanceof PerdureError ? error.code : String(error)
}

function timedOut(error: unknown): null {
  if (PerdureError.is(error, 'PERDURE_E_TIMEOUT')) return null
  throw error
}
