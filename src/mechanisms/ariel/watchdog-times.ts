/**
 * When watchdogs fire (SPEC 3.1): a heartbeat says when the next one is due, and where none came by then the time is up.
 *
 * Boundary: pure. Keeps the times alone: actions since the last heartbeat may have disarmed a watchdog, which `isDue` asks the database.
 */
import type { Database } from '../../support/backbone/database.ts'
import { TimeOutManager } from '../../support/backbone/time-out-manager.ts'
import type { WatchdogEntry } from '../../support/backbone/topology.ts'

/** A watchdog whose time is up. */
export interface Firing {
  readonly watchdog: number
  readonly dueUs: number
}

export class WatchdogTimes {
  readonly #timeouts: TimeOutManager
  /** Watchdogs by the number of the task that they watch. */
  readonly #watching = new Map<number, number[]>()
  #expired: number[] = []

  constructor(watchdogs: readonly WatchdogEntry[]) {
    this.#timeouts = new TimeOutManager(0, ({ id }) => this.#expired.push(id))
    for (const { number, watched, periodUs } of watchdogs) {
      this.#timeouts.declare({ id: number, deadlineUs: periodUs })
      this.#watching.set(watched, [...(this.#watching.get(watched) ?? []), number])
    }
  }

  /** True if there is nothing to watch. */
  get isEmpty(): boolean {
    return this.#watching.size === 0
  }

  /** When the next time is up, in microseconds; undefined while no watchdog runs. */
  get nextUs(): number | undefined {
    return this.#timeouts.nextUs
  }

  /** A heartbeat of a task, now: its watchdogs start anew. */
  beat(task: number): void {
    for (const watchdog of this.#watching.get(task) ?? []) this.#timeouts.renew({ id: watchdog })
  }

  /** Of a watchdog that runs already: what is left of its time, in microseconds, above 0; the times after that are whole ones. */
  resume({ number, periodUs }: WatchdogEntry, leftUs: number): void {
    this.#timeouts.setDeadline({ id: number }, leftUs)
    this.#timeouts.renew({ id: number })
    this.#timeouts.setDeadline({ id: number }, periodUs)
  }

  /** Lets time pass as far as the next time that is up by `nowUs`; of one time, by number. None when nothing is up by then. */
  advance(nowUs: number): readonly Firing[] {
    const dueUs = this.#timeouts.nextUs
    if (dueUs === undefined || dueUs > nowUs) {
      this.#timeouts.advance(nowUs)
      return []
    }
    this.#timeouts.advance(dueUs)
    const expired = this.#expired.sort((a, b) => a - b)
    this.#expired = []
    return expired.map((watchdog) => ({ watchdog, dueUs }))
  }
}

/** Whether a watchdog whose time is up still runs. */
export function isDue(database: Database, { watchdog, dueUs }: Firing): boolean {
  const watched = database.watchedBy(watchdog)?.watched ?? []
  return watched.some((each) => each.watchdog.number === watchdog && each.dueUs === dueUs)
}
