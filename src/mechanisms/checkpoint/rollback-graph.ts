/**
 * Who has to go back if somebody does: the rollback-dependency graph of a group (the R-graph of Wang 1997).
 *
 * Its nodes are the intervals I(i,x). An edge leads from I(i,x) to I(i,x+1), and from I(i,x) to I(j,y) for a message sent in the first
 * and delivered in the second: undo one end and the other has to be undone. A path back into an earlier interval of the same member
 * is a *rewinding path*, and makes the checkpoint between the two useless.
 *
 * Storage. Reachability is never stored. For every interval (k,b) there is one row: for each member l the least interval of l that was
 * given a message which k sent in an interval >= b. All an interval reaches is then found by walking rows of *members*, not
 * intervals: n numbers go down until nothing changes. Adding an edge is constant time amortized per pair and interval, since an
 * entry changes only when the least interval does, and deliveries land in current intervals, which only grow.
 *
 * Boundary: pure bookkeeping; who asks and what follows is the protocols' affair.
 *   G1  rows(k)[b][l] <= rows(k)[b+1][l]: what is sent later is sent at or after b too.
 *   G2  Nothing at or above the line of all reaches below it, so intervals below it can go (`trim`) without changing an answer.
 *   G3  Members can join, and leave once nothing of them can be undone any more; then the next one that joins gets their number.
 */
import { invariant } from '../../errors.ts'
import type { Cut } from './protocol.ts'

/** No interval is reached. */
const NONE: number = 2 ** 31 - 1

export class RollbackGraph {
  /** Index of the oldest interval that is kept, for each member. */
  readonly #first: number[]
  readonly #rows: Int32Array[][]
  /** Length of every row: as many members find room before the rows have to grow. */
  #width: number
  /** Numbers of members that have left, in falling order. */
  readonly #free: number[] = []

  constructor(members: number) {
    this.#width = members
    this.#first = new Array<number>(members).fill(0)
    this.#rows = Array.from({ length: members }, () => [this.#unreached()])
  }

  /** How many numbers are given out; a member that has left keeps its own until another one joins. */
  get members(): number {
    return this.#rows.length
  }

