/** A module that makes a group when it is imported: every thread would make one more. */
import { dependable, majority, nVersion } from 'perdure/group'

class Adder {
  /** @param {number} n */
  add(n) {
    return n
  }
}

export const Safe = dependable(Adder, nVersion({ variants: [Adder], adjudicator: majority(), isolate: 'worker' }))
export const safe = new Safe()
