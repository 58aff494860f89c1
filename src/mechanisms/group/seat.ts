/**
 * A member in one call: which attempt it is making, what it began with, and what an acceptance test sees of that.
 *
 * Boundary: data of one call; it is conducted in `conduct.ts`.
 */

import { frozen } from '../../support/state/state.ts'
import type { Timeout } from '../../support/timeouts.ts'
import type { AttemptCell } from './attempt.ts'
import type { Member, Trial } from './member.ts'
import type { Acceptance } from './strategy.ts'

/** A member's place in its group. */
export interface Place {
  readonly member: Member
}

/** Members and their attempts, by place in the view. */
export interface Seat {
  readonly place: Place
  readonly member: Member
  cell: AttemptCell | undefined
  trial: Trial | undefined
  /** Its state before, for an acceptance test; of members that keep a state of their own. */
  before: unknown
  startedMs: number
  /** Counts tries; an answer of an earlier try is nobody's. */
  tries: number
  outstanding: boolean
  limit: Timeout | undefined
}

export function seatOf(place: Place): Seat {
  return {
    place,
    member: place.member,
    cell: undefined,
    trial: undefined,
    before: undefined,
    startedMs: 0,
    tries: 0,
    outstanding: false,
    limit: undefined,
  }
}

/** What an acceptance test sees; states are only saved when it asks. */
export class Circumstances implements Acceptance {
  readonly args: readonly unknown[]
  readonly #seat: Seat

  constructor(args: readonly unknown[], seat: Seat) {
    this.args = frozen(args) as readonly unknown[]
    this.#seat = seat
  }

  get before(): unknown {
    const { trial, before } = this.#seat
    return trial === undefined ? before : trial.before()
  }

  get after(): unknown {
    const { trial, member } = this.#seat
    return trial === undefined ? viewOf(member) : trial.after()
  }
}

/** Undefined where the state can neither be seen nor asked for: no copy is needed of what is only looked at. */
export function viewOf(member: Member): unknown {
  try {
    return member.view()
  } catch {
    return undefined
  }
}
