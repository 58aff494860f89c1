/** The system's clock, which may be put forward. */
import { type Clock, systemClock } from '../../src/clock.ts'

export interface ClockAhead extends Clock {
  aheadMs: number
}

export function clockAhead(): ClockAhead {
  return {
    aheadMs: 0,
    wallMs: () => systemClock.wallMs(),
    monotonicMs() {
      return systemClock.monotonicMs() + this.aheadMs
    },
    hop: (turn) => systemClock.hop(turn),
    after: (delayMs, fire) => systemClock.after(delayMs, fire),
    background: (delayMs, fire) => systemClock.background(delayMs, fire),
    randomId: () => systemClock.randomId(),
  }
}
