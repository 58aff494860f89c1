/**
 * The recovery program at work: notifications in, decisions out (SPEC 5.2).
 *
 *     const rint = new Rint({ rcode, topology })
 *     for (const action of rint.notify({ kind: 'error', atUs, entity, code })) …
 *
 * Every notification is stored; errors, phases, statuses and reports of a deadlock start a pass. While a PAUSE lasts the interrupted
 * pass is state, and what arrives waits, in order, each for its own pass.
 *
 * Boundary: pure: time is that of the notifications and of `resume`. Every replica that is given the same notifications decides the
 * same. Whoever needs to know when a PAUSE ends asks `resumeUs` and calls `resume`.
 *   N1  `snapshot` is plain data, and a Rint made from it goes on as this one would.
 *   N2  A notification that is refused has changed nothing.
 */
import { PerdureError } from '../../errors.ts'
import { bind } from './binding.ts'
import { Database, type DatabaseState } from './database.ts'
import { settle } from './effects.ts'
import { DONE, Interpreter, type SuspendedPass } from './interpreter.ts'
import type { Notification } from './notification.ts'
import type { Observer, Performed } from './performed.ts'
import { type Program, verify } from './program.ts'
import { OPCODES, type RCode } from './rcode.ts'
import { Repetition, type RepetitionState } from './repetition.ts'
import type { Row } from './rows.ts'
import type { Topology, WatchdogEntry } from './topology.ts'

/** A longer PAUSE ends then: while it lasts nothing recovers. */
export const MAX_PAUSE_US = 60_000_000

/** Notifications that wait for the end of a PAUSE: what 65 nodes tell in a minute at some hundred a second each. */
export const MAX_WAITING = 65_536

export interface Policy {
  readonly rcode: RCode
  readonly topology: Topology
}

export interface RintOptions {
  /** SPEC 5.1, `--classic`: records do not settle by themselves. Default false. */
  readonly classic?: boolean
  /** What PAUSE does: interrupt the pass, or nothing, as in a dry run (SPEC 11). Default `hold`. */
  readonly pauses?: 'hold' | 'skip'
  readonly observer?: Observer
}

export interface RintState {
  readonly database: DatabaseState
  readonly repetition: RepetitionState
  readonly nowUs: number
  readonly suspended: Suspended | null
  readonly waiting: readonly Notification[]
}

interface Suspended {
  readonly resumeUs: number
  readonly notification: Notification
  readonly pass: SuspendedPass
}

export class Rint {
  readonly database: Database
  readonly #program: Program
  readonly #interpreter: Interpreter
  readonly #repetition = new Repetition()
  readonly #classic: boolean
  readonly #observer: Observer
  #nowUs = 0
  #suspended: Suspended | undefined
  #waiting: Notification[] = []

