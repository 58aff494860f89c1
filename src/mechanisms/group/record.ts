/**
 * What a call came to: its verdict, the faults in it, and the counts that are kept of each member.
 *
 * Boundary: pure over a finished call; who is told is `object-group.ts`.
 *   V1  Whoever was silent is late, whoever threw what he had not declared is faulty; a vote is faulty if the decision says so, or, when
 *       it came after the decision, if it does not agree with it. Nobody is blamed for another vote where nothing was decided.
 */
import type { Fault, FaultCode } from '../../fault.ts'
import type { Decision, Verdict, VerdictBallot } from './ballot.ts'
import type { Call, Cast } from './conduct.ts'

/** What is told of a call that is over, wherever it was conducted. */
export type Finished = Pick<
  Call,
  'method' | 'args' | 'ballots' | 'decision' | 'decidedAfter' | 'isAborted' | 'isLate' | 'agrees' | 'id'
> & {
  readonly seats: readonly { readonly tries: number; readonly member: { readonly id: string } }[]
}

/** How a member has done, over all calls. */
export interface MemberCounts {
  calls: number
  /** Votes that carried the answer, or agreed with it later. */
  agreed: number
  /** Other votes. */
  disagreed: number
  /** Errors that were not declared. */
  failed: number
  /** No answer in time. */
  late: number
  /** Results that the acceptance test refused. */
  rejected: number
}

/** How often two members gave the same answer and both were wrong: as voting cannot help then, this is the figure to watch. */
export interface PairCounts {
  readonly members: readonly [string, string]
  count: number
}

export interface Outcomes {
  readonly support: readonly number[]
  readonly disagreed: readonly number[]
  readonly failed: readonly number[]
  readonly late: readonly number[]
  readonly rejected: readonly number[]
}

/** How each member of a finished call has done (V1). */
export function outcomesOf(call: Finished): Outcomes {
  const outcomes = {
    support: [] as number[],
    disagreed: [] as number[],
    failed: [] as number[],
    late: [] as number[],
    rejected: [] as number[],
  }
  if (call.isAborted) return outcomes
  for (const [n, ballot] of call.ballots.entries()) {
    if (ballot.kind === 'late') outcomes.late.push(ballot.member)
    else if (ballot.kind === 'error') outcomes.failed.push(ballot.member)
    else if (ballot.accepted === false) outcomes.rejected.push(ballot.member)
    else {
      const agrees = agreement(call, ballot, n)
      // In time for nobody, and compared all the same.
      if (call.isLate && n >= call.decidedAfter) {
        outcomes.late.push(ballot.member)
        if (agrees === false) outcomes.disagreed.push(ballot.member)
      } else if (agrees === true) outcomes.support.push(ballot.member)
      else if (agrees === false) outcomes.disagreed.push(ballot.member)
    }
  }
  return outcomes
}

function agreement(call: Finished, ballot: Cast, n: number): boolean | undefined {
  const decision = call.decision as Decision
  if (n < call.decidedAfter) {
    if (decision.support.includes(ballot.member)) return true
    return decision.faulty.includes(ballot.member) ? false : undefined
  }
  if (decision.kind === 'error') return undefined
  return call.agrees(decision, ballot)
}

/** Nothing happened that anybody would want to hear of. */
export function isSpotless(call: Finished, { disagreed, failed, late, rejected }: Outcomes): boolean {
  const nobody = disagreed.length === 0 && failed.length === 0 && late.length === 0 && rejected.length === 0
  return nobody && (call.decision?.kind !== 'error' || call.isAborted)
}

export function verdictOf(call: Finished, outcomes: Outcomes, atMs: number): Verdict {
  const decision = call.decision as Decision
  const ids = (members: readonly number[]) => [...new Set(members)].map((member) => call.id(member))
  return {
    method: call.method,
    args: call.args,
    members: call.seats.map(({ member }) => member.id),
    ...(decision.kind === 'value' ? { decision: 'value', value: decision.value } : { decision: 'error', error: decision.value }),
    atMs,
    support: ids(outcomes.support),
    faulty: ids([...outcomes.disagreed, ...outcomes.failed, ...outcomes.rejected]),
    late: ids(outcomes.late),
    started: call.seats.filter(({ tries }) => tries > 0).map(({ member }) => member.id),
    ballots: call.ballots.map((ballot) => verdictBallot(call, ballot)),
  }
}

