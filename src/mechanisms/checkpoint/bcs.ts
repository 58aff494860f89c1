/**
 * `bcs`: every checkpoint has a number, and a message from a later number than one's own forces a checkpoint first.
 *
 *     take():        sn++, but a basic one only if a message with m.sn == sn was delivered since sn last changed   (lazy)
 *     send:          attach sn
 *     receive m:     if m.sn > sn: force if something was sent in this interval (after send); sn = m.sn
 *
 * Numbers never fall along a message and rise at a checkpoint that would close a cycle, so no checkpoint is useless. One number per
 * message, nobody is ever asked.
 *
 * Source: Briatico, Ciuffoletti and Simoncini 1984; after-send variant as in the prototype behind Alvisi et al. 1999; lazy: Vieira,
 * Garcia and Buzato. Without RDT.
 * Boundary: pure; one member's rule.
 */
import type { Rule, Token } from './protocol.ts'

export interface BcsStamp extends Token {
  readonly sn: number
}

export interface BcsState {
  sn: number
  /** Something was sent in this interval. */
  sent: boolean
  /** A message with m.sn == sn was delivered since sn last changed. */
  equal: boolean
}

export const bcs: Rule<BcsState, BcsStamp> = {
  begin: () => ({ sn: 0, sent: false, equal: false }),
  fits: (stamp) => Number.isInteger(stamp.sn),
  take(state) {
    state.sent = false
    if (!state.equal) return
    state.sn++
    state.equal = false
  },
  send(state, token) {
    state.sent = true
    return { ...token, sn: state.sn }
  },
  forces: (state, m) => m.sn > state.sn && state.sent,
  merge(state, m) {
    if (m.sn < state.sn) return
    state.sn = m.sn
    state.equal = true
  },
  copy: (state) => ({ ...state }),
}
