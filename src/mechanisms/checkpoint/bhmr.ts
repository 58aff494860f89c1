/**
 * `bhmr`: a checkpoint is forced only to break a Z-path that is not known to be doubled by a causal one.
 *
 *     init:       D[i] = 0, others none; simple[i] = true; causal[k][k] = true
 *     take():     sentTo[*] = false; for k != i: simple[k] = false, causal[i][k] = false; D[i]++
 *     send to j:  sentTo[j] = true; attach D, simple, causal
 *     receive m from j:
 *       C1: exists l: sentTo[l] and exists k: m.D[k] > D[k] and not m.causal[k][l]
 *       C2: m.D[i] == D[i] and not m.simple[i]
 *       if C1 or C2: force
 *       for k: if m.D[k] > D[k]:  D[k] = m.D[k]; simple[k] = m.simple[k]; causal[k] = m.causal[k]
 *              if m.D[k] == D[k]: simple[k] = simple[k] AND m.simple[k]; causal[k] = causal[k] OR m.causal[k]
 *       simple[i] = true; causal[j][i] = true; for l: causal[l][i] = causal[l][i] OR causal[l][j]
 *
 * Gives RDT with fewer forced checkpoints than `fdas`, for a matrix in every message. OR in place of AND when `simple` is merged
 * loses it.
 *
 * Source: Baldoni, Hélary, Mostéfaoui and Raynal, "A communication-induced checkpointing protocol that ensures rollback-dependency
 * trackability", FTCS-27, 1997.
 * Boundary: pure; one member's rule.
 */
import { areVectors, independent, isFlag } from './fdas.ts'
import type { Rule, Token } from './protocol.ts'

export interface BhmrStamp extends Token {
  readonly D: readonly number[]
  readonly simple: readonly boolean[]
  readonly causal: readonly (readonly boolean[])[]
}

export interface BhmrState {
  readonly i: number
  /** D[k]: the latest interval of k that this member depends on; D[i]: its own. */
  D: number[]
  /** simple[k]: no causal path known from interval D[k] of k to here passes a checkpoint. */
  simple: boolean[]
  /** causal[k][l]: a causal path is known from interval D[k] of k to interval D[l] of l. */
  causal: boolean[][]
  sentTo: boolean[]
}

export function bhmr(members: number): Rule<BhmrState, BhmrStamp> {
  const isRow = (row: unknown) => areVectors(members, isFlag, row)
  const fits = ({ D, simple, causal }: BhmrStamp) =>
    areVectors(members, Number.isInteger, D) && isRow(simple) && areVectors(members, isRow, causal)
  return { begin: (i) => begin(members, i), fits, take, send, forces: (state, m) => c1(state, m) || c2(state, m), merge, copy }
}

function begin(members: number, i: number): BhmrState {
  const all = Array.from({ length: members }, (_, k) => k)
  return {
    i,
    D: independent(members, i),
    simple: all.map((k) => k === i),
    causal: all.map((k) => all.map((l) => k === l)),
    sentTo: all.map(() => false),
  }
}

function take(state: BhmrState): void {
  const { i, simple, causal } = state
  state.sentTo.fill(false)
  simple.forEach((_, k) => {
    if (k === i) return
    simple[k] = false
    causal[i]![k] = false
  })
  state.D[i]!++
}

function send(state: BhmrState, token: Token, to: number | undefined): BhmrStamp {
  if (to === undefined) state.sentTo.fill(true)
  else state.sentTo[to] = true
  return { ...token, D: state.D.slice(), simple: state.simple.slice(), causal: state.causal.map((row) => row.slice()) }
}

/** Something new would come in after something went out, and the receiver of that is not known to have it already. */
export function c1({ D, sentTo }: BhmrState, m: BhmrStamp): boolean {
  return m.D.some((known, k) => known > D[k]! && sentTo.some((sent, l) => sent && !m.causal[k]![l]))
}

/** This interval comes back to itself through a checkpoint. */
export function c2({ i, D }: BhmrState, m: BhmrStamp): boolean {
  return m.D[i] === D[i] && !m.simple[i]
}

function merge(state: BhmrState, m: BhmrStamp): void {
  const { i, D, simple, causal } = state
  const j = m.from
  for (const [k, known] of m.D.entries()) {
    if (known > D[k]!) {
      D[k] = known
      simple[k] = m.simple[k]!
      causal[k] = m.causal[k]!.slice()
    } else if (known === D[k]) {
      simple[k] = simple[k]! && m.simple[k]!
      causal[k] = causal[k]!.map((own, l) => own || m.causal[k]![l]!)
    }
  }
  simple[i] = true
  causal[j]![i] = true
  for (const row of causal) row[i] = row[i]! || row[j]!
}

function copy(state: BhmrState): BhmrState {
  const { i, D, simple, causal, sentTo } = state
  return { i, D: D.slice(), simple: simple.slice(), causal: causal.map((row) => row.slice()), sentTo: sentTo.slice() }
}