function verdictBallot(call: Finished, { member, kind, value, ms, accepted }: Cast): VerdictBallot {
  return {
    id: call.id(member),
    kind,
    ...(kind === 'value' ? { value } : kind === 'late' ? {} : { error: value }),
    ms,
    ...(accepted !== undefined && { accepted }),
  }
}

/** The faults of a call, one for each member that was at fault, and one for the group if it came to no answer. */
export function faultsOf(group: string, detector: string, call: Finished, outcomes: Outcomes, atMs: number): Fault[] {
  const faults: Fault[] = []
  const decision = call.decision as Decision
  const data = { method: call.method }
  const of = (code: FaultCode, members: readonly number[]) => {
    for (const member of members)
      faults.push({ detector, entity: { kind: 'member', name: `${group}/${call.id(member)}` }, code, atMs, data })
  }
  of('minority-vote', outcomes.disagreed)
  of('member-failed', outcomes.failed)
  of('member-late', outcomes.late)
  of('attempt-rejected', outcomes.rejected)
  if (decision.kind === 'error')
    faults.push({
      detector,
      entity: { kind: 'group', name: group },
      code: 'call-failed',
      atMs,
      data: { ...data, reason: String(decision.value) },
    })
  return faults
}

export class Counts {
  readonly #members = new Map<string, MemberCounts>()
  readonly #pairs = new Map<string, PairCounts>()
  calls = 0
  /** Calls that came to an answer although somebody was at fault. */
  masked = 0
  /** Calls without an answer. */
  failed = 0

  add(call: Finished, outcomes: Outcomes): void {
    this.calls += 1
    const isFailed = call.decision?.kind === 'error' && !call.isAborted
    if (isFailed) this.failed += 1
    else if (!isSpotless(call, outcomes)) this.masked += 1
    for (const { tries, member } of call.seats) if (tries > 0) this.of(member.id).calls += 1
    const count = (kind: keyof MemberCounts, members: readonly number[]) => {
      for (const member of members) this.of(call.id(member))[kind] += 1
    }
    count('agreed', outcomes.support)
    count('disagreed', outcomes.disagreed)
    count('failed', outcomes.failed)
    count('late', outcomes.late)
    count('rejected', outcomes.rejected)
    if (outcomes.disagreed.length > 1) this.#addPairs(call, outcomes.disagreed)
  }

  #addPairs(call: Finished, wrong: readonly number[]): void {
    const votes = call.ballots.filter(({ kind, member }) => (kind === 'value' || kind === 'exception') && wrong.includes(member))
    for (const [n, a] of votes.entries()) {
      for (const b of votes.slice(n + 1)) {
        const alike = call.agrees({ kind: a.kind as 'value', value: a.value, support: [], faulty: [] }, b)
        if (alike) this.#pair(call.id(Math.min(a.member, b.member)), call.id(Math.max(a.member, b.member))).count += 1
      }
    }
  }

  #pair(first: string, second: string): PairCounts {
    const name = JSON.stringify([first, second])
    let pair = this.#pairs.get(name)
    if (pair === undefined) {
      pair = { members: [first, second], count: 0 }
      this.#pairs.set(name, pair)
    }
    return pair
  }

  of(id: string): MemberCounts {
    let counts = this.#members.get(id)
    if (counts === undefined) {
      counts = { calls: 0, agreed: 0, disagreed: 0, failed: 0, late: 0, rejected: 0 }
      this.#members.set(id, counts)
    }
    return counts
  }

  get members(): Readonly<Record<string, Readonly<MemberCounts>>> {
    return Object.fromEntries([...this.#members].map(([id, counts]) => [id, { ...counts }]))
  }

  get pairs(): readonly Readonly<PairCounts>[] {
    return [...this.#pairs.values()].map((pair) => ({ ...pair }))
  }
}
