/**
 * The books of one member under Koo and Toueg's protocol: the labels from which it knows who depends on whom, and the log of what it was
 * given since its permanent checkpoint.
 *
 * Every message carries a label, and those of one sender grow. Names are the paper's, p being the member whose books these are:
 *
 * | paper             | here              |                                                                      |
 * | ----------------- | ----------------- | -------------------------------------------------------------------- |
 * | `last_rmsg_p(q)`  | `lastReceived(q)` | the last message from q since p's last checkpoint, also a tentative one |
 * | `first_smsg_p(q)` | `firstSent(q)`    | the first message to q since then                                     |
 * | `last_smsg_p(q)`  | `lastKept(q)`     | the last message to q before p's last *permanent* checkpoint          |
 *
 * All are 0 where there is none. For `last_smsg` the paper is remembered to say infinity; then nobody would go back whom a member has
 * written to for the first time since its checkpoint, and what it has written would be an orphan.
 *
 * Boundary: data. When which of these changes happens is decided by the participant (`koo-toueg.ts`).
 *   B1  The log has what came since the permanent checkpoint, in the order of arrival; labels of one sender grow in it.
 *   B2  Labels are never used twice: going back does not take them back, so what was undone can be told from what replaces it.
 */
import { PerdureError } from '../../errors.ts'

export interface Logged<P> {
  /** Undefined: no member, who never goes back. */
  readonly from: string | undefined
  /** 0 from no member. */
  readonly label: number
  readonly payload: P
}

/** Messages since the permanent checkpoint: more are no checkpoint's log any more, but a heap that nobody looks after. */
export const MAX_LOGGED = 65_536

interface Interval {
  readonly received: Map<string, number>
  readonly sent: Map<string, number>
}

export class Books<P> {
  #label = 0
  /** Label of the last message of each sender, whatever became of it. */
  readonly #arrived = new Map<string, number>()
  readonly #lastSent = new Map<string, number>()
  #kept = new Map<string, number>()
  #now: Interval = fresh()
  /** Between the permanent checkpoint and a tentative one that is not decided. */
  #before: Interval | undefined
  #log: Logged<P>[] = []
  /** How much of the log came before the tentative checkpoint. */
  #mark = 0
  #given = 0

  lastReceived(from: string): number {
    return this.#now.received.get(from) ?? 0
  }

  firstSent(to: string): number {
    return this.#now.sent.get(to) ?? 0
  }

  lastKept(to: string): number {
    return this.#kept.get(to) ?? 0
  }

  lastArrived(from: string): number {
    return this.#arrived.get(from) ?? 0
  }

  /** Whose messages have come since the last checkpoint. */
  get senders(): string[] {
    return [...this.#now.received.keys()]
  }

  get logged(): number {
    return this.#log.length
  }

  /** The label of a message that is sent now. */
  sent(to: string): number {
    this.#label += 1
    this.#lastSent.set(to, this.#label)
    if (!this.#now.sent.has(to)) this.#now.sent.set(to, this.#label)
    return this.#label
  }

  /** `PERDURE_E_STALE` for a label out of order, `PERDURE_E_BUSY` when the log is full; then nothing has changed. */
  received(message: Logged<P>): void {
    const { from, label } = message
    if (this.#log.length >= MAX_LOGGED) throw full()
    if (from !== undefined) {
      this.#inOrder(from, label)
      this.#arrived.set(from, label)
      this.#now.received.set(from, label)
    }
    this.#log.push(message)
  }

  /** What of the log has not been given out yet. */
  give(): Logged<P>[] {
    const next = this.#log.slice(this.#given)
    this.#given = this.#log.length
    return next
  }

  takeTentative(): void {
    this.#before = this.#now
    this.#now = fresh()
    this.#mark = this.#log.length
  }

  makePermanent(): void {
    this.#before = undefined
    this.#log = this.#log.slice(this.#mark)
    this.#given -= this.#mark
    // Nothing has been sent since the tentative one.
    this.#kept = new Map(this.#lastSent)
  }

  undoTentative(): void {
    const { received, sent } = this.#before!
    for (const [from, label] of this.#now.received) received.set(from, label)
    this.#now = { received, sent }
    this.#before = undefined
  }

  /** Back to the permanent checkpoint: the log is given out again, but for the messages that are undone. */
  goBack(isUndone: (message: Logged<P>) => boolean): void {
    this.#log = this.#log.filter((message) => !isUndone(message))
    this.#given = 0
    this.#now = fresh()
    for (const { from, label } of this.#log) if (from !== undefined) this.#now.received.set(from, label)
  }

  #inOrder(from: string, label: number): void {
    const last = this.lastArrived(from)
    if (Number.isSafeInteger(label) && label > last) return
    const text = `A message of ${from} has the label ${label}, and one with label ${last} has come before it: expected growing labels, since the protocol of Koo and Toueg needs channels that keep the order and repeat nothing. Give it such channels.`
    throw new PerdureError('PERDURE_E_STALE', text)
  }
}

function fresh(): Interval {
  return { received: new Map(), sent: new Map() }
}

function full(): PerdureError {
  const text = `${MAX_LOGGED} messages have come since the last permanent checkpoint, and their log is full: expected a checkpoint before. Take one, then give this message again.`
  return new PerdureError('PERDURE_E_BUSY', text)
}