  /** `PERDURE_E_RCODE` if the program could not run. */
  constructor({ rcode, topology }: Policy, options: RintOptions = {}, state?: RintState) {
    const { classic = false, pauses = 'hold', observer = {} } = options
    this.database = new Database(topology)
    this.#program = verify(rcode)
    this.#classic = classic
    this.#observer = observer
    const surroundings = { database: this.database, repetition: this.#repetition, observer, pauses }
    const bound = bind(this.#program, this.database, observer.evaluated === undefined ? 'needed' : 'all')
    this.#interpreter = new Interpreter(bound, this.#program.strings, surroundings)
    if (state !== undefined) this.load(state)
  }

  /** When the PAUSE ends that a pass has made; undefined without one. */
  get resumeUs(): number | undefined {
    return this.#suspended?.resumeUs
  }

  /** What was decided at once. `PERDURE_E_USAGE` if no row can take it, `PERDURE_E_BUSY` if too many wait. */
  notify(notification: Notification): readonly Performed[] {
    if (this.#suspended === undefined) return this.#take(notification)
    if (this.#waiting.length >= MAX_WAITING) {
      const message = `${MAX_WAITING} notifications wait for the end of a PAUSE: expected no more. Tell of it again when it is over.`
      throw new PerdureError('PERDURE_E_BUSY', message)
    }
    this.#waiting.push(notification)
    return []
  }

  /** Ends a PAUSE that is over by now; then those that have waited get their passes. */
  resume(nowUs: number): readonly Performed[] {
    const suspended = this.#suspended
    if (suspended === undefined || nowUs < suspended.resumeUs) return []
    this.#nowUs = Math.max(this.#nowUs, nowUs)
    this.#suspended = undefined
    const { pass, notification } = suspended
    const stopped = this.#interpreter.resume(pass, notification, this.#nowUs)
    const performed = [...this.#finish(stopped, notification)]
    while (this.#suspended === undefined) {
      const waiting = this.#waiting.shift()
      if (waiting === undefined) break
      performed.push(...this.#takeWaiting(waiting))
    }
    return performed
  }

  snapshot(): RintState {
    return {
      database: this.database.snapshot(),
      repetition: this.#repetition.snapshot(this.#nowUs),
      nowUs: this.#nowUs,
      suspended: this.#suspended ?? null,
      waiting: [...this.#waiting],
    }
  }

  /** Takes over a state: of the same policy, or, between passes, of the one before it, whose database and variables stay (SPEC 10). */
  load(state: RintState): void {
    this.database.load(state.database)
    this.#repetition.load(state.repetition)
    this.#nowUs = state.nowUs
    this.#suspended = state.suspended ?? undefined
    this.#waiting = [...state.waiting]
  }

  /** Steps 1 to 5. */
  #take(notification: Notification): readonly Performed[] {
    this.database.store(notification)
    this.#nowUs = Math.max(this.#nowUs, notification.atUs)
    const starts = startsPass(notification)
    this.#observer.stored?.(notification, starts ? 'pass' : 'no pass')
    if (!starts) return []
    this.#interpreter.begin(notification, this.#nowUs)
    if (notification.kind === 'fired') this.#alarm(notification.watchdog)
    return this.#finish(this.#interpreter.run(this.#program.entry), notification)
  }

  /** It was accepted when it arrived; there is nobody left to refuse it to. */
  #takeWaiting(notification: Notification): readonly Performed[] {
    try {
      return this.#take(notification)
    } catch (error) {
      if (!(error instanceof PerdureError) || error.code === 'PERDURE_E_INVARIANT') throw error
      this.#observer.noted?.({ atUs: this.#nowUs, line: 0, text: error.message })
      return []
    }
  }

  #finish(stopped: number, notification: Notification): readonly Performed[] {
    const performed = this.#interpreter.take()
    if (stopped !== DONE) {
      const last = performed.at(-1)
      const pauseUs = Math.min(Number(last?.value) * 1000, MAX_PAUSE_US)
      this.#suspended = { resumeUs: this.#nowUs + pauseUs, notification, pass: this.#interpreter.suspend(stopped) }
    } else if (!this.#classic) for (const row of this.#interpreter.hits) settle(row)
    return performed
  }

  /** Step 3: the ON ERROR action of a watchdog. */
  #alarm(number: number): void {
    const watched = this.database.watchedBy(number)
    const watchdog = watched?.watched.find((each) => each.watchdog.number === number)?.watchdog
    if (watched === undefined || watchdog?.onError === undefined) return
    const action = this.#alarmOf(watchdog, watchdog.onError, watched)
    if (action.target !== undefined) this.#interpreter.performOwn(action.opcode, action.target, watchdog.line)
    else this.#observer.noted?.({ atUs: this.#nowUs, line: watchdog.line, text: 'no node is declared for the watched task' })
  }

  #alarmOf(
    { watched }: WatchdogEntry,
    onError: NonNullable<WatchdogEntry['onError']>,
    row: Extract<Row, { kind: 'task' }>,
  ): { readonly opcode: number; readonly target: Row | undefined } {
    if (onError === 'restart') return { opcode: OPCODES.RESTART, target: this.database.task(watched) }
    if (onError === 'reboot') return { opcode: OPCODES.REBOOT, target: row.node }
    return { opcode: OPCODES.TELL, target: this.database.row({ kind: onError.warn, number: onError.number }) }
  }
}

/** SPEC 5.2, step 4; a deadlock that was found is an error too. */
function startsPass({ kind }: Notification): boolean {
  return kind !== 'ok' && kind !== 'heartbeat'
}
