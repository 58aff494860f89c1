/**
 * Tuples that sessions have left with the space for the case that they are lost: how others hear of a death (FT-Linda's failure
 * tuples). Whoever closes in order leaves none.
 *
 * Boundary: book-keeping; one tuple for each session and space.
 */
export interface Promised {
  readonly session: number
  readonly space: string
  readonly fields: readonly unknown[]
  readonly weight: number
}

export class PromisedTuples {
  /** By session, then by space. */
  readonly #bySession = new Map<number, Map<string, Promised>>()

  get(session: number, space: string): Promised | undefined {
    return this.#bySession.get(session)?.get(space)
  }

  set(promised: Promised): void {
    const own = this.#bySession.get(promised.session) ?? new Map<string, Promised>()
    own.set(promised.space, promised)
    this.#bySession.set(promised.session, own)
  }

  delete({ session, space }: Promised): void {
    const own = this.#bySession.get(session)
    own?.delete(space)
    if (own?.size === 0) this.#bySession.delete(session)
  }

  /** In the order of the names of their spaces. */
  of(session: number): Promised[] {
    return [...(this.#bySession.get(session)?.values() ?? [])].sort((a, b) => (a.space < b.space ? -1 : 1))
  }

  all(): Promised[] {
    return [...this.#bySession.keys()].sort((a, b) => a - b).flatMap((session) => this.of(session))
  }
}
