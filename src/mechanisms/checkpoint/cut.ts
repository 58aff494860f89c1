/**
 * `cut`: one marker in the order of all messages, and every member saves before its first message after the marker.
 *
 *     checkpoint:  marker++ in the common order; save; mark = marker
 *     send:        attach marker, as it stands in the common order
 *     receive m:   if m.marker > mark: force; mark = m.marker
 *
 * The checkpoints that belong to one marker are consistent because the order is total: what was sent after a member saw the marker
 * is delivered after everybody has. Nobody stops and nobody is asked, but one basic checkpoint makes all members save that are
 * sent anything.
 *
 * It needs one order of all sends, in which deliveries follow: inside a site, where a message *is* an entry of the log. Members that
 * receive nothing should save when they see the marker; without messages there is nobody to tell them here.
 *
 * Source: Lai and Yang 1987 (colours in place of markers), with the order of one log in place of channels.
 * Boundary: pure; the rule of all members of one group, who share the order.
 */
import type { Rule, Token } from './protocol.ts'

export interface CutStamp extends Token {
  readonly marker: number
}

export interface CutState {
  /** The last marker for which this member has saved. */
  mark: number
}

export function cut(): Rule<CutState, CutStamp> {
  let marker = 0
  return {
    begin: () => ({ mark: 0 }),
    fits: (stamp) => Number.isInteger(stamp.marker),
    take(state, by) {
      if (by === undefined) marker++
      state.mark = by?.marker ?? marker
    },
    send: (_, token) => ({ ...token, marker }),
    forces: (state, m) => m.marker > state.mark,
    merge() {
      // A message tells nothing but its marker, and forces() has looked at that.
    },
    copy: (state) => ({ ...state }),
  }
}
