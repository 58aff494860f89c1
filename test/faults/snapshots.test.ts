/** A process is killed after it has taken snapshots and trimmed its log; then every bit of a snapshot is turned, and each is lost. */
import { readdirSync } from 'node:fs'
import { PerdureError } from 'perdure'
import { describe, expect, test } from 'vitest'
import { segmentName } from '../../src/log/engines/segments.ts'
import { LONG, LONG_TEST_MS, report } from './amount.ts'
import { Children } from './children.ts'
import { type Files, filesOf, flipped, type Opened, openWith, SNAPSHOT } from './damaged-folder.ts'

/** After so many bytes a segment is full and a snapshot due: a dozen records. */
const SMALL = 1_500

/** Few lie in the space in the end, so that a snapshot is small and all its bits can be turned. */
const TUPLES = 60

/** Far more than two snapshots take, however slow the thread is that takes them. */
const MOST_EXCHANGED = 5_000 * TUPLES

/** A kill between two steps of one snapshot is rare. */
const MOST_LIVES = 10

/**
 * What is left of a process that had two snapshots and a log that no longer reaches back to its beginning. Snapshots are taken beside what
 * it is told, so the kill may come while there are three for a moment, or before the log was trimmed: then another process has to do.
 */
async function trimmedFiles(children: Children): Promise<Files> {
  for (let life = 1; life <= MOST_LIVES; life += 1) {
    const folder = children.path(`data-${life}`)
    const writer = children.start('writer', [folder, String(SMALL)])
    await writer.event('open')
    for (let to = TUPLES; to <= 4 * TUPLES || !isTrimmed(readdirSync(folder)); to += TUPLES) {
      if (to > MOST_EXCHANGED) throw new Error('no two snapshots were taken')
      writer.tell({ do: 'exchange', from: to - TUPLES + 1, to })
      await writer.event('exchanged', (line) => line.to === to)
    }
    writer.killGroup()
    await writer.ended()
    if (isTrimmed(readdirSync(folder))) return filesOf(folder)
  }
  throw new Error(`of ${MOST_LIVES} processes none left two snapshots behind`)
}

/** Two snapshots, and the log does not begin at its beginning. */
function isTrimmed(names: readonly string[]): boolean {
  return names.filter((name) => SNAPSHOT.test(name)).length === 2 && !names.includes(segmentName(1, 1))
}

/** Oldest first. */
function snapshotsOf(files: Files): string[] {
  return [...files.content.keys()].filter((name) => name.startsWith('snap-')).sort()
}

/** In the short version every third byte has one bit turned, each another one; in the long one all bits are. */
const BITS = LONG ? [0, 1, 2, 3, 4, 5, 6, 7] : [0]
const EVERY = LONG ? 1 : 3

describe('of two snapshots of a killed process', () => {
  test(
    'either has any of its bits turned: the site opens in the same state, from the other one and the log',
    async () => {
      await using children = new Children()
      const files = await trimmedFiles(children)
      const whole = await openWith(files, bytesOf(files, files.newest))
      expect(whole).not.toBeInstanceOf(PerdureError)
      const counts = { bits: 0, bytes: 0, snapshots: 0 }
      for (const name of snapshotsOf(files)) {
        const bytes = bytesOf(files, name)
        counts.snapshots += 1
        counts.bytes += bytes.length
        for (let offset = 0; offset < bytes.length; offset += EVERY) {
          for (const each of BITS) {
            const bit = (offset + each) % 8
            expect(await openWith(files, flipped(bytes, offset, bit), name), `bit ${bit} of byte ${offset} of ${name}`).toEqual(
              whole,
            )
            counts.bits += 1
          }
        }
      }
      report('bits of snapshots', { ...counts, tuples: (whole as Opened).ids.length })
      expect(counts.snapshots).toBe(2)
    },
    LONG_TEST_MS,
  )

  test(
    'either is cut at any byte, or gone: the site opens in the same state',
    async () => {
      await using children = new Children()
      const files = await trimmedFiles(children)
      const whole = await openWith(files, bytesOf(files, files.newest))
      let cuts = 0
      for (const name of snapshotsOf(files)) {
        const bytes = bytesOf(files, name)
        for (let length = 0; length < bytes.length; length += LONG ? 1 : 11) {
          expect(await openWith(files, bytes.slice(0, length), name), `${name} cut at ${length}`).toEqual(whole)
          cuts += 1
        }
        expect(await openWith(without(files, name), bytesOf(files, files.newest)), `${name} is gone`).toEqual(whole)
      }
      report('cut snapshots', { cuts })
    },
    LONG_TEST_MS,
  )

  test('both are damaged or gone, and the log no longer has its beginning: it is not opened', async () => {
    await using children = new Children()
    const files = await trimmedFiles(children)
    const [older, newer] = snapshotsOf(files) as [string, string]
    const bytes = bytesOf(files, older)
    const damaged = flipped(bytes, Math.floor(bytes.length / 2), 3)
    expect(await openWith(without(files, newer), damaged, older)).toMatchObject({
      code: 'PERDURE_E_CORRUPT',
      message: expect.stringContaining(older),
    })
    expect(await openWith(without(without(files, newer), older), bytesOf(files, files.newest))).toMatchObject({
      code: 'PERDURE_E_CORRUPT',
    })
  })
})

function bytesOf(files: Files, name: string): Uint8Array {
  return files.content.get(name) as Uint8Array
}

function without(files: Files, name: string): Files {
  return { ...files, content: new Map([...files.content].filter(([each]) => each !== name)) }
}
