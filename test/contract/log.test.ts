import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { BLOB_FOLDER, openDisk } from '../../src/log/engines/disk.ts'
import { nodeBlobFolder, nodeDisk } from '../../src/log/engines/disk-io.ts'
import { threadCommitter } from '../../src/log/engines/disk-thread.ts'
import { thisMachine } from '../../src/log/engines/lock.ts'
import { memoryLog } from '../../src/log/engines/memory.ts'
import type { Committer } from '../../src/log/engines/storage.ts'
import { FaultyDisk } from '../../src/testing/faulty-disk.ts'
import { type EngineUnderTest, logContract } from '../../src/testing/log-suite.ts'
import { seeded } from '../log/seeded.ts'

const NOTHING = async () => undefined

async function memory(): Promise<EngineUnderTest> {
  return {
    open: async () => memoryLog(systemClock),
    crash: NOTHING,
    failNext: () => undefined,
    dispose: NOTHING,
  }
}

/** A crash of the real engine closes the thread and the socket, as the end of the process would, and nothing else. */
async function disk(): Promise<EngineUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'perdure-test-'))
  let committer: Committer
  let crash: () => Promise<void> = NOTHING
  let fails = false
  const surroundings = await thisMachine()
  return {
    open: () => {
      fails = false
      return openDisk({
        disk: nodeDisk(folder),
        blobs: nodeBlobFolder(folder, BLOB_FOLDER),
        startCommitter: async () => {
          const real = await threadCommitter(folder)
          committer = {
            buffer: real.buffer,
            close: () => real.close(),
            // The file is the thread's own: an offset that no file can have makes its write fail.
            commit: (commit, done) =>
              real.commit(fails && commit.kind === 'append' ? { ...commit, offset: Number.MAX_SAFE_INTEGER } : commit, done),
          }
          return committer
        },
        surroundings: {
          ...surroundings,
          listen: async (id) => {
            const door = await surroundings.listen(id)
            crash = () => door.close()
            return door
          },
        },
        clock: systemClock,
        segmentBytes: 4096,
      })
    },
    crash: async () => {
      await committer.close()
      await crash()
    },
    failNext: () => {
      fails = true
    },
    dispose: () => rm(folder, { recursive: true }),
  }
}

async function faultyDisk(): Promise<EngineUnderTest> {
  const random = seeded(1)
  let fails = false
  const simulated = new FaultyDisk({
    clock: systemClock,
    random,
    fault: ({ kind }) => (fails && kind === 'sync' ? 'EIO' : undefined),
  })
  return {
    open: () => {
      fails = false
      return openDisk(simulated.start(4096))
    },
    crash: async () => simulated.crash(),
    failNext: () => {
      fails = true
    },
    dispose: NOTHING,
  }
}

const runner = { describe, test }
const nothingToLose = 'it lives and dies with its process'
logContract('memory', memory, { runner, exceptions: { forgets: nothingToLose, cannotFail: nothingToLose } })
logContract('disk', disk, { runner })
logContract('disk engine on a faulty disk', faultyDisk, { runner })
