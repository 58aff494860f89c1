/**
 * Programs for the simulator whose runs are executed by several copies at once: whichever of them die, stand still or lag behind, the
 * site sees one run.
 */
import { any, resilient, run, type Space, space } from 'perdure'
import type { Scenario, World } from 'perdure/testing'
import { disturb } from './scenarios-moves.ts'

/** Longer than it takes until a silent process is fenced. */
const STANDSTILL_MS = 7_000

/** Steps under way at once. */
const MOST_PARALLEL = 3

/** Twins pass tasks through steps, alone and side by side, cut their journals now and then, and count what they have done. */
export const twins: Scenario = (world) => playTwins(world, 'in peace')

/** The same, while people pause, resume and move them. */
export const movedTwins: Scenario = (world) => playTwins(world, 'moved')

async function playTwins(world: World, how: 'in peace' | 'moved'): Promise<void> {
  const rounds = world.random.between(2, 8)
  const replicas = world.random.between(1, 4)
  const count = world.random.between(1, 3)
  const parallel = world.random.between(1, MOST_PARALLEL)
  const pace = world.random.chance(0.5) ? 1 : world.random.between(10, 200)
  const cuts = world.random.chance(0.6)
  const twin = resilient(
    'twin',
    async (p, id: number, total: number) => {
      const desk = p.space('desk')
      const state = (p.restored ?? { round: 0, sum: 0, seen: [] }) as { round: number; sum: number; seen: readonly number[] }
      let { round, sum, seen } = state
      for (; round < total; round++) {
        if (p.random() < 0.3) await p.sleep(p.random() * 20)
        const parts = await Promise.all(
          Array.from({ length: parallel }, (_, part) =>
            p.step(`part ${part}`, async (info) => {
              world.effect(info, `${id}.${round}.${part}`)
              if (part % 2 === 0) await world.pause(10 * pace)
              return round + part
            }),
          ),
        )
        await desk.out(['done', id, round, parts.length])
        const won = await p.race({ own: desk.in(['done', id, round, Number]), late: p.sleep(60_000) })
        sum += parts.reduce((a, b) => a + b, 0) + (won.key === 'own' ? 1 : 100)
        seen = [...seen, p.now()]
        await desk.out(['kept', id, round])
        if (cuts && p.random() < 0.5) await p.checkpoint({ round: round + 1, sum, seen })
      }
      return { sum, seen }
    },
    { layer: 'replicas', replicas },
  )
  world.host([twin])
  const ids = Array.from({ length: count }, (_, id) => id)
  await Promise.all(ids.map((id) => world.start(twin, `t${id}`, [id, rounds])))
  if (how === 'moved') {
    for (let n = world.random.between(1, 10); n > 0; n -= 1) {
      await world.sleep(world.random.next() * 40)
      await disturb(world, (site) => run(site, twin, `t${world.random.pick(ids)}`))
    }
    world.calm()
    for (const id of ids) await world.insist((site) => run(site, twin, `t${id}`).resume())
  }
  const results = await Promise.all(ids.map((id) => world.result(twin, `t${id}`)))
  let expected = 0
  for (let round = 0; round < rounds; round++) for (let part = 0; part < parallel; part++) expected += round + part
  for (const { sum, seen } of results) {
    world.check(sum === expected + rounds, `a twin has come to ${sum}, not to ${expected + rounds}`)
    world.check(isRising(seen), `the replies of a twin came at ${seen}`)
  }
  const { done, kept } = await world.insist(async (site) => counted(await space(site, 'desk')))
  world.check(done === 0, `${done} tasks are left`)
  world.check(kept === rounds * count, `${kept} rounds were kept, not ${rounds * count}`)
  checkEffects(world, rounds * count * parallel, how)
}

async function counted(desk: Space): Promise<{ readonly done: number; readonly kept: number }> {
  return { done: await desk.count(['done', any, any, any]), kept: await desk.count(['kept', any, any]) }
}

