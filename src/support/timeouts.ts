/**
 * Many time-outs over few timers.
 *
 * Nearly every time-out is withdrawn before it fires, and a timer of the system for each costs more than what it guards. So they
 * share one: time is cut into ticks, everything due in a tick fires with it, and a withdrawn time-out only leaves its list.
 *
 * Boundary: pure over a `Clock`. A time-out that somebody waits for keeps the process alive, one in the background does not.
 *   O1  Nothing fires early; it fires at most one tick late, of what the clock can tell.
 *   O2  Without time-outs there is no timer, at the latest after `LONGEST_SLEEP_MS`.
 */
import type { Clock, Timer } from '../clock.ts'

/** As fine as deadlines of calls need it. */
const TICK_MS = 10

/** The timer is not set again for every withdrawn time-out; so long it may run for nothing. */
const LONGEST_SLEEP_MS = 1_000

export interface Timeout {
  cancel(): void
}

export class Timeouts {
  readonly #clock: Clock
  /** By tick, the time-outs due then. */
  readonly #due = new Map<number, Set<Entry>>()
  /** The tick for which the timer is set; Infinity without one. */
  #armed = Number.POSITIVE_INFINITY
  #arming = 0
  #timer: Timer | undefined
  /** Time-outs that somebody waits for. */
  #waiting = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Somebody waits for it to fire, or for what withdraws it: until then the process lives. */
  after(delayMs: number, fire: () => void): Timeout {
    return this.#add(delayMs, fire, this.#freed)
  }

  background(delayMs: number, fire: () => void): Timeout {
    return this.#add(delayMs, fire, undefined)
  }

  readonly #freed = (): void => {
    this.#waiting -= 1
    if (this.#waiting === 0) this.#timer?.release?.()
  }

  #add(delayMs: number, fire: () => void, freed: (() => void) | undefined): Timeout {
    const tick = Math.ceil((this.#clock.monotonicMs() + delayMs) / TICK_MS)
    let entries = this.#due.get(tick)
    if (entries === undefined) {
      entries = new Set()
      this.#due.set(tick, entries)
    }
    const entry = new Entry(this.#due, tick, entries, fire, freed)
    entries.add(entry)
    if (tick < this.#armed) this.#arm(tick)
    if (freed !== undefined) {
      this.#waiting += 1
      if (this.#waiting === 1) this.#timer?.hold?.()
    }
    return entry
  }

  #arm(tick: number): void {
    this.#armed = tick
    this.#arming += 1
    const arming = this.#arming
    const delayMs = Math.max(0, tick * TICK_MS - this.#clock.monotonicMs())
    // One that was set for later still fires; it finds that another one is in charge.
    this.#timer?.release?.()
    this.#timer = this.#clock.background(Math.min(delayMs, LONGEST_SLEEP_MS), () => {
      if (arming === this.#arming) this.#fire()
    })
    if (this.#waiting > 0) this.#timer.hold?.()
  }

  #fire(): void {
    this.#armed = Number.POSITIVE_INFINITY
    const nowMs = this.#clock.monotonicMs()
    const due = [...this.#due.keys()].filter((tick) => tick * TICK_MS <= nowMs).sort((a, b) => a - b)
    for (const tick of due) {
      const entries = this.#due.get(tick)
      this.#due.delete(tick)
      for (const entry of entries ?? []) entry.fire()
    }
    let next = Number.POSITIVE_INFINITY
    for (const tick of this.#due.keys()) next = Math.min(next, tick)
    if (next < this.#armed) this.#arm(next)
  }
}

class Entry implements Timeout {
  readonly #due: Map<number, Set<Entry>>
  readonly #tick: number
  readonly #entries: Set<Entry>
  readonly #freed: (() => void) | undefined
  #fire: (() => void) | undefined

  constructor(
    due: Map<number, Set<Entry>>,
    tick: number,
    entries: Set<Entry>,
    fire: () => void,
    freed: (() => void) | undefined,
  ) {
    this.#due = due
    this.#tick = tick
    this.#entries = entries
    this.#fire = fire
    this.#freed = freed
  }

  fire(): void {
    const fire = this.#fire
    if (fire === undefined) return
    this.#fire = undefined
    this.#freed?.()
    fire()
  }

  cancel(): void {
    if (this.#fire === undefined) return
    this.#fire = undefined
    this.#freed?.()
    this.#entries.delete(this)
    if (this.#entries.size === 0 && this.#due.get(this.#tick) === this.#entries) this.#due.delete(this.#tick)
  }
}

/** Those of a clock: all who use it share a timer. */
export function timeoutsOf(clock: Clock): Timeouts {
  let timeouts = TIMEOUTS.get(clock)
  if (timeouts === undefined) {
    timeouts = new Timeouts(clock)
    TIMEOUTS.set(clock, timeouts)
  }
  return timeouts
}

const TIMEOUTS = new WeakMap<Clock, Timeouts>()
