/**
 * `fdas`, fixed dependency after send: once something was sent in an interval, its dependencies stay as they are.
 *
 *     take():     D[i]++; nothing is sent in the new interval
 *     send:       attach D
 *     receive m:  force if something was sent in this interval and exists k: m.D[k] > D[k]
 *                 for k: D[k] = max(D[k], m.D[k])
 *
 * Gives RDT: every dependency between checkpoints is visible in D, so that a line can be found from vectors alone; several times
 * the checkpoints of `exact`.
 *
 * Source: Wang, "Consistent global checkpoints that contain a given set of local checkpoints", IEEE TC 46(4), 1997.
 * Boundary: pure; one member's rule.
 */
import type { Rule, Token } from './protocol.ts'

export interface FdasStamp extends Token {
  readonly D: readonly number[]
}

export interface FdasState {
  readonly i: number
  /** D[k]: the latest interval of k that this member depends on; D[i]: its own. */
  D: number[]
  /** Something was sent in this interval. */
  sent: boolean
}

export function fdas(members: number): Rule<FdasState, FdasStamp> {
  return {
    begin: (i) => ({ i, D: independent(members, i), sent: false }),
    fits: (stamp) => areVectors(members, Number.isInteger, stamp.D),
    take(state) {
      state.sent = false
      state.D[state.i]!++
    },
    send(state, token) {
      state.sent = true
      return { ...token, D: state.D.slice() }
    },
    forces: (state, m) => state.sent && state.D.some((own, k) => m.D[k]! > own),
    merge(state, m) {
      for (const [k, known] of m.D.entries()) if (known > state.D[k]!) state.D[k] = known
    },
    copy: (state) => ({ ...state, D: state.D.slice() }),
  }
}

/** Whether all of these are vectors with such an entry for every member. */
export function areVectors(members: number, isEntry: (entry: unknown) => boolean, ...vectors: readonly unknown[]): boolean {
  return vectors.every((vector) => Array.isArray(vector) && vector.length === members && vector.every(isEntry))
}

export function isFlag(entry: unknown): boolean {
  return typeof entry === 'boolean'
}

/** The dependency vector in the beginning: on oneself, on nobody else. */
export function independent(members: number, i: number): number[] {
  return Array.from({ length: members }, (_, k) => (k === i ? 0 : -1))
}
