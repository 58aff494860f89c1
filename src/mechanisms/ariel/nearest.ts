/**
 * Did you mean …? The candidate fewest keystrokes away, if it is near enough to be meant.
 *
 * Distance: insertions, deletions, substitutions and swaps of neighbours (optimal string alignment), ignoring case.
 */

/** Longer words are no slips of the finger, and comparing them costs the square of their length. */
const LONGEST = 40

export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined
  const wanted = word.toUpperCase()
  let limit = Math.max(1, Math.floor(word.length / 3)) + 1
  let best: string | undefined
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= limit) continue
    const distance = distanceOf(wanted, candidate.toUpperCase())
    if (distance >= limit) continue
    limit = distance
    best = candidate
  }
  return best
}

function distanceOf(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (before[j - 2] as number) + 1)
      row.push(cost)
    }
    before = last
    last = row
  }
  return last[b.length] as number
}
