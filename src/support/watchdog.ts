/**
 * Who has been silent for too long.
 *
 * Intuition: everyone watched sends a beat now and then. Silence of `suspectMs` makes a suspect, of `fenceMs` in all a case for
 * fencing. If this watchdog itself was not called for long (its process was stopped, or starved), then the silence may be its
 * own: it forgets what it believes and starts to listen anew.
 *
 * Boundary: pure; it is given `nowMs` and decides nothing but what it returns.
 *   W1  Nobody is returned who has beaten within `suspectMs` of listening time.
 *   W2  An interval between two checks that was longer than half of `fenceMs` counts for nobody.
 */

export interface WatchdogLimits {
  /** Silence after which somebody is suspected. */
  readonly suspectMs: number
  /** Silence after which a suspect is to be fenced. */
  readonly fenceMs: number
}

export type Verdict = 'suspect' | 'fence' | 'refuted'

interface Watched {
  heardMs: number
  suspected: boolean
}

export class Watchdog<Id> {
  readonly #limits: WatchdogLimits
  readonly #watched = new Map<Id, Watched>()
  #checkedMs: number

  constructor(limits: WatchdogLimits, nowMs: number) {
    this.#limits = limits
    this.#checkedMs = nowMs
  }

  /** A sign of life; the first one begins the watch. */
  beat(id: Id, nowMs: number): void {
    const watched = this.#watched.get(id)
    if (watched) watched.heardMs = nowMs
    else this.#watched.set(id, { heardMs: nowMs, suspected: false })
  }

  forget(id: Id): void {
    this.#watched.delete(id)
  }

  get ids(): readonly Id[] {
    return [...this.#watched.keys()]
  }

  /** What has changed since the last check: new suspects, suspects that were heard again, and those to be fenced (every time). */
  check(nowMs: number): ReadonlyMap<Id, Verdict> {
    const blind = nowMs - this.#checkedMs > this.#limits.fenceMs / 2
    this.#checkedMs = nowMs
    const verdicts = new Map<Id, Verdict>()
    for (const [id, watched] of this.#watched) {
      if (blind) watched.heardMs = nowMs
      const silentMs = nowMs - watched.heardMs
      if (silentMs >= this.#limits.fenceMs && watched.suspected) verdicts.set(id, 'fence')
      else if (silentMs >= this.#limits.suspectMs && !watched.suspected) verdicts.set(id, 'suspect')
      else if (silentMs < this.#limits.suspectMs && watched.suspected && !blind) verdicts.set(id, 'refuted')
      watched.suspected = silentMs >= this.#limits.suspectMs || (watched.suspected && blind)
    }
    return verdicts
  }
}
