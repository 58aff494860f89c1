/**
 * The way of a proxy to the service: in time, tried again where that is safe, and found away where there is no answer.
 *
 * Boundary: part of the downloaded proxy; the channel and the timers are handed in.
 */
import type { Service, Timers } from './proxy-parts.ts'

/** A long poll: short of what proxies and load balancers cut off. */
export const WAIT_MS = 20_000

/** Refusals that trying again does not heal. */
const FINAL = ['STALE', 'UNKNOWN_GROUP', 'UNKNOWN_MEMBER', 'WEDGED', 'USAGE', 'NAME'].map((code) => `PERDURE_E_${code}`)

export interface LinkOptions {
  readonly service: Service
  readonly timers: Timers
  readonly answerMs: number
  readonly retryMs: number
  /** Of a long poll; null: until there is an order. */
  readonly waitMs: number | null
}

export class ServiceLink {
  /** The service has not answered in time, and not since. */
  safe = false
  /** Why the member has ended. */
  over: Error | undefined
  readonly #options: LinkOptions
  readonly #refused: (error: Error) => void

  constructor(options: LinkOptions, refused: (error: Error) => void) {
    this.#options = options
    this.#refused = refused
  }

  /** Undefined: no answer in time, so safe mode; or the member has ended. */
  async call<T>(operation: string, body: object, attempts = 1, extraMs = 0): Promise<T | undefined> {
    const { service, answerMs } = this.#options
    for (let attempt = 0; attempt < attempts && !this.over; attempt++) {
      try {
        return (await this.#inTime(service(operation, body), answerMs / attempts + extraMs)) as T
      } catch (error) {
        if (isFinal(error)) this.#refused(error)
      }
    }
    this.safe = true
    return undefined
  }

  /** A long poll. */
  wait<T>(body: object): Promise<T | undefined> {
    const { waitMs } = this.#options
    return this.call('wait', { ...body, waitMs }, 1, waitMs ?? Number.POSITIVE_INFINITY)
  }

  /** Until there is an answer. Rejects with a refusal. */
  async insist<T>(operation: string, body: object): Promise<T> {
    const { service, answerMs } = this.#options
    for (;;) {
      if (this.over) throw this.over
      try {
        return (await this.#inTime(service(operation, body), answerMs + WAIT_MS)) as T
      } catch (error) {
        if (isFinal(error)) throw error
        await this.pause()
      }
    }
  }

  /** Until it is worth trying again. */
  pause(): Promise<void> {
    return new Promise((resolve) => this.later(resolve))
  }

  later(fire: () => void): void {
    this.#options.timers.after(this.#options.retryMs, fire)
  }

  #inTime(answer: Promise<unknown>, ms: number): Promise<unknown> {
    if (ms === Number.POSITIVE_INFINITY) return answer
    return new Promise((resolve, reject) => {
      const cancel = this.#options.timers.after(ms, () => reject(new Error('The service has not answered in time.')))
      void answer.then(resolve, reject).finally(cancel)
    })
  }
}

function isFinal(error: unknown): error is Error {
  return error instanceof Error && FINAL.includes((error as { code?: unknown }).code as string)
}
