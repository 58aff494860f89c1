/** Work that is taken to be held: by the quick, the late and the dying, by programs and by runs. */
import { PerdureError, resilient, type Space, space } from 'perdure'
import { isLost, type Scenario, type World } from 'perdure/testing'

/** A job that is handed out so often and never done goes to the dead. */
const MOST_DELIVERIES = 3

/** From hardly enough to more than any fault takes. */
const LEASES_MS = [30, 120, 600, 120_000] as const

/** Whoever is dead is given up by then, also when an owner died in the last moment. */
const GIVEN_UP_MS = 45_000

interface Office {
  /** By job: how often somebody was told that its work is done. */
  readonly done: Map<number, number>
  /** Jobs whose acknowledgement has an unknown outcome. */
  readonly unknown: Set<number>
  /** `job.delivery` of everything that was handed out. */
  readonly handed: Set<string>
  /** Programs that left a failure tuple. */
  readonly programs: Program[]
}

interface Program {
  readonly id: number
  /** `promised` once it was told so. */
  state: 'asked' | 'promised' | 'taken back'
  end: 'alive' | 'closed' | 'killed' | 'lost'
}

/**
 * Every job is done or dead, exactly once, as the space says. Some jobs kill whoever takes them. A program that is lost leaves its
 * failure tuple, and nobody else does.
 */
export const holds: Scenario = async (world) => {
  const jobs = world.random.between(2, 8)
  const bad = new Set(Array.from({ length: world.random.between(0, 3) }, () => world.random.below(jobs)))
  const office: Office = { done: new Map(), unknown: new Set(), handed: new Set(), programs: [] }
  const clerk = resilient('clerk', async (p, rounds: number, leaseMs: number) => {
    const desk = p.space('jobs')
    for (let n = 0; n < rounds; n += 1) {
      const held = await desk.inp(['job', Number], { hold: { leaseMs, maxDeliveries: MOST_DELIVERIES } })
      if (held === null || bad.has(held.tuple[1])) await p.sleep(p.random() * 100)
      else {
        await p.sleep(p.random() * 60)
        const mine = await held.ack().then(() => true, holdLost)
        if (mine) await p.step('tell', (info) => world.effect(info, held.tuple[1]))
      }
    }
  })
  world.host([clerk])
  const client = await world.attach()
  const desk = await space(client, 'jobs')
  for (let job = 0; job < jobs; job += 1) await desk.out(['job', job])
  const rounds = world.random.between(0, 10)
  await world.start(clerk, 'c', [rounds, world.random.pick(LEASES_MS)])
  const hands = Array.from({ length: world.random.between(1, 3) }, () => handsOf(world, office, bad))
  await Promise.all(hands)
  await world.result(clerk, 'c')
  world.calm()
  await finish(world, desk, office, jobs)
  checkJobs(world, office, jobs)
  await checkFailures(world, desk, office)
}

/** One program after the other, each for a while. */
async function handsOf(world: World, office: Office, bad: ReadonlySet<number>): Promise<void> {
  for (let lives = world.random.between(1, 3); lives > 0; lives -= 1) {
    const lasting = world.random.chance(0.7)
    const site = await world.attach(lasting ? 'lasting' : 'bound')
    const program: Program = { id: office.programs.length, state: 'asked', end: 'alive' }
    office.programs.push(program)
    const desk = await space(site, 'jobs')
    try {
      await desk.failureTuple(['gone', program.id])
      program.state = 'promised'
      if (world.random.chance(0.2)) world.check(!(await world.intrude(site.issuer.session)), 'a session was stolen')
      const isDead = await work(world, desk, office, bad)
      if (!isDead && world.random.chance(0.3)) {
        await site.close()
        program.end = 'closed'
        continue
      }
      if (!isDead && world.random.chance(0.5)) {
        await desk.failureTuple(null)
        program.state = 'taken back'
        continue
      }
      program.end = 'killed'
    } catch (error) {
      if (!isLost(error)) throw error
      world.check(!lasting, `a session that lasts was lost: ${String(error)}`)
      program.end = 'lost'
    }
    world.kill(site)
  }
}

