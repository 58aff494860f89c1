/**
 * A policy at work on notifications as they come: what a dry run is for a recorded history, this is for one that is still going on.
 *
 *     const live = new LiveRun(policy, { perform: (action) => print(action), refuse: (reason) => warn(reason) })
 *     live.take(readEvent(line, { line: 1, atUs: live.arrival(nowUs) }))
 *     live.advance(nowUs)                     // and again at live.nextUs
 *
 * Notifications wait here in the order of their arrival, and firings of watchdogs are put in between; while a PAUSE lasts all of them
 * wait. Another policy takes over between two passes; the database and the variables stay (SPEC 10).
 *
 * Boundary: pure; whoever drives it has the clock. Times are microseconds since the run began.
 *   L1  No two notifications arrive at the same time. So a dry run of the recorded history performs the same, where nothing PAUSEs.
 *   L2  A notification that no row can take is refused and has changed nothing.
 */
import { PerdureError } from '../../errors.ts'
import type { Performed } from '../../support/backbone/performed.ts'
import { MAX_WAITING, type Policy, Rint, type RintOptions } from '../../support/backbone/rint.ts'
import { type ListedAction, listed } from './dry-run.ts'
import type { HistoryEvent } from './history.ts'
import { type Firing, isDue, WatchdogTimes } from './watchdog-times.ts'

export interface LiveRunOptions extends Pick<RintOptions, 'classic' | 'observer'> {
  /** Is told of every action, in order. */
  readonly perform: (action: ListedAction) => void
  /** Is told why a notification was refused. */
  readonly refuse: (reason: PerdureError) => void
}

export class LiveRun {
  readonly #options: LiveRunOptions
  #rint: Rint
  #times: WatchdogTimes
  #nowUs = 0
  #lastArrivalUs = -1
  /** In the order of arrival; all before this place are done. */
  #arrived: HistoryEvent[] = []
  #done = 0
  #firings: Firing[] = []
  #next: Policy | undefined

  /** `PERDURE_E_RCODE` if the program could not run. */
  constructor(policy: Policy, options: LiveRunOptions) {
    this.#options = options
    this.#rint = new Rint(policy, options)
    this.#times = new WatchdogTimes(policy.topology.watchdogs)
  }

  /** How many notifications wait: at most `MAX_WAITING`. */
  get waiting(): number {
    return this.#arrived.length - this.#done
  }

  /** True when nothing waits, and no pass is interrupted. */
  get isIdle(): boolean {
    return this.waiting === 0 && this.#rint.resumeUs === undefined
  }

  /** When something happens by itself; undefined if nothing does before the next notification. */
  get nextUs(): number | undefined {
    return this.#rint.resumeUs ?? this.#times.nextUs
  }

  /** The time at which a notification arrives that is there now. */
  arrival(nowUs: number): number {
    return Math.max(nowUs, this.#lastArrivalUs + 1)
  }

  /** Queues a notification, at its `arrival`; `advance` gives it its pass. `PERDURE_E_BUSY` if too many wait. */
  take(event: HistoryEvent): void {
    if (this.waiting >= MAX_WAITING) {
      throw new PerdureError('PERDURE_E_BUSY', `${MAX_WAITING} notifications wait: expected no more. Give more when fewer do.`)
    }
    this.#lastArrivalUs = event.atUs
    this.#arrived.push(event)
  }

  /** Takes over another policy as soon as no pass is interrupted. `PERDURE_E_RCODE` if it could not run: the one before stays. */
  reload(policy: Policy): void {
    new Rint(policy)
    this.#next = policy
    this.#takeOver()
  }

  /** Does all that is due before this time. */
  advance(nowUs: number): void {
    while (this.#step(Math.max(nowUs, this.#lastArrivalUs + 1)));
    if (this.#done > 0) this.#arrived = this.#arrived.slice(this.#done)
    this.#done = 0
  }

  /** What is next; false if that is not before `untilUs`. */
  #step(untilUs: number): boolean {
    const resumeUs = this.#rint.resumeUs
    if (resumeUs !== undefined) {
      if (resumeUs > untilUs) return false
      this.#list(this.#rint.resume(resumeUs))
      this.#takeOver()
      return true
    }
    const firing = this.#firings.shift()
    if (firing !== undefined) {
      this.#fire(firing)
      return true
    }
    const event = this.#arrived[this.#done]
    this.#nowUs = Math.max(this.#nowUs, event?.atUs ?? untilUs - 1)
    this.#firings.push(...this.#times.advance(this.#nowUs))
    if (this.#firings.length > 0) return true
    if (event === undefined) return false
    this.#done += 1
    if (event.kind !== 'end') this.#notify(event)
    return true
  }

  /** A heartbeat that comes at the very time it is due comes in time. */
  #fire(firing: Firing): void {
    const event = this.#arrived[this.#done]
    const watched = this.#rint.database.watchedBy(firing.watchdog)
    if (event?.kind === 'heartbeat' && event.atUs === firing.dueUs && event.entity.number === watched?.number) return
    if (isDue(this.#rint.database, firing)) this.#notify({ kind: 'fired', atUs: firing.dueUs, watchdog: firing.watchdog })
  }

  #notify(notification: Exclude<HistoryEvent, { kind: 'end' }>): void {
    try {
      this.#list(this.#rint.notify(notification))
    } catch (error) {
      if (!PerdureError.is(error, 'PERDURE_E_USAGE')) throw error
      this.#options.refuse(error)
      return
    }
    if (notification.kind === 'heartbeat') this.#times.beat(notification.entity.number)
    this.#takeOver()
  }

  #takeOver(): void {
    if (this.#next === undefined || this.#rint.resumeUs !== undefined) return
    const { topology } = this.#next
    this.#rint = new Rint(this.#next, this.#options, this.#rint.snapshot())
    this.#next = undefined
    this.#times = new WatchdogTimes(topology.watchdogs)
    this.#times.advance(this.#nowUs)
    for (const watchdog of topology.watchdogs) {
      const own = this.#rint.database.watchedBy(watchdog.number)?.watched.find((each) => each.watchdog.number === watchdog.number)
      if (own?.dueUs !== undefined && own.dueUs > this.#nowUs) this.#times.resume(watchdog, own.dueUs - this.#nowUs)
    }
  }

  #list(performed: readonly Performed[]): void {
    for (const action of performed) this.#options.perform(listed(action))
  }
}
