/**
 * Version gates where the body runs: what `p.version(name, n)` answers.
 *
 * The first time a body comes to a gate, the journal says whether a body without the gate has been there before: it has if the
 * journal holds operations beyond this place. Then the answer is 0, the code as it was before the gate; else it is the highest
 * version this build knows. Every answer is recorded before anything that was done by it.
 *
 * Boundary: one attempt's table; sending and comparing is `attempt.ts`.
 *   W1  The answer to a name never changes during an attempt; nor during the run, once it is recorded.
 *   W2  A marker is sent before the operations issued in the turn that asked for it; so what the log has of those, it has the marker of.
 *   W3  No step is executed while a marker is on its way: its effect may depend on it.
 */
import { PerdureError } from '../../../errors.ts'
import { MAX_VERSIONS } from '../machine/versions.ts'

/** Whether an earlier attempt has been beyond this place of the body, as its journal tells. */
export type Reached = 'before' | 'for the first time'

export class Gates {
  readonly #versions: Map<string, number>
  #unsent: [name: string, version: number][] = []
  /** By name: a message that arrives twice is answered twice, and is one marker. */
  readonly #underWay = new Set<string>()
  /** Why this build cannot go on with the run. */
  tooOld: PerdureError | undefined

  constructor(recorded: readonly (readonly [name: string, version: number])[]) {
    this.#versions = new Map(recorded)
  }

  /** True when every marker is known to be in the log. */
  get settled(): boolean {
    return this.#underWay.size === 0
  }

  /** Throws when the run goes by a version that this build does not know yet. */
  answer(name: string, latest: number, reached: () => Reached): number {
    const known = this.#versions.get(name)
    if (known !== undefined) {
      if (known <= latest) return known
      this.tooOld = tooOld(name, known, latest)
      throw this.tooOld
    }
    if (this.#versions.size >= MAX_VERSIONS) throw tooMany(name)
    const version = reached() === 'before' ? 0 : latest
    this.#versions.set(name, version)
    this.#unsent.push([name, version])
    this.#underWay.add(name)
    return version
  }

  /** What is to be sent first at the end of this turn. */
  take(): readonly (readonly [name: string, version: number])[] {
    const unsent = this.#unsent
    if (unsent.length > 0) this.#unsent = []
    return unsent
  }

  /** The log has the marker of this name. */
  marked(name: string): void {
    this.#underWay.delete(name)
  }
}

function tooOld(name: string, recorded: number, latest: number): PerdureError {
  return new PerdureError(
    'PERDURE_E_DIVERGED',
    `This run goes by version ${recorded} of "${name}", and this build knows it up to ${latest}. Host the build that recorded it, or a later one.`,
    { data: { name, recorded, latest } },
  )
}

function tooMany(name: string): PerdureError {
  return new PerdureError(
    'PERDURE_E_USAGE',
    `p.version("${name}") would be gate ${MAX_VERSIONS + 1} of this run. A gate stands for a change of the code, not for a round of a loop: use one name for each change.`,
  )
}