function isRising(times: readonly number[]): boolean {
  return times.every((time, at) => at === 0 || time >= (times[at - 1] as number))
}

/** Everything happened; twice only where somebody had died, was silent, or was moved in the middle. */
function checkEffects(world: World, count: number, how: 'in peace' | 'moved'): void {
  const contents = new Set(world.effects.map(({ content }) => content))
  world.check(contents.size === count, `${contents.size} effects happened, not ${count}`)
  if (world.faults.length === 0 && how === 'in peace')
    world.check(world.effects.length === count, `${world.effects.length} effects, without a fault`)
}

/** Processes that stand still in the middle of a step, so that it is given to another copy; and then go on as if nothing had happened. */
export const sleepers: Scenario = async (world) => {
  const count = world.random.between(2, 5)
  const sleeper = resilient(
    'sleeper',
    async (p, steps: number) => {
      const values: number[] = []
      for (let n = 0; n < steps; n++) {
        values.push(
          await p.step('stand', async (info) => {
            const again = world.effects.some(({ idempotencyKey }) => idempotencyKey === info.idempotencyKey)
            world.effect(info, n)
            // Who was thought dead comes back while the other one is at it.
            const stands = !again && world.random.chance(0.5)
            if (stands) world.hold(STANDSTILL_MS)
            await world.pause(stands ? 1 : STANDSTILL_MS / 2)
            return n
          }),
        )
      }
      return values
    },
    { layer: 'replicas' },
  )
  world.host([sleeper])
  await world.start(sleeper, 's', [count])
  const values = await world.result(sleeper, 's')
  world.check(values.join() === Array.from({ length: count }, (_, n) => n).join(), `the steps have come to ${values}`)
  world.check(new Set(world.effects.map(({ content }) => content)).size === count, 'an effect is missing')
}

/** A seller of two copies and one of one want the same seats; a seat is sold once. */
export const counters: Scenario = async (world) => {
  const seats = world.random.between(2, 8)
  const seller = (layer: 'journal' | 'replicas') =>
    resilient(
      `by ${layer}`.replace(' ', '-'),
      async (p, name: string) => {
        let sold = 0
        for (;;) {
          const seat = await p.race({ closed: p.space('hall').rd(['closed']), seat: p.space('hall').in(['seat', Number]) })
          if (seat.key === 'closed') return sold
          const [, number] = seat.value
          await p.step('sell', (info) => world.effect(info, `seat ${number} to ${name}`))
          sold += 1
        }
      },
      { layer },
    )
  const [alone, together] = [seller('journal'), seller('replicas')]
  world.host([alone, together])
  await world.insist(async (site) => {
    const hall = await space(site, 'hall')
    for (let number = await hall.count(['put', Number]); number < seats; number++)
      await hall.atomic([{ out: ['put', number] }, { out: ['seat', number] }])
  })
  await Promise.all([world.start(alone, 'Ada', ['Ada']), world.start(together, 'Bob', ['Bob'])])
  await world.sleep(world.random.between(10, 500))
  await world.insist(async (site) => (await space(site, 'hall')).out(['closed']))
  const sold = (await world.result(alone, 'Ada')) + (await world.result(together, 'Bob'))
  const left = await world.insist(async (site) => (await space(site, 'hall')).count(['seat', Number]))
  world.check(sold + left >= seats, `${sold} seats are sold and ${left} are left of ${seats}`)
  const outside = new Map<string, Set<unknown>>()
  for (const { content, idempotencyKey } of world.effects) {
    const seat = String(content).split(' to ')[0] as string
    outside.set(seat, (outside.get(seat) ?? new Set()).add(idempotencyKey))
  }
  world.check(outside.size === sold, `${outside.size} seats were sold outside, ${sold} inside`)
  world.check(
    [...outside.values()].every(({ size }) => size === 1),
    'a seat was sold twice',
  )
}
