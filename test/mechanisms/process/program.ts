/** One body that uses everything a run has, for tests that disturb it in every way. */
import { gt, type RunContext, resilient } from 'perdure'
import { active, type Definition, type DefinitionOptions } from 'perdure/process'
import { expect } from 'vitest'
import type { AnyDefinition } from './stage.ts'

interface Effect {
  readonly name: string
  readonly key: string
  readonly input: unknown
}

/** What a body has seen, by execution; what its steps have done to the world. */
/** Steps of the program that write down their effects. */
export const EFFECTS = 4

export interface World {
  readonly traces: unknown[][]
  readonly effects: Effect[]
}

export function programOf(
  world: World,
  options: DefinitionOptions = {},
): { all: Definition<RunContext, [string], unknown>; square: AnyDefinition } {
  const square = resilient(
    'square',
    async (p, n: number) => {
      await p.sleep(5)
      return n * n
    },
    options,
  )
  const all = resilient(
    'all',
    async (p: RunContext, name: string) => {
      const trace: unknown[] = []
      world.traces.push(trace)
      const saw = <T>(value: T): T => {
        trace.push(value)
        return value
      }
      const effect = (step: string, input: unknown) =>
        p.step(step, ({ idempotencyKey }) => {
          world.effects.push({ name: step, key: idempotencyKey, input })
          return `${step} of ${JSON.stringify(input)}`
        })
      const box = p.space('box')
      if (p.restored === undefined) {
        saw(await effect('first', name))
        for (let i = 0; i < 5; i++) void box.out(['item', i])
        saw(await Promise.all([box.in(['item', gt(2)]), box.rd(['item', Number]), box.inp(['none']), p.sleep(3)]))
        saw([p.now(), p.random(), p.uuid()])
        saw(await p.race({ late: p.sleep(1_000), tuple: box.in(['item', Number]), never: box.in(['never']) }))
        saw(await p.race({ late: p.sleep(7), never: box.in(['never']) }))
        const child = await p.start(square, `${name}-child`, [12])
        saw(await child.result())
        await p.checkpoint({ sum: 5 })
      }
      const { sum } = (p.restored ?? { sum: 5 }) as { sum: number }
      saw([p.now(), p.random()])
      await box.eval(['squared', active(square, [sum])])
      const [, squared] = saw(await box.in(['squared', Number]))
      // What a lost past would change: the time at which a reply came.
      await effect('clock', p.now())
      const parts = saw(await Promise.all([effect('left', squared), effect('right', squared), box.count(['item', Number])]))
      const failed = await p
        .step('fails', () => Promise.reject(new Error('no')), { retry: { attempts: 2, delayMs: 1 } })
        .catch((e: Error) => e.message)
      saw(failed)
      await box.out(['done', ...parts])
      return { squared, parts, failed, random: p.random() }
    },
    options,
  )
  return { all, square }
}

export function newWorld(): World {
  return { traces: [], effects: [] }
}

/** All tries of a step, also those of other generations of the site, had the same input: what an effect depends on is durable. */
export function checkEffects({ effects }: World): void {
  const inputs = new Map<string, string>()
  for (const { name, key, input } of effects) {
    const text = JSON.stringify([name, input])
    expect(inputs.get(key) ?? text).toBe(text)
    inputs.set(key, text)
  }
}
