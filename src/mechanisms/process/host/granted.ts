/**
 * The part of one copy of a replicated run: which steps the log has given to it, and from where on it prints.
 *
 * A copy that has come to a step claims it and goes on; so do the others. The step is executed where the log says, as soon as the
 * body there waits for it: it may be given to a copy that has not come to it yet, because the one that had it is lost.
 *
 * Boundary: one attempt's table. Who gets a step is decided in `claims.ts`, executing it is `steps.ts`.
 *   G1  A step is executed only while the log says that it is this copy's.
 *   G2  A step during which processes have died is announced before it is executed again; and alone, after several of them.
 */
import type { CopySpec, Grant } from '../machine/claims.ts'

/** After this many deaths a run or a step of it is no longer executed again beside others like it. */
export const SUSPECT_DEATHS = 2

/** What the part needs of the attempt that it belongs to. */
export interface Player {
  /** Whether steps may be executed now, and the answer of this one is still to come. */
  mayExecute(number: number): boolean
  /** Resolves when the first try is over. */
  execute(number: number, failed: number): Promise<void>
  announce(number: number, name: string): void
}

export class CopyPart {
  /** Of the placement: what was recorded before may be relied on after it is durable. */
  readonly position: number
  /** Replies after which lines are printed; undefined while another copy prints. */
  #printsAfter: number | undefined
  readonly #granted = new Map<number, Grant>()
  /** The names of the steps that the body waits for, by number. */
  readonly #waiting = new Map<number, string>()
  readonly #hop: (turn: () => void) => void
  readonly #alone: (begin: (leave: () => void) => void) => void
  #player: Player | undefined

  /** `alone` is where those wait that may end their process. */
  constructor(
    { leads, position, granted }: CopySpec,
    hop: (turn: () => void) => void,
    alone: (begin: (leave: () => void) => void) => void,
  ) {
    this.position = position
    this.#printsAfter = leads ? -1 : undefined
    for (const grant of granted) this.#granted.set(grant.number, grant)
    this.#hop = hop
    this.#alone = alone
  }

  play(player: Player): void {
    this.#player = player
  }

  /** This copy is the first from now on, after this many replies. */
  lead(seq: number): void {
    this.#printsAfter = seq
  }

  follow(): void {
    this.#printsAfter = undefined
  }

  /** Whether this copy prints after so many replies. */
  prints(seq: number): boolean {
    return this.#printsAfter !== undefined && seq > this.#printsAfter
  }

  /** The log gives a step to this copy, or says anew how it is to be executed. A note comes while an operation is being applied. */
  grant(grant: Grant): void {
    this.#granted.set(grant.number, grant)
    if (this.#waiting.has(grant.number)) this.#hop(() => this.executeGranted())
  }

  /** The body waits for a step. */
  want(number: number, name: string): void {
    this.#waiting.set(number, name)
  }

  /** Executes what the body waits for and this copy has. */
  executeGranted(): void {
    for (const [number, name] of this.#waiting) {
      const grant = this.#granted.get(number)
      if (grant === undefined || !this.#player?.mayExecute(number)) continue
      this.#waiting.delete(number)
      this.#begin(this.#player, name, grant)
    }
  }

  /** The answer of an operation has come. */
  answered(number: number): void {
    this.#granted.delete(number)
    this.#waiting.delete(number)
  }

  /** What a resource outside may refuse older writers by; undefined for a step that this copy does not have. */
  epochOf(number: number): number | undefined {
    return this.#granted.get(number)?.epoch
  }

  #begin(player: Player, name: string, { number, deaths, failed }: Grant): void {
    if (deaths === 0) return void player.execute(number, failed)
    const begin = (leave?: () => void) => {
      if (!player.mayExecute(number)) return leave?.()
      player.announce(number, name)
      // On its way before it can do harm.
      this.#hop(() => (player.mayExecute(number) ? void player.execute(number, failed).then(leave) : leave?.()))
    }
    if (deaths < SUSPECT_DEATHS) begin()
    else this.#alone(begin)
  }
}
