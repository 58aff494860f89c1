/**
 * Work beside a site, on a thread of its own: snapshots are taken there (`log/snapshots/shadow.ts`) and backups copied, so that the site
 * does nothing for them.
 *
 * A thread cannot load the sources as they are; there, and in the simulator, the same functions work in slices of the event loop.
 *
 * Boundary: part of the shell; the thread gets the folder by its name and gives back data.
 */
import { Worker } from 'node:worker_threads'
import type { Clock } from '../clock.ts'
import { type ErrorCode, PerdureError } from '../errors.ts'
import type { Log, SnapshotPlace } from '../log/log.ts'
import type { TakeShadow } from '../log/snapshots/keeper.ts'
import { type ShadowReport, type ShadowSource, takeSnapshot } from '../log/snapshots/shadow.ts'
import { composeReplica } from './compose.ts'

/** What the thread is told. */
export type ThreadOrder =
  | { readonly kind: 'snapshot'; readonly folder: string; readonly place: SnapshotPlace }
  | { readonly kind: 'backup'; readonly folder: string; readonly target: string; readonly through: number }

/** What it says: how far it is, and in the end what came out. */
export type ThreadMessage =
  | { readonly kind: 'progress'; readonly copied: number; readonly total: number }
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly failure: ThreadFailure }

export interface ThreadFailure {
  readonly code: ErrorCode | undefined
  readonly systemCode: string | undefined
  readonly message: string
}

const PROGRAM = new URL('./shadow-thread.js', import.meta.url)

/** Only what is built can be loaded by a thread. */
export const HAS_THREAD: boolean = import.meta.url.endsWith('.js')

/** Takes shadows of the log in this folder. */
export function shadowOf(folder: string, log: Log, clock: Clock): TakeShadow {
  if (!HAS_THREAD) return inSlices(log, clock)
  return async (place, signal) => (await inThread({ kind: 'snapshot', folder, place }, signal)) as ShadowReport
}

/** Takes shadows in the event loop of the owner, a few milliseconds at a time. */
export function inSlices(log: Log, clock: Clock): TakeShadow {
  return (place, signal) => takeSnapshot(log as ShadowSource, place, composeReplica, clock, signal)
}

/** Rejects with the reason of the signal once the thread has ended. */
export function inThread(
  order: ThreadOrder,
  signal: AbortSignal,
  progress: (copied: number, total: number) => void = () => undefined,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(PROGRAM, { workerData: order, execArgv: [], name: `perdure ${order.kind}` })
    const stop = () => void thread.terminate()
    // A program that has nothing else to do need not wait for it.
    thread.unref()
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    thread.on('message', (message: ThreadMessage) => {
      if (message.kind === 'progress') progress(message.copied, message.total)
      else if (message.kind === 'done') resolve(message.result)
      else reject(errorOf(message.failure))
    })
    thread.once('error', reject)
    thread.once('exit', (code) => {
      signal.removeEventListener('abort', stop)
      reject(signal.aborted ? signal.reason : new Error(`The thread that did it has ended with code ${code}.`))
    })
  })
}

function errorOf({ code, systemCode, message }: ThreadFailure): Error {
  if (code !== undefined) return new PerdureError(code, message)
  return Object.assign(new Error(message), systemCode !== undefined && { code: systemCode })
}
