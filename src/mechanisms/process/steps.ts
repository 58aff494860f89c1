/**
 * Steps: the only place where a run touches the outside world.
 *
 * Boundary: decides when a step's function is called, how often, and what becomes of its result. At least once: the function has
 * an idempotency key that is the same for every try, and a fence that grows with every placement of the run.
 *   T1  A function is called only when everything delivered to its run is durable and the host was not long ago confirmed.
 *   T2  A failed try that is to be repeated is an entry, so that the count of tries survives crashes.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Timer } from '../../clock.ts'
import { PerdureError } from '../../errors.ts'
import { failureOf } from '../../log/outcome.ts'
import type { Stored } from './journal.ts'
import type { AttemptIdentity, AttemptPort } from './port.ts'
import { store } from './storing.ts'

export interface RetryOptions {
  /** How often the function is tried in all. Default 3. */
  readonly attempts?: number
  /** Wait before the second try. Default 100. */
  readonly delayMs?: number
  /** Each wait is this many times the one before. Default 2. */
  readonly factor?: number
  /** No wait is longer. Default 10,000. */
  readonly maxDelayMs?: number
}

export interface StepInfo {
  /** The same for every try of this step, and for no other step anywhere. */
  readonly idempotencyKey: string
  /** 1, 2, 3, …, counted over crashes. */
  readonly attempt: number
  /** Grows with every placement of the run: a resource that remembers the highest can refuse older writers. */
  readonly fence: number
  /** Aborts when the step times out, the run is cancelled, or its host is stopped. */
  readonly signal: AbortSignal
}

export interface StepTask {
  readonly number: number
  readonly name: string
  readonly fn: (info: StepInfo) => unknown
  readonly retry: Required<RetryOptions>
  readonly timeoutMs: number | undefined
}

export const DEFAULT_RETRY: Required<RetryOptions> = { attempts: 3, delayMs: 100, factor: 2, maxDelayMs: 10_000 }

/** The attempt whose steps these are. */
export interface StepOwner {
  readonly identity: AttemptIdentity
  readonly port: AttemptPort
  readonly over: boolean
  readonly deliveredPosition: number
  sendStep(number: number, name: string, outcome: Stored): void
  sendControl(kind: string, args: readonly unknown[]): void
}

const insideStep = new AsyncLocalStorage<StepOwner>()

export class StepRunner {
  readonly #attempt: StepOwner
  readonly #retries: ReadonlyMap<number, number>
  readonly #running = new Map<number, AbortController>()
  readonly #timers = new Set<Timer>()

  constructor(attempt: StepOwner, retries: ReadonlyMap<number, number>) {
    this.#attempt = attempt
    this.#retries = retries
  }

  /** Whether the caller is called from the function of a step of this attempt. */
  isInside(): boolean {
    return insideStep.getStore() === this.#attempt
  }

  start(task: StepTask): void {
    this.#try(task, this.#retries.get(task.number) ?? 0).catch((error: unknown) => {
      if (!this.#attempt.over) this.#attempt.sendStep(task.number, task.name, { error: failureOf(error) })
    })
  }

  cancel(number: number): void {
    this.#running.get(number)?.abort(new PerdureError('PERDURE_E_CANCELLED', 'The run of this step was cancelled.'))
    this.#running.delete(number)
  }

  stop(): void {
    for (const number of [...this.#running.keys()]) this.cancel(number)
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  async #try(task: StepTask, failed: number): Promise<void> {
    const { port, deliveredPosition } = this.#attempt
    const controller = new AbortController()
    this.#running.set(task.number, controller)
    await port.durableTo(deliveredPosition)
    await port.confirmed()
    if (this.#attempt.over || controller.signal.aborted) return
    try {
      const value = await this.#call(task, failed + 1, controller)
      if (this.#gone(task, controller)) return
      const { stored, upload } = store(value, port.blobs)
      await upload
      if (this.#gone(task, controller)) return
      this.#running.delete(task.number)
      this.#attempt.sendStep(task.number, task.name, stored)
    } catch (error) {
      if (this.#gone(task, controller)) return
      this.#failed(task, failed + 1, error)
    }
  }

  #gone(task: StepTask, controller: AbortController): boolean {
    return this.#attempt.over || this.#running.get(task.number) !== controller
  }

  #failed(task: StepTask, failed: number, error: unknown): void {
    const { attempts, delayMs, factor, maxDelayMs } = task.retry
    if (failed >= attempts || PerdureError.is(error, 'PERDURE_E_VALUE')) {
      this.#running.delete(task.number)
      return this.#attempt.sendStep(task.number, task.name, { error: failureOf(error) })
    }
    this.#attempt.sendControl('process.retry', [task.number, failed])
    // It counts as running between its tries too, so that a cancellation finds it.
    const waiting = this.#running.get(task.number)
    this.#after(Math.min(maxDelayMs, delayMs * factor ** (failed - 1)), () => {
      if (this.#running.get(task.number) !== waiting) return
      this.#try(task, failed).catch((late: unknown) => this.#attempt.sendStep(task.number, task.name, { error: failureOf(late) }))
    })
  }

  #call(task: StepTask, attempt: number, controller: AbortController): Promise<unknown> {
    const { identity, port } = this.#attempt
    const { run, incarnation, fence, maxTurnMs } = identity
    const idempotencyKey = `${port.logId}:${run}:${incarnation}:${task.number}`
    const info: StepInfo = { idempotencyKey, attempt, fence, signal: controller.signal }
    return new Promise((resolve, reject) => {
      const timer =
        task.timeoutMs === undefined
          ? undefined
          : this.#after(task.timeoutMs, () => {
              const error = timedOut(task, attempt)
              controller.abort(error)
              reject(error)
            })
      const settled = () => timer && this.#forget(timer)
      port.meter.begin(run, fence, maxTurnMs)
      port.clock.hop(() => port.meter.end())
      insideStep
        .run(this.#attempt, () => new Promise((done) => done(task.fn(info))))
        .then(resolve, reject)
        .finally(settled)
    })
  }

  #after(delayMs: number, fire: () => void): Timer {
    const timer = this.#attempt.port.clock.after(delayMs, () => {
      this.#timers.delete(timer)
      if (!this.#attempt.over) fire()
    })
    this.#timers.add(timer)
    return timer
  }

  #forget(timer: Timer): void {
    timer.cancel()
    this.#timers.delete(timer)
  }
}

function timedOut(task: StepTask, attempt: number): PerdureError {
  return new PerdureError(
    'PERDURE_E_TIMEOUT',
    `Try ${attempt} of the step "${task.name}" took longer than its timeoutMs of ${task.timeoutMs}.`,
    {
      data: { step: task.name, attempt },
    },
  )
}
