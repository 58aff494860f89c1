/**
 * kill -9 of a process that owns a folder, under the load of several clients, at any moment; the folder is opened again and
 * everything in it compared with what the clients were told.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { seeded } from '../log/seeded.ts'
import { amount, KILL_ROUNDS, LONG, LONG_TEST_MS, report } from './amount.ts'
import { type Child, Children } from './children.ts'
import { judge, readDiary, type Verdict } from './diaries.ts'
import { firstDifference, type Stored, storedIn } from './stored-log.ts'

/** Rounds that share a folder, of at least two; replay, which every round does twice, stays short that way. */
const ROUNDS_PER_FOLDER = Math.min(30, Math.ceil(KILL_ROUNDS / 2))

/** The longest a process may own the folder in peace, longer where it takes snapshots; one in four may be killed before it has opened it. */
const LONGEST_LIFE_MS = 80
const LONGEST_WITH_SNAPSHOTS_MS = 400
const LONGEST_OPENING_MS = 40

/** In half of the rounds everybody may first write so many lines, so that something is shown however busy the machine is. */
const LINES_FIRST = 100

/**
 * In every second folder the log is cut into segments as small as this, and a snapshot taken whenever one is full: so some kills come
 * while a snapshot is written, or the log trimmed.
 */
const SMALL = { segmentBytes: 2 * 1024, grownBytes: 2 * 1024 }

interface Totals {
  rounds: number
  whileOpening: number
  /** Of those answered, what attached processes had asked for. */
  byGuests: number
  asked: number
  answered: number
  records: number
  /** Rounds after which a snapshot was there, and after which the log no longer began with its first record. */
  withSnapshot: number
  trimmed: number
}

test(
  'kill -9 of the owner under load, over and over: what was acknowledged is there once, and the log only grows',
  async () => {
    const random = seeded(amount(7, 8))
    const totals: Totals = {
      rounds: 0,
      whileOpening: 0,
      byGuests: 0,
      asked: 0,
      answered: 0,
      records: 0,
      withSnapshot: 0,
      trimmed: 0,
    }
    for (let folders = 0; totals.rounds < KILL_ROUNDS; folders += 1) {
      await using children = new Children()
      const rounds = Math.min(ROUNDS_PER_FOLDER, KILL_ROUNDS - totals.rounds)
      await folderOfRounds(children, rounds, folders % 2 === 0 ? undefined : SMALL, random, totals)
    }
    report('kill -9 of the owner', { ...totals })
    expect(totals.rounds).toBe(KILL_ROUNDS)
    // Only progress shows anything: an owner that refuses everything loses nothing either.
    expect(totals.answered).toBeGreaterThan(totals.asked / 2)
    expect(totals.answered).toBeGreaterThan(totals.rounds * 20)
    expect(totals.byGuests).toBeGreaterThan(totals.rounds * 5)
    // Few rounds on a busy machine may all be over before the first snapshot is.
    if (LONG) expect(totals.withSnapshot).toBeGreaterThan(totals.rounds / 20)
  },
  LONG_TEST_MS,
)

async function folderOfRounds(
  children: Children,
  rounds: number,
  sizes: typeof SMALL | undefined,
  random: () => number,
  totals: Totals,
): Promise<void> {
  const folder = children.path('data')
  mkdirSync(folder)
  const guests = ['g1', 'g2'].map((name) => {
    const guest = children.start('guest')
    guest.tell({ do: 'attach', folder, diary: children.path(`${name}.diary`), name, loops: 3 })
    return name
  })
  let spare = children.start('owner')
  let before: Stored['records'] = new Map()
  let verdict: Verdict = { asked: 0, answered: 0, wrong: [] }
  for (let round = 1; round <= rounds; round += 1) {
    const owner = spare
    await owner.event('ready')
    spare = children.start('owner')
    const diary = `o${round}.diary`
    owner.tell({
      do: 'own',
      folder,
      diary: children.path(diary),
      name: `o${round}`,
      loops: 4,
      sizes: round % 2 === 0 ? SMALL : null,
    })
    const first =
      round % 4 < 2 ? undefined : () => grownBy(children, LINES_FIRST, [diary, ...guests.map((guest) => `${guest}.diary`)])
    await killAtSomeMoment(owner, random, sizes ? LONGEST_WITH_SNAPSHOTS_MS : LONGEST_LIFE_MS, first, totals)
    const copy = children.path(`copy-${round}`)
    const stored = await storedIn(folder, copy)
    rmSync(copy, { recursive: true })
    if (readdirSync(folder).some((name) => name.startsWith('snap-'))) totals.withSnapshot += 1
    if (stored.records.size > 0 && !stored.records.has(1)) totals.trimmed += 1
    const names = [...guests, ...Array.from({ length: round }, (_, n) => `o${n + 1}`)]
    const asked = names.flatMap((name) => readDiary(children.lines(`${name}.diary`)))
    verdict = judge(
      asked,
      stored.tuples.map((tuple) => String(tuple[1])),
    )
    expect(verdict.wrong, `round ${round}`).toEqual([])
    expect(firstDifference(before, stored.records), `round ${round}: first record that is not what it was`).toBeUndefined()
    before = stored.records
    totals.rounds += 1
  }
  totals.asked += verdict.asked
  totals.answered += verdict.answered
  totals.records += before.size
  for (const name of guests) {
    totals.byGuests += readDiary(children.lines(`${name}.diary`)).filter(({ answer }) => answer !== undefined).length
  }
}

/** Until each of these files has so many more lines than now. */
async function grownBy(children: Children, count: number, files: readonly string[]): Promise<void> {
  const linesIn = (file: string) => children.lines(file).length
  await Promise.all(
    files.map((file) => {
      const before = linesIn(file)
      return expect.poll(() => linesIn(file), { interval: 5 }).toBeGreaterThanOrEqual(before + count)
    }),
  )
}

/** Resolves when the process is dead. */
async function killAtSomeMoment(
  owner: Child,
  random: () => number,
  longestMs: number,
  first: (() => Promise<unknown>) | undefined,
  totals: Totals,
): Promise<void> {
  if (first === undefined && random() < 0.5) {
    totals.whileOpening += 1
    await forMs(random() * LONGEST_OPENING_MS)
  } else {
    await owner.event('open')
    await first?.()
    await forMs(random() * longestMs)
  }
  owner.signal('SIGKILL')
  await owner.ended()
}

/** The moment of the kill is chosen by time on purpose: nothing that happens in the process decides it. */
function forMs(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}
