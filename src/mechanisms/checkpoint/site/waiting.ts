/**
 * How long a program waits: until its signal aborts, or its time is over.
 *
 * Boundary: pure over a `Clock`.
 */
import type { Clock } from '../../../clock.ts'
import { PerdureError } from '../../../errors.ts'
import { timeoutsOf } from '../../../support/timeouts.ts'

export interface WaitOptions {
  /** Gives up waiting; the promise rejects with the signal's reason. What is on its way to the log is not called back. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds after which the promise rejects with `PERDURE_E_TIMEOUT`. Default: waits for as long as it takes. */
  readonly timeoutMs?: number | undefined
}

/** Calls `act` with a signal that aborts when waiting is over, and settles as it does, or with the reason of the signal. */
export async function within<T>(
  clock: Clock,
  what: string,
  { signal, timeoutMs }: WaitOptions,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs >= 0)) throw noDuration(what, timeoutMs)
  signal?.throwIfAborted()
  const controller = new AbortController()
  const abort = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  const timeout =
    timeoutMs === undefined ? undefined : timeoutsOf(clock).after(timeoutMs, () => controller.abort(late(what, timeoutMs)))
  try {
    return await new Promise<T>((resolve, reject) => {
      controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true })
      act(controller.signal).then(resolve, reject)
    })
  } finally {
    timeout?.cancel()
    signal?.removeEventListener('abort', abort)
  }
}

function late(what: string, timeoutMs: number): PerdureError {
  return new PerdureError(
    'PERDURE_E_TIMEOUT',
    `${what} has not come to an end within ${timeoutMs} ms. Give it more time, or find out what it waits for.`,
  )
}

function noDuration(what: string, timeoutMs: unknown): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', `timeoutMs of ${what} is ${String(timeoutMs)}: expected milliseconds, 0 or more.`)
}
