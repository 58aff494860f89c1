/**
 * How many commits a second the disk engine makes, beside what the disk allows: write and fdatasync in a loop, in one thread.
 *
 * The two take turns within one run, since disks of virtual machines change their speed by the minute. Waiting clients share
 * commits, so theirs is the number of records, which may be far above the floor.
 *
 * Not measured: anything above the engine (records with operations, machines), power loss, and disks without a write cache,
 * on which the floor itself is a hundred times lower and the ratio close to 1. The folder of this file decides which disk it is:
 * TMPDIR names another.
 */

import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../src/clock.ts'
import { openFolder } from '../src/log/engines/folder.ts'
import { memoryLog } from '../src/log/engines/memory.ts'
import type { Log } from '../src/log/log.ts'

const ROUNDS = 5
const COMMITS = 4000
const PAYLOAD = 200
/** What the engine writes for a record of that size. */
const FRAME = PAYLOAD + 28
const RECORDS_PER_CLIENT = 1000

function perSecond(count: number, startedMs: number): number {
  return Math.round((count * 1000) / (performance.now() - startedMs))
}

function floor(folder: string): number {
  const file = openSync(join(folder, 'floor'), 'w')
  const bytes = new Uint8Array(FRAME)
  const started = performance.now()
  for (let index = 0; index < COMMITS; index += 1) {
    writeSync(file, bytes, 0, FRAME, index * FRAME)
    fdatasyncSync(file)
  }
  const rate = perSecond(COMMITS, started)
  closeSync(file)
  return rate
}

async function oneAtATime(log: Log, waits?: number[]): Promise<number> {
  const started = performance.now()
  for (let index = 0; index < COMMITS; index += 1) {
    const asked = performance.now()
    await log.durable(log.append(new Uint8Array(PAYLOAD)))
    waits?.push(performance.now() - asked)
  }
  return perSecond(COMMITS, started)
}

async function together(log: Log, clients: number): Promise<number> {
  const started = performance.now()
  const client = async () => {
    for (let index = 0; index < RECORDS_PER_CLIENT; index += 1) await log.durable(log.append(new Uint8Array(PAYLOAD)))
  }
  await Promise.all(Array.from({ length: clients }, client))
  return perSecond(clients * RECORDS_PER_CLIENT, started)
}

async function readThrough(log: Log): Promise<number> {
  const started = performance.now()
  let count = 0
  for await (const record of log.read(1)) count += record.bytes.length > 0 ? 1 : 0
  return perSecond(count, started)
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

const folder = mkdtempSync(join(tmpdir(), 'perdure-bench-'))
const rows: Record<string, number>[] = []
const waits: number[] = []
try {
  const disk = await openFolder(join(folder, 'data'), systemClock)
  for (let round = 0; round < ROUNDS; round += 1) {
    const least = floor(folder)
    const one = await oneAtATime(disk, waits)
    rows.push({
      'floor commits/s': least,
      'one at a time/s': one,
      'ratio to floor': Number((one / least).toFixed(2)),
      '64 waiting records/s': await together(disk, 64),
      '512 waiting records/s': await together(disk, 512),
    })
  }
  const read = await readThrough(disk)
  await disk.close()
  const opening = performance.now()
  const again = await openFolder(join(folder, 'data'), systemClock)
  const openedMs = performance.now() - opening
  await again.close()
  const memory = memoryLog(systemClock)
  const inMemory = await oneAtATime(memory)
  console.log(
    `log engines, records of ${PAYLOAD} bytes; node ${process.versions.node}, ${process.platform}, ${cpus().length} cores`,
  )
  console.table(rows)
  waits.sort((a, b) => a - b)
  const share = (part: number) => (waits[Math.floor(waits.length * part)] ?? Number.NaN).toFixed(3)
  console.log(`one at a time: p50 ${share(0.5)} ms, p99 ${share(0.99)} ms, p99.9 ${share(0.999)} ms`)
  console.log(`median ratio to the floor: ${median(rows.map((row) => row['ratio to floor'] ?? Number.NaN))}`)
  console.log(
    `reading back: ${read} records/s; opening again: ${openedMs.toFixed(0)} ms; memory engine, one at a time: ${inMemory}/s`,
  )
} finally {
  rmSync(folder, { recursive: true })
}
