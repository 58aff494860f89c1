/** Polls written in one line: values are votes, the rest is made by the functions below. */
import type { Adjudicator, Ballot, Decision } from '../../../../src/mechanisms/group/ballot.ts'

type Said = Omit<Ballot, 'member' | 'ms'>

class Special {
  readonly said: Said

  constructor(said: Said) {
    this.said = said
  }
}

export const late: Special = new Special({ kind: 'late', value: undefined })
export const failed: Special = new Special({ kind: 'error', value: new TypeError('broken') })

/** A declared exception. */
export function raised(name: string, text = '', code?: string): Special {
  return new Special({ kind: 'exception', value: Object.assign(new Error(text), { name, code }) })
}

export function borderline(value: unknown): Special {
  return new Special({ kind: 'value', value, borderline: true })
}

export function lateWith(value: unknown): Special {
  return new Special({ kind: 'late', value })
}

export function ballot(member: number, said: unknown): Ballot {
  return { member, ms: 1, ...(said instanceof Special ? said.said : { kind: 'value', value: said }) }
}

/** All members have answered, or are given as late. */
export function closed(
  adjudicator: Adjudicator,
  said: readonly unknown[],
  order: readonly number[] = [...said.keys()],
): Decision {
  const decision = adjudicator.judge({ members: said.length, ballots: order.map((m) => ballot(m, said[m])), closed: true })
  if (decision === undefined) throw new Error('A closed poll was not decided')
  return decision
}

/** The first members have answered, and the rest are awaited. */
export function open(adjudicator: Adjudicator, members: number, said: readonly unknown[]): Decision | undefined {
  return adjudicator.judge({ members, ballots: said.map((value, member) => ballot(member, value)), closed: false })
}

/** The value, or the error's code. */
export function outcome(decision: Decision | undefined): unknown {
  if (decision === undefined) return 'open'
  return decision.kind === 'error' ? ((decision.value as { code?: unknown }).code ?? decision.value) : decision.value
}

export function permutations(count: number): number[][] {
  if (count === 0) return [[]]
  return permutations(count - 1).flatMap((rest) => Array.from({ length: count }, (_, at) => rest.toSpliced(at, 0, count - 1)))
}
