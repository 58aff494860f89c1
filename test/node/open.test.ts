/** Opening a site, as programs do: by URL, in memory, on disk, and as a guest of the process that owns the folder. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type OpenOptions, open, type PerdureError, type Space, space } from 'perdure'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { Workshop } from './cli-driver.ts'

const root = mkdtempSync(join(tmpdir(), 'perdure-open-test-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
afterEach(() => {
  vi.unstubAllEnvs()
})

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'nothing was refused',
    (error: PerdureError) => error.code,
  )

const refusalOf = (url: string, options: OpenOptions = {}) => codeOf(open(url, options))

describe('open', () => {
  test('takes the folder from PERDURE_URL, and ./perdure-data without it', async () => {
    vi.stubEnv('PERDURE_URL', join(root, 'from the environment'))
    await using site = await open()
    expect(site.url).toBe(join(root, 'from the environment'))
    await using shop = new Workshop()
    const program = shop.write(
      'default.mjs',
      `import { open, space } from 'perdure'
       const site = await open()
       await (await space(site, 'jobs')).out(['here'])
       console.log(JSON.stringify({ url: site.url }))
       await site.close()`,
    )
    const alone = await shop.node(program)
    expect(alone.stderr).toBe('')
    expect(alone.lines).toEqual([{ url: './perdure-data' }])
    expect((await shop.run('tuples', 'jobs', '--url', './perdure-data', '--json')).lines).toMatchObject([{ tuple: ['here'] }])
  })

  test('of a folder by its path and by file: is the same site', async () => {
    const folder = join(root, 'by path')
    {
      await using site = await open(folder)
      await (await space(site, 'jobs')).out(['kept', 1])
    }
    await using again = await open(`file:${folder}`)
    expect(await (await space(again, 'jobs')).in(['kept', Number])).toEqual(['kept', 1])
  })

  test('of memory: makes a site of its own each time', async () => {
    await using one = await open('memory:')
    await using other = await open('memory:')
    await (await space(one, 'jobs')).out(['mine'])
    expect(await (await space(other, 'jobs')).rdp(['mine'])).toBeNull()
    expect(await (await space(one, 'jobs')).rdp(['mine'])).toEqual(['mine'])
  })

  test.each([
    ['nats://host:4222/name', 'PERDURE_E_NOT_YET'],
    ['http://host:7447', 'PERDURE_E_NOT_YET'],
    ['ftp://host', 'PERDURE_E_URL'],
    ['', 'PERDURE_E_URL'],
  ])('of %j is refused with %s', async (url, code) => {
    expect(await refusalOf(url)).toBe(code)
  })

  test('as a guest is refused where there is nobody to attach to', async () => {
    expect(await refusalOf('memory:', { attach: true })).toBe('PERDURE_E_URL')
    expect(await refusalOf(join(root, 'nobody'), { attach: true })).toBe('PERDURE_E_FOLDER')
  })
})

describe('a site', () => {
  test('has the position up to which it is durable, and durable() waits for all that was done here', async () => {
    await using site = await open(join(root, 'position'))
    const jobs = await space(site, 'jobs')
    const before = site.position
    const putting = Promise.all(Array.from({ length: 100 }, (_, n) => jobs.out(['n', n])))
    await site.durable()
    expect(site.position).toBeGreaterThanOrEqual(before + 100)
    await putting
  })

  test('closes once and for all: again is nothing, everything later is refused, what waits is told', async () => {
    const site = await open(join(root, 'closing'))
    const jobs = await space(site, 'jobs')
    const waiting = codeOf(jobs.in(['never']))
    await jobs.out(['kept'])
    await Promise.all([site.close(), site.close()])
    await site.close()
    await site[Symbol.asyncDispose]()
    expect(await waiting).toBe('PERDURE_E_CLOSED')
    expect(await codeOf(jobs.out(['late']))).toBe('PERDURE_E_CLOSED')
    await using again = await open(join(root, 'closing'))
    expect(await (await space(again, 'jobs')).count([String])).toBe(1)
  })

  test('keeps what belongs to later versions for later', async () => {
    expect(await codeOf(open('http://localhost:7447/name'))).toBe('PERDURE_E_NOT_YET')
  })
})

describe('an attached site', () => {
  test('sees what its owner sees, is woken by it, and ends with it', async () => {
    const folder = join(root, 'attached')
    const owner = await open(folder)
    await using guest = await open(folder, { attach: true, reattachMs: 0 })
    const [ours, theirs] = [await space(owner, 'jobs'), await space(guest, 'jobs')]
    const taken = theirs.in(['for you', Number])
    await theirs.out(['for me', 1])
    expect(await ours.in(['for me', Number])).toEqual(['for me', 1])
    await ours.out(['for you', 2])
    expect(await taken).toEqual(['for you', 2])
    await guest.durable()
    expect(guest.position).toBeGreaterThan(0)
    const waiting = codeOf(theirs.in(['never']))
    await guest.durable()
    await owner.close()
    expect(await waiting).toBe('PERDURE_E_CLOSED')
    expect(await codeOf(theirs.count(['x']))).toBe('PERDURE_E_CLOSED')
  })

  test('has the position up to which it is told that the log is durable: never behind what it was answered', async () => {
    const folder = join(root, 'position of a guest')
    await using owner = await open(folder)
    await using guest = await open(folder, { attach: true })
    const theirs = await space(guest, 'jobs')
    for (let n = 1; n <= 20; n += 1) {
      const before = guest.position
      await theirs.out(['job', n])
      expect(guest.position).toBeGreaterThan(before)
    }
    await guest.durable()
    expect(guest.position).toBeLessThanOrEqual(owner.position)
    const seen: number[] = []
    for await (const { position } of theirs.watch(['job', Number], { initial: true })) if (seen.push(position) === 20) break
    expect(Math.max(...seen)).toBeLessThanOrEqual(guest.position)
  })

  test('goes on with the next owner, in this process or another', async () => {
    const folder = join(root, 'owners come and go')
    const first = await open(folder)
    await using guest = await open(folder, { attach: true })
    const theirs = await space(guest, 'jobs')
    const taken = theirs.in(['for you', Number])
    await theirs.out(['before'])
    await first.close()
    const put = theirs.out(['between'])
    await using next = await open(folder)
    await put
    const ours = await space(next, 'jobs')
    await ours.out(['for you', 1])
    expect(await taken).toEqual(['for you', 1])
    expect(await theirs.count([String])).toBe(2)
    await guest.durable()
  })

  test('gives up when nobody owns its folder for reattachMs, and refuses a reattachMs that is no time', async () => {
    const folder = join(root, 'nobody comes')
    const owner = await open(folder)
    await using guest = await open(folder, { attach: true, reattachMs: 50 })
    const waiting = codeOf((await space(guest, 'jobs')).in(['never']))
    await owner.close()
    expect(await waiting).toBe('PERDURE_E_SESSION_LOST')
    expect(await refusalOf(folder, { attach: true, reattachMs: -1 })).toBe('PERDURE_E_USAGE')
    expect(await refusalOf(folder, { attach: true, reattachMs: Number.NaN })).toBe('PERDURE_E_USAGE')
  })

  test('that closes ends nothing but itself', async () => {
    const folder = join(root, 'guest leaves')
    await using owner = await open(folder)
    const guest = await open(folder, { attach: true })
    await (await space(guest, 'jobs')).out(['kept'])
    await guest.close()
    await guest.close()
    expect(await (await space(owner, 'jobs')).in(['kept'])).toEqual(['kept'])
  })
})

/** What a program may hand over by mistake or malice. */
function hostile(): readonly (readonly [what: string, value: unknown])[] {
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  return [
    ['a function', () => 1],
    ['a promise', Promise.resolve(1)],
    ['a class instance', new (class Own {})()],
    ['a symbol', Symbol('x')],
    ['__proto__', JSON.parse('{"__proto__": {"admin": true}}')],
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested
    ['a hole', [1, , 3]],
    ['a cycle', cycle],
    ['over MAX_VALUE', 'x'.repeat(200_000)],
  ]
}

describe('values that cannot travel', () => {
  test.each(['the owner', 'a guest'])(
    'are refused with their place, one by one, and %s goes on; nothing is lost',
    async (who) => {
      const folder = join(root, `hostile to ${who}`)
      {
        await using owner = await open(folder)
        await using guest = await open(folder, { attach: true })
        const jobs: Space = await space(who === 'the owner' ? owner : guest, 'jobs')
        for (const [place, [what, value]] of hostile().entries()) {
          const refused = await jobs.out(['job', place, { deep: value }]).catch((error: unknown) => error as PerdureError)
          expect(refused, what).toMatchObject({ code: 'PERDURE_E_VALUE' })
          expect((refused as PerdureError).message, what).toMatch(/^value(\[2\]\.deep| is larger than)/)
          await jobs.out(['job', place, what])
        }
      }
      await using again = await open(folder)
      const jobs = await space(again, 'jobs')
      for (const [place, [what]] of hostile().entries())
        expect(await jobs.in(['job', place, String])).toEqual(['job', place, what])
      expect(await jobs.inp(['job', Number, Object])).toBeNull()
    },
  )
})
