/**
 * The OS processes that run bodies, and which run goes to which of them.
 *
 * Boundary: deterministic data, used by `machine.ts` only. There are no races and no polling: the machine decides placement at
 * the position at which a run or a place becomes free, and tells the node.
 *   N1  A run goes to the least loaded live node that hosts its definition, has room and does not drain; ties to the one
 *       registered first.
 *   N2  Among the waiting runs of one definition, and of the same builds under N3, the oldest goes first; so only the first of
 *       each such queue is looked at, however many wait.
 *   N3  A run goes only to builds under which it has not diverged.
 */
import type { Run } from './run.ts'

export interface Node {
  readonly name: string
  readonly session: number
  readonly parent: string | null
  /** The session of whoever started this process and can kill it; 0 if nobody. */
  readonly parentSession: number
  /** Random, per OS process: tells a restarted process from the one before. */
  readonly boot: string
  readonly pid: number
  /** Content hash of each definition it hosts. */
  readonly definitions: ReadonlyMap<string, string>
  readonly capacity: number
  /** Position of its registration. */
  readonly epoch: number
  readonly runs: Set<number>
  /** Position at which it was suspected; cleared by anything heard from it while it is connected. */
  suspectedAt: number | undefined
  /** False once its connection broke: it cannot come back under this registration. */
  connected: boolean
  /** It is given no runs any more; with `stop` its process ends once it has none. */
  draining: 'stay' | 'stop' | undefined
}

export class NodeTable {
  readonly #nodes = new Map<string, Node>()
  readonly #bySession = new Map<number, Set<Node>>()
  /** Runs without a place, oldest first, by definition and builds that are no place for them. */
  readonly #waiting = new Map<string, Set<number>>()

  get all(): Iterable<Node> {
    return this.#nodes.values()
  }

  get(name: string): Node | undefined {
    return this.#nodes.get(name)
  }

  ofSession(session: number): readonly Node[] {
    return [...(this.#bySession.get(session) ?? [])]
  }

  add(node: Node): void {
    this.#nodes.set(node.name, node)
    const siblings = this.#bySession.get(node.session) ?? new Set()
    this.#bySession.set(node.session, siblings.add(node))
  }

  remove(node: Node): void {
    this.#nodes.delete(node.name)
    const siblings = this.#bySession.get(node.session)
    siblings?.delete(node)
    if (siblings?.size === 0) this.#bySession.delete(node.session)
  }

  /** The node of this name, or the workers of the program of this name. */
  named(name: string): readonly Node[] {
    return [...this.#nodes.values()].filter((node) => node.name === name || node.parent === name)
  }

  hosts(definition: string): boolean {
    for (const node of this.#nodes.values()) if (node.draining === undefined && node.definitions.has(definition)) return true
    return false
  }

  wait(run: Run): void {
    const name = queueOf(run)
    const queue = this.#waiting.get(name)
    if (queue) queue.add(run.id)
    else this.#waiting.set(name, new Set([run.id]))
  }

  /** Takes a run out of the queue; false if it was not in it. */
  stopWaiting(run: Run): boolean {
    const name = queueOf(run)
    const queue = this.#waiting.get(name)
    const waited = queue?.delete(run.id) ?? false
    if (queue?.size === 0) this.#waiting.delete(name)
    return waited
  }

  /** The next run that has a place, and the place. The caller places it and asks again. */
  next(runOf: (id: number) => Run): { readonly run: Run; readonly node: Node } | undefined {
    for (const [first] of this.#waiting.values()) {
      const run = runOf(first as number)
      const node = this.placeFor(run)
      if (node) return { run, node }
    }
    return undefined
  }

  /** `among` restricts it to the nodes that go by this name, `not` excludes one. */
  placeFor(run: Run, { among = null, not }: { among?: string | null; not?: string | undefined } = {}): Node | undefined {
    let best: Node | undefined
    for (const node of this.#nodes.values()) {
      if (!accepts(node, run)) continue
      if (node.name === not || (among !== null && node.name !== among && node.parent !== among)) continue
      if (best === undefined || node.runs.size < best.runs.size) best = node
    }
    return best
  }

  saved(): SavedNodes {
    const nodes = [...this.#nodes.values()].map(({ definitions, runs, ...rest }) => ({
      ...rest,
      suspectedAt: rest.suspectedAt ?? null,
      draining: rest.draining ?? null,
      definitions: [...definitions],
      runs: [...runs],
    }))
    return { nodes, waiting: [...this.#waiting].map(([definition, queue]) => [definition, [...queue]]) }
  }

  restore({ nodes, waiting }: SavedNodes): void {
    for (const { definitions, runs, suspectedAt, draining, ...rest } of nodes) {
      this.add({
        ...rest,
        suspectedAt: suspectedAt ?? undefined,
        draining: draining ?? undefined,
        definitions: new Map(definitions),
        runs: new Set(runs),
      })
    }
    for (const [name, queue] of waiting) this.#waiting.set(name, new Set(queue))
  }
}

/** Whether a run can be given a place there (N1, N3). */
export function accepts(node: Node, run: Run): boolean {
  const hash = node.definitions.get(run.definition)
  if (hash === undefined || node.runs.size >= node.capacity || node.runs.has(run.id)) return false
  if (node.suspectedAt !== undefined || node.draining !== undefined) return false
  return !run.diverged?.builds.includes(hash)
}

/** Runs of one queue have the same places. Neither names nor hashes have a space. */
function queueOf({ definition, diverged }: Run): string {
  return diverged ? `${definition} ${diverged.builds.join(' ')}` : definition
}

export interface SavedNodes {
  readonly nodes: readonly (Omit<Node, 'definitions' | 'runs' | 'suspectedAt' | 'draining'> & {
    readonly definitions: readonly (readonly [string, string])[]
    readonly runs: readonly number[]
    readonly suspectedAt: number | null
    readonly draining: 'stay' | 'stop' | null
  })[]
  readonly waiting: readonly (readonly [string, readonly number[]])[]
}
