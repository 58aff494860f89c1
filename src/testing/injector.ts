/**
 * Which fault happens now: those that were fixed beforehand, and those that a seed draws on the way.
 *
 * Everything that is injected is written down as it was in the end, with its victim and its length. Given back as fixed faults of
 * the same seed these make the same history again; leave some out, and one sees which of them mattered.
 *
 * Boundary: decides and remembers; what a fault does is `simulated-site.ts`.
 *   I1  Draws come from a stream of their own: whether a fault is drawn or fixed changes no other choice of the simulation.
 *   I2  `injected`, as fixed faults, injects the same.
 */
import { SUSPICION_MS } from '../mechanisms/process/machine/fencing.ts'
import { type Fault, type FaultKind, type FaultPlan, isStrike, MOST_DISK_ERRORS, type Strike } from './faults.ts'
import type { SeededRandom } from './seeded-random.ts'

/** One message in so many is slow, and may take this long: the detector waits longer, a client's patience is shorter. */
const SLOW_MESSAGES = 0.03
const MOST_DELAY_MS = 1_500

/** One message in so many arrives twice. */
const REPEATED_MESSAGES = 0.1

/** One changing call of the disk in so many fails. */
const FAILING_CALLS = 0.01

/** The wall clock of an owner may be this much off. */
const CLOCK_JUMP_MS = 3_600_000

/** One opening in so many finds a damaged snapshot, if there are two. */
const ROTTING_OPENINGS = 0.5

/** A place where a pause matters is passed often; not always the first one is taken. */
const PLACES_TAKEN = 0.5

export class Injector {
  /** Stream of its own (I1). */
  readonly random: SeededRandom
  readonly injected: Fault[] = []
  readonly #on: ReadonlySet<FaultKind>
  readonly #strikes: Strike[]
  /** Fixed pauses that come in the middle of an event, and drawn ones that wait for a place that matters. */
  #within: Fault[]
  readonly #fixed = new Map<FaultKind, Map<number, Fault>>()
  readonly #heard: (fault: Fault) => void
  #diskErrors = 0
  #calm = false

  constructor(plan: FaultPlan, random: SeededRandom, heard: (fault: Fault) => void = () => undefined) {
    this.random = random
    this.#on = plan.on
    this.#heard = heard
    this.#strikes = plan.fixed
      .filter(isStrike)
      .filter(({ within }) => !within)
      .sort((a, b) => a.at - b.at)
    this.#within = plan.fixed.filter(({ within }) => within).sort((a, b) => a.at - b.at)
    for (const fault of plan.fixed) {
      if (isStrike(fault)) continue
      const ofKind = this.#fixed.get(fault.kind) ?? new Map<number, Fault>()
      this.#fixed.set(fault.kind, ofKind.set(fault.at, fault))
    }
  }

  /** Whether any call of the disk has failed: then the site may. */
  get diskErred(): boolean {
    return this.#diskErrors > 0
  }

  /** Whether some pause waits for a place where it matters. */
  get waits(): boolean {
    return this.#within.length > 0
  }

  /** No further faults. */
  calm(): void {
    this.#calm = true
    this.#strikes.length = 0
    this.#within = []
  }

  /** What has happened to whom. */
  note(fault: Fault): void {
    this.injected.push(fault)
    this.#heard(fault)
  }

  /** What happens in `act` was asked for by the program, which will ask for it again: it is not written down. */
  unwritten(act: () => void): void {
    const before = this.injected.length
    act()
    this.injected.length = before
  }

  /** The next fault that strikes before this event. */
  due(event: number): Strike | undefined {
    const next = this.#strikes[0]
    return next !== undefined && next.at <= event ? this.#strikes.shift() : undefined
  }

  /** A pause waits until some process reaches a place where it matters. */
  waitForPlace(event: number): void {
    this.#within.push({ kind: 'pause', at: event })
  }

  /** A process is at such a place: how long it is held there, if it is. */
  placeReached(who: string, event: number): number | undefined {
    if (this.#within.length === 0 || this.#calm) return undefined
    const at = this.#within.findIndex((pause) => this.#strikesHere(pause, who, event))
    if (at < 0) return undefined
    const [pause] = this.#within.splice(at, 1) as [Fault]
    const ms = pause.ms ?? pauseMs(this.random)
    this.note({ kind: 'pause', at: event, who, ms, within: true })
    return ms
  }

  #strikesHere(pause: Fault, who: string, event: number): boolean {
    if (!pause.within) return this.random.chance(PLACES_TAKEN)
    return pause.at <= event && (pause.who === undefined || roleOf(pause.who) === roleOf(who))
  }

  /** How much longer than usual message `at` takes; undefined if not. */
  delayMs(at: number): number | undefined {
    return this.#belonging('delay', at, () =>
      this.random.chance(SLOW_MESSAGES) ? { ms: this.random.next() * MOST_DELAY_MS } : undefined,
    )?.ms
  }

  repeats(at: number): boolean {
    return this.#belonging('repeat', at, () => (this.random.chance(REPEATED_MESSAGES) ? {} : undefined)) !== undefined
  }

  /** What the changing call `at` of the disk fails with. */
  diskError(at: number): string | undefined {
    const draw = () =>
      this.#diskErrors < MOST_DISK_ERRORS && this.random.chance(FAILING_CALLS)
        ? { code: this.random.pick(['EIO', 'ENOSPC']) }
        : undefined
    const fault = this.#belonging('disk error', at, draw)
    if (fault === undefined) return undefined
    this.#diskErrors += 1
    return fault.code ?? 'EIO'
  }

  /** How far the wall clock of the owner is off that opens the log for the time `at`. */
  skewMs(at: number): number {
    const fault = this.#belonging('clock jump', at, () => ({ ms: (this.random.next() - 0.5) * 2 * CLOCK_JUMP_MS }))
    return fault?.ms ?? 0
  }

  /** Whether the newest snapshot has rotted when the log is opened for the time `at`. */
  rots(at: number): boolean {
    return this.#belonging('rot', at, () => (this.random.chance(ROTTING_OPENINGS) ? {} : undefined)) !== undefined
  }

  #belonging(kind: FaultKind, at: number, draw: () => Partial<Fault> | undefined): Fault | undefined {
    if (this.#calm) return undefined
    const fixed = this.#fixed.get(kind)?.get(at)
    const drawn = fixed === undefined && this.#on.has(kind) ? draw() : undefined
    const fault = fixed ?? (drawn && { kind, at, ...drawn })
    if (fault) this.note(fault)
    return fault
  }
}

/** How long a process does not run: often longer than it takes to be fenced. */
export function pauseMs(random: SeededRandom): number {
  return random.chance(0.5) ? 100 * 50 ** random.next() : random.between(SUSPICION_MS, 2 * SUSPICION_MS)
}

/** The part of the name of a process that those who come after it have too. */
export function roleOf(name: string): string {
  return name.replace(/ \(.*\)$|-\d+$/, '')
}
