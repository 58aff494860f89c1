/**
 * Steps: the only place where a run touches the outside world.
 *
 * Boundary: decides when a step's function is called, how often, and what becomes of its result. At least once: the function has
 * an idempotency key that is the same for every try, and a fence that grows with every placement of the run.
 *   T1  A function is called only when everything delivered to its run is durable and the host was not long ago confirmed.
 *   T2  A failed try that is to be repeated is an entry, so that the count of tries survives crashes.
 *   T3  A step that may have ended a process is announced before it is executed again.
 */
import type { Timer } from '../../../clock.ts'
import { PerdureError } from '../../../errors.ts'
import { failureOf } from '../../../log/outcome.ts'
import type { Stored } from '../machine/journal.ts'
import type { FileChanges } from '../machine/manifest.ts'
import type { AttemptPort } from './port.ts'
import { callingStep, insideStep, type Scoped } from './scope.ts'
import { store } from './storing.ts'
import type { Visit } from './work-files.ts'

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

/** Steps under way at once that are told of one by one when they are executed again. */
const MAX_ANNOUNCED = 8

/** The attempt whose steps these are. */
export interface StepOwner extends Scoped {
  awaits(number: number): boolean
  fenceOf(number: number): number
  readonly port: AttemptPort
  readonly over: boolean
  readonly deliveredPosition: number
  sendStep(number: number, name: string, outcome: Stored, changes?: FileChanges): void
  sendControl(kind: string, args: readonly unknown[]): void
}

/** The function of a step was not called. */
const NOT_BEGUN: unique symbol = Symbol('not begun')

export class StepRunner {
  readonly #attempt: StepOwner
  readonly #retries: ReadonlyMap<number, number>
  readonly #running = new Map<number, AbortController>()
  readonly #timers = new Set<Timer>()
  /** Functions under way whose result is not on its way yet. */
  #calling = 0
  #whenIdle: (() => void) | undefined

  constructor(attempt: StepOwner, retries: ReadonlyMap<number, number>) {
    this.#attempt = attempt
    this.#retries = retries
  }

  /** Whether the caller is called from the function of a step of this attempt. */
  isInside(): boolean {
    return callingStep() === this.#attempt
  }

  /** Those that the body waits for when its journal ends: an earlier attempt may have begun them. Calls `tried` when all have been tried. */
  startFirst(tasks: readonly StepTask[], tried: () => void): void {
    const { identity, port } = this.#attempt
    const start = () => {
      const wanted = tasks.filter(({ number }) => !this.#attempt.over && this.#attempt.awaits(number))
      void Promise.all(wanted.map((task) => this.#run(task))).then(tried)
    }
    if (identity.attempt === 1 || tasks.length === 0) return start()
    for (const { number, name } of tasks.slice(0, MAX_ANNOUNCED)) this.#attempt.sendControl('process.begun', [number, name])
    // On its way before any of them can do harm.
    port.clock.hop(start)
  }

  /** Resolves when the first try is over. */
  start(task: StepTask, failed?: number): Promise<void> {
    return this.#run(task, failed)
  }

  #run(task: StepTask, failed: number = this.#retries.get(task.number) ?? 0): Promise<void> {
    return this.#try(task, failed).catch((error: unknown) => {
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
    this.#attempt.port.files?.close()
  }

  /** Starts no function any more, and calls back as soon as none is under way. */
  quiesce(idle: () => void): void {
    this.#whenIdle = idle
    this.#heedIdle()
  }

  async #try(task: StepTask, failed: number): Promise<void> {
    const { files } = this.#attempt.port
    const controller = new AbortController()
    this.#running.set(task.number, controller)
    if (files === undefined) return this.#tryIn(undefined, task, failed, controller)
    let visit: Visit | undefined
    try {
      const entered = await files.enter(task.number)
      visit = entered
      // A function that does not heed its signal keeps nobody waiting.
      controller.signal.addEventListener('abort', () => entered.leave(), { once: true })
      await this.#tryIn(visit, task, failed, controller)
    } catch (error) {
      if (!this.#gone(task, controller)) this.#failed(task, failed + 1, error)
    } finally {
      visit?.leave()
    }
  }

  /** `folder`: of a run that has one. */
  async #tryIn(folder: Visit | undefined, task: StepTask, failed: number, controller: AbortController): Promise<void> {
    const { port, deliveredPosition } = this.#attempt
    await port.durableTo(Math.max(deliveredPosition, port.files?.position ?? 0))
    await port.confirmed()
    if (this.#attempt.over || controller.signal.aborted || this.#whenIdle) return
    this.#calling += 1
    let began = true
    try {
      const value = await this.#call(task, failed + 1, controller, folder)
      if (this.#gone(task, controller)) return
      began = value !== NOT_BEGUN
      if (!began) return
      const { stored, upload } = store(value, port.blobs)
      const saved = folder && (await Promise.all([folder.save(), upload]))
      await upload
      if (this.#gone(task, controller)) return
      this.#running.delete(task.number)
      folder?.keep()
      this.#attempt.sendStep(task.number, task.name, stored, saved?.[0])
    } catch (error) {
      if (this.#gone(task, controller)) return
      this.#failed(task, failed + 1, error)
    } finally {
      this.#calling -= 1
      this.#heedIdle()
      if (!began) void this.#run(task, failed)
    }
  }

  #heedIdle(): void {
    if (this.#calling === 0) this.#whenIdle?.()
  }

  #gone(task: StepTask, controller: AbortController): boolean {
    return this.#attempt.over || this.#running.get(task.number) !== controller
  }

  #failed(task: StepTask, failed: number, error: unknown): void {
    const { attempts, delayMs, factor, maxDelayMs } = task.retry
    if (failed >= attempts || PerdureError.is(error, 'PERDURE_E_VALUE') || PerdureError.is(error, 'PERDURE_E_FILES')) {
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

  #call(task: StepTask, attempt: number, controller: AbortController, folder: Visit | undefined): Promise<unknown> {
    const { identity, port } = this.#attempt
    const { run, incarnation } = identity
    const idempotencyKey = `${port.logId}:${run}:${incarnation}:${task.number}`
    const info: StepInfo = { idempotencyKey, attempt, fence: this.#attempt.fenceOf(task.number), signal: controller.signal }
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
      const begin = () => {
        // The turn may have been long in coming: T1 is asked for again, and nothing begins that is to be handed over.
        if (!port.isConfirmed() || this.#whenIdle) {
          settled()
          resolve(NOT_BEGUN)
          return false
        }
        if (this.#attempt.over || controller.signal.aborted) {
          reject(controller.signal.reason)
          return false
        }
        const called = insideStep(this.#attempt, () => new Promise((done) => done(task.fn(info))))
        folder?.follow(called)
        called.then(resolve, reject).finally(settled)
        return true
      }
      port.turns.take(identity, begin, () => undefined)
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
