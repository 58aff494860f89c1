/** How the disk engine commits: many records at once, one commit at a time, on a thread that is not the event loop's. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { BLOB_FOLDER, openDisk } from '../../src/log/engines/disk.ts'
import { nodeBlobFolder, nodeDisk } from '../../src/log/engines/disk-io.ts'
import { threadCommitter } from '../../src/log/engines/disk-thread.ts'
import { thisMachine } from '../../src/log/engines/lock.ts'
import { COMMIT_RECORDS, type Commit, type Committer } from '../../src/log/engines/storage.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'perdure-test-'))
})
afterEach(() => rm(folder, { recursive: true }))

interface Watched {
  readonly commits: Commit[]
  most: number
}

/** The real committer, and how many commits were under way at once. */
async function watched(seen: Watched): Promise<Committer> {
  const real = await threadCommitter(folder)
  let under = 0
  return {
    buffer: real.buffer,
    close: () => real.close(),
    commit: (commit, done) => {
      under += 1
      seen.most = Math.max(seen.most, under)
      seen.commits.push(commit)
      real.commit(commit, (failure) => {
        under -= 1
        done(failure)
      })
    },
  }
}

test('records that wait share a commit, at most 512 of them, and one commit is under way at a time', async () => {
  const seen: Watched = { commits: [], most: 0 }
  const log = await openDisk({
    disk: nodeDisk(folder),
    blobs: nodeBlobFolder(folder, BLOB_FOLDER),
    startCommitter: () => watched(seen),
    surroundings: await thisMachine(),
    clock: systemClock,
  })
  const advanced: number[] = [0]
  log.watch({ advanced: (index) => void advanced.push(index), failed: () => undefined })
  seen.commits.length = 0
  for (let n = 0; n < 3_000; n++) log.append(new Uint8Array(40))
  await log.durable(3_000)
  const sizes = advanced.slice(1).map((index, at) => index - (advanced[at] as number))
  expect(Math.max(...sizes)).toBe(COMMIT_RECORDS)
  expect(seen.commits.length).toBeLessThanOrEqual(3_000 / COMMIT_RECORDS + 2)
  expect(seen.most).toBe(1)
  await log.close()
})

test('the event loop turns while a commit is under way', async () => {
  const committer = await threadCommitter(folder)
  const content = committer.buffer.length
  // The system may let the committer be done before it lets us turn; not every time.
  let turns = 0
  for (let attempt = 1; attempt <= MAX_ATTEMPTS && turns <= 10; attempt += 1) {
    turns = await turnsWhile((done) => {
      committer.buffer.fill(7)
      committer.commit({ kind: 'create', name: `${attempt}.seg`, length: content }, done)
    })
    expect(nodeDisk(folder).size(`${attempt}.seg`)).toBe(content)
  }
  expect(turns).toBeGreaterThan(10)
  await committer.close()
})

const MAX_ATTEMPTS = 20

/** Turns of the event loop until it is done, which must be without a failure. */
async function turnsWhile(act: (done: (failure: Error | undefined) => void) => void): Promise<number> {
  let turns = 0
  let end: { readonly failure: Error | undefined } | undefined
  act((failure) => {
    end = { failure }
  })
  while (end === undefined) {
    await new Promise<void>((turn) => systemClock.hop(turn))
    turns += 1
  }
  expect(end).toEqual({ failure: undefined })
  return turns
}
