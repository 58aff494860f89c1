/**
 * `bare`: the paper's Check(object, sender), word for word. **Unsafe**: kept to compare with, and for programs of the paper's
 * interface.
 *
 *     Check(obj_id, sender_id):          deliver unless that would close a rewinding path, the message being taken for one of the
 *                                        sender's *present* interval, as far as the service knows
 *     CheckpointNow(obj_id, seq_nr):     the service learns of a basic checkpoint
 *
 * The two names do not say when the message was sent. Three things follow.
 *   - A report that comes late makes a message look older than it is, and useless checkpoints arise. It is safe only if members
 *     send nothing until their report is acknowledged.
 *   - The replay set of a recovery cannot be computed, by no algorithm: two runs with the same calls need different ones.
 *   - A message from an undone future looks like a new one.
 * So `recover` is refused. Slow messages look younger than they are: consistent, at the price of more checkpoints than `exact`.
 *
 * Source: Zweiacker, "Fault-tolerant CORBA", Comtec 75(8), 1997, interface POGScheck.
 * Boundary: pure.
 */
import { PerdureError } from '../../errors.ts'
import { checkStamp, groupSize, memberOf } from './group-run.ts'
import type { Cut, Delivery, Protocol, Stamp } from './protocol.ts'
import { RollbackGraph } from './rollback-graph.ts'

export class Bare implements Protocol {
  readonly members: number
  readonly #graph: RollbackGraph

  constructor(members: number) {
    this.members = groupSize(members)
    this.#graph = new RollbackGraph(members)
  }

  send(i: number, to?: number): Stamp {
    if (to !== undefined) memberOf(this, to)
    return { from: memberOf(this, i) }
  }

  deliver(j: number, stamp: Stamp): Delivery {
    checkStamp(stamp)
    const sender = memberOf(this, stamp.from)
    const x = this.#graph.latest(sender)
    const force = this.#graph.rewinds(sender, x, memberOf(this, j), this.#graph.latest(j))
    if (force) this.#graph.open(j)
    this.#graph.add(sender, x, j, this.#graph.latest(j))
    return { force }
  }

  checkpoint(i: number): void {
    this.#graph.open(memberOf(this, i))
  }

  /** Always true: it cannot tell a ghost. */
  accepts(): boolean {
    return true
  }

  recover(): Cut {
    const text =
      'A recovery was asked for under the protocol bare, which does not know in which interval a message was sent: a line and a replay set computed from it can be wrong. Use exact, or any other protocol.'
    throw new PerdureError('PERDURE_E_UNSAFE', text)
  }
}
