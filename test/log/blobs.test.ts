import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { PerdureError } from '../../src/errors.ts'
import { type BlobFolder, folderBlobs } from '../../src/log/engines/blobs.ts'
import { openDisk } from '../../src/log/engines/disk.ts'
import { FaultyDisk } from '../../src/testing/faulty-disk.ts'
import { seeded } from './seeded.ts'

const hop = () => new Promise<void>((done) => systemClock.hop(done))

test('a blob is written in pieces under another name, synced, renamed, and its folder synced, in this order', async () => {
  const calls: string[] = []
  const folder: BlobFolder = {
    read: async () => undefined,
    write: async (name, pieces) => void calls.push(`write ${name.slice(64)} ${pieces.map((piece) => piece.length).join('+')}`),
    rename: async (from, to) => void calls.push(`rename ${from.slice(64)} ${to.slice(64)}`),
    sync: async () => void calls.push('sync'),
  }
  const blobs = folderBlobs(folder, { over: () => undefined, failed: (cause) => cause as Error })
  await blobs.put(new Uint8Array(600 * 1024))
  expect(calls).toEqual(['write .1.tmp 262144+262144+90112', 'rename .1.tmp ', 'sync'])
})

test('a blob whose put has resolved survives a power cut, and any other is whole or not there', async () => {
  const content = new Uint8Array(900_000).map((_, at) => at % 253)
  const met = { whole: 0, missing: 0 }
  for (let seed = 1; seed <= 60; seed += 1) {
    const disk = new FaultyDisk({ clock: systemClock, random: seeded(seed), commitBytes: 16_384 })
    const log = await openDisk(disk.start())
    let hash = ''
    log.blobs.put(content).then(
      (name) => {
        hash = name
      },
      (error: unknown) => expect(PerdureError.is(error, 'PERDURE_E_LOG_FAILED')).toBe(true),
    )
    for (let turn = seed % 20; turn > 0; turn -= 1) await hop()
    disk.crash()
    const promised = hash
    const again = await openDisk(disk.start())
    expect(disk.names.filter((name) => name.endsWith('.tmp'))).toEqual([])
    const names = disk.names.filter((name) => name.startsWith('blobs/'))
    if (promised !== '') expect(names).toEqual([`blobs/${promised}`])
    for (const name of names) expect(Buffer.from(content).equals(await again.blobs.get(name.slice(6)))).toBe(true)
    met[names.length === 0 ? 'missing' : 'whole'] += 1
    await again.close()
  }
  expect(met.whole).toBeGreaterThan(10)
  expect(met.missing).toBeGreaterThan(10)
})

test('a blob that cannot be written fails the log, since nobody knows what else was lost', async () => {
  for (const kind of ['write', 'sync', 'rename']) {
    let fails = false
    const fault = (call: { kind: string; name: string }) =>
      fails && call.kind === kind && call.name.startsWith('blobs/') ? 'EIO' : undefined
    const disk = new FaultyDisk({ clock: systemClock, random: seeded(1), fault })
    const log = await openDisk(disk.start())
    fails = true
    await expect(log.blobs.put(new Uint8Array(9)), kind).rejects.toMatchObject({
      code: 'PERDURE_E_LOG_FAILED',
      data: { code: 'EIO' },
    })
    expect(() => log.append(new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'PERDURE_E_LOG_FAILED' }))
    await log.close()
  }
})

test('a blob that cannot be read fails the log: its run must not take the error for the reply in its journal', async () => {
  let failing = false
  const folder: BlobFolder = {
    read: async () => {
      if (failing) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })
      return undefined
    },
    write: async () => undefined,
    rename: async () => undefined,
    sync: async () => undefined,
  }
  const failures: unknown[] = []
  const failed = (cause: unknown) => {
    failures.push(cause)
    return new PerdureError('PERDURE_E_LOG_FAILED', 'failed', { cause })
  }
  const blobs = folderBlobs(folder, { over: () => undefined, failed })
  await expect(blobs.get('0'.repeat(64)), 'not there is no failure').rejects.toMatchObject({ code: 'PERDURE_E_BLOB' })
  expect(failures).toEqual([])
  failing = true
  await expect(blobs.get('0'.repeat(64))).rejects.toMatchObject({ code: 'PERDURE_E_LOG_FAILED' })
  expect(failures).toHaveLength(1)
})
