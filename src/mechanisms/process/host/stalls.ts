/**
 * Turns that were too long, found out afterwards: in the program's own process nobody can end them, but somebody must say so.
 *
 * Boundary: measures with the clock it is given. Worker processes are watched from outside their event loop (`node/heartbeat.ts`).
 */
import type { Clock } from '../../../clock.ts'
import type { AttemptIdentity, TurnMeter } from './port.ts'

export function stallMeter(clock: Clock, stalled: (turn: AttemptIdentity, heldMs: number) => void): TurnMeter {
  let current: AttemptIdentity | undefined
  let sinceMs = 0
  return {
    begin(turn) {
      current = turn
      sinceMs = clock.monotonicMs()
    },
    end() {
      const turn = current
      current = undefined
      if (turn === undefined) return
      const heldMs = clock.monotonicMs() - sinceMs
      if (heldMs > turn.maxTurnMs) stalled(turn, Math.round(heldMs))
    },
  }
}
