/**
 * What happens when, in a simulation: one heap of events over one virtual time, and the processes to which they happen.
 *
 * Every asynchronous thing a process does goes through its own clock, and becomes an event here. Of events due at the same time
 * any may come first: the seed says which. Between two events all microtasks drain, so an event and what follows from it is the
 * smallest step; a process can be killed or held before every one of them, which is at every `await` that waits for anything.
 *
 * Boundary: knows processes by their clocks only; what they do, and which faults they meet, is decided above.
 *   E1  Nothing of a process happens after its end.
 *   E2  Turns of one process come in the order in which it asked for them.
 *   E3  Events of a process that is held happen afterwards, in the order in which they were due.
 */
import TinyQueue from 'tinyqueue'
import { type Clock, systemClock, type Timer } from '../clock.ts'
import type { SeededRandom } from './seeded-random.ts'
import { SOME_DAY_MS } from './virtual-clock.ts'

interface Event {
  readonly process: OsProcess | undefined
  dueMs: number
  tie: number
  fire: (() => void) | undefined
}

/** One turn in so many waits for what other events bring to its process: about as long as a message takes. */
const LATE_TURNS = 0.1

/** When a simulation must have come to its end. */
export interface Limits {
  readonly events: number
  readonly virtualMs: number
}

export class Schedule {
  readonly random: SeededRandom
  nowMs = 0
  /** Events that have happened. */
  events = 0
  /** To whom the present event happens, and its microtasks; undefined for what is outside of all processes. */
  current: OsProcess | undefined
  /** Called before every event, with the process to which it is to happen. */
  beforeEvent: (next: OsProcess | undefined) => void = () => undefined
  /** Hash of everything that has happened, to whom and when: two runs that did the same have the same. */
  trace = 0
  #processes = 0
  readonly #heap = new TinyQueue<Event>([], (a, b) => a.dueMs - b.dueMs || a.tie - b.tie)
  #held = 0

  constructor(random: SeededRandom) {
    this.random = random
  }

  at(process: OsProcess | undefined, delayMs: number, fire: () => void): Timer {
    const event: Event = { process, dueMs: this.nowMs + Math.max(0, delayMs), tie: this.random.next(), fire }
    this.#heap.push(event)
    return {
      cancel: () => {
        event.fire = undefined
      },
    }
  }

  /** Lets events happen until `over()`; rejects when that cannot be reached. `stuck` says what there is to say then. */
  run(over: () => boolean, limits: Limits, stuck: () => string): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          if (over()) return resolve()
          if (this.events >= limits.events) throw new Error(`After ${limits.events} events no end is in sight. ${stuck()}`)
          if (this.nowMs >= limits.virtualMs)
            throw new Error(`After ${limits.virtualMs / 1000} virtual seconds no end is in sight. ${stuck()}`)
          if (!this.#happen()) throw new Error(`Nothing is left to happen. ${stuck()}`)
        } catch (error) {
          return reject(error)
        }
        // Everything that follows from the event by microtasks alone has happened before this turn comes.
        systemClock.hop(step)
      }
      systemClock.hop(step)
    })
  }

  /** Something happens that the trace is to show. */
  mark(what: number): void {
    // FNV-1a over 32-bit words: any difference spreads.
    this.trace = Math.imul(this.trace ^ (what | 0), 0x01000193) ^ (this.trace >>> 15)
  }

  /** The next process is number so many. */
  enter(): number {
    this.#processes += 1
    return this.#processes
  }

  /** One event happens; false if there is none. */
  #happen(): boolean {
    this.current = undefined
    for (let event = this.#heap.pop(); event !== undefined; event = this.#heap.pop()) {
      const { process, fire } = event
      if (fire === undefined || process?.alive === false) continue
      this.nowMs = Math.max(this.nowMs, event.dueMs)
      if (process !== undefined && process.heldUntilMs > this.nowMs) {
        this.#hold(event, process)
        continue
      }
      this.events += 1
      this.beforeEvent(process)
      this.mark(process?.number ?? 0)
      this.mark(this.nowMs * 1_000)
      if (process !== undefined && !isAlive(process)) return true
      if (process !== undefined && process.heldUntilMs > this.nowMs) {
        this.#hold(event, process)
        return true
      }
      this.current = process
      event.fire = undefined
      fire()
      return true
    }
    return false
  }

  /** E3: ties are numbers from 0 to 1; those held come before all others due then, in their order. */
  #hold(event: Event, process: OsProcess): void {
    this.#held += 1
    event.dueMs = process.heldUntilMs
    event.tie = this.#held - Number.MAX_SAFE_INTEGER
    this.#heap.push(event)
  }
}

/** Asked again after a fault may have come. */
function isAlive(process: OsProcess): boolean {
  return process.alive
}

/** An operating system process of the simulation: a clock, and an end. */
export class OsProcess {
  readonly name: string
  /** Counted from 1 in the order of their starts. */
  readonly number: number
  readonly clock: Clock
  alive = true
  /** It does not run before this time: stopped, starved, or swapped out. */
  heldUntilMs = 0
  readonly #schedule: Schedule
  #atEnd: (() => void)[] = []
  #turns: (() => void)[] = []

  /** `wallSkewMs`: how much its wall clock is ahead. */
  constructor(schedule: Schedule, name: string, wallSkewMs = 0) {
    this.name = name
    this.#schedule = schedule
    this.number = schedule.enter()
    const startedMs = schedule.nowMs
    this.clock = {
      wallMs: () => SOME_DAY_MS + schedule.nowMs + wallSkewMs,
      monotonicMs: () => schedule.nowMs - startedMs,
      hop: (turn) => this.#hop(turn),
      after: (delayMs, fire) => schedule.at(this, delayMs, fire),
      background: (delayMs, fire) => schedule.at(this, delayMs, fire),
      randomId: () => schedule.random.hex(32),
    }
  }

  /** Called when the process ends, for whatever reason. */
  atEnd(act: () => void): void {
    if (this.alive) this.#atEnd.push(act)
    else act()
  }

  /** It is killed, or exits: from here on nothing of it happens (E1). */
  end(): void {
    if (!this.alive) return
    this.alive = false
    this.#turns = []
    const acts = this.#atEnd
    this.#atEnd = []
    for (const act of acts) act()
  }

  /** The process does not run for so long. */
  hold(ms: number): void {
    this.heldUntilMs = Math.max(this.heldUntilMs, this.#schedule.nowMs + ms)
  }

  #hop(turn: () => void): void {
    if (!this.alive) return
    this.#turns.push(turn)
    if (this.#turns.length === 1) this.#schedule.at(this, this.#untilTurnMs(), this.#nextTurn)
  }

  /** Mostly at once; now and then something else comes first, as in any event loop. */
  #untilTurnMs(): number {
    const { random } = this.#schedule
    return random.chance(LATE_TURNS) ? random.next() : 0
  }

  readonly #nextTurn = (): void => {
    const turn = this.#turns.shift() as () => void
    if (this.#turns.length > 0) this.#schedule.at(this, this.#untilTurnMs(), this.#nextTurn)
    turn()
  }
}
