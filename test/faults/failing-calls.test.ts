/**
 * Each call of the system that a script of 200 operations makes fails once: loop n until nothing fails any more.
 *
 * The same script runs on the disk of this machine, with Node's own calls, in a process of its own.
 */
import { space } from 'perdure'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { openDisk } from '../../src/log/engines/disk.ts'
import { ownedSite, type Site } from '../../src/log/site.ts'
import { openGateway } from '../../src/node/compose.ts'
import { FaultyDisk } from '../../src/testing/faulty-disk.ts'
import { seeded } from '../log/seeded.ts'
import { LONG, LONG_TEST_MS, report } from './amount.ts'
import { type Child, Children } from './children.ts'
import { type Asked, judge } from './diaries.ts'
import { copyFolder } from './stored-log.ts'

/** In the short version one call in so many is let fail. */
const EVERY = LONG ? 1 : 23

/** Kinds of calls that must be among those that failed. Which call has which number is a matter of time: the sample grows until they are. */
const SURELY = ['openSync', 'writeSync', 'fdatasyncSync']

const OPERATIONS = 200
const TOGETHER = 8

interface Case {
  readonly calls: number
  readonly failed: string | null
  readonly asked: readonly Asked[]
  readonly errors: readonly string[]
  readonly present: readonly string[]
  readonly total: number
  readonly result: number | null
  /** Snapshots that were there after the script. */
  readonly snapshots: number
}

/** What may be rejected with: the open that fails names the folder, everything later the log. */
const EXPECTED = ['PERDURE_E_FOLDER', 'PERDURE_E_LOG_FAILED', 'PERDURE_E_CLOSED']

/** What a process that was killed has left behind. */
const LEFT_BEHIND = 20

/** So small that the script fills several segments, and a snapshot is due after each. */
const SMALL = { segmentBytes: 2_000, grownBytes: 2_000 }

const WHERE = ['a new folder', 'a folder whose owner was killed', 'a folder with snapshots'] as const

describe.each(WHERE)('one failing call of the system, in %s', (where) => {
  const sizes = where === 'a folder with snapshots' ? SMALL : undefined
  test.each(['EIO', 'ENOSPC'])(
    'with %s: the site fails as a whole, nothing hangs, and what was acknowledged is there when it is opened again',
    async (code) => {
      await using children = new Children()
      const before = where === 'a new folder' ? undefined : await killedWriter(children)
      const folderFor = (name: string): string => {
        const folder = children.path(name)
        if (before !== undefined) copyFolder(before, folder)
        return folder
      }
      const child = children.start('failing', [children.folder])
      await child.event('ready')
      const whole = await playedWith(child, folderFor('whole'), 0, code, sizes)
      expectWhole(whole, before !== undefined, 'no call failed')
      expect(whole).toMatchObject({ errors: [], result: 200_001 })
      const kinds = new Map<string, number>()
      if (sizes !== undefined) expect(whole.snapshots).toBeGreaterThan(0)
      const counts = { tried: 0, failed: 0, acknowledged: 0, snapshots: 0 }
      /** False when there were no more so many calls. */
      const tried = async (number: number): Promise<boolean> => {
        const each = await playedWith(child, folderFor(`${code}-${number}`), number, code, sizes)
        if (each.failed === null) return false
        counts.tried += 1
        if (each.errors.length > 0) counts.failed += 1
        if (each.snapshots > 0) counts.snapshots += 1
        kinds.set(each.failed, (kinds.get(each.failed) ?? 0) + 1)
        counts.acknowledged += answered(each.asked)
        expectWhole(each, before !== undefined, `call ${number}, ${each.failed}`)
        return true
      }
      const isEnough = () => SURELY.every((kind) => kinds.has(kind)) && counts.failed > counts.tried / 2
      for (let offset = 1; offset === 1 || (offset <= EVERY && !isEnough()); offset += 1) {
        let number = offset
        while (await tried(number)) number += EVERY
      }
      report(`failing calls in ${where}, ${code}`, { ...counts, ...Object.fromEntries(kinds) })
      expect(counts.tried).toBeGreaterThanOrEqual(Math.floor(80 / EVERY))
      expect(counts.failed).toBeGreaterThan(counts.tried / 2)
      expect(counts.acknowledged).toBeGreaterThan(counts.tried * 20)
      expect([...kinds.keys()]).toEqual(expect.arrayContaining(SURELY))
    },
    LONG_TEST_MS,
  )
})