/** True if it has died over a job. */
async function work(world: World, desk: Space, office: Office, bad: ReadonlySet<number>): Promise<boolean> {
  for (let rounds = world.random.between(1, 6); rounds > 0; rounds -= 1) {
    const leaseMs = world.random.pick(LEASES_MS)
    const beganMs = world.nowMs
    const hold = { leaseMs, maxDeliveries: MOST_DELIVERIES }
    const timeoutMs = world.random.between(1, 200)
    const held = world.random.chance(0.7)
      ? await desk.inp(['job', Number], { hold })
      : await desk.in(['job', Number], { hold, timeoutMs }).catch(timedOut)
    if (held === null) continue
    const [, job] = held.tuple
    const handed = `${job}.${held.deliveries}`
    world.check(!office.handed.has(handed) && held.deliveries <= MOST_DELIVERIES, `the job ${handed} was handed out again`)
    office.handed.add(handed)
    if (bad.has(job)) return true
    await world.sleep(world.random.next() * (world.random.chance(0.5) ? 600 : 30))
    if (world.random.chance(0.1)) return true
    if (world.random.chance(0.1)) await held.release().catch(holdLost)
    else await acknowledge(world, held.ack(), { job, office, until: beganMs + leaseMs })
  }
  return false
}

interface Acknowledged {
  readonly job: number
  readonly office: Office
  /** Until then the hold is good, however the clocks of owners go. */
  readonly until: number
}

async function acknowledge(world: World, ack: Promise<void>, { job, office, until }: Acknowledged): Promise<void> {
  office.unknown.add(job)
  const mine = await ack.then(() => true, holdLost)
  office.unknown.delete(job)
  if (mine) office.done.set(job, (office.done.get(job) ?? 0) + 1)
  else world.check(world.nowMs >= until, `the hold of job ${job} was lost ${until - world.nowMs} ms before its time`)
}

/** Whoever holds something is given up with it, or has ended; what comes back is done. */
async function finish(world: World, desk: Space, office: Office, jobs: number): Promise<void> {
  await world.sleep(GIVEN_UP_MS)
  for (let most = jobs * MOST_DELIVERIES; most > 0; most -= 1) {
    const held = await desk.inp(['job', Number], { hold: { leaseMs: 60_000 } })
    if (held === null) return
    await held.ack()
    office.done.set(held.tuple[1], (office.done.get(held.tuple[1]) ?? 0) + 1)
  }
}

function checkJobs(world: World, { done, unknown }: Office, jobs: number): void {
  const byRuns = world.effects.map(({ content }) => content as number)
  const dead = world.changes('jobs.dead').map(({ tuple }) => tuple[1] as number)
  for (let job = 0; job < jobs; job += 1) {
    const times = (done.get(job) ?? 0) + new Set(byRuns.filter((each) => each === job)).size
    const deaths = dead.filter((each) => each === job).length
    const least = unknown.has(job) ? 0 : 1
    world.check(times + deaths <= 1 && times + deaths >= least, `job ${job} was done ${times} times, and died ${deaths} times`)
    checkDeliveries(world, job)
  }
}

/** It is there or handed out, by turns, and not too often. */
function checkDeliveries(world: World, job: number): void {
  const kinds = world.changes('jobs').flatMap(({ kind, tuple }) => (tuple[0] === 'job' && tuple[1] === job ? [kind] : []))
  const expected = kinds.map((_, at) => (at % 2 === 0 ? 'out' : 'in'))
  world.check(kinds.join() === expected.join(), `job ${job} has gone through ${kinds.join(' ')}`)
  // The last to take it is the one who cleans up, for which there is one more.
  world.check(kinds.filter((kind) => kind === 'in').length <= MOST_DELIVERIES + 1, `job ${job} was handed out too often`)
}

async function checkFailures(world: World, desk: Space, { programs }: Office): Promise<void> {
  for (const { id, state, end } of programs) {
    const left = await desk.count(['gone', id])
    const [least, most] = end === 'closed' && world.faults.length === 0 ? [0, 0] : failuresOf(state, end)
    world.check(left >= least && left <= most, `the program ${id} (${state}, ${end}) has left ${left} failure tuples`)
  }
}

function failuresOf(state: Program['state'], end: Program['end']): readonly [least: number, most: number] {
  if (state === 'taken back') return [0, 0]
  if (state === 'asked') return [0, 1]
  // The goodbye of one that closes may get lost, and one that is lost may have taken it back.
  return end === 'killed' ? [1, 1] : [0, 1]
}

function holdLost(error: unknown): false {
  if (PerdureError.is(error, 'PERDURE_E_HOLD_LOST')) return false
  throw error
}

function timedOut(error: unknown): null {
  if (PerdureError.is(error, 'PERDURE_E_TIMEOUT')) return null
  throw error
}
