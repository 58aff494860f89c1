/**
 * Replicas of one class: against crashes of those who execute it, not against wrong code, which all of them share.
 *
 *     const SafeStack = dependable(Stack, activeReplication({ replicas: 3 }), { site, name: 'stacks' })
 *     const stack = await SafeStack.create({ key: 'main' })
 *
 * In a site the log puts the calls in one order and decides them; nothing of what is below is executed then, and the three
 * differ only in what a call costs and in what the class may do:
 *
 *   active    every replica executes every call; needs a deterministic class; a lost replica costs no time
 *   passive   the primary executes and its state travels with the reply; the class may do as it likes; a lost primary costs a pause
 *   leader    every replica executes; what does not repeat is chosen by the leader (`choose`), written down, and repeated by the others
 *
 * Without a site all replicas live in this process and crash together with it, so replication masks nothing; the procedures below give the
 * same answers, for programs that are tested or run without a site. An error that an object throws is an answer like any other:
 * replicas of the same code throw alike.
 *
 * Boundary: three strategies and their pure procedures.
 */

import { PerdureError } from '../../../errors.ts'
import { equal } from '../../../log/codec/codec.ts'
import type { Ballot, Decision } from '../ballot.ts'
import {
  type CallView,
  type Move,
  type Procedure,
  type Replication,
  type Strategy,
  type StrategyOptions,
  type VariantMaker,
  WAIT,
} from '../strategy.ts'
import { commonOptions, count, MAX_MEMBERS, usage } from '../strategy-options.ts'

/** One may crash, and there is still one while another is being prepared in its place. */
const DEFAULT_REPLICAS = 3

export interface ReplicationOptions extends StrategyOptions {
  /** How many. Default: as many as there are `variants`, else 3. */
  readonly replicas?: number
}

export interface ActiveReplicationOptions extends ReplicationOptions {
  /**
   * So many equal answers make the reply. 1, the default, masks crashes; f + 1 masks f replicas whose memory or machine answers
   * wrongly, and needs 2 f + 1 of them.
   */
  readonly agree?: number
}

/** Every replica executes every call, in the order of the log; the first answer, or `agree` equal ones, is the reply. */
export function activeReplication<const O extends ActiveReplicationOptions>(options: O): Strategy<O> {
  const replicas = replicasOf('activeReplication', options)
  const agree = options.agree === undefined ? 1 : count('activeReplication', 'agree', options.agree, 1)
  if (agree > replicas)
    throw usage(`activeReplication waits for ${agree} equal answers of ${replicas} replicas: expected at most ${replicas}.`)
  return {
    ...replicated('activeReplication', options, replicas, { style: 'active', agree }),
    state: 'own',
    minimum: () => agree,
    agrees: (decision, vote) => sameOutcome(decision, vote),
    begin: (call) => new Active(call, agree),
  }
}

/** The primary executes; its reply and its new state are one entry of the log, before anybody hears the reply. */
export function passiveReplication<const O extends ReplicationOptions>(options: O): Strategy<O> {
  const replicas = replicasOf('passiveReplication', options)
  return {
    ...replicated('passiveReplication', options, replicas, { style: 'passive', agree: 1 }),
    state: 'common',
    minimum: () => 1,
    begin: (call) => new OneByOne(call),
  }
}

/** Every replica executes; the reply is the leader's, and so is every choice (Delta-4's semi-active replication). */
export function leaderFollower<const O extends ReplicationOptions>(options: O): Strategy<O> {
  const replicas = replicasOf('leaderFollower', options)
  return {
    ...replicated('leaderFollower', options, replicas, { style: 'leader', agree: 1 }),
    // In one process the followers are given the leader's state: there is no log from which they could take its choices.
    state: 'common',
    minimum: () => 1,
    begin: (call) => new OneByOne(call),
  }
}

type Replicated<O extends ReplicationOptions> = Omit<Strategy<O>, 'state' | 'minimum' | 'agrees' | 'begin'>

function replicated<O extends ReplicationOptions>(
  kind: string,
  options: O,
  replicas: number,
  replication: Replication,
): Replicated<O> {
  if (options.operations !== undefined) throw usage(`${kind} has operations: replicas execute the same method.`)
  const variants: VariantMaker = (interfaceClass) => Array.from({ length: replicas }, () => interfaceClass)
  const common = commonOptions(kind, options)
  return {
    kind,
    options: options.variants === undefined ? { ...options, variants } : options,
    ...common,
    attemptMs: Number.POSITIVE_INFINITY,
    replication,
  }
}

