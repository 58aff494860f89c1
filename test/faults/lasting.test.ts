/**
 * Sessions that last, between real processes: owners are killed under attached programs, and attached programs under their owner.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { any, open, space } from 'perdure'
import { expect, test } from 'vitest'
import { REATTACH_MS } from '../../src/log/attachments.ts'
import { seeded } from '../log/seeded.ts'
import { amount, LONG, LONG_TEST_MS, report } from './amount.ts'
import { type Child, Children } from './children.ts'
import { judge, readDiary } from './diaries.ts'

const GUESTS = ['g1', 'g2', 'g3']
const LOOPS = 3

/** The longest a process is left alone before it is killed. */
const LONGEST_LIFE_MS = 60

async function owned(children: Children, folder: string): Promise<Child> {
  const owner = children.start('owner')
  await owner.event('ready')
  owner.tell({ do: 'own', folder, diary: children.path('owner.diary'), name: `o${owner.pid}`, loops: 0 })
  await owner.event('open')
  return owner
}

function guest(children: Children, folder: string, name: string, loops = LOOPS): Child {
  const child = children.start('lasting')
  child.tell({ do: 'attach', folder, diary: children.path(`${name}.diary`), name, loops })
  return child
}

const diaryOf = (children: Children, name: string) => readDiary(children.lines(`${name}.diary`))

const present = async (folder: string) => {
  await using site = await open(folder, { attach: true })
  const jobs = await space(site, 'jobs')
  const [own, pool] = [await jobs.copyCollect(['own', any, any]), await jobs.copyCollect(['pool', any])]
  expect([own.length, pool.length]).toEqual([await jobs.count(['own', any, any]), await jobs.count(['pool', any])])
  return [...own, ...pool].map((tuple) => String(tuple[1]))
}

test(
  'kill -9 of the owner, over and over, under attached programs: each keeps its one session, and every operation is answered',
  async () => {
    await using children = new Children()
    const random = seeded(3)
    const folder = children.path('data')
    const rounds = amount(8, 100)
    let owner = await owned(children, folder)
    const guests = GUESTS.map((name) => guest(children, folder, name))
    await Promise.all(guests.map((each) => each.event('attached')))
    for (let round = 0; round < rounds; round += 1) {
      const next = children.start('owner')
      await next.event('ready')
      const before = GUESTS.map((name) => children.lines(`${name}.diary`).length)
      await pause(random() * LONGEST_LIFE_MS)
      owner.signal('SIGKILL')
      await owner.ended()
      next.tell({ do: 'own', folder, diary: children.path('owner.diary'), name: `o${round}`, loops: 0 })
      await next.event('open')
      owner = next
      for (const [which, name] of GUESTS.entries())
        await expect.poll(() => children.lines(`${name}.diary`).length).toBeGreaterThan((before[which] ?? 0) + 20)
    }
    for (const each of guests) each.tell({ do: 'stop' })
    // The load is over before the farewell, with which whatever was on its way has arrived.
    await Promise.all(guests.flatMap((each) => [each.event('over'), each.event('stopped')]))
    const asked = GUESTS.flatMap((name) => diaryOf(children, name))
    const verdict = judge(asked, await present(folder))
    report('kill -9 of the owner under attached programs', { rounds, asked: verdict.asked, answered: verdict.answered })
    expect(verdict.wrong).toEqual([])
    // What was under way when they were stopped, and nothing else.
    expect(verdict.asked - verdict.answered).toBeLessThanOrEqual(GUESTS.length * LOOPS)
    for (const each of guests) expect(each.lines.filter(({ event }) => event === 'attached')).toHaveLength(1)
  },
  LONG_TEST_MS,
)

test(
  'kill -9 of an attached program at any moment of any operation: what it was told has happened once, and nothing else of its is lost or done twice',
  async () => {
    await using children = new Children()
    const random = seeded(4)
    const folder = children.path('data')
    const rounds = amount(12, 300)
    await owned(children, folder)
    const names: string[] = []
    let spare = children.start('lasting')
    for (let round = 0; round < rounds; round += 1) {
      const name = `c${round}`
      const victim = spare
      await victim.event('ready')
      spare = children.start('lasting')
      victim.tell({ do: 'attach', folder, diary: children.path(`${name}.diary`), name, loops: LOOPS })
      if (random() < 0.75) await victim.event('attached')
      // Some get far, however busy the machine is.
      if (round % 3 === 0) await expect.poll(() => children.lines(`${name}.diary`).length).toBeGreaterThan(20)
      await pause(random() * LONGEST_LIFE_MS)
      victim.signal('SIGKILL')
      await victim.ended()
      names.push(name)
    }
    const verdict = judge(
      names.flatMap((name) => diaryOf(children, name)),
      await present(folder),
    )
    report('kill -9 of attached programs', { rounds, asked: verdict.asked, answered: verdict.answered })
    expect(verdict.wrong).toEqual([])
    expect(verdict.answered).toBeGreaterThan(rounds)
  },
  LONG_TEST_MS,
)

/** It takes as long as it is to show. */
const inItsLongVersion = LONG ? test : () => undefined

inItsLongVersion(
  'an attached program that was killed takes nothing once it has been away for the time it may, and its session is over',
  async () => {
    await using children = new Children()
    const folder = children.path('data')
    await owned(children, folder)
    const victim = guest(children, folder, 'victim', 0)
    await victim.event('attached')
    victim.tell({ do: 'wait', name: 'mouse' })
    await victim.event('waits')
    await using site = await open(folder, { attach: true })
    const waiting = async () => (await site.link.main.query('space', 'waiting', ['prey'])) as { total: number }
    await expect.poll(async () => (await waiting()).total).toBe(1)
    victim.signal('SIGKILL')
    await victim.ended()
    await expect.poll(async () => (await waiting()).total, { timeout: REATTACH_MS + 30_000, interval: 500 }).toBe(0)
    const prey = await space(site, 'prey')
    await prey.out(['mouse'])
    expect(await prey.count(['mouse'])).toBe(1)
  },
  LONG_TEST_MS,
)
