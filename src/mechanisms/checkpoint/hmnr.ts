/**
 * `hmnr`, the fully informed protocol: like `bcs`, but a member whose clock is behind forces only if somebody it has sent to may be
 * behind too, and a message that comes back to the interval it left from, through a checkpoint, always forces.
 *
 *     take():     sentTo[*] = false; for k != i: taken[k] = greater[k] = true; lc++; ckpt[i]++      (the initial checkpoint too)
 *     send to j:  sentTo[j] = true; attach lc, ckpt, taken, greater
 *     receive m:  if (m.ckpt[i] == ckpt[i] and m.taken[i]) or (m.lc > lc and exists k: sentTo[k] and m.greater[k]): force
 *       if m.lc > lc: lc = m.lc; greater[i] = false; greater[k != i] = m.greater[k]
 *       elif equal:   greater = greater AND m.greater
 *       for k != i: m.ckpt[k] > ckpt[k]: copy ckpt, taken; equal: taken[k] = taken[k] OR m.taken[k]
 *
 * Source: Hélary, Mostéfaoui, Netzer and Raynal, "Communication-based prevention of useless checkpoints in distributed
 * computations", Distributed Computing 13(1), 2000, Fig. 10. Without RDT. The variants called FINE are not implemented: they do
 * not prevent useless checkpoints (Garcia, Vieira and Buzato, arXiv 1702.06167).
 * Boundary: pure; one member's rule.
 */
import { areVectors, isFlag } from './fdas.ts'
import type { Rule, Token } from './protocol.ts'

export interface HmnrStamp extends Token {
  readonly lc: number
  readonly ckpt: readonly number[]
  readonly taken: readonly boolean[]
  readonly greater: readonly boolean[]
}

export interface HmnrState {
  readonly i: number
  /** A logical clock of checkpoints. */
  lc: number
  /** ckpt[k]: how many checkpoints k has taken, as far as is known. */
  ckpt: number[]
  /** taken[k]: the news of k came here through a checkpoint of somebody. */
  taken: boolean[]
  /** greater[k]: this member's clock is greater than k's, as far as is known. */
  greater: boolean[]
  sentTo: boolean[]
}

export function hmnr(members: number): Rule<HmnrState, HmnrStamp> {
  const fits = ({ lc, ckpt, taken, greater }: HmnrStamp) =>
    areVectors(members, Number.isInteger, ckpt) && areVectors(members, isFlag, taken, greater) && Number.isInteger(lc)
  return { begin: (i) => begin(members, i), fits, take, send, forces, merge, copy }
}

function begin(members: number, i: number): HmnrState {
  const never = () => new Array<boolean>(members).fill(false)
  const ckpt = new Array<number>(members).fill(0)
  const state: HmnrState = { i, lc: 0, ckpt, taken: never(), greater: never(), sentTo: never() }
  take(state)
  return state
}

function take(state: HmnrState): void {
  const { i, taken, greater } = state
  state.sentTo.fill(false)
  taken.forEach((_, k) => {
    if (k === i) return
    taken[k] = true
    greater[k] = true
  })
  state.lc++
  state.ckpt[i]!++
}

function send(state: HmnrState, token: Token, to: number | undefined): HmnrStamp {
  const { lc, ckpt, taken, greater } = state
  if (to === undefined) state.sentTo.fill(true)
  else state.sentTo[to] = true
  return { ...token, lc, ckpt: ckpt.slice(), taken: taken.slice(), greater: greater.slice() }
}

function forces({ i, lc, ckpt, sentTo }: HmnrState, m: HmnrStamp): boolean {
  if (m.ckpt[i] === ckpt[i] && m.taken[i]) return true
  return m.lc > lc && sentTo.some((sent, k) => sent && m.greater[k])
}

function merge(state: HmnrState, m: HmnrStamp): void {
  const { i, ckpt, taken, greater } = state
  if (m.lc > state.lc) {
    state.lc = m.lc
    state.greater = m.greater.map((than, k) => k !== i && than)
  } else if (m.lc === state.lc) {
    state.greater = greater.map((than, k) => than && m.greater[k]!)
  }
  for (const [k, known] of m.ckpt.entries()) {
    if (k === i || known < ckpt[k]!) continue
    taken[k] = known > ckpt[k]! ? m.taken[k]! : taken[k]! || m.taken[k]!
    ckpt[k] = known
  }
}

function copy(state: HmnrState): HmnrState {
  const { i, lc, ckpt, taken, greater, sentTo } = state
  return { i, lc, ckpt: ckpt.slice(), taken: taken.slice(), greater: greater.slice(), sentTo: sentTo.slice() }
}
