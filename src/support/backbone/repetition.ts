/**
 * Who does the same to the same over and over (SPEC 5.2, RUNAWAY).
 *
 * For each action and target the times of its last `MOST` performances are kept. If the oldest of them is less than a second ago, one
 * more would be too many.
 *
 * Boundary: pure; it is told the time.
 */
import { type EntityName, KINDS } from './entity.ts'

/** SPEC 5.2: not more often for one entity within `WITHIN_US`. */
const MOST = 32
const WITHIN_US = 1_000_000

/** When more than so many pairs are kept, those that have been quiet for a second are dropped. */
const SWEEP_AT = 4_096

interface Times {
  /** A ring: the next one to be replaced is the oldest. */
  readonly us: number[]
  next: number
  lastUs: number
}

export type RepetitionState = readonly (readonly [address: number, target: EntityName, timesUs: readonly number[]])[]

export class Repetition {
  /** By address, kind and number of the target. */
  readonly #performed = new Map<number, Times>()
  #sweepAt = SWEEP_AT

  load(state: RepetitionState): void {
    this.#performed.clear()
    for (const [address, target, us] of state) {
      this.#performed.set(keyOf(address, target), { us: [...us], next: 0, lastUs: us.at(-1) as number })
    }
  }

  /** False if this action has had its share of this second on this target. */
  admit(address: number, target: EntityName, nowUs: number): boolean {
    const key = keyOf(address, target)
    const times = this.#performed.get(key)
    if (times === undefined) {
      if (this.#performed.size >= this.#sweepAt) this.#sweep(nowUs)
      this.#performed.set(key, { us: [nowUs], next: 0, lastUs: nowUs })
      return true
    }
    if (times.us.length < MOST) times.us.push(nowUs)
    else {
      if (nowUs - (times.us[times.next] as number) < WITHIN_US) return false
      times.us[times.next] = nowUs
      times.next = (times.next + 1) % MOST
    }
    times.lastUs = nowUs
    return true
  }

  /** What could still matter at `nowUs`. */
  snapshot(nowUs: number): RepetitionState {
    return [...this.#performed]
      .sort(([a], [b]) => a - b)
      .map(([key, { us, next }]) => {
        const inOrder = [...us.slice(next), ...us.slice(0, next)]
        return [...splitKey(key), inOrder.filter((atUs) => nowUs - atUs < WITHIN_US)] as const
      })
      .filter(([, , us]) => us.length > 0)
  }

  #sweep(nowUs: number): void {
    for (const [key, { lastUs }] of this.#performed) if (nowUs - lastUs >= WITHIN_US) this.#performed.delete(key)
    this.#sweepAt = Math.max(SWEEP_AT, 2 * this.#performed.size)
  }
}

const NUMBERS = 2 ** 31

/** One number for all three: addresses are below 2^20, so that it is exact. */
function keyOf(address: number, { kind, number }: EntityName): number {
  return (address * KINDS.length + KINDS.indexOf(kind)) * NUMBERS + number
}

function splitKey(key: number): [address: number, target: EntityName] {
  const above = Math.floor(key / NUMBERS)
  const kind = KINDS[above % KINDS.length] as EntityName['kind']
  return [Math.floor(above / KINDS.length), { kind, number: key % NUMBERS }]
}
