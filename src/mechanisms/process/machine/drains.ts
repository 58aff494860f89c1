/**
 * Who drains which nodes, and how their runs have left.
 *
 * Boundary: book-keeping; what a drain is, is said in `handover.ts`.
 */
import type { Caller } from '../../../log/machine.ts'

/** A drain that somebody waits for. */
export interface Drain {
  readonly caller: Caller
  readonly number: number
  /** Whether the nodes end their processes afterwards; then that is waited for too. */
  readonly then: 'stay' | 'stop'
  /** Epochs of the nodes that are not done. */
  readonly nodes: Set<number>
  /** Runs there were, and how they left; the others ended by themselves or with the node. */
  readonly runs: number
  handedOver: number
  cutOff: number
}

export class Drains {
  /** By the position of the operation. */
  readonly #drains = new Map<number, Drain>()

  add(position: number, drain: Drain): void {
    this.#drains.set(position, drain)
  }

  /** A run has left the node of this epoch. */
  count(epoch: number, how: 'handedOver' | 'cutOff'): void {
    for (const drain of this.#drains.values()) if (drain.nodes.has(epoch)) drain[how] += 1
  }

  /** A node is done; takes out the drains of this kind that have no others left. */
  done(epoch: number, then: Drain['then']): readonly Drain[] {
    const complete: Drain[] = []
    for (const [position, drain] of this.#drains) {
      if (drain.then !== then || !drain.nodes.delete(epoch) || drain.nodes.size > 0) continue
      this.#drains.delete(position)
      complete.push(drain)
    }
    return complete
  }

  /** Forgets who waits: all of a caller's, or the one of this number; false if there is none. The nodes drain all the same. */
  drop(caller: Caller, number?: number): boolean {
    let dropped = false
    for (const [position, drain] of this.#drains) {
      if (!isSame(drain.caller, caller) || (number !== undefined && drain.number !== number)) continue
      dropped = this.#drains.delete(position)
    }
    return dropped
  }

  *saved(): Generator<readonly [position: number, drain: Drain]> {
    for (const [position, drain] of this.#drains) yield [position, { ...drain, nodes: new Set(drain.nodes) }]
  }
}

function isSame(a: Caller, b: Caller): boolean {
  return a.kind === b.kind && (a.kind === 'gateway' || a.id === (b as { id?: number }).id)
}
