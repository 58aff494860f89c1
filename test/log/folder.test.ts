import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { PerdureError } from '../../src/errors.ts'
import { openFolder } from '../../src/log/engines/folder.ts'
import { findOwner } from '../../src/log/engines/lock.ts'
import type { Log } from '../../src/log/log.ts'

const APPENDER = fileURLToPath(new URL('appender.ts', import.meta.url))

/** Mounting needs it; where it is missing, the simulated disk alone shows the same. */
const MAY_MOUNT = process.platform === 'linux' && process.getuid?.() === 0

let place: string
let folder: string
const children = new Set<ChildProcess>()

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'perdure-test-'))
  folder = join(place, 'deep', 'data')
})

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  await rm(place, { recursive: true, force: true })
})

interface Appender {
  readonly child: ChildProcess
  readonly pid: number
  /** The last index that it said to be durable. */
  durable(): number
  until(index: number): Promise<void>
  kill(): Promise<void>
}

/** A living process that has the folder open and appends. */
async function appender(): Promise<Appender> {
  const child = spawn(process.execPath, ['--import', 'tsx', APPENDER, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.add(child)
  const lines = createInterface({ input: child.stdout })
  let durable = 0
  let wake: () => void = () => undefined
  const opened = once(lines, 'line')
  lines.on('line', (line) => {
    durable = line.startsWith('durable ') ? Number(line.slice(8)) : durable
    wake()
  })
  await opened
  return {
    child,
    pid: child.pid as number,
    durable: () => durable,
    until: async (index) => {
      while (durable < index) {
        await new Promise<void>((woken) => {
          wake = woken
        })
      }
    },
    kill: async () => {
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
    },
  }
}

async function expectWhole(log: Log, atLeast: number): Promise<void> {
  let last = 0
  for await (const { index, bytes } of log.read(1)) {
    expect(index).toBe(last + 1)
    const whole = bytes.length === 20 + (index % 300) && bytes.every((byte) => byte === index % 256)
    if (!whole) expect.fail(`record ${index} is not what was appended`)
    last = index
  }
  expect(last).toBe(log.lastIndex)
  expect(last).toBeGreaterThanOrEqual(atLeast)
}

test('a process killed 4 times in the middle of appending loses nothing that it said to be durable', async () => {
  let before = 0
  for (let round = 1; round <= 4; round += 1) {
    const process = await appender()
    await process.until(before + 1 + round * 13)
    await process.kill()
    const log = await openFolder(folder, systemClock)
    expect(log.generation).toBe(round * 2)
    await expectWhole(log, process.durable())
    expect(process.durable()).toBeGreaterThan(before)
    before = log.lastIndex
    await log.close()
  }
})

describe('a folder has one owner', () => {
  test('in one process', async () => {
    const log = await openFolder(folder, systemClock)
    await expect(openFolder(folder, systemClock)).rejects.toMatchObject({
      code: 'PERDURE_E_LOCKED',
      data: { pid: process.pid },
      message: expect.stringMatching(new RegExp(`process ${process.pid} .*attach: true`)),
    })
    expect(await findOwner(folder)).toMatchObject({ pid: process.pid, generation: 1 })
    log.append(new Uint8Array(3))
    await log.close()
    expect(await findOwner(folder)).toBeUndefined()
    const again = await openFolder(folder, systemClock)
    expect(again.lastIndex).toBe(1)
    await again.close()
  })

  test('of several who open at the same time', async () => {
    for (let round = 0; round < 5; round += 1) {
      const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => openFolder(folder, systemClock)))
      const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
      const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
      expect(won).toHaveLength(1)
      expect(lost.map((error) => error.code)).toEqual(Array(5).fill('PERDURE_E_LOCKED'))
      await won[0]?.close()
    }
  })

  test('that is another process, running or stopped, until it is dead', async () => {
    const owner = await appender()
    const locked = { code: 'PERDURE_E_LOCKED', data: { pid: owner.pid } }
    await expect(openFolder(folder, systemClock)).rejects.toMatchObject(locked)
    owner.child.kill('SIGSTOP')
    await expect(openFolder(folder, systemClock)).rejects.toMatchObject(locked)
    const found = await findOwner(folder)
    expect(found).toMatchObject({ pid: owner.pid, generation: 1 })
    owner.child.kill('SIGCONT')
    await owner.until(owner.durable() + 10)
    await owner.kill()
    expect(await findOwner(folder)).toBeUndefined()
    const log = await openFolder(folder, systemClock)
    await expectWhole(log, owner.durable())
    expect(existsSync(dirname((found as { socket: string }).socket)), 'what the dead one left of its socket').toBe(false)
    await log.close()
  })

  test('and one on another machine is never taken for dead', async () => {
    const log = await openFolder(folder, systemClock)
    await log.close()
    const path = join(folder, 'gen-1')
    const file = JSON.parse(await readFile(path, 'utf8'))
    await writeFile(path, JSON.stringify({ ...file, host: 'elsewhere', closed: false }))
    await expect(openFolder(folder, systemClock)).rejects.toMatchObject({
      code: 'PERDURE_E_LOCKED',
      data: { host: 'elsewhere', pid: process.pid },
      message: expect.stringMatching(/elsewhere.*delete gen-1/s),
    })
    expect(await findOwner(folder)).toBeUndefined()
  })

  test('whose sockets and their folders are private and leave nothing behind', async () => {
    const log = await openFolder(folder, systemClock)
    const { socket } = log.door
    expect(socket.startsWith(folder)).toBe(false)
    const place = execFileSync('stat', ['-c', '%a', dirname(socket)])
      .toString()
      .trim()
    expect(place).toBe('700')
    await log.close()
    expect(existsSync(dirname(socket))).toBe(false)
  })
})

