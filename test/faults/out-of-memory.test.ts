/** Processes that take all the memory there is and are ended for it: a worker by the body of one run, and the owner of a folder. */
import { mkdirSync, rmSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { amount, LONG_TEST_MS, report } from './amount.ts'
import { Children, type StartOptions } from './children.ts'
import { judge, readDiary } from './diaries.ts'
import { GROUPS_ALLOWED, HEAP_LIMIT, type MemoryGroup, memoryGroup } from './memory-limit.ts'
import { firstDifference, type Stored, storedIn } from './stored-log.ts'

/** An owner and two workers at work take about half of it. */
const GROUP_BYTES = 512 * 2 ** 20

/** Deaths at one place after which a run is wedged. */
const DEATHS = 5

/** Of the diary of an owner, before it takes more than it may. */
const LINES_FIRST = 100

interface Limit {
  readonly options: StartOptions
  /** How the process ends: V8 aborts, the kernel kills. */
  readonly signals: readonly string[]
}

/** Within one of the two limits, which is gone afterwards. */
async function limited(how: 'by V8' | 'by the kernel', use: (limit: Limit) => Promise<void>): Promise<void> {
  if (how === 'by V8') return await use({ options: HEAP_LIMIT, signals: ['SIGABRT', 'SIGTRAP', 'SIGILL'] })
  const group = memoryGroup('faults', GROUP_BYTES) as MemoryGroup
  try {
    await use({ options: group.options, signals: ['SIGKILL'] })
  } finally {
    await group.remove()
  }
}

describe.each([
  ['by V8', false],
  ['by the kernel', !GROUPS_ALLOWED],
] as const)('ended for its memory %s (the kernel: skipped without root and control groups on Linux)', (how, missing) => {
  test.skipIf(missing)(
    'a worker: the run that took it is wedged after five deaths, the other runs end, the owner goes on',
    async () => {
      await limited(how, async ({ options, signals }) => {
        await using children = new Children()
        const owner = children.start('site', [], options)
        await owner.event('ready')
        owner.tell({ do: 'open', folder: children.path('data') })
        await owner.event('open')
        owner.tell({ do: 'host', name: 'w', workers: 2 })
        await owner.event('hosting')
        const others = ['a', 'b', 'c', 'd']
        const steps = 60
        for (const key of others)
          owner.tell({ do: 'start', definition: 'steps', key, input: [children.path('effects'), steps, 20] })
        owner.tell({ do: 'start', definition: 'glutton', key: 'g', input: [] })
        await owner.event('started', ({ key }) => key === 'g')
        for (const key of others) owner.tell({ do: 'result', definition: 'steps', key })
        owner.tell({ do: 'result', definition: 'glutton', key: 'g' })
        const greedy = await owner.event('result', ({ key }) => key === 'g')
        expect(greedy).toMatchObject({ code: 'PERDURE_E_WEDGED' })
        for (const key of others) {
          const { value } = await owner.event('result', (line) => line.key === key)
          expect(value, key).toBe((steps * (steps + 1)) / 2)
        }
        const exits = owner.lines.filter(({ event }) => event === 'exit')
        expect(exits).toHaveLength(DEATHS)
        for (const { reason } of exits) expect(signals).toContain(reason)
        owner.tell({ do: 'status', definition: 'glutton', key: 'g' })
        expect(await owner.event('status')).toMatchObject({ state: 'wedged' })
        const keys = new Set(children.lines('effects').map((line) => (JSON.parse(line) as { key: string }).key))
        expect(keys.size).toBe(others.length * steps)
        report(`out of memory ${how}, worker`, { deaths: exits.length, effects: children.lines('effects').length })
      })
    },
    LONG_TEST_MS,
  )

  test.skipIf(missing)(
    'the owner under load: the folder is whole, with everything that was acknowledged once',
    async () => {
      await limited(how, async ({ options, signals }) => {
        await using children = new Children()
        const folder = children.path('data')
        mkdirSync(folder)
        let before: Stored['records'] = new Map()
        let answered = 0
        const rounds = amount(2, 10)
        for (let round = 1; round <= rounds; round += 1) {
          const owner = children.start('owner', [], options)
          await owner.event('ready')
          const diary = `o${round}.diary`
          owner.tell({ do: 'own', folder, diary: children.path(diary), name: `o${round}`, loops: 4 })
          await owner.event('open')
          // Something is acknowledged before the end, however slow the disk is.
          await expect.poll(() => children.lines(diary).length, { interval: 5 }).toBeGreaterThan(LINES_FIRST)
          owner.tell({ do: 'leak' })
          const { signal } = await owner.ended()
          expect(signals).toContain(signal)
          const stored = await storedIn(folder, children.path(`copy-${round}`))
          rmSync(children.path(`copy-${round}`), { recursive: true })
          const asked = Array.from({ length: round }, (_, n) => readDiary(children.lines(`o${n + 1}.diary`))).flat()
          const verdict = judge(
            asked,
            stored.tuples.map((tuple) => String(tuple[1])),
          )
          expect(verdict.wrong, `round ${round}`).toEqual([])
          expect(verdict.answered).toBeGreaterThan(verdict.asked / 2)
          expect(firstDifference(before, stored.records), `round ${round}`).toBeUndefined()
          before = stored.records
          answered = verdict.answered
        }
        report(`out of memory ${how}, owner`, { kills: rounds, answered })
        expect(answered).toBeGreaterThan(rounds * 20)
      })
    },
    LONG_TEST_MS,
  )
})
