/**
 * A program may run ahead of the disk, the outside world may not: the whole site crashes at random moments and loses what was not
 * durable, or part of it; whatever steps did to the world must not depend on anything that was lost.
 */
import { type PerdureError, start } from 'perdure'
import { space } from 'perdure/space'
import { expect, test } from 'vitest'
import { cut } from '../../log/array-log.ts'
import { seeded } from '../../log/seeded.ts'
import { macrotask } from '../../log/virtual-clock.ts'
import { checkEffects, EFFECTS, newWorld, programOf, type World } from './program.ts'
import { Stage } from './stage.ts'

const SEEDS = 30
const MAX_LIVES = 200

interface Life {
  readonly result: unknown
  readonly lives: number
  readonly lost: number
  readonly world: World
  readonly items: unknown
}

async function lives(seed: number): Promise<Life> {
  const random = seeded(seed)
  const world = newWorld()
  const { all, square } = programOf(world)
  let stage = await Stage.open()
  let lost = 0
  for (let life = 1; life <= MAX_LIVES; life++) {
    let result: unknown
    const begun = (async () => {
      await stage.node('a', [all, square], { over: random() < 0.5 ? 'memory' : 'a pipe' })
      const handle = await start(stage.site, all, 'k', ['n'])
      result = await handle.result().catch(({ code }: PerdureError) => code)
    })()
    // What a life that ends leaves under way rejects, or hangs.
    begun.catch(() => undefined)
    stage.log.durability = 'by hand'
    const end = 3 + Math.floor(random() * 40)
    for (let turn = 0; turn < end && typeof result !== 'object'; turn++) {
      const what = random()
      if (what < 0.35)
        stage.log.sync(stage.log.durableIndex + Math.ceil(random() * (stage.log.lastIndex - stage.log.durableIndex)))
      else if (what < 0.5) await stage.clock.advance(5)
      else for (let n = random() * 6; n > 0; n--) await macrotask()
    }
    if (result === 'PERDURE_E_WEDGED') return { result, lives: life, lost, world, items: undefined }
    if (typeof result === 'object') {
      stage.log.durability = 'at once'
      stage.log.sync()
      const box = await space(stage.site, 'box')
      const items = await stage.settle(Promise.all([box.count(['item', Number]), box.count(['done', String, String, Number])]))
      return { result, lives: life, lost, world, items }
    }
    const { durableIndex, lastIndex } = stage.log
    const kept = durableIndex + Math.floor(random() * (lastIndex - durableIndex + 1))
    lost += lastIndex - kept
    stage.abandon()
    const shelf = cut(stage.shelf, kept)
    stage = await Stage.open({ shelf, clock: stage.clock })
  }
  throw new Error(`seed ${seed}: not done after ${MAX_LIVES} lives`)
}

test(`${SEEDS} histories of crashes that lose the undurable: the result is one, the outs are once, no effect of a lost past`, async () => {
  let sumOfLives = 0
  let sumOfLost = 0
  let wedged = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { result, lives: count, lost, world, items } = await lives(seed)
    sumOfLives += count
    sumOfLost += lost
    checkEffects(world)
    // Five crashes without any progress in between: as promised, such a run is not tried for ever.
    if (result === 'PERDURE_E_WEDGED') {
      wedged += 1
      continue
    }
    expect(result, `seed ${seed}`).toMatchObject({ squared: 25, failed: 'no' })
    expect(items, `seed ${seed}`).toEqual([3, 1])
    expect(new Set(world.effects.map(({ key }) => key)).size, `seed ${seed}`).toBe(EFFECTS)
  }
  expect(wedged).toBeLessThan(SEEDS / 5)
  expect(sumOfLives).toBeGreaterThan(SEEDS * 2)
  expect(sumOfLost).toBeGreaterThan(SEEDS)
})
