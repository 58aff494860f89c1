/**
 * The error records of one entity (SPEC 5.1), counted by code.
 *
 * Every question that a recovery program can ask about records, and every change that it can make, is about all records of an entity
 * or about all of one code. So for each code there is one tally: how many, how many of them open, and the latest. An entity that fails
 * a million times with three codes takes the room of three.
 *
 * Boundary: pure.
 *   E1  `open` and `count` are the sums over the tallies; a tally without records is gone.
 */
import { PerdureError } from '../../errors.ts'

/** Codes about one entity: as many as a program could tell apart, few enough to carry in every snapshot. */
export const MAX_CODES = 1_024

export interface Tally {
  readonly code: number
  count: number
  open: number
  /** Number of its latest record; records are numbered over all entities. */
  number: number
  /** Time of its latest record. */
  atUs: number
}

/** One tally as plain data. */
export type TallyState = readonly [code: number, count: number, open: number, number: number, atUs: number]

/** Of most entities most of the time. */
const NONE: readonly TallyState[] = []

export class ErrorList {
  #open = 0
  #count = 0
  #tallies: Tally[] = []
  #latest: Tally | undefined

  get open(): number {
    return this.#open
  }

  /** Open and settled. */
  get count(): number {
    return this.#count
  }

  /** Of the code of the latest record, if there is any. */
  get latest(): Readonly<Tally> | undefined {
    return this.#latest
  }

  get tallies(): readonly Readonly<Tally>[] {
    return this.#tallies
  }

  find(code: number): Readonly<Tally> | undefined {
    if (this.#latest?.code === code) return this.#latest
    return this.#tallies.find((tally) => tally.code === code)
  }

  /** `PERDURE_E_USAGE` at the bound; then nothing is stored. */
  checkRoom(code: number, entity: string): void {
    if (this.#tallies.length < MAX_CODES || this.find(code) !== undefined) return
    throw new PerdureError(
      'PERDURE_E_USAGE',
      `${entity} has error records of ${MAX_CODES} different codes: expected no more. Tell fewer errors apart, or REMOVE records in the policy.`,
    )
  }

  add(code: number, number: number, atUs: number): void {
    let tally = this.find(code) as Tally | undefined
    if (tally === undefined) {
      tally = { code, count: 0, open: 0, number, atUs }
      this.#tallies.push(tally)
    }
    tally.count += 1
    tally.open += 1
    tally.number = number
    tally.atUs = atUs
    this.#open += 1
    this.#count += 1
    this.#latest = tally
  }

  settle(): void {
    if (this.#open === 0) return
    this.#open = 0
    for (const tally of this.#tallies) tally.open = 0
  }

  remove(code: number): void {
    const tally = this.find(code)
    if (tally === undefined) return
    this.#tallies = this.#tallies.filter((other) => other !== tally)
    this.#open -= tally.open
    this.#count -= tally.count
    this.#findLatest()
  }

  clear(): void {
    this.#tallies = []
    this.#open = 0
    this.#count = 0
    this.#latest = undefined
  }

  snapshot(): readonly TallyState[] {
    if (this.#count === 0) return NONE
    return this.#tallies.map(({ code, count, open, number, atUs }) => [code, count, open, number, atUs])
  }

  restore(state: readonly TallyState[]): void {
    if (this.#count > 0) this.clear()
    for (const [code, count, open, number, atUs] of state) {
      this.#tallies.push({ code, count, open, number, atUs })
      this.#open += open
      this.#count += count
    }
    this.#findLatest()
  }

  #findLatest(): void {
    this.#latest = undefined
    for (const tally of this.#tallies) if (tally.number > (this.#latest?.number ?? -1)) this.#latest = tally
  }
}
