/**
 * The edges of the rollback graph that a member knows and the service may not: those of its own deliveries that needed no question, and
 * those it heard of. They travel with whatever the member sends, so that whoever depends on them brings them along when it asks.
 *
 * Boundary: pure book-keeping; part of the downloaded proxy.
 *   K1  An edge leaves the books when the service has confirmed it, or when a new epoch begins: then all edges were told, or are undone.
 *   K2  Own edges are in the order of their deliveries: with the first n told, an index up to the interval of the last is true.
 */
import type { Edge, Need, Report } from './protocol.ts'

/** Edges that a message carries; with more their number is named, and the service asked. */
export const MAX_ATTACHED = 32

/** In one call: as `MAX_EDGES` of the protocol, which a file that stands alone cannot import. */
const MAX_TOLD = 1_024

export class KnownEdges {
  readonly #place: () => number
  #own: Edge[] = []
  readonly #heard = new Map<string, Edge>()
  #needs: readonly Need[] = []
  #count = 0

  /** `place`: of this member. */
  constructor(place: () => number) {
    this.#place = place
  }

  get own(): readonly Edge[] {
    return this.#own
  }

  /** More than one call can take. */
  get tooMany(): boolean {
    return this.#own.length > MAX_TOLD
  }

  /** A message that `from` sent in interval `sent` is delivered in interval `delivered`, without a question. */
  accepted(from: number, sent: number, delivered: number): void {
    this.#count++
    this.#own.push([this.#place(), this.#count, from, sent, delivered])
  }

  /** What came with a message of this epoch. */
  heard({ edges, needs }: Pick<Report, 'edges' | 'needs'>): void {
    for (const edge of edges) if (edge[0] !== this.#place()) this.#heard.set(`${edge[0]} ${edge[1]}`, edge)
    if (needs.length > 0) this.#needs = joined([...this.#needs, ...needs])
    // Nobody may ask while the service is away: then the number is enough.
    if (this.#heard.size <= MAX_TOLD) return
    this.#needs = joined([...this.#needs, ...needsOf(this.#heard.values())])
    this.#heard.clear()
  }

  /** What goes with a message: all of it, or what names it. */
  attached(): Pick<Report, 'edges' | 'needs'> {
    const edges = [...this.#own, ...this.#heard.values()]
    if (edges.length <= MAX_ATTACHED) return { edges, needs: this.#needs }
    return { edges: [], needs: joined([...this.#needs, ...needsOf(edges)]) }
  }

  /** What goes with a call of a member whose latest checkpoint is `index`. */
  report(index: number): Pick<Report, 'index' | 'edges' | 'needs'> {
    const own = tellable(index, this.#own)
    const heard = [...this.#heard.values()].slice(0, MAX_TOLD - own.edges.length)
    return { index: own.index, edges: [...own.edges, ...heard], needs: this.#needs }
  }

  /** The service has this report, but of its needs not the `unknown`. */
  told({ edges, needs }: Pick<Report, 'edges' | 'needs'>, unknown: readonly Need[]): void {
    let last = 0
    for (const [to, number] of edges) {
      if (to === this.#place()) last = Math.max(last, number)
      else this.#heard.delete(`${to} ${number}`)
    }
    this.#own = this.#own.filter(([, number]) => number > last)
    const asked = new Set(needs.map(String))
    this.#needs = joined([...unknown, ...this.#needs.filter((need) => !asked.has(String(need)))])
  }

  /** A new epoch begins (K1). */
  clear(): void {
    this.#own = []
    this.#heard.clear()
    this.#needs = []
    this.#count = 0
  }
}

/** As many edges as one call takes, and the index that is true with these (K2). */
export function tellable(index: number, own: readonly Edge[]): Pick<Report, 'index' | 'edges'> {
  if (own.length <= MAX_TOLD) return { index, edges: own }
  const edges = own.slice(0, MAX_TOLD)
  return { index: edges.at(-1)![4], edges }
}

function needsOf(edges: Iterable<Edge>): Need[] {
  return Array.from(edges, ([to, number]) => [to, number])
}

function joined(needs: readonly Need[]): Need[] {
  const most = new Map<number, number>()
  for (const [place, number] of needs) most.set(place, Math.max(number, most.get(place) ?? 0))
  return [...most]
}
