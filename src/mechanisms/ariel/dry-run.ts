/**
 * A dry run (SPEC 5.3): what a policy would have done in a recorded history, in which every action succeeds at once and changes only
 * the database.
 *
 *     const actions = dryRun(compile(script), history)
 *     process.stdout.write(actionLines(actions))
 *
 * Watchdogs have no events of their own in a history: heartbeats say when the next one is due, and where none came in time the firing
 * is put in, before what else happens at that time.
 *
 * Boundary: pure; time is that of the history.
 */
import { PerdureError } from '../../errors.ts'
import type { ActionName } from '../../support/backbone/effects.ts'
import { writtenName } from '../../support/backbone/entity.ts'
import type { Observer, Performed } from '../../support/backbone/performed.ts'
import { type Policy, Rint } from '../../support/backbone/rint.ts'
import type { Compiled } from './compile.ts'
import { type History, type HistoryEvent, readHistory } from './history.ts'
import { isDue, WatchdogTimes } from './watchdog-times.ts'

/** A line of the result; what is absent is left out. */
export interface ListedAction {
  /** Milliseconds. */
  readonly at: number
  readonly line: number
  readonly action: ActionName
  /** As `T5`. */
  readonly target?: string
  /** Of SEND, CALL, LOG and PAUSE. */
  readonly value?: number | string
}

export interface DryRunOptions {
  /** SPEC 5.1, `--classic`: error records do not settle by themselves. Default false. */
  readonly classic?: boolean
  /** Is told of every notification, evaluation and action. */
  readonly observer?: Observer
}

/** `PERDURE_E_HISTORY` for a history that cannot be read, `PERDURE_E_USAGE` for a script that has errors. */
export function dryRun(
  compiled: Compiled | Policy,
  history: string | History,
  options: DryRunOptions = {},
): readonly ListedAction[] {
  if ('ok' in compiled && !compiled.ok) {
    throw new PerdureError('PERDURE_E_USAGE', 'The script has errors: expected one without. Mend what its diagnostics say.')
  }
  const replay = new Replay(compiled, options)
  replay.run(typeof history === 'string' ? readHistory(history) : history)
  return replay.listed
}

/** Exactly what `perdure ariel dry-run` prints. */
export function actionLines(actions: readonly ListedAction[]): string {
  return actions.map((action) => `${JSON.stringify(action)}\n`).join('')
}

/** A history at work. */
export class Replay {
  readonly listed: ListedAction[] = []
  readonly rint: Rint
  readonly #times: WatchdogTimes

  constructor(policy: Policy, { classic = false, observer = {} }: DryRunOptions) {
    this.rint = new Rint(policy, { classic, observer, pauses: 'skip' })
    this.#times = new WatchdogTimes(policy.topology.watchdogs)
  }

  run(history: History): void {
    const hasWatchdogs = !this.#times.isEmpty
    let atUs = -1
    for (const [at, event] of history.entries()) {
      if (hasWatchdogs && event.atUs > atUs) {
        atUs = event.atUs
        this.#fireUpTo(atUs, this.#beatingAt(history, at))
      }
      if (event.kind === 'end') return
      this.#list(this.rint.notify(event))
      if (hasWatchdogs && event.kind === 'heartbeat') this.#times.beat(event.entity.number)
    }
  }

  /** The watched tasks that send a heartbeat at the time of an event, which is the first of that time. */
  #beatingAt(history: History, from: number): ReadonlySet<number> {
    const { atUs } = history[from] as HistoryEvent
    const beating = new Set<number>()
    for (let at = from; history[at]?.atUs === atUs; at += 1) {
      const event = history[at] as HistoryEvent
      if (event.kind === 'heartbeat') beating.add(event.entity.number)
    }
    return beating
  }

  /** A heartbeat that comes at the very time it is due comes in time. */
  #fireUpTo(atUs: number, beating: ReadonlySet<number>): void {
    for (let up = this.#times.advance(atUs); up.length > 0; up = this.#times.advance(atUs)) {
      for (const firing of up) {
        const watched = this.rint.database.watchedBy(firing.watchdog)
        if (firing.dueUs === atUs && watched !== undefined && beating.has(watched.number)) continue
        if (isDue(this.rint.database, firing))
          this.#list(this.rint.notify({ kind: 'fired', atUs: firing.dueUs, watchdog: firing.watchdog }))
      }
    }
  }

  #list(performed: readonly Performed[]): void {
    for (const action of performed) this.listed.push(listed(action))
  }
}

/** An action as a dry run lists it. */
export function listed({ atUs, line, action, target, value }: Performed): ListedAction {
  return {
    at: atUs / 1000,
    line,
    action,
    ...(target !== undefined && { target: writtenName(target) }),
    ...(value !== undefined && { value }),
  }
}
