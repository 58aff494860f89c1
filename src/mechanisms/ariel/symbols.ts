/**
 * What a number in the text is: its value, or that of the symbol in its place (SPEC 2), within the bounds of where it stands.
 *
 * Boundary: pure. Reports A010 and A015, each once for each place in the text, and answers undefined where there is no good value, so
 * that later checks stay silent about it.
 */
import type { Reports } from './diagnostics.ts'
import { type Definition, MAX_INTEGER, MIN_INTEGER } from './include.ts'
import type { Duration, Numeral } from './syntax.ts'

/** Microseconds in a unit. A tick of an injection is counted, not timed. */
const MICROSECONDS = { S: 1_000_000, MS: 1_000, US: 1 } as const

export interface Bounds {
  readonly least?: number
  readonly most?: number
}

export class Symbols {
  readonly definitions: ReadonlyMap<string, Definition>
  readonly #reports: Reports
  readonly #silent: boolean

  /** `incomplete`: an include is missing, so that what looks undefined may be defined there. */
  constructor(definitions: ReadonlyMap<string, Definition>, reports: Reports, incomplete: 'complete' | 'incomplete') {
    this.definitions = definitions
    this.#reports = reports
    this.#silent = incomplete === 'incomplete'
  }

  /** An integer of the language; by default any of 32 bits. */
  integer(numeral: Numeral, { least = MIN_INTEGER, most = MAX_INTEGER }: Bounds = {}): number | undefined {
    const value = this.value(numeral)
    if (value === undefined) return undefined
    if (value >= least && value <= most) return value
    // A definition that is no integer of the language was reported in its header.
    const isInteger = value >= MIN_INTEGER && value <= MAX_INTEGER
    if (numeral.kind === 'symbol' && !isInteger) return undefined
    this.#outOfRange(numeral, value, `an integer from ${least} to ${most}`)
    return undefined
  }

  /** The number of an entity. */
  index(numeral: Numeral): number | undefined {
    return this.integer(numeral, { least: 0 })
  }

  /** A real, or an integer in place of one; `expected` says in words what `fits` demands. */
  real(numeral: Numeral, fits: (value: number) => boolean, expected: string): number | undefined {
    const value = this.value(numeral)
    if (value === undefined) return undefined
    if (Number.isFinite(value) && fits(value)) return value
    this.#outOfRange(numeral, value, expected)
    return undefined
  }

  #outOfRange(numeral: Numeral, value: number, expected: string): void {
    const written = numeral.kind === 'symbol' ? `{${numeral.text}}, which is ${value},` : numeral.text
    this.#reports.add('A015', numeral, `${written} is out of range: expected ${expected}`)
  }

  /** Whole microseconds. */
  time(duration: Duration, unit: 'S' | 'US', least = 0): number | undefined {
    const amount = this.integer(duration.amount, { least })
    const factor = MICROSECONDS[(duration.unit ?? unit) as 'S']
    return amount === undefined ? undefined : amount * factor
  }

  /** The value without bounds; A010 if the symbol is not defined. */
  value({ kind, value, text, closed, start, end }: Numeral): number | undefined {
    if (kind !== 'symbol') return value
    const definition = this.definitions.get(text)
    if (definition !== undefined) return definition.value
    if (closed && !this.#silent) {
      const hint = this.#reports.suggestion(text, this.definitions.keys())
      this.#reports.add('A010', { start, end }, `{${text}} is not defined${hint}: define it in an included file`)
    }
    return undefined
  }
}
