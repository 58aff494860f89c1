/**
 * Numbers that agree within a tolerance, and what later numbers could still change about it.
 *
 * "Within eps of each other" is no equivalence: 1.0 and 1.4 agree at 0.5, 1.4 and 1.8 do, 1.0 and 1.8 do not. A class is therefore a
 * *window* of the sorted numbers: as many as have a diameter of at most eps. Chains (single linkage) would call 0, 1, 2, 3, 4
 * unanimous at eps 1; "near the first one" would depend on who came first; rounding would part 1.49999 from 1.50001.
 *
 * Boundary: pure; finite numbers only. What counts as near is told from outside, and must hold inside every window that it spans.
 *   D1  Nothing depends on the order in which the numbers came.
 *   D2  Weights are whole and positive, so that sums are exact.
 */

/** One number on the sorted line; `vote` says whose it is, as an index. */
export interface Point {
  readonly at: number
  readonly weight: number
  readonly vote: number
}

/** From the first to the last point, both included. */
export interface Window {
  readonly first: number
  readonly last: number
}

/** Whether two numbers agree, the lower one given first. */
export type Near = (low: number, high: number) => boolean

/** In ascending order; equal numbers (0 and -0 are) in the order of the votes. */
export function line(points: Point[]): readonly Point[] {
  return points.sort((a, b) => a.at - b.at || a.vote - b.vote)
}

/** The windows of the greatest weight, from left to right; none without points. */
export function heaviestWindows(
  points: readonly Point[],
  near: Near,
): { readonly most: number; readonly windows: readonly Window[] } {
  let most = 0
  let windows: Window[] = []
  let last = -1
  let weight = 0
  for (let first = 0; first < points.length; first += 1) {
    while (last + 1 < points.length && (last < first || near(at(points, first), at(points, last + 1)))) {
      last += 1
      weight += weightAt(points, last)
    }
    if (weight > most) {
      most = weight
      windows = []
    }
    if (weight === most) windows.push({ first, last })
    weight -= weightAt(points, first)
  }
  return { most, windows }
}

/** What all of them share: windows are in order, so the first of the last to the last of the first. */
export function shared(windows: readonly Window[]): Window | undefined {
  const [left] = windows
  const right = windows.at(-1)
  return left !== undefined && right !== undefined && right.first <= left.last
    ? { first: right.first, last: left.last }
    : undefined
}

/** The first point up to which there is half of the weight: for an even number of equal weights the lower of the two in the middle. */
export function lowerMedian(points: readonly Point[], window: Window): Point {
  const whole = weigh(points, window.first, window.last)
  let weight = 0
  let i = window.first
  while (i < window.last && 2 * (weight + weightAt(points, i)) < whole) {
    weight += weightAt(points, i)
    i += 1
  }
  return points[i] as Point
}

/**
 * Whether the lower median of what the heaviest windows share stays what it is, whatever numbers of this weight in all are added.
 *
 * To move it up, somebody must make a window the heaviest that starts further right, or fill up the one that is. The best that can be
 * done for a start is to put everything outstanding at the far end of its window, where no window that starts earlier profits; so
 * one look at each start decides, and likewise, mirrored, at each end.
 */
export function isSteady(points: readonly Point[], near: Near, outstanding: number): boolean {
  if (outstanding === 0) return true
  const { most, windows } = heaviestWindows(points, near)
  const core = shared(windows)
  if (core === undefined || outstanding >= most) return false
  const field: Field = { points, near, most, core, median: lowerMedian(points, core).at, outstanding }
  return !movesUp(field) && !movesDown(field)
}

interface Field {
  readonly points: readonly Point[]
  readonly near: Near
  readonly most: number
  readonly core: Window
  readonly median: number
  readonly outstanding: number
}

function movesUp({ points, near, most, core, median, outstanding }: Field): boolean {
  for (let first = 0; first < points.length; first += 1) {
    if (first > 0 && at(points, first) === at(points, first - 1)) continue
    let last = first
    while (last + 1 < points.length && near(at(points, first), at(points, last + 1))) last += 1
    const reach = weigh(points, first, last) + outstanding
    if (reach < most) continue
    if (at(points, first) > median) return true
    let middle = first
    while (middle < last && at(points, middle + 1) <= median) middle += 1
    const low = weigh(points, first, middle)
    // Only as heavy as the windows there are: then it is their common part that counts, and nothing new lies in it.
    const high =
      reach > most ? weigh(points, middle + 1, last) + outstanding : weigh(points, middle + 1, Math.min(last, core.last))
    if (high > low) return true
  }
  return false
}

function movesDown({ points, near, most, core, median, outstanding }: Field): boolean {
  for (let last = points.length - 1; last >= 0; last -= 1) {
    if (last + 1 < points.length && at(points, last) === at(points, last + 1)) continue
    let first = last
    while (first > 0 && near(at(points, first - 1), at(points, last))) first -= 1
    const reach = weigh(points, first, last) + outstanding
    if (reach < most) continue
    if (at(points, last) < median) return true
    let middle = last
    while (middle > first && at(points, middle - 1) >= median) middle -= 1
    const high = weigh(points, middle, last)
    const low =
      reach > most ? weigh(points, first, middle - 1) + outstanding : weigh(points, Math.max(first, core.first), middle - 1)
    if (low >= high) return true
  }
  return false
}

function weigh(points: readonly Point[], first: number, last: number): number {
  let weight = 0
  for (let i = first; i <= last; i += 1) weight += weightAt(points, i)
  return weight
}

function at(points: readonly Point[], index: number): number {
  return (points[index] as Point).at
}

function weightAt(points: readonly Point[], index: number): number {
  return (points[index] as Point).weight
}
