/** What lies in a data folder over time: snapshots on a thread beside the site, a bounded log, backups, blobs that go. */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { open, type Site, space } from 'perdure'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let place: string
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'perdure-test-'))
})
afterEach(() => rm(place, { recursive: true }))

const SIZES = { segmentBytes: 4 * 1024, grownBytes: 8 * 1024 }

/** Small segments, and no snapshot unless a test wants one. */
const QUIET = { segmentBytes: 4 * 1024, grownBytes: Number.MAX_SAFE_INTEGER }

async function fill(site: Site, from: number, to: number): Promise<void> {
  const jobs = await space(site, 'jobs')
  for (let n = from; n <= to; n += 1) await jobs.out(['job', n, 'x'.repeat(100)])
}

/**
 * A site whose log begins behind this position, and is not trimmed any further: snapshots are taken beside it, so how much is put says
 * neither whether one is ready nor whether another is on its way.
 */
async function trimmedPast(position: number): Promise<Site> {
  const folder = join(place, 'data')
  {
    await using site = await open(folder, { sizes: SIZES })
    for (let put = 0; (await beginningOf(site)) <= position; put += 100) await fill(site, put + 1, put + 100)
  }
  return open(folder, { sizes: QUIET })
}

/** The first position that the log has. */
async function beginningOf(site: Site): Promise<number> {
  try {
    await site.link.main.query('log', 'entries', [1, 1])
    return 1
  } catch (error) {
    expect(error).toMatchObject({ code: 'PERDURE_E_TRIMMED', data: { asked: 1, first: expect.any(Number) } })
    return (error as { data: { first: number } }).data.first
  }
}

async function jobsIn(site: Site): Promise<number> {
  const jobs = await space(site, 'jobs')
  let found = 0
  while ((await jobs.rdp(['job', found + 1, String])) !== null) found += 1
  return found
}

test('as it is built, a site under load takes snapshots on a thread, trims its log, and makes a backup that opens by itself', async () => {
  const program = fileURLToPath(new URL('./programs/backed-up.mjs', import.meta.url))
  const [folder, target] = [join(place, 'data'), join(place, 'backup')]
  const { stdout } = await promisify(execFile)(process.execPath, [program, folder, target])
  const told = JSON.parse(stdout)
  expect(told.warnings).toEqual([])
  expect(told.snapshots).toBeGreaterThanOrEqual(3)
  expect(told.first, 'the first segment has been trimmed').not.toBe('log-00000001-0000000000000001.seg')
  const [copied, total] = told.progress.at(-1)
  expect(copied).toBe(total)
  const logIds: string[] = []
  const sites = [
    { name: 'backup', least: told.before, most: told.acknowledged },
    { name: 'data', least: told.acknowledged, most: told.acknowledged },
  ]
  for (const { name, least, most } of sites) {
    await using site = await open(join(place, name), { hear: (event) => expect(event.event).not.toBe('warning') })
    logIds.push(site.link.logId)
    const found = await jobsIn(site)
    expect(found).toBeGreaterThanOrEqual(least)
    expect(found).toBeLessThanOrEqual(most)
    await fill(site, found + 1, found + 3)
  }
  expect(logIds[0]).toBe(logIds[1])
})

