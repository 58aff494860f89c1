/**
 * N self-checking programming: each component checks itself, one acts, and the others are hot spares.
 *
 * All components execute every call, so that a spare can take over with a result and a state that are there already: no work is
 * begun again, and no time is lost (Laprie, Arlat, Beounes and Kanoun 1990). A component is a variant with an acceptance test, or a
 * pair of variants with a comparator; a pair that disagrees cannot tell which of the two is wrong, so both are discarded.
 *
 * Boundary: pure.
 *   H1  The answer is that of the first component, in the order given, whose check has passed; one is passed over only when its own
 *       check has failed, or when the time of the call is over.
 */
import { type Adjudicator, unanimity } from '../adjudicators/adjudicator.ts'
import type { Ballot, Decision } from '../ballot.ts'
import {
  type Acceptance,
  type CallView,
  type Move,
  type Procedure,
  type Strategy,
  type StrategyOptions,
  type Variant,
  WAIT,
} from '../strategy.ts'
import { commonOptions, duration, usage } from '../strategy-options.ts'
import { adjudicatorOf, stateOf } from './n-version.ts'
import { judged, nobody } from './poll.ts'
import { loneAlternate, testedOptions } from './recovery-block.ts'
import { Rejections } from './rejections.ts'
import { TestQueue } from './test-queue.ts'

interface ComponentOptions extends StrategyOptions {
  /** After so many milliseconds a member that has not answered has failed its check. Default: it is waited for. */
  readonly attemptMs?: number
}

/** Each variant is a component, whose check is the acceptance test. */
export interface TestedComponents extends ComponentOptions {
  accept(result: unknown, about: Acceptance): boolean | Promise<boolean>
  readonly pairs?: undefined
}

/** Each pair is a component. */
export interface PairedComponents extends ComponentOptions {
  /** The first pair acts. `in-order`: members 0 and 1, 2 and 3 and so on, of the variants, the methods, or the objects given. */
  readonly pairs: readonly (readonly [Variant, Variant])[] | 'in-order'
  /** What it is to agree, told the two ballots of a pair. Default: `unanimity()`. */
  readonly adjudicator?: Adjudicator
  readonly accept?: undefined
}

export type NSelfCheckingOptions = TestedComponents | PairedComponents

/** The variants are those in the pairs. */
type WithVariants<O> = O extends { readonly pairs: infer P extends readonly (readonly [Variant, Variant])[] }
  ? O & { readonly variants: readonly P[number][number][] }
  : O

/**
 * A strategy for `dependable` and `objectGroup`: the acting component's result if its check passes, else that of the next spare.
 * Every member keeps its own state and executes every call.
 *
 * Calls fail with `PERDURE_E_RECOVERY_BLOCK` when no test, and `PERDURE_E_DISAGREEMENT` when no comparison has passed, with all
 * causes; with `PERDURE_E_TIMEOUT` when the time of the call is over before one has. `PERDURE_E_USAGE` for options that do not fit.
 */
export function nSelfChecking<const O extends NSelfCheckingOptions>(options: O): Strategy<WithVariants<O> & StrategyOptions> {
  const kind = 'nSelfChecking'
  const paired = options.pairs !== undefined
  if (paired && options.accept !== undefined) throw usage('nSelfChecking has both pairs and accept: expected one kind of check.')
  const all = paired ? withVariants(options) : options
  const common = paired ? commonOptions(kind, all) : testedOptions(kind, options as TestedComponents)
  const adjudicator = paired ? adjudicatorOf(kind, options.adjudicator ?? unanimity()) : undefined
  return {
    kind,
    options: all as WithVariants<O> & StrategyOptions,
    state: stateOf(options),
    ...common,
    attemptMs: duration(kind, 'attemptMs', options.attemptMs, Number.POSITIVE_INFINITY),
    // A pair without its other half could not check anything.
    minimum: (members) => (paired ? members : Math.min(2, members)),
    check: (members) => checkMembers(kind, members, paired),
    ...(adjudicator !== undefined && {
      agrees: (decision: Decision, vote: Ballot) => adjudicator.agrees(decision, vote),
      judgedBy: (other: Adjudicator) => nSelfChecking({ ...(options as PairedComponents), adjudicator: other }),
    }),
    begin: (call) => new SelfChecking(call, adjudicator),
  }
}

function withVariants(options: PairedComponents): StrategyOptions {
  const { pairs } = options
  if (pairs === 'in-order') return options
  if (options.variants !== undefined)
    throw usage("nSelfChecking has both pairs and variants: give the pairs, or the variants with pairs: 'in-order'.")
  if (!Array.isArray(pairs) || pairs.some((pair) => !Array.isArray(pair) || pair.length !== 2))
    throw usage("The option pairs of nSelfChecking is not what it takes: expected [[A, B], [C, D]] or 'in-order'.")
  return { ...options, variants: pairs.flat() }
}