  /** A member joins; returns its number: the least one that is free. Its first interval is I(k,0). */
  join(): number {
    const k = this.#free.pop() ?? this.#rows.length
    if (k === this.#width) this.#widen()
    this.#first[k] = 0
    this.#rows[k] = [this.#unreached()]
    return k
  }

  /** Member `k` leaves: it has done nothing since its last checkpoint, which the line of all has reached and up to which is trimmed. */
  leave(k: number): void {
    const rows = this.#rows[k]!
    const alone = rows.length === 1 && rows[0]!.every((least) => least === NONE) && this.#isUnreached(k)
    invariant(alone, `member ${k} leaves the rollback graph while something of it can be undone`)
    this.#first[k] = 0
    this.#free.push(k)
    this.#free.sort((a, b) => b - a)
  }

  /** The interval in which member `k` is now: the index of its last checkpoint. */
  latest(k: number): number {
    return this.#first[k]! + this.#rows[k]!.length - 1
  }

  /** Index of the oldest checkpoint of member `k` that could still be needed. */
  oldest(k: number): number {
    return this.#first[k]!
  }

  /** Intervals that are kept, of all members together. */
  get live(): number {
    return this.#rows.reduce((sum, rows) => sum + rows.length, 0)
  }

  /** Member `k` has taken a checkpoint; a new interval begins. */
  open(k: number): void {
    this.#rows[k]!.push(this.#unreached())
  }

  /** The least interval of `j` that was given a message which `i` sent in interval `x` or later; undefined: none was. */
  given(i: number, x: number, j: number): number | undefined {
    const least = this.#rows[i]![x - this.#first[i]!]?.[j] ?? NONE
    return least === NONE ? undefined : least
  }

  /** A message that `i` sent in interval `x` is delivered to `j` in interval `y`. */
  add(i: number, x: number, j: number, y: number): void {
    const first = this.#first[i]!
    const rows = this.#rows[i]!
    for (let b = x - first; b >= 0 && rows[b]![j]! > y; b--) rows[b]![j] = y
  }

  /**
   * Whether that delivery would close a rewinding path: some member has an interval that j's interval leads into, and a *later* one
   * that leads to the sending.
   *
   * The sending can only be led to by what j's interval reaches if it is reached itself. Reached properly before `x`, i itself is the
   * member that goes back. Reached exactly at `x`, the path comes back to where it began, and rewinds if it passes a later
   * interval of anybody than the first it reaches of them.
   */
  rewinds(i: number, x: number, j: number, y: number): boolean {
    const reached = this.#unreached()
    reached[j] = y
    this.#descend(reached, [j])
    if (reached[i]! !== x) return reached[i]! < x
    const later = this.#unreached()
    const from: number[] = []
    for (let k = 0; k < this.members; k++) {
      if (reached[k]! >= this.latest(k)) continue
      later[k] = reached[k]! + 1
      from.push(k)
    }
    this.#descend(later, from)
    return later[i]! <= x
  }

  /**
   * The recovery line: the greatest consistent global checkpoint when the members `failed` have only their stable checkpoints and
   * the others their current state as well. `stable[k]` is the last checkpoint of k that surely is on stable storage; default: all are.
   */
  line(failed: Iterable<number>, stable?: readonly number[]): Cut {
    const undone = this.#unreached()
    const work: number[] = []
    for (const k of failed) {
      undone[k] = Math.min(stable?.[k] ?? NONE, this.latest(k))
      work.push(k)
    }
    this.#descend(undone, work, stable)
    return Array.from(this.#rows, (_, k) => (undone[k] === NONE ? 'current' : undone[k]!))
  }

  /** The line of all: nobody ever goes back behind it. */
  floor(stable?: readonly number[]): number[] {
    return this.line(this.#rows.keys(), stable) as number[]
  }

  /** Forgets what lies below the line of all. */
  trim(floor: readonly number[] = this.floor()): void {
    for (let k = 0; k < this.members; k++) {
      const below = floor[k]! - this.#first[k]!
      if (below <= 0) continue
      this.#rows[k]!.splice(0, below)
      this.#first[k] = floor[k]!
    }
  }

  /** The group has gone back to this line: what happened after it has not happened. */
  goBack(line: Cut): void {
    for (const [k, to] of line.entries()) {
      if (to === 'current') continue
      const rows = this.#rows[k]!
      rows.length = to - this.#first[k]!
      rows.push(this.#unreached())
    }
    for (const rows of this.#rows)
      for (const row of rows) for (const [l, to] of line.entries()) if (to !== 'current' && row[l]! >= to) row[l] = NONE
  }

  /** Numbers of members that have left. */
  get left(): readonly number[] {
    return this.#free
  }

  /** Copies of what is kept of member `k`, for a snapshot. */
  *saved(k: number): Generator<Int32Array> {
    for (const row of this.#rows[k]!) yield row.slice(0, this.members)
  }

  /** Into a graph without members: so many of them, of which these have left, with the indices of their oldest intervals. */
  restore(first: readonly number[], left: readonly number[]): void {
    for (const index of first) {
      const k = this.join()
      this.#first[k] = index
      this.#rows[k] = []
    }
    this.#free.push(...left)
  }

  /** The next interval of member `k`, as `saved` gave it. */
  restoreRow(k: number, saved: Int32Array): void {
    const row = this.#unreached()
    row.set(saved)
    this.#rows[k]!.push(row)
  }

  /** Lowers each entry to the least interval that is reached. `work`: the members whose entry is new. */
  #descend(least: Int32Array, work: number[], stable?: readonly number[]): void {
    for (let k = work.pop(); k !== undefined; k = work.pop()) {
      // A member goes back only to what is stable.
      if (stable !== undefined) least[k] = Math.min(least[k]!, stable[k]!)
      const row = this.#rows[k]![least[k]! - this.#first[k]!]
      if (row === undefined) continue
      for (let l = 0; l < this.members; l++) {
        if (row[l]! >= least[l]!) continue
        least[l] = row[l]!
        if (!work.includes(l)) work.push(l)
      }
    }
  }

  #isUnreached(k: number): boolean {
    return this.#rows.every((rows) => rows.every((row) => row[k] === NONE))
  }

  /** Twice as long, so that who joins does not copy all rows every time. */
  #widen(): void {
    const width = Math.max(4, 2 * this.#width)
    for (const rows of this.#rows) {
      for (const [b, row] of rows.entries()) {
        const wider = new Int32Array(width).fill(NONE)
        wider.set(row)
        rows[b] = wider
      }
    }
    this.#width = width
  }

  #unreached(): Int32Array {
    return new Int32Array(this.#width).fill(NONE)
  }
}
