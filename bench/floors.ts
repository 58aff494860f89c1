/**
 * The floors: what the same work costs without perdure.
 *
 * Boundary: operating system and plain data only; nothing of the library but its codec is in here.
 */
import { fork } from 'node:child_process'
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Commits a second of a loop that appends `bytes` and makes them durable, in one thread. */
export function syncsPerSecond(folder: string, bytes: number, count: number): number {
  const name = join(folder, 'floor')
  const file = openSync(name, 'w')
  const record = new Uint8Array(bytes).fill(1)
  const started = performance.now()
  for (let index = 0; index < count; index += 1) {
    writeSync(file, record, 0, bytes, index * bytes)
    fdatasyncSync(file)
  }
  const rate = (count * 1000) / (performance.now() - started)
  if (fstatSync(file).size !== bytes * count) throw new Error('the floor did not write what it was to write')
  closeSync(file)
  unlinkSync(name)
  return rate
}

/** Milliseconds to read every segment of a data folder once. */
export function readMs(data: string): number {
  const started = performance.now()
  for (const name of segmentsOf(data)) readFileSync(join(data, name))
  return performance.now() - started
}

/** Bytes of the log in a data folder. */
export function logBytes(data: string): number {
  return segmentsOf(data).reduce((sum, name) => sum + statSync(join(data, name)).size, 0)
}

function segmentsOf(data: string): readonly string[] {
  return readdirSync(data).filter((name) => statSync(join(data, name)).isFile())
}

/** Pairs a second of a list of tuples per key, with nothing durable, encoded or promised. */
export function barePairsPerSecond(count: number, batch: number): number {
  const index = new Map<unknown, (readonly unknown[])[]>()
  let taken = 0
  const started = performance.now()
  for (let n = 0; n < count; n += batch) {
    for (let i = n; i < n + batch; i += 1) {
      const tuple = ['job', i, 'cat.png'] as const
      const list = index.get(tuple[1])
      if (list) list.push(tuple)
      else index.set(tuple[1], [tuple])
    }
    for (let i = n; i < n + batch; i += 1) {
      const tuple = index.get(i)?.shift()
      index.delete(i)
      if (tuple?.[1] === i) taken += 1
    }
  }
  const rate = (taken * 1000) / (performance.now() - started)
  if (taken !== count) throw new Error('the bare index lost a tuple')
  return rate
}

/** Messages there and back a second over a local socket, between two Node processes, one at a time. */
export async function roundTripsPerSecond(folder: string, count: number): Promise<number> {
  const path = join(folder, 'echo')
  const server = createServer((socket) => socket.on('data', (bytes) => socket.write(bytes)))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const child = fork(fileURLToPath(import.meta.url), {
    env: { ...process.env, PERDURE_BENCH_ECHO: JSON.stringify({ path, count }) },
  })
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on('message', (rate) => resolve(Number(rate)))
      child.on('exit', (code) => reject(new Error(`the other end of the socket ended with ${code}`)))
    })
  } finally {
    server.close()
  }
}

const echo = process.env.PERDURE_BENCH_ECHO
if (echo !== undefined) {
  const { path, count } = JSON.parse(echo) as { path: string; count: number }
  const socket = connect(path)
  const message = Buffer.alloc(64)
  let left = count
  let started = 0
  socket.on('connect', () => {
    started = performance.now()
    socket.write(message)
  })
  socket.on('data', () => {
    left -= 1
    if (left > 0) return socket.write(message)
    process.send?.((count * 1000) / (performance.now() - started), () => process.exit(0))
    return undefined
  })
}
