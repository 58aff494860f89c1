/** A body that can be restarted at its checkpoints, and bodies that only look so. */
import { PerdureError, type RunContext, resilient } from 'perdure'
import { type AnyDefinition, restartAtEveryCheckpoint, type World } from 'perdure/testing'
import { describe, expect, test } from 'vitest'

const BEADS = 7

const maker = resilient('maker', async (p, count: number) => {
  for (let n = 0; n < count; n++) await p.space('beads').out(['bead', n])
})

const options = { definitions: [maker] as AnyDefinition[], prepare: (world: World) => world.start(maker, 'm', [BEADS]) }

interface Strung {
  readonly at: number
  readonly sum: number
}

/** Takes one bead, strings it. */
async function string(p: RunContext, { at, sum }: Strung): Promise<Strung> {
  const [, bead] = await p.space('beads').in(['bead', Number])
  const length = await p.step('string', () => bead * 2)
  return { at: at + 1, sum: sum + length }
}

async function failureOf(promise: Promise<unknown>): Promise<PerdureError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(PerdureError)
  return error as PerdureError
}

describe('restarted at every checkpoint', () => {
  test('a body that depends on p.restored does the same each time', async () => {
    const stringer = resilient('stringer', async (p, count: number) => {
      let state = p.restored as Strung | undefined
      if (state === undefined) {
        await p.step('thread the needle', () => 'threaded')
        await p.space('beads').out(['needle'])
        state = { at: 0, sum: 0 }
      }
      while (state.at < count) {
        state = await string(p, state)
        await p.checkpoint(state)
      }
      return state.sum
    })
    const report = await restartAtEveryCheckpoint(stringer, [BEADS], options)
    expect(report).toEqual({ checkpoints: BEADS, result: BEADS * (BEADS - 1) })
  })

  test('a body whose code before the loop is not guarded is found by the step that it repeats', async () => {
    const unguarded = resilient('unguarded', async (p, count: number) => {
      await p.step('thread the needle', () => 'threaded')
      let state = (p.restored ?? { at: 0, sum: 0 }) as Strung
      while (state.at < count) {
        state = await string(p, state)
        await p.checkpoint(state)
      }
      return state.sum
    })
    const { message } = await failureOf(restartAtEveryCheckpoint(unguarded, [BEADS], options))
    expect(message).toContain(`Restarted at checkpoint 1 of ${BEADS}, the run of unguarded differs in what its steps did`)
    expect(message).toContain('p.restored')
  })

  test('a body that puts a tuple before its loop is found by the tuple that is too many', async () => {
    const untidy = resilient('untidy', async (p, count: number) => {
      await p.space('beads').out(['needle'])
      let state = (p.restored ?? { at: 0, sum: 0 }) as Strung
      while (state.at < count) {
        state = await string(p, state)
        if (state.at === 3) await p.checkpoint(state)
      }
      return state.sum
    })
    const { message } = await failureOf(restartAtEveryCheckpoint(untidy, [BEADS], options))
    expect(message).toContain('Restarted at checkpoint 1 of 1, the run of untidy differs in which tuples are left')
  })

  test('a body that keeps something beside the state is found by its result', async () => {
    const forgetful = resilient('forgetful', async (p, count: number) => {
      let at = (p.restored ?? 0) as number
      let sum = 0
      while (at < count) {
        const strung = await string(p, { at, sum })
        at = strung.at
        sum = strung.sum
        await p.checkpoint(at)
      }
      return sum
    })
    const { message } = await failureOf(restartAtEveryCheckpoint(forgetful, [BEADS], options))
    expect(message).toContain('the run of forgetful differs in its result')
  })
})