describe('a backup', () => {
  test('holds everything up to the call, and the site goes on as if nothing had been', async () => {
    const target = join(place, 'deep', 'backup')
    await using site = await open(join(place, 'data'), { sizes: SIZES })
    await fill(site, 1, 150)
    const large = await site.link.main.blobs.put(new Uint8Array(300_000).fill(7))
    const copying = site.backup(target)
    await fill(site, 151, 200)
    await copying
    await using copy = await open(target)
    expect(await jobsIn(copy)).toBeGreaterThanOrEqual(150)
    expect((await copy.link.main.blobs.get(large)).length).toBe(300_000)
    expect(await jobsIn(site)).toBe(200)
    expect(readdirSync(join(place, 'deep'))).toEqual(['backup'])
  })

  test('of a site that was opened many times, and of one that was just made', async () => {
    await using fresh = await open(join(place, 'fresh'))
    await fresh.backup(join(place, 'of fresh'))
    await using copyOfFresh = await open(join(place, 'of fresh'))
    expect(await jobsIn(copyOfFresh)).toBe(0)
    for (let round = 0; round < 4; round += 1) {
      await using site = await open(join(place, 'data'), { sizes: QUIET })
      await fill(site, 20 * round + 1, 20 * (round + 1))
      if (round < 3) continue
      await mkdir(join(place, 'of data'))
      await site.backup(join(place, 'of data'))
    }
    await using copy = await open(join(place, 'of data'))
    expect(await jobsIn(copy)).toBe(80)
  })

  test('is refused where there is something, and nothing is touched there', async () => {
    await using site = await open(join(place, 'data'))
    const target = join(place, 'full')
    await mkdir(target)
    await writeFile(join(target, 'mine.txt'), 'mine')
    await expect(site.backup(target)).rejects.toMatchObject({ code: 'PERDURE_E_FOLDER', data: { folder: target } })
    expect(readdirSync(target)).toEqual(['mine.txt'])
    await expect(site.backup(join(place, 'data'))).rejects.toMatchObject({ code: 'PERDURE_E_FOLDER' })
    await expect(site.backup(join(target, 'mine.txt', 'x'))).rejects.toMatchObject({ code: 'PERDURE_E_FOLDER' })
  })

  test('that is given up, or overtaken by the end of the site, leaves nothing behind', async () => {
    const site = await open(join(place, 'data'), { sizes: QUIET })
    await fill(site, 1, 200)
    const giveUp = new AbortController()
    const progress = () => giveUp.abort()
    const given = site.backup(join(place, 'given up'), { signal: giveUp.signal, progress })
    await expect(given).rejects.toMatchObject({ code: 'PERDURE_E_ABORTED' })
    const overtaken = site.backup(join(place, 'overtaken'), { progress: () => void closing() })
    let closed: Promise<void> | undefined
    const closing = () => {
      closed ??= site.close()
    }
    await expect(overtaken).rejects.toMatchObject({ code: 'PERDURE_E_CLOSED' })
    await closed
    expect(readdirSync(place)).toEqual(['data'])
  })

  test('needs the process that owns a folder: attached programs and sites in memory say so', async () => {
    await using owner = await open(join(place, 'data'))
    await using guest = await open(join(place, 'data'), { attach: true })
    await using memory = await open('memory:')
    for (const site of [guest, memory]) {
      await expect(site.backup(join(place, 'x'))).rejects.toMatchObject({ code: 'PERDURE_E_USAGE' })
    }
    expect(existsSync(join(place, 'x'))).toBe(false)
    expect(owner.position).toBeGreaterThan(0)
  })
})

test('trimming waits while a backup is made', async () => {
  const folder = join(place, 'data')
  await using site = await open(folder, { sizes: SIZES })
  await fill(site, 1, 300)
  const segments = () => readdirSync(folder).filter((name) => name.endsWith('.seg'))
  let during: readonly string[] | undefined
  const lost: string[] = []
  let more: Promise<void> | undefined
  await site.backup(join(place, 'backup'), {
    progress: () => {
      during ??= segments()
      more ??= fill(site, 301, 600)
      const now = segments()
      lost.push(...during.filter((name) => !now.includes(name)))
    },
  })
  expect(lost).toEqual([])
  await more
  await using copy = await open(join(place, 'backup'))
  expect(await jobsIn(copy)).toBeGreaterThanOrEqual(300)
})

test('the history of a trimmed log says where it begins', async () => {
  await using site = await trimmedPast(100)
  const ask = (question: string, ...args: readonly unknown[]) => site.link.main.query('log', question, args)
  const first = await beginningOf(site)
  expect(first).toBeGreaterThan(100)
  const page = (await ask('entries', first, 10)) as { entries: { position: number }[] }
  expect(page.entries.length).toBe(10)
  expect(page.entries[0]?.position).toBeLessThanOrEqual(first + 1)
  const last = (await ask('last', 1_000)) as { entries: { position: number }[] }
  expect(last.entries.length).toBeGreaterThan(10)
  await expect(ask('entries', first - 1, 10)).rejects.toMatchObject({ code: 'PERDURE_E_TRIMMED' })
})

test('"perdure log" shows what there is of a trimmed log, and says where it begins', async () => {
  const folder = join(place, 'data')
  await using _site = await trimmedPast(100)
  const cli = fileURLToPath(new URL('../../dist/node/cli.js', import.meta.url))
  const options = ['--url', folder, '--json', '--limit', '5']
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [cli, 'log', '--from', '1', ...options])
  const entries = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { position: number })
  expect(entries).toHaveLength(5)
  expect(entries[0]?.position).toBeGreaterThan(100)
  expect(stderr).toMatch(/the log begins at position \d+; earlier entries were trimmed/)
})
