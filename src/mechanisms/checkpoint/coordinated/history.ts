/**
 * What one member has done, for the trace: a checkpoint is an event once it is permanent, at the place where it was taken.
 *
 * Boundary: data. Bounded by the set, which cuts all histories off at their permanent checkpoints together.
 */
import type { TraceEvent } from '../trace.ts'

export class History {
  readonly #object: string
  #events: TraceEvent[] = []
  #takenAt = 0
  #permanentAt = 0

  constructor(object: string) {
    this.#object = object
  }

  get events(): readonly TraceEvent[] {
    return this.#events
  }

  sent(msg: string, to: string): void {
    this.#events.push({ object: this.#object, kind: 'send', msg, to })
  }

  received(msg: string, from: string, again: 'first time' | 'replay'): void {
    const event = { object: this.#object, kind: 'receive', msg, from } as const
    this.#events.push(again === 'replay' ? { ...event, replay: true } : event)
  }

  taken(): void {
    this.#takenAt = this.#events.length
  }

  madePermanent(index: number, forced: 'forced' | 'basic'): void {
    const event = { object: this.#object, kind: 'checkpoint', index, forced: forced === 'forced' } as const
    this.#events.splice(this.#takenAt, 0, event)
    this.#permanentAt = this.#takenAt
  }

  wentBack(to: number): void {
    this.#events.push({ object: this.#object, kind: 'rollback', to })
  }

  cutOff(): void {
    this.#events = this.#events.slice(this.#permanentAt)
    this.#permanentAt = 0
  }
}
