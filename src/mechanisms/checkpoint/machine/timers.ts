/**
 * Tokens of the deadlines of the log: which group, and what for. The log never takes one back, so whoever is called looks whether it is
 * still wanted.
 *
 * Boundary: numbers.
 */
import type { Group } from './state.ts'

const KINDS = ['halt', 'lag', 'line', 'answers'] as const

export type TimerKind = (typeof KINDS)[number]

export function tokenOf({ id }: Group, kind: TimerKind): number {
  return id * KINDS.length + KINDS.indexOf(kind)
}

export function readToken(token: number): readonly [group: number, kind: TimerKind] {
  return [Math.floor(token / KINDS.length), KINDS[token % KINDS.length]!]
}
