/**
 * Two ends of a local socket between simulated processes: messages arrive in order, some time later, or not at all when an end
 * dies first.
 *
 * Boundary: as `log/wire/stream-pipe.ts` behaves, seen from above. What an end wrote before it died arrives up to some message: the
 * system may have taken the rest or not.
 */
import type { Pipe, PipeReceiver } from '../log/wire/frames.ts'
import type { OsProcess, Schedule } from './schedule.ts'
import type { SeededRandom } from './seeded-random.ts'

export interface PipeOptions {
  /** How long the next message takes. */
  readonly delayMs: () => number
  readonly random: SeededRandom
  /** How often a message of the first end arrives: once, unless something between repeats it. */
  readonly copies?: (message: Uint8Array) => number
}

export interface SimulatedPipe {
  readonly ends: readonly [Pipe, Pipe]
  /** The connection breaks: both ends notice, each in its own time. */
  cut(): void
}

export function simulatedPipe(
  schedule: Schedule,
  processes: readonly [OsProcess, OsProcess],
  options: PipeOptions,
): SimulatedPipe {
  const first = new End(schedule, processes[0], options)
  const second = new End(schedule, processes[1], { delayMs: options.delayMs, random: options.random })
  first.peer = second
  second.peer = first
  const cut = () => {
    for (const end of [first, second]) end.lose()
  }
  return { ends: [first, second], cut }
}

/** Hears everything that arrives at one end, before its receiver does. */
export function overheard(pipe: Pipe, heard: PipeReceiver): Pipe {
  return {
    send: (message) => pipe.send(message),
    receive: (receiver) =>
      pipe.receive({
        message: (bytes) => {
          heard.message(bytes)
          receiver.message(bytes)
        },
        closed: () => {
          heard.closed()
          receiver.closed()
        },
      }),
    pause: () => pipe.pause(),
    resume: () => pipe.resume(),
    full: false,
    whenRead: (resume) => pipe.whenRead(resume),
    close: () => pipe.close(),
  }
}

/** What arrives: a message, or the news that nothing more will. */
type Arrival = Uint8Array | 'closed'

class End implements Pipe {
  peer: End | undefined
  readonly #schedule: Schedule
  readonly #process: OsProcess
  readonly #options: PipeOptions
  readonly #arriving: Arrival[] = []
  /** In the order of sending, each message after the one before. */
  #lastArrivalMs = 0
  #due = 0
  #receiver: PipeReceiver | undefined
  readonly #early: Uint8Array[] = []
  #paused = false
  #closed = false

  constructor(schedule: Schedule, process: OsProcess, options: PipeOptions) {
    this.#schedule = schedule
    this.#process = process
    this.#options = options
    process.atEnd(() => this.#died())
  }

  send(message: Uint8Array): void {
    if (this.#closed || !this.#process.alive) return
    const copies = this.#options.copies?.(message) ?? 1
    for (let copy = 0; copy < copies; copy++) this.peer?.arrive(message.slice(), this.#options.delayMs())
  }

  receive(receiver: PipeReceiver): void {
    this.#receiver = receiver
    for (const message of this.#early.splice(0)) receiver.message(message)
    if (this.#closed) receiver.closed()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    for (; this.#due > 0; this.#due -= 1) this.#schedule.at(this.#process, 0, this.#take)
  }

  /** Who reads slowly is simulated by pauses, and by delays of every message. */
  get full(): boolean {
    return false
  }

  whenRead(resume: () => void): void {
    resume()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.peer?.arrive('closed', this.#options.delayMs())
    this.#receiver?.closed()
  }

  arrive(what: Arrival, delayMs: number): void {
    this.#arriving.push(what)
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.#schedule.nowMs + delayMs)
    this.#schedule.at(this.#process, this.#lastArrivalMs - this.#schedule.nowMs, this.#take)
  }

  /** What is under way to this end is lost from some message on, and then it is closed. */
  lose(): void {
    const { random } = this.#options
    if (this.#closed) return
    this.#arriving.length = random.below(this.#arriving.length + 1)
    this.arrive('closed', this.#options.delayMs())
  }

  /** Events and arrivals are as many; whichever event comes first takes what was sent first. */
  readonly #take = (): void => {
    if (this.#paused) {
      this.#due += 1
      return
    }
    const what = this.#arriving.shift()
    if (what === undefined || this.#closed) return
    if (what !== 'closed') {
      if (this.#receiver) this.#receiver.message(what)
      else this.#early.push(what)
      return
    }
    this.#closed = true
    this.#receiver?.closed()
  }

  #died(): void {
    if (this.#closed) return
    this.#closed = true
    this.peer?.lose()
  }
}