function checkMembers(kind: string, members: number, paired: boolean): readonly string[] {
  if (!paired) return loneAlternate(kind, members)
  if (members % 2 !== 0) throw usage(`${kind} with pairs has ${members} members: expected an even number.`)
  return members > 2 ? [] : [`${kind} with one pair only detects a wrong answer and cannot mask it. Add a pair.`]
}

/** Of a component: under way, discarded, or its answer. */
type Outcome = 'open' | 'failed' | Pick<Decision, 'kind' | 'value' | 'support'>

class SelfChecking implements Procedure {
  readonly #call: CallView
  /** Of pairs. */
  readonly #comparator: Adjudicator | undefined
  readonly #rejections: Rejections
  readonly #outcomes: Outcome[]
  readonly #ballots: Ballot[] = []
  readonly #tests = new TestQueue()
  readonly #id = (member: number): string => this.#call.id(member)
  #over = false

  constructor(call: CallView, comparator: Adjudicator | undefined) {
    this.#call = call
    this.#comparator = comparator
    this.#rejections = new Rejections(call)
    this.#outcomes = new Array<Outcome>(comparator === undefined ? call.members : call.members >> 1).fill('open')
  }

  begin(): Move {
    if (this.#outcomes.length > 0)
      return { do: 'start', members: Array.from({ length: this.#call.members }, (_, member) => member) }
    this.#over = true
    return nobody(this.#call)
  }

  arrived(ballot: Ballot): Move {
    if (this.#over) return WAIT
    if (this.#comparator !== undefined) this.#compare(this.#comparator, ballot)
    else if (ballot.kind === 'value') this.#tests.add(ballot)
    else if (ballot.kind === 'exception')
      this.#outcomes[ballot.member] = { kind: 'exception', value: ballot.value, support: [ballot.member] }
    else this.#discard(ballot.member, ballot)
    return this.#then()
  }

  tested(member: number, accepted: boolean): Move {
    const ballot = this.#over ? undefined : this.#tests.ended(member)
    if (ballot === undefined) return WAIT
    if (accepted) this.#outcomes[member] = { kind: 'value', value: ballot.value, support: [member] }
    else {
      this.#outcomes[member] = 'failed'
      this.#rejections.add(member, 'rejected', ballot.value)
    }
    return this.#then()
  }

  /** The time is over for whoever has not been checked by now; a spare that has been takes over. */
  deadline(): Move {
    if (this.#over) return WAIT
    for (const [component, outcome] of this.#outcomes.entries()) {
      if (outcome !== 'open') continue
      this.#outcomes[component] = 'failed'
      this.#rejections.add(this.#comparator === undefined ? component : component * 2, 'late', undefined)
    }
    return this.#settled('PERDURE_E_TIMEOUT') ?? WAIT
  }

  #discard(component: number, ballot: Ballot): void {
    this.#outcomes[component] = 'failed'
    this.#rejections.failed(ballot)
  }

  #compare(comparator: Adjudicator, ballot: Ballot): void {
    const component = ballot.member >> 1
    if (this.#outcomes[component] !== 'open') return
    if (ballot.kind === 'error' || ballot.kind === 'late') return this.#discard(component, ballot)
    const partner = this.#ballots.find(({ member }) => member >> 1 === component)
    this.#ballots.push(ballot)
    if (partner === undefined) return
    const pair = partner.member < ballot.member ? [partner, ballot] : [ballot, partner]
    const decision = judged(comparator, { members: 2, ballots: pair, closed: true, id: this.#id })
    if (decision !== undefined && decision.kind !== 'error') {
      this.#outcomes[component] = { kind: decision.kind, value: decision.value, support: pair.map(({ member }) => member) }
      return
    }
    this.#outcomes[component] = 'failed'
    for (const { member, value } of pair) this.#rejections.add(member, 'disagreed', value)
  }

  #then(): Move {
    const failed = this.#comparator === undefined ? 'PERDURE_E_RECOVERY_BLOCK' : 'PERDURE_E_DISAGREEMENT'
    return this.#settled(failed) ?? this.#tests.next()
  }

  #settled(code: 'PERDURE_E_RECOVERY_BLOCK' | 'PERDURE_E_DISAGREEMENT' | 'PERDURE_E_TIMEOUT'): Move | undefined {
    const first = this.#outcomes.find((outcome) => outcome !== 'failed')
    if (first === 'open') return undefined
    this.#over = true
    if (first === undefined) {
      const what = `Of ${this.#outcomes.length} self-checking components none has checked its own result of ${this.#call.method} with success`
      return this.#rejections.settle(code, what, 'Expected one that does. Add a spare of other design, or correct the check.')
    }
    const decision: Decision = { ...first, faulty: this.#rejections.faulty(first.support) }
    return { do: 'settle', decision, chosen: first.support[0] }
  }
}
