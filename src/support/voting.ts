/**
 * How votes form classes, which class is the largest, and what later votes could still change.
 *
 * A vote is a value and a weight. With an equivalence the classes are those of equal values. Under a tolerance they are sets in
 * which each agrees with each: windows for numbers (`windows.ts`), cliques for anything else. If there are several largest classes,
 * the answer lies in what all of them share; where they share nothing there is a tie.
 *
 * Boundary: pure. It knows no members, options, deadlines or errors: whether the largest class is large enough is decided above.
 *   V1  Votes are given in the order of their priority, and nothing else decides among equals: never the order of arrival.
 *   V2  Weights are whole and positive, so that sums are exact and half is half.
 *   V3  The answer is one of the votes.
 */
import { heaviestWindows, isSteady, line, lowerMedian, type Point, shared } from './windows.ts'

export interface Vote {
  /** What is compared. */
  readonly value: unknown
  readonly weight: number
}

/**
 * What "the same" means. `equivalence`: transitive. `tolerance`: not transitive; at most `MAX_CLIQUE_VOTES` votes. `interval`: a
 * tolerance among finite numbers that holds between any two in a window if it holds between its ends, and an equivalence among all else.
 * `same` is asked in the order of priority, of numbers in ascending order, and never about a value and itself.
 */
export interface Relation {
  readonly kind: 'equivalence' | 'tolerance' | 'interval'
  same(a: unknown, b: unknown): boolean
}

export interface Standing {
  /** Weight of a largest class; 0 without votes. */
  readonly most: number
  /** The largest classes: indexes of votes, ascending. */
  readonly largest: readonly (readonly number[])[]
  /** The index of the vote that is the answer; undefined in a tie, and without votes. */
  readonly answer: number | undefined
  /** The answer stays what it is even if votes of this weight are added. */
  isCertain(outstanding: number): boolean
}

/** Among so many votes there are at most 324 maximal cliques (Moon and Moser: 3 to the power of a third of them). */
export const MAX_CLIQUE_VOTES = 16

export function standing(votes: readonly Vote[], relation: Relation): Standing {
  switch (relation.kind) {
    case 'equivalence':
      return standingOfClasses(classesOf(votes, relation))
    case 'tolerance':
      return standingOfCliques(votes, relation)
    case 'interval':
      return standingOfNumbers(votes, relation)
  }
}

/** What decides a tie if it has to be decided: of the largest classes the one with the vote of the highest priority, and its answer. */
export function firstOfLargest(votes: readonly Vote[], relation: Relation, { largest }: Standing): number | undefined {
  const [first] = [...largest].sort(byPriority)
  if (first === undefined) return undefined
  if (relation.kind !== 'interval' || !first.every((index) => Number.isFinite(votes[index]?.value))) return first[0]
  const points = line(first.map((index) => pointOf(votes, index)))
  return lowerMedian(points, { first: 0, last: points.length - 1 }).vote
}

interface Class {
  readonly members: readonly number[]
  readonly weight: number
}

function classesOf(votes: readonly Vote[], { same }: Relation, indexes: readonly number[] = allOf(votes)): Class[] {
  const classes: { members: number[]; weight: number }[] = []
  for (const index of indexes) {
    const { value, weight } = votes[index] as Vote
    const found = classes.find(({ members: [first] }) => isSame(same, votes[first as number]?.value, value))
    if (found === undefined) classes.push({ members: [index], weight })
    else {
      found.members.push(index)
      found.weight += weight
    }
  }
  return classes
}

function standingOfClasses(classes: readonly Class[], elsewhere = 0): Standing {
  let most = 0
  let rival = elsewhere
  for (const { weight } of classes) {
    if (weight > most) {
      rival = Math.max(rival, most)
      most = weight
    } else rival = Math.max(rival, weight)
  }
  const largest = classes.filter(({ weight }) => weight === most).map(({ members }) => members)
  const answer = largest.length === 1 ? largest[0]?.[0] : undefined
  return { most, largest, answer, isCertain: (outstanding) => outstanding === 0 || rival + outstanding < most }
}

