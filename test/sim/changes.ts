/** What somebody is told who watches a space, gathered and compared, for scenarios. */
import { PerdureError } from 'perdure'
import type { Changes, SpaceChange } from 'perdure/space'

/** A change as the log or a watcher tells it. */
export interface Told {
  readonly kind: string
  readonly tuple: readonly unknown[]
  readonly position: number
}

interface Gathering {
  readonly list: Told[]
  /** All of it, once its last tuple has come; `trimmed` when the log no longer reached back to the beginning. */
  readonly ended: Promise<readonly Told[] | 'trimmed'>
}

/** The second field of the tuple with which a space says that nothing more comes. */
export const LAST = -1

/** Listens until a tuple comes whose second field is `LAST`. */
export function told(changes: Changes<SpaceChange<readonly unknown[]>>): Gathering {
  const list: Told[] = []
  const gather = async (): Promise<readonly Told[] | 'trimmed'> => {
    try {
      for await (const change of changes) {
        list.push(change)
        if (change.tuple[1] === LAST) break
      }
      return list
    } catch (error) {
      if (PerdureError.is(error, 'PERDURE_E_TRIMMED')) return 'trimmed'
      throw error
    }
  }
  const ended = gather()
  // Whoever waits for it hears of its failure.
  ended.catch(() => undefined)
  return { list, ended }
}

/** The sum of the third fields of all tuples that are there, after each position at which something has happened. */
export function* foldBySpace(
  lists: readonly (readonly Told[])[],
): Generator<{ readonly position: number; readonly sum: number }> {
  const all = lists.flat().sort((a, b) => a.position - b.position)
  let sum = 0
  for (const [at, { kind, tuple, position }] of all.entries()) {
    sum += kind === 'out' ? Number(tuple[2]) : -Number(tuple[2])
    if (all[at + 1]?.position !== position) yield { position, sum }
  }
}

export function sameChanges(a: readonly Told[], b: readonly Told[]): boolean {
  return a.length === b.length && a.every((change, at) => textOf(change) === textOf(b[at] as Told))
}

export function textOf({ kind, tuple, position }: Told): string {
  return `${position} ${kind} ${JSON.stringify(tuple)}`
}
