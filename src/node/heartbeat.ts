/**
 * A thread that proves the process alive, and ends it when its event loop is held for too long.
 *
 * Beats come from a thread of their own because they are to prove the process, not its loop: a loop that is busy is no failure,
 * until it has been busy with one turn for longer than its definition allows. Then nothing in the process can help any more; the
 * thread says which run it was, and kills. Code that no turn stands for, as what a step does after its first await, may hold the
 * loop for as long as the most patient definition of the process allows; then it is killed too, with nobody named.
 *
 * The thread counts beats, not hours: while the whole process was stopped nothing was held.
 *
 * Boundary: part of the shell. The thread's program is plain JavaScript text, because a thread has no TypeScript loader.
 */
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import { encodeFrame } from '../log/wire/frames.ts'
import type { TurnMeter } from '../mechanisms/process/host/port.ts'
import { BEAT_MS } from './detector.ts'

/** Shared with the thread: turns counted, or 0 when there is none; its run, its fence, its limit; signs of life of the loop. */
const FIELDS = 5

/** The parent reads from this descriptor which run stalled. */
export const STALL_FD = 4

const THREAD = `
const { workerData } = require('node:worker_threads')
const { connect } = require('node:net')
const { writeSync } = require('node:fs')
const { socket, beat, everyMs, shared, stallFd, loopMs } = workerData
const turn = new Float64Array(shared)
let last = performance.now()
const held = { turn: 0, ms: 0 }
const mute = { signs: 0, ms: 0 }
const stream = connect(socket)
stream.on('error', () => {})
const look = () => {
  stream.write(beat)
  const now = performance.now()
  const passedMs = Math.min(now - last, 2 * everyMs)
  last = now
  if (stallFd === null) return
  const [count, run, fence, limit, signs] = turn
  held.ms = count === held.turn && count !== 0 ? held.ms + passedMs : 0
  held.turn = count
  mute.ms = signs === mute.signs ? mute.ms + passedMs : 0
  mute.signs = signs
  if (held.ms > limit) kill({ run, fence, heldMs: Math.round(held.ms) })
  else if (count === 0 && mute.ms > loopMs) kill(null)
}
const kill = (stall) => {
  try { if (stall) writeSync(stallFd, JSON.stringify(stall) + '\\n') } catch {}
  process.kill(process.pid, 'SIGKILL')
}
look()
setInterval(look, everyMs)
`

export interface Heartbeat {
  readonly meter: TurnMeter
  stop(): void
}

/** Where to say which run held the loop before the process is killed, and how long it may be held by anything. */
export interface StallWatch {
  readonly fd: number
  readonly loopMs: number
}

/** Without a `watch` nothing is killed: nobody would start this process again. */
export function startHeartbeat(socket: string, session: number, watch?: StallWatch): Heartbeat {
  const shared = new SharedArrayBuffer(FIELDS * Float64Array.BYTES_PER_ELEMENT)
  const turn = new Float64Array(shared)
  const message = encodeFrame(['beat', session])
  const beat = Buffer.concat([Buffer.alloc(4), message])
  beat.writeUInt32LE(message.length)
  const workerData = { socket, beat, everyMs: BEAT_MS, shared, stallFd: watch?.fd ?? null, loopMs: watch?.loopMs ?? 0 }
  const thread = new Worker(THREAD, { eval: true, execArgv: [], workerData })
  thread.unref()
  thread.on('error', () => undefined)
  beatOnce(socket, beat)
  let turns = 0
  const meter: TurnMeter = {
    begin({ run, fence, maxTurnMs }) {
      turns += 1
      turn[1] = run
      turn[2] = fence
      turn[3] = maxTurnMs
      turn[0] = turns
    },
    end() {
      turn[0] = 0
    },
  }
  const alive = watch && setInterval(() => (turn[4] = (turn[4] ?? 0) + 1), BEAT_MS)
  alive?.unref()
  return {
    meter,
    stop() {
      clearInterval(alive)
      void thread.terminate()
    },
  }
}

/** Before the thread has begun: who is stopped in between is missed too. */
function beatOnce(socket: string, beat: Uint8Array): void {
  const stream = connect(socket, () => stream.end(beat))
  stream.on('error', () => undefined)
  stream.unref()
}
