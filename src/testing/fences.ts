/**
 * Under which fences the copies of a run may act, by what their hosts have been told.
 *
 * Boundary: listens to the notes of a replica that is fed with the log; knows nothing of its state.
 *   F1  A fence counts from the entry that gives a place to the one that takes it away, both included.
 */
import type { AttemptSpec } from '../mechanisms/process/machine/placement.ts'

export class Fences {
  /** Sessions of the hosts, by run and fence. */
  readonly #present = new Map<number, Map<number, number>>()
  /** Positions at which fences ended, by `run:fence`. */
  readonly #ended = new Map<string, number>()

  noted(session: number, note: readonly unknown[], position: number): void {
    const [kind, run, fence, spec] = note as [string, number, number, AttemptSpec]
    if (kind === 'fenced') {
      for (const [each, fences] of this.#present)
        for (const [of, host] of fences) if (host === session) this.#end(each, of, position)
    } else if (kind === 'stop') this.#end(run, fence, position)
    else if (kind === 'attempt') {
      const fences = this.#present.get(run) ?? new Map<number, number>()
      // A run that is executed once has one place.
      if (spec.copy === undefined) for (const of of fences.keys()) this.#end(run, of, position)
      this.#present.set(run, fences.set(fence, session))
    }
  }

  #end(run: number, fence: number, position: number): void {
    if (this.#present.get(run)?.delete(fence)) this.#ended.set(`${run}:${fence}`, position)
  }

  mayAct(run: number, fence: number, position: number): boolean {
    return this.#present.get(run)?.has(fence) === true || this.#ended.get(`${run}:${fence}`) === position
  }
}