describe('one failing call of a disk in memory, then the power goes', () => {
  test.each(['EIO', 'ENOSPC'])('with %s: what was acknowledged is there when the site is opened again', async (code) => {
    const counts = { tried: 0, failed: 0, acknowledged: 0 }
    for (let number = 1; ; number += EVERY) {
      let failed: string | undefined
      const fault = (call: { number: number; kind: string }) => {
        if (call.number !== number) return undefined
        failed = call.kind
        return code
      }
      const disk = new FaultyDisk({ clock: systemClock, random: seeded(number), fault })
      const { asked, errors } = await playedOn(disk)
      disk.crash()
      if (failed === undefined) break
      counts.tried += 1
      if (errors.size > 0) counts.failed += 1
      counts.acknowledged += answered(asked)
      expect(EXPECTED, `call ${number}, ${failed}`).toEqual(expect.arrayContaining([...errors]))
      const site = await siteOn(disk)
      const present = await idsIn(site)
      expect(judge(asked, present).wrong, `call ${number}, ${failed}`).toEqual([])
      await site.close()
    }
    report(`failing calls, then the power goes, ${code}`, counts)
    expect(counts.tried).toBeGreaterThanOrEqual(Math.floor(60 / EVERY))
    expect(counts.failed).toBeGreaterThan(counts.tried / 2)
    expect(counts.acknowledged).toBeGreaterThan(counts.tried * 20)
  })
})

const answered = (asked: readonly Asked[]): number => asked.filter(({ answer }) => answer !== undefined).length

async function killedWriter(children: Children): Promise<string> {
  const folder = children.path('before')
  const writer = children.start('writer', [folder])
  await writer.event('open')
  writer.tell({ do: 'put', from: 1, to: LEFT_BEHIND })
  await writer.event('put')
  writer.killGroup()
  await writer.ended()
  return folder
}

async function playedWith(
  child: Child,
  folder: string,
  number: number,
  code: string,
  sizes: typeof SMALL | undefined,
): Promise<Case> {
  child.tell({ do: 'case', folder, number, code, sizes })
  const line = await Promise.race([
    child.event('case', (each) => each.number === number && each.folder === folder),
    child.event('failed').then(({ message }) => Promise.reject(new Error(`call ${number} with ${code}: ${String(message)}`))),
  ])
  return line as unknown as Case
}

function expectWhole({ errors, asked, present, total, result }: Case, leftBehind: boolean, what: string): void {
  const before = Array.from({ length: leftBehind ? LEFT_BEHIND : 0 }, (_, n) => `t${n + 1}`)
  const put: Asked[] = before.map((id) => ({ kind: 'out', id, answer: id }))
  expect(EXPECTED, what).toEqual(expect.arrayContaining([...errors]))
  expect(total, what).toBe(present.length)
  expect(judge([...put, ...asked], present).wrong, what).toEqual([])
  expect([null, 200_001], what).toContain(result)
}

/** The script of the other tests without its run, in this process. */
async function playedOn(disk: FaultyDisk): Promise<{ asked: Asked[]; errors: Set<string> }> {
  const asked: Asked[] = []
  const errors = new Set<string>()
  const failed = (error: unknown) => void errors.add(String((error as { code?: string }).code ?? error))
  try {
    const site = await siteOn(disk)
    const jobs = await space(site, 'jobs')
    const one = async (n: number) => {
      const takes = n % 3 === 2 && n >= TOGETHER * 2
      const id = `s${takes ? n - TOGETHER * 2 : n}`
      const at = asked.push({ kind: takes ? 'take' : 'out', id, answer: undefined }) - 1
      const answer = takes ? ((await jobs.inp(['own', id, Number]))?.[1] ?? null) : await jobs.out(['own', id, n]).then(() => id)
      asked[at] = { kind: takes ? 'take' : 'out', id, answer }
    }
    for (let first = 0; first < OPERATIONS; first += TOGETHER) {
      await Promise.all(Array.from({ length: TOGETHER }, (_, n) => one(first + n).catch(failed)))
    }
    await site.close().catch(failed)
  } catch (error) {
    failed(error)
  }
  return { asked, errors }
}

async function siteOn(disk: FaultyDisk): Promise<Site> {
  const log = await openDisk(disk.start())
  const gateway = await openGateway(log, systemClock)
  return ownedSite({
    url: 'simulated',
    gateway,
    pid: 1,
    hear: () => undefined,
    socket: () => Promise.reject(new Error('no socket')),
  })
}

async function idsIn(site: Site): Promise<string[]> {
  const { tuples } = (await site.link.main.query('space', 'tuples', ['jobs'])) as { tuples: { tuple: unknown[] }[] }
  return tuples.map(({ tuple }) => String(tuple[1]))
}