function standingOfNumbers(votes: readonly Vote[], relation: Relation): Standing {
  const isNumber = (index: number) => Number.isFinite(votes[index]?.value)
  const points = line(
    allOf(votes)
      .filter(isNumber)
      .map((index) => pointOf(votes, index)),
  )
  const near = (low: number, high: number) => isSame(relation.same, low, high)
  const others = classesOf(
    votes,
    relation,
    allOf(votes).filter((index) => !isNumber(index)),
  )
  const { most, windows } = heaviestWindows(points, near)
  const rest = standingOfClasses(others, most)
  if (rest.most > most) return rest
  const members = windows.map(({ first, last }) =>
    points
      .slice(first, last + 1)
      .map(({ vote }) => vote)
      .sort(ascending),
  )
  if (rest.most === most) return { ...rest, largest: [...members, ...rest.largest], answer: undefined }
  const core = shared(windows)
  const answer = core === undefined ? undefined : lowerMedian(points, core).vote
  const isCertain = (outstanding: number) =>
    outstanding === 0 || (rest.most + outstanding < most && isSteady(points, near, outstanding))
  return { most, largest: members, answer, isCertain }
}

/** Anything outstanding could agree with all of the answer's class but the answer itself: nothing is certain before the end. */
function standingOfCliques(votes: readonly Vote[], relation: Relation): Standing {
  const weightOf = (set: number) => indexesOf(set).reduce((sum, index) => sum + (votes[index] as Vote).weight, 0)
  const cliques = maximalCliques(votes, relation).map((set) => ({ set, weight: weightOf(set) }))
  const most = cliques.reduce((highest, { weight }) => Math.max(highest, weight), 0)
  const sets = cliques.filter(({ weight }) => weight === most).map(({ set }) => set)
  const core = sets.reduce((common, set) => common & set, -1)
  const largest = sets.map(indexesOf).sort(byPriority)
  const answer = sets.length === 0 ? undefined : indexesOf(core)[0]
  return { most, largest, answer, isCertain: (outstanding) => outstanding === 0 }
}

/** Bron and Kerbosch (1973) with a pivot; sets of votes are the bits of a number. */
function maximalCliques(votes: readonly Vote[], { same }: Relation): readonly number[] {
  if (votes.length > MAX_CLIQUE_VOTES)
    throw new RangeError(`${votes.length} votes under a tolerance: at most ${MAX_CLIQUE_VOTES}`)
  const neighbours = votes.map(() => 0)
  for (let a = 0; a < votes.length; a += 1) {
    for (let b = a + 1; b < votes.length; b += 1) {
      if (!isSame(same, votes[a]?.value, votes[b]?.value)) continue
      neighbours[a] = (neighbours[a] as number) | (1 << b)
      neighbours[b] = (neighbours[b] as number) | (1 << a)
    }
  }
  const found: number[] = []
  const extend = (clique: number, candidates: number, excluded: number): void => {
    if (candidates === 0) {
      if (excluded === 0 && clique !== 0) found.push(clique)
      return
    }
    const [pivot] = indexesOf(candidates | excluded)
    let open = candidates
    for (const vote of indexesOf(candidates & ~(neighbours[pivot as number] as number))) {
      const near = neighbours[vote] as number
      extend(clique | (1 << vote), open & near, (excluded | (candidates & ~open)) & near)
      open &= ~(1 << vote)
    }
  }
  extend(0, (1 << votes.length) - 1, 0)
  return found
}

function isSame(same: Relation['same'], a: unknown, b: unknown): boolean {
  return a === b || same(a, b)
}

function pointOf(votes: readonly Vote[], vote: number): Point {
  const { value, weight } = votes[vote] as Vote
  return { at: value as number, weight, vote }
}

function allOf(votes: readonly Vote[]): number[] {
  return votes.map((_, index) => index)
}

function indexesOf(set: number): number[] {
  const indexes: number[] = []
  for (let left = set; left !== 0; left &= left - 1) indexes.push(31 - Math.clz32(left & -left))
  return indexes
}

function byPriority(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length && i < b.length; i += 1) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return b.length - a.length
}

function ascending(a: number, b: number): number {
  return a - b
}
