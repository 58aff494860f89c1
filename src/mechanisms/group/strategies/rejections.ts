/**
 * What has been found wrong with the attempts of one call so far, in order: rejected by the test, thrown, or silent.
 *
 * Boundary: pure. Nothing is put into words until the call has failed, since most failures are masked.
 */
import { type ErrorCode, PerdureError } from '../../../errors.ts'
import { preview } from '../../../log/codec/preview.ts'
import type { Ballot } from '../ballot.ts'
import type { CallView, Move } from '../strategy.ts'
import { failure } from './poll.ts'

/** `rejected`: by the acceptance test, which also means that the test threw; `untested`: a declared exception that did not count. */
export type Why = 'rejected' | 'threw' | 'late' | 'disagreed' | 'untested'

interface Rejection {
  readonly member: number
  readonly why: Why
  readonly value: unknown
}

const NOBODY: readonly number[] = []

export class Rejections {
  readonly #call: CallView
  #list: Rejection[] | undefined

  constructor(call: CallView) {
    this.#call = call
  }

  get size(): number {
    return this.#list?.length ?? 0
  }

  add(member: number, why: Why, value: unknown): void {
    this.#list ??= []
    this.#list.push({ member, why, value })
  }

  /** A ballot that is no answer. */
  failed(ballot: Ballot): void {
    this.add(ballot.member, ballot.kind === 'late' ? 'late' : 'threw', ballot.value)
  }

  /** Who is to blame, each once. Silence is noted as such, and whoever was right in the end has made good. */
  faulty(support: readonly number[] = NOBODY): readonly number[] {
    if (this.#list === undefined) return NOBODY
    const blamed = this.#list.filter(({ why, member }) => why !== 'late' && why !== 'untested' && !support.includes(member))
    return [...new Set(blamed.map(({ member }) => member))]
  }

  /** The end of the call: an error with all causes in the order of the attempts. `what` begins the sentence, `instead` ends it. */
  settle(code: ErrorCode, what: string, instead: string): Move {
    const list = this.#list ?? []
    const causes = list.map((rejection) => this.#cause(rejection))
    const said = causes.map(({ message }) => message).join('; ')
    const error = new PerdureError(code, `${what}: ${said === '' ? 'nobody has answered' : said}. ${instead}`, {
      cause: new AggregateError(list.map(errorOf), `${what}.`),
      data: { causes },
    })
    return { do: 'settle', decision: failure(error, this.faulty()) }
  }

  #cause({ member, why, value }: Rejection): { member: string; why: Why; message: string } {
    const id = this.#call.id(member)
    return { member: id, why, message: `${id} ${sentence(why, value)}` }
  }
}

function sentence(why: Why, value: unknown): string {
  switch (why) {
    case 'rejected':
      return `returned ${preview(value)}, which the acceptance test did not accept`
    case 'threw':
      return `threw ${thrown(value)}`
    case 'late':
      return 'did not answer in time'
    case 'disagreed':
      return `answered ${preview(value)}, not as its partner`
    case 'untested':
      return `threw the declared ${thrown(value)}, which no test can judge`
  }
}

function thrown(value: unknown): string {
  return value instanceof Error ? `${value.name}: ${value.message}` : preview(value)
}

/** What was thrown is the cause as it is; all else becomes an error. */
function errorOf({ why, value }: Rejection): unknown {
  if (why === 'threw' || why === 'untested') return value
  return new PerdureError(why === 'late' ? 'PERDURE_E_TIMEOUT' : 'PERDURE_E_RECOVERY_BLOCK', `It ${sentence(why, value)}.`)
}