function replicasOf(kind: string, options: ReplicationOptions): number {
  if (typeof options !== 'object' || options === null)
    throw usage(`${kind} takes an object of options, as in ${kind}({ replicas: 3 }).`)
  const { variants, replicas } = options
  const listed = Array.isArray(variants) ? variants.length : undefined
  const wanted = replicas === undefined ? (listed ?? DEFAULT_REPLICAS) : count(kind, 'replicas', replicas, 1)
  if (wanted > MAX_MEMBERS) throw usage(`${kind} has ${wanted} replicas: expected 1 to ${MAX_MEMBERS}.`)
  if (listed !== undefined && listed !== wanted)
    throw usage(`${kind} lists ${listed} variants but has ${wanted} replicas: leave one of the two away, or make them fit.`)
  return wanted
}

/** Of all; the first answers that are equal in sufficient number decide. */
class Active implements Procedure {
  readonly #call: CallView
  readonly #agree: number
  readonly #ballots: Ballot[] = []

  constructor(call: CallView, agree: number) {
    this.#call = call
    this.#agree = agree
  }

  begin(): Move {
    return { do: 'start', members: Array.from({ length: this.#call.members }, (_, member) => member) }
  }

  arrived(ballot: Ballot): Move {
    this.#ballots.push(ballot)
    const support = ballot.kind === 'late' ? [] : this.#ballots.filter((other) => sameOutcome(ballot, other))
    if (support.length >= this.#agree) return settled(ballot, support, this.#ballots)
    const outstanding = this.#call.members - this.#ballots.length
    return this.#most() + outstanding < this.#agree ? this.#fail() : WAIT
  }

  deadline(): Move {
    return this.#fail()
  }

  /** Of equal answers. */
  #most(): number {
    const sizes = this.#ballots.map((one) =>
      one.kind === 'late' ? 0 : this.#ballots.filter((other) => sameOutcome(one, other)).length,
    )
    return Math.max(0, ...sizes)
  }

  #fail(): Move {
    const { members, method } = this.#call
    const value = new PerdureError(
      'PERDURE_E_NO_QUORUM',
      `${method} needs ${this.#agree} equal answers of ${members} replicas; ${this.#most()} of the ${this.#ballots.length} that have answered are equal. If the class is deterministic, a replica is broken.`,
      { data: { method, members, agree: this.#agree, answered: this.#ballots.length } },
    )
    return { do: 'settle', decision: { kind: 'error', value, support: [], faulty: [] } }
  }
}

/** The first; the next one only if it is silent for too long. */
class OneByOne implements Procedure {
  readonly #call: CallView
  #acting = 0

  constructor(call: CallView) {
    this.#call = call
  }

  begin(): Move {
    return { do: 'start', members: [this.#acting] }
  }

  arrived(ballot: Ballot): Move {
    if (ballot.member !== this.#acting) return WAIT
    if (ballot.kind !== 'late') return { ...settled(ballot, [ballot], []), chosen: ballot.member }
    this.#acting += 1
    return this.#acting < this.#call.members ? { do: 'start', members: [this.#acting] } : this.deadline()
  }

  deadline(): Move {
    const { method } = this.#call
    const value = new PerdureError(
      'PERDURE_E_TIMEOUT',
      `${method} was not answered in time. Allow more, or look at what it waits for.`,
    )
    return { do: 'settle', decision: { kind: 'error', value, support: [], faulty: [] } }
  }
}

type Settle = Move & { readonly do: 'settle' }

function settled(ballot: Ballot, support: readonly Ballot[], all: readonly Ballot[]): Settle {
  const decision: Decision = {
    kind: ballot.kind === 'value' ? 'value' : 'exception',
    value: ballot.value,
    support: support.map(({ member }) => member),
    faulty: all.filter((other) => other.kind !== 'late' && !support.includes(other)).map(({ member }) => member),
  }
  return { do: 'settle', decision }
}

/** Whether two of them returned, or threw, the same. */
function sameOutcome(a: Pick<Ballot, 'kind' | 'value'> | Decision, b: Pick<Ballot, 'kind' | 'value'>): boolean {
  if (b.kind === 'late') return false
  return (a.kind === 'value') === (b.kind === 'value') && equal(a.value, b.value)
}
