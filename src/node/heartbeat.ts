/**
 * A thread that proves the process alive, and ends it when its event loop is held for too long.
 *
 * Beats come from a thread of their own because they are to prove the process, not its loop: a loop that is busy is no failure,
 * until it has been busy with one turn for longer than its definition allows. Then nothing in the process can help any more; the
 * thread says which run it was, and kills.
 *
 * Boundary: part of the shell. The thread's program is plain JavaScript text, because a thread has no TypeScript loader.
 */
import { Worker } from 'node:worker_threads'
import { encodeFrame } from '../log/wire/frames.ts'
import type { TurnMeter } from '../mechanisms/process/port.ts'
import { BEAT_MS } from './detector.ts'

/** Shared with the thread: when the turn began (0: none), its run, its fence, its limit. All in milliseconds or numbers. */
const FIELDS = 4

/** The parent reads from this descriptor which run stalled. */
export const STALL_FD = 4

const THREAD = `
const { workerData } = require('node:worker_threads')
const { connect } = require('node:net')
const { writeSync } = require('node:fs')
const { socket, beat, everyMs, shared, stallFd } = workerData
const turn = new Float64Array(shared)
const now = () => performance.timeOrigin + performance.now()
const stream = connect(socket)
stream.on('error', () => {})
const look = () => {
  stream.write(beat)
  const [since, run, fence, limit] = turn
  if (since === 0 || stallFd === null || now() - since <= limit) return
  try { writeSync(stallFd, JSON.stringify({ run, fence }) + '\\n') } catch {}
  process.kill(process.pid, 'SIGKILL')
}
look()
setInterval(look, everyMs)
`

export interface Heartbeat {
  readonly meter: TurnMeter
  stop(): void
}

/** `stallFd`: where to say which run held the loop, before killing the process; null where nobody would start it again. */
export function startHeartbeat(socket: string, session: number, stallFd: number | null): Heartbeat {
  const shared = new SharedArrayBuffer(FIELDS * Float64Array.BYTES_PER_ELEMENT)
  const turn = new Float64Array(shared)
  const message = encodeFrame(['beat', session])
  const beat = Buffer.concat([Buffer.alloc(4), message])
  beat.writeUInt32LE(message.length)
  const thread = new Worker(THREAD, { eval: true, execArgv: [], workerData: { socket, beat, everyMs: BEAT_MS, shared, stallFd } })
  thread.unref()
  thread.on('error', () => undefined)
  const meter: TurnMeter = {
    begin(run, fence, maxTurnMs) {
      turn[1] = run
      turn[2] = fence
      turn[3] = maxTurnMs
      turn[0] = performance.timeOrigin + performance.now()
    },
    end() {
      turn[0] = 0
    },
  }
  return { meter, stop: () => void thread.terminate() }
}
