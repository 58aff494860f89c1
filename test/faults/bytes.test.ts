/** A process is killed after it has written; then every byte of the end of its log is cut off, and every bit of a record turned. */
import { renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open, PerdureError, space } from 'perdure'
import { describe, expect, test } from 'vitest'
import { LONG, LONG_TEST_MS, report } from './amount.ts'
import { Children } from './children.ts'
import { type Files, type Frame, filesOf, flipped, type Opened, openWith } from './damaged-folder.ts'
import { copyFolder } from './stored-log.ts'

const RECORDS = 12

/** The files of a process that put so many tuples one by one and was killed; `burst` puts larger ones together in between. */
async function killedWriter(children: Children, after: 'nothing' | 'a burst' | 'a burst and one more'): Promise<Files> {
  const writer = children.start('writer', [children.path('data')])
  await writer.event('open')
  writer.tell({ do: 'put', from: 1, to: RECORDS })
  await writer.event('put')
  if (after !== 'nothing') {
    // Three fill a record: three full records, and no remainder that would have to wait for a commit of its own.
    writer.tell({ do: 'burst', count: 9, bytes: 100_000 })
    await writer.event('burst')
  }
  if (after === 'a burst and one more') {
    writer.tell({ do: 'put', from: RECORDS + 1, to: RECORDS + 1 })
    await writer.event('put', ({ to }) => to === RECORDS + 1)
  }
  writer.killGroup()
  await writer.ended()
  return filesOf(children.path('data'))
}

const putBy = (count: number): string[] => Array.from({ length: count }, (_, n) => `t${n + 1}`)

const bytesOf = (files: Files): Uint8Array => files.content.get(files.newest) as Uint8Array

function isOpened(result: Opened | PerdureError): result is Opened {
  return !(result instanceof PerdureError)
}

test('the log cut at every byte of its last three records: the records before the cut are there, and no other', async () => {
  await using children = new Children()
  const files = await killedWriter(children, 'nothing')
  const bytes = bytesOf(files)
  const first = files.frames.at(-3)?.begin as number
  for (let cut = first; cut <= bytes.length; cut += 1) {
    const whole = files.frames.filter(({ end }) => end <= cut).length
    const result = await openWith(files, bytes.slice(0, cut))
    expect(result, `cut at ${cut}`).toMatchObject({ records: files.frames[whole - 1]?.index })
    expect((result as Opened).ids, `cut at ${cut}`).toEqual(putBy(RECORDS - files.frames.length + whole))
  }
  report('torn tail', { cuts: bytes.length - first + 1, records: 3 })
  expect(bytes.length - first).toBeGreaterThan(3 * 40)
})

test(
  'the same cuts in a folder on the disk: it opens, and goes on from there',
  async () => {
    await using children = new Children()
    const files = await killedWriter(children, 'nothing')
    const bytes = bytesOf(files)
    const first = files.frames.at(-3)?.begin as number
    let cuts = 0
    for (let cut = first; cut <= bytes.length; cut += LONG ? 1 : Math.ceil((bytes.length - first) / 12)) {
      const copy = children.path(`cut-${cut}`)
      copyFolder(children.path('data'), copy)
      const segment = join(copy, files.newest)
      // Not through the hard link: the other copies shall stay whole.
      writeFileSync(`${segment}.new`, bytes)
      truncateSync(`${segment}.new`, cut)
      renameSync(`${segment}.new`, segment)
      const whole = files.frames.filter(({ end }) => end <= cut).length
      for (let times = 0; times < 2; times += 1) {
        await using site = await open(copy)
        const jobs = await space(site, 'jobs')
        expect(await jobs.count(['own', String, Number]), `cut at ${cut}`).toBe(RECORDS - files.frames.length + whole + times)
        await jobs.out(['own', `later ${times}`, times])
      }
      cuts += 1
    }
    report('torn tail on the disk', { cuts })
  },
  LONG_TEST_MS,
)

describe('every bit of one record turned', () => {
  test('in the middle of the log: it is not opened, and the record and its place are named', async () => {
    await using children = new Children()
    const files = await killedWriter(children, 'nothing')
    const bytes = bytesOf(files)
    const frame = files.frames.at(-5)
    if (!frame) throw new Error('the log is too short')
    let bits = 0
    for (let offset = frame.begin; offset < frame.end; offset += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const result = await openWith(files, flipped(bytes, offset, bit))
        expect(result, `bit ${bit} of byte ${offset}`).toMatchObject({
          code: 'PERDURE_E_CORRUPT',
          data: { index: frame.index, file: files.newest, offset: frame.begin },
        })
        bits += 1
      }
    }
    report('bits of a record in the middle', { bits })
    expect(bits).toBeGreaterThan(8 * 40)
  })

  test('in the very last commit: it is cut, as a tear would be, and what was before it is there', async () => {
    await using children = new Children()
    const files = await killedWriter(children, 'nothing')
    const bytes = bytesOf(files)
    const frame = files.frames.at(-1)
    if (!frame) throw new Error('the log is empty')
    let bits = 0
    for (let offset = frame.begin; offset < frame.end; offset += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const result = await openWith(files, flipped(bytes, offset, bit))
        expect(result, `bit ${bit} of byte ${offset}`).toEqual({ ids: putBy(RECORDS - 1), records: frame.index - 1 })
        bits += 1
      }
    }
    report('bits of the last record', { bits })
  })
})

describe('a bad record with good ones behind it', () => {
  /** The first record of the commit of the burst; several are written together, or there is nothing to show. */
  const together = (files: Files): Frame => {
    const shared = files.frames.filter(({ begin, end }) => end - begin > 256 * 1024)
    expect(shared).toHaveLength(3)
    expect(new Set(shared.map(({ syncedThrough }) => syncedThrough)).size).toBe(1)
    return shared[0] as Frame
  }
  /** All bits of the frame's header, and some of its content, which is large. */
  const placesIn = (begin: number, end: number): [offset: number, bit: number][] => {
    const places: [number, number][] = []
    for (let offset = begin; offset < end; offset += offset < begin + 28 ? 1 : 5_003) places.push([offset, offset % 8])
    return places
  }

  test('of the same commit is a tear: the commit is cut from there on', async () => {
    await using children = new Children()
    const files = await killedWriter(children, 'a burst')
    const bad = together(files)
    const places = placesIn(bad.begin, bad.end)
    for (const [offset, bit] of places) {
      const result = await openWith(files, flipped(bytesOf(files), offset, bit))
      expect(result, `bit ${bit} of byte ${offset}`).toMatchObject({ records: bad.index - 1 })
      expect((result as Opened).ids.slice(0, RECORDS)).toEqual(putBy(RECORDS))
    }
    report('bad, then good of the same commit', { places: places.length, cut: files.frames.length - files.frames.indexOf(bad) })
    expect(files.frames.at(-1)?.index).toBeGreaterThan(bad.index)
  })

  test('that were written when it was durable is damage: the log is not opened', async () => {
    await using children = new Children()
    const files = await killedWriter(children, 'a burst and one more')
    const bad = together(files)
    expect(files.frames.at(-1)?.syncedThrough).toBeGreaterThanOrEqual(bad.index)
    const places = placesIn(bad.begin, bad.end)
    for (const [offset, bit] of places) {
      const result = await openWith(files, flipped(bytesOf(files), offset, bit))
      expect(isOpened(result) ? result : result.code, `bit ${bit} of byte ${offset}`).toBe('PERDURE_E_CORRUPT')
      expect((result as PerdureError).data).toMatchObject({ index: bad.index, offset: bad.begin })
    }
    report('bad, then good of a later commit', { places: places.length })
  })
})
