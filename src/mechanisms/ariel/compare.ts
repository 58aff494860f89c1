/**
 * Two lists of actions side by side: what is in one and not in the other.
 *
 *     compareActions(dryRun(before, incident), dryRun(after, incident))
 *
 * Lists are compared moment by moment, because an action at another time is another action; within a moment the longest common
 * subsequence is what stayed, so that one new action does not make all that follow it look new.
 *
 * Boundary: pure.
 */
import type { ListedAction } from './dry-run.ts'

/** `gone`: only in the first list; `new`: only in the second. */
export interface Difference {
  readonly change: 'gone' | 'new'
  readonly action: ListedAction
}

/** Fields of an action that a comparison may look at. `line` is left out where two scripts are compared: the same action moves. */
export type Sameness = (a: ListedAction, b: ListedAction) => boolean

/** Cells of the table for one moment. A moment with more has thousands of actions, and nobody reads their order. */
const MAX_CELLS = 4_000_000

/** In the order of time; at one time, what is gone stands where it was. */
export function compareActions(
  first: readonly ListedAction[],
  second: readonly ListedAction[],
  isSame: Sameness = isSameDeed,
): readonly Difference[] {
  const [before, after] = [moments(first), moments(second)]
  const times = [...new Set([...before.keys(), ...after.keys()])].sort((a, b) => a - b)
  return times.flatMap((at) => compareMoment(before.get(at) ?? [], after.get(at) ?? [], isSame))
}

/** The same action on the same target with the same value, wherever it stands in a script. */
export function isSameDeed(a: ListedAction, b: ListedAction): boolean {
  return a.at === b.at && a.action === b.action && a.target === b.target && a.value === b.value
}

function moments(actions: readonly ListedAction[]): Map<number, ListedAction[]> {
  const found = new Map<number, ListedAction[]>()
  for (const action of actions) {
    const others = found.get(action.at)
    if (others === undefined) found.set(action.at, [action])
    else others.push(action)
  }
  return found
}

function compareMoment(before: readonly ListedAction[], after: readonly ListedAction[], isSame: Sameness): readonly Difference[] {
  let from = 0
  const least = Math.min(before.length, after.length)
  while (from < least && isSame(before[from] as ListedAction, after[from] as ListedAction)) from += 1
  let tail = 0
  while (tail < least - from && isSame(before.at(-1 - tail) as ListedAction, after.at(-1 - tail) as ListedAction)) tail += 1
  const [a, b] = [before.slice(from, before.length - tail), after.slice(from, after.length - tail)]
  if (a.length * b.length > MAX_CELLS) return [...a.map(gone), ...b.map(added)]
  return walk(a, b, commonLengths(a, b, isSame), isSame)
}

/** At (i, j) the length of the longest common subsequence of what follows. */
function commonLengths(a: readonly ListedAction[], b: readonly ListedAction[], isSame: Sameness): readonly Uint32Array[] {
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1))
  for (let i = a.length - 1; i >= 0; i -= 1) {
    const [row, below] = [lengths[i] as Uint32Array, lengths[i + 1] as Uint32Array]
    for (let j = b.length - 1; j >= 0; j -= 1) {
      row[j] = isSame(a[i] as ListedAction, b[j] as ListedAction)
        ? (below[j + 1] as number) + 1
        : Math.max(below[j] as number, row[j + 1] as number)
    }
  }
  return lengths
}

function walk(
  a: readonly ListedAction[],
  b: readonly ListedAction[],
  lengths: readonly Uint32Array[],
  isSame: Sameness,
): readonly Difference[] {
  const found: Difference[] = []
  const left = (i: number, j: number): number => lengths[i]?.[j] ?? 0
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    const [one, other] = [a[i], b[j]]
    if (one !== undefined && other !== undefined && isSame(one, other)) {
      i += 1
      j += 1
    } else if (one !== undefined && (other === undefined || left(i + 1, j) >= left(i, j + 1))) {
      found.push(gone(one))
      i += 1
    } else if (other !== undefined) {
      found.push(added(other))
      j += 1
    }
  }
  return found
}

function gone(action: ListedAction): Difference {
  return { change: 'gone', action }
}

function added(action: ListedAction): Difference {
  return { change: 'new', action }
}
