/**
 * The few faults that matter, of the many that a failing seed met.
 *
 * Larger and then smaller parts of the list are left out, and whatever the failure does not need stays out (delta debugging). Without
 * a fault the rest of the run is another one, so a fault may stay in the list only because it shifts those behind it.
 *
 * Boundary: pure but for the question it asks.
 *   K1  What is returned still fails, and without any single one of its elements it does not, unless the asking had to end early.
 */

/** `stillFails` also says no when there is no time to ask any more. */
export async function shrink<T>(list: readonly T[], stillFails: (part: readonly T[]) => Promise<boolean>): Promise<readonly T[]> {
  if (list.length === 0 || (await stillFails([]))) return []
  let kept = list
  for (let size = Math.ceil(list.length / 2); ; size = Math.ceil(size / 2)) {
    const before = kept.length
    for (let from = 0; from < kept.length; ) {
      const rest = [...kept.slice(0, from), ...kept.slice(from + size)]
      if (rest.length > 0 && (await stillFails(rest))) kept = rest
      else from += size
    }
    if (size === 1 && kept.length === before) return kept
  }
}

/** What an error says apart from numbers, names and places: two of the same are taken for one failure. */
export function mannerOf(error: unknown): string {
  const text = error instanceof Error ? `${(error as { code?: string }).code ?? error.name}: ${error.message}` : String(error)
  const words = text
    .replace(/\S*\d\S*/g, ' ')
    .split(/[.:]\s|\n/)
    .slice(0, 2)
    .join(' ')
    .split(/\W+/)
  return [...new Set(words)].sort().join(' ')
}