test('who connects before the owner is ready to talk is kept waiting, with what it said', async () => {
  const log = await openFolder(folder, systemClock)
  const early = connect(log.door.socket)
  early.write('early')
  await once(early, 'connect')
  const gone = connect(log.door.socket)
  await once(gone, 'connect')
  gone.destroy()
  const heard: string[] = []
  const both = new Promise<void>((done) => {
    log.door.accept((connection) => {
      connection.on('data', (data) => {
        heard.push(data.toString())
        if (heard.length === 2) done()
      })
    })
  })
  const late = connect(log.door.socket)
  late.write('late')
  await both
  expect(heard.sort()).toEqual(['early', 'late'])
  early.destroy()
  late.destroy()
  await log.close()
})

describe('a folder that cannot be used says why and what to do', () => {
  test('a path that is a file', async () => {
    await mkdir(dirname(folder), { recursive: true })
    await writeFile(folder, 'not a folder')
    await expect(openFolder(folder, systemClock)).rejects.toMatchObject({
      code: 'PERDURE_E_FOLDER',
      data: { folder },
      message: expect.stringMatching(/file of that name.*Name a folder/),
    })
    await expect(openFolder(join(folder, 'below'), systemClock)).rejects.toMatchObject({
      code: 'PERDURE_E_FOLDER',
      message: expect.stringContaining('is a file'),
    })
    expect(await readFile(folder, 'utf8')).toBe('not a folder')
  })

  test.skipIf(process.platform !== 'linux')(
    'a place where the system makes no folders (skipped but on Linux: needs /proc)',
    async () => {
      await expect(openFolder('/proc/perdure', systemClock)).rejects.toMatchObject({ code: 'PERDURE_E_FOLDER' })
    },
  )

  test.skipIf(!MAY_MOUNT)('a read-only file system (skipped without root on Linux: needs a mount)', async () => {
    await mounted('ro', async (at) => {
      await expect(openFolder(at, systemClock)).rejects.toMatchObject({
        code: 'PERDURE_E_FOLDER',
        message: expect.stringContaining('read-only'),
      })
    })
  })

  test.skipIf(!MAY_MOUNT)(
    'a full one, at open and later, and it goes on once there is room (skipped without root on Linux)',
    async () => {
      await mounted('size=1m', async (at) => {
        const filler = join(at, 'filler')
        await writeFile(filler, new Uint8Array(600 * 1024))
        const data = join(at, 'data')
        const log = await openFolder(data, systemClock)
        const durable = await fill(log)
        expect(durable).toBeGreaterThan(50)
        await log.close()
        await expect(openFolder(data, systemClock)).rejects.toMatchObject({
          code: 'PERDURE_E_FOLDER',
          message: expect.stringContaining('disk is full'),
        })
        await rm(filler)
        const again = await openFolder(data, systemClock)
        await expectWhole(again, durable)
        await again.close()
      })
    },
  )
})

async function mounted(options: string, use: (at: string) => Promise<void>): Promise<void> {
  const at = join(place, 'mount')
  await mkdir(at)
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', at])
  try {
    await use(at)
  } finally {
    execFileSync('umount', ['-l', at])
  }
}

/** Appends until the disk is full; returns the last durable index. */
async function fill(log: Log): Promise<number> {
  for (;;) {
    try {
      for (let count = 0; count < 20; count += 1) {
        const index = log.lastIndex + 1
        log.append(new Uint8Array(20 + (index % 300)).fill(index % 256))
      }
      await log.durable(log.lastIndex)
    } catch (error) {
      expect(error).toSatisfy((thrown: unknown) => PerdureError.is(thrown, 'PERDURE_E_LOG_FAILED'))
      expect(error).toMatchObject({ data: { code: 'ENOSPC' }, message: expect.stringContaining('disk full') })
      return log.durableIndex
    }
  }
}

test('blobs that were not finished are cleared away, and a damaged one is known and mended', async () => {
  const log = await openFolder(folder, systemClock)
  const content = new Uint8Array(700_000).fill(4)
  const hash = await log.blobs.put(content)
  await log.close()
  const path = join(folder, 'blobs', hash)
  await writeFile(`${path}.7.tmp`, 'half')
  await writeFile(path, content.subarray(1))
  const again = await openFolder(folder, systemClock)
  expect(await readdir(join(folder, 'blobs'))).toEqual([hash])
  await expect(again.blobs.get(hash)).rejects.toMatchObject({ code: 'PERDURE_E_BLOB', data: { hash } })
  expect(await again.blobs.put(content)).toBe(hash)
  expect(Buffer.from(content).equals(await again.blobs.get(hash))).toBe(true)
  await again.close()
})
