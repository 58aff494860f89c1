/**
 * Snapshots of a running group that stop nobody: the states of all members and what was on its way between them, which together could
 * have been seen at one moment.
 *
 *     const a = new ChandyLamport<string>('a', ['b', 'c'])
 *     a.start()                              // record the state now, before anything else; a marker on every channel
 *     a.receive('b', { kind: 'marker', snapshot: 1 })      // the channel from b is recorded: nothing was on it
 *
 * `ChandyLamport` needs FIFO channels, and messages carry nothing: the first marker makes a member record its state; on each channel,
 * whatever comes between that moment and the channel's own marker was on its way. `LaiYang` lets channels reorder: each message carries the
 * number of the snapshot that its sender has recorded last (its colour), and the marker says how many messages went before it.
 *
 * What was on its way is exactly what is missing at that line: sent before the sender's state was recorded, received after the receiver's.
 *
 * Boundary: pure; one recorder for each member, driven by whoever has a transport: it carries out the actions in their order. The state is
 * the driver's affair. Nothing is lost on channels; what goes over them is recorded and never changed.
 *   S1  Snapshots are numbered through the group; two that begin at once under one number are one snapshot.
 *   S2  A member records once for each number, in order, and sends no application message between recording and its markers.
 *
 * Sources: Chandy and Lamport, Distributed snapshots, ACM TOCS 3(1), 1985; Lai and Yang, On distributed snapshots, IPL 25(3), 1987.
 */
import { PerdureError } from '../../errors.ts'

export type SnapshotAction<M, P> =
  | { readonly do: 'send'; readonly to: string; readonly message: M }
  | { readonly do: 'deliver'; readonly from: string; readonly payload: P }
  /** Keep the state that the object has now. */
  | { readonly do: 'record'; readonly snapshot: number }
  /** All channels to this member are recorded, by sender; those with nothing on them too. */
  | { readonly do: 'complete'; readonly snapshot: number; readonly channels: Readonly<Record<string, readonly P[]>> }
  /** More than 65,536 messages were on their way: this member's part of the snapshot is given up. */
  | { readonly do: 'give-up'; readonly snapshot: number }

export type Marked<P> =
  | { readonly kind: 'application'; readonly payload: P }
  | { readonly kind: 'marker'; readonly snapshot: number }

export type Coloured<P> =
  | { readonly kind: 'application'; readonly payload: P; readonly colour: number }
  /** `sent`: messages on this channel before the sender recorded. */
  | { readonly kind: 'marker'; readonly snapshot: number; readonly sent: number }

/** Snapshots under way at once: each is answered within a round trip, unless somebody is away. */
const MAX_OPEN = 64

/** Messages that one member finds on their way: a snapshot is for looking at. */
const MAX_RECORDED = 65_536

/** For FIFO channels. */
export class ChandyLamport<P> {
  readonly #peers: readonly string[]
  readonly #open = new Open<P>()
  #recorded = 0

  constructor(name: string, peers: readonly string[]) {
    this.#peers = others(name, peers)
  }

  /** Begins a snapshot. `PERDURE_E_BUSY` while 64 are under way. */
  start(): SnapshotAction<Marked<P>, P>[] {
    this.#open.room()
    return this.#record(this.#recorded + 1)
  }

  send(to: string, payload: P): SnapshotAction<Marked<P>, P>[] {
    return [{ do: 'send', to: peer(this.#peers, to), message: { kind: 'application', payload } }]
  }

  /** `PERDURE_E_STALE` for a marker that FIFO channels cannot bring. */
  receive(from: string, message: Marked<P>): SnapshotAction<Marked<P>, P>[] {
    peer(this.#peers, from)
    if (message.kind === 'marker') return this.#marker(from, message.snapshot)
    const givenUp = this.#open.arrived(from, message.payload, () => true)
    return [...givenUp, { do: 'deliver', from, payload: message.payload }]
  }

  #marker(from: string, snapshot: number): SnapshotAction<Marked<P>, P>[] {
    if (snapshot > this.#recorded + 1 || snapshot < 1) throw disorder(from, snapshot)
    const begun = snapshot > this.#recorded ? this.#record(snapshot) : []
    return [...begun, ...this.#open.close(snapshot, from)]
  }

  #record(snapshot: number): SnapshotAction<Marked<P>, P>[] {
    this.#recorded = snapshot
    const markers = this.#peers.map((to) => ({ do: 'send', to, message: { kind: 'marker', snapshot } }) as const)
    return [{ do: 'record', snapshot }, ...markers, ...this.#open.begin(snapshot, this.#peers)]
  }
}

/** For channels that reorder. */
export class LaiYang<P> {
  readonly #peers: readonly string[]
  readonly #open = new Open<P>()
  readonly #sent = new Map<string, number>()
  readonly #received = new Map<string, number>()
  /** For each snapshot under way and each peer: how many of its messages come before it; known once its marker is here. */
  readonly #due = new Map<number, Map<string, number>>()
  /** For each of both: messages that have come and were sent after the snapshot. */
  readonly #early = new Map<number, Map<string, number>>()
  #recorded = 0

  constructor(name: string, peers: readonly string[]) {
    this.#peers = others(name, peers)
  }

  /** Begins a snapshot. `PERDURE_E_BUSY` while 64 are under way. */
  start(): SnapshotAction<Coloured<P>, P>[] {
    this.#open.room()
    return this.#recordUpTo(this.#recorded + 1)
  }

  send(to: string, payload: P): SnapshotAction<Coloured<P>, P>[] {
    count(this.#sent, peer(this.#peers, to))
    return [{ do: 'send', to, message: { kind: 'application', payload, colour: this.#recorded } }]
  }

  /** `PERDURE_E_STALE` for a snapshot that nobody can have begun yet. */
  receive(from: string, message: Coloured<P>): SnapshotAction<Coloured<P>, P>[] {
    peer(this.#peers, from)
    if (message.kind === 'marker') {
      const begun = this.#recordUpTo(message.snapshot)
      this.#due.get(message.snapshot)?.set(from, message.sent)
      return [...begun, ...this.#closeFull(from)]
    }
    const { payload, colour } = message
    const begun = this.#recordUpTo(colour)
    const givenUp = this.#open.arrived(from, payload, (snapshot) => colour < snapshot)
    count(this.#received, from)
    for (const [snapshot, early] of this.#early) if (colour >= snapshot) count(early, from)
    return [...begun, ...givenUp, { do: 'deliver', from, payload }, ...this.#closeFull(from)]
  }

  #recordUpTo(snapshot: number): SnapshotAction<Coloured<P>, P>[] {
    if (snapshot > this.#recorded + MAX_OPEN) throw unheardOf(snapshot, this.#recorded)
    const actions: SnapshotAction<Coloured<P>, P>[] = []
    while (this.#recorded < snapshot) actions.push(...this.#record(this.#recorded + 1))
    return actions
  }

  #record(snapshot: number): SnapshotAction<Coloured<P>, P>[] {
    this.#recorded = snapshot
    this.#due.set(snapshot, new Map())
    this.#early.set(snapshot, new Map())
    const markers = this.#peers.map(
      (to) => ({ do: 'send', to, message: { kind: 'marker', snapshot, sent: this.#sent.get(to) ?? 0 } }) as const,
    )
    return [{ do: 'record', snapshot }, ...markers, ...this.#open.begin(snapshot, this.#peers)]
  }

  /** A channel is recorded when as many messages have come as its marker says. */
  #closeFull(from: string): SnapshotAction<Coloured<P>, P>[] {
    const actions: SnapshotAction<Coloured<P>, P>[] = []
    for (const [snapshot, due] of this.#due) {
      const before = (this.#received.get(from) ?? 0) - (this.#early.get(snapshot)!.get(from) ?? 0)
      if (due.get(from) !== before) continue
      actions.push(...this.#open.close(snapshot, from))
      due.delete(from)
      if (this.#open.has(snapshot)) continue
      this.#due.delete(snapshot)
      this.#early.delete(snapshot)
    }
    return actions
  }
}

interface Recording<P> {
  readonly channels: Map<string, P[]>
  readonly waiting: Set<string>
  recorded: number
}

/** The snapshots under way at one member. */
class Open<P> {
  readonly #recordings = new Map<number, Recording<P>>()

  room(): void {
    if (this.#recordings.size < MAX_OPEN) return
    const text = `${MAX_OPEN} snapshots are under way: expected fewer. Wait until one is complete; if none ever is, a member is away.`
    throw new PerdureError('PERDURE_E_BUSY', text)
  }

  has(snapshot: number): boolean {
    return this.#recordings.has(snapshot)
  }

  begin(snapshot: number, peers: readonly string[]): SnapshotAction<never, P>[] {
    const recording = { channels: new Map(peers.map((from) => [from, []])), waiting: new Set(peers), recorded: 0 }
    this.#recordings.set(snapshot, recording)
    return this.#completed(snapshot, recording)
  }

  /** A message of this sender goes into the channels that are being recorded and that it belongs to. */
  arrived(from: string, payload: P, belongsTo: (snapshot: number) => boolean): SnapshotAction<never, P>[] {
    const givenUp: SnapshotAction<never, P>[] = []
    for (const [snapshot, recording] of this.#recordings) {
      if (!recording.waiting.has(from) || !belongsTo(snapshot)) continue
      recording.channels.get(from)!.push(payload)
      recording.recorded += 1
      if (recording.recorded <= MAX_RECORDED) continue
      this.#recordings.delete(snapshot)
      givenUp.push({ do: 'give-up', snapshot })
    }
    return givenUp
  }

  close(snapshot: number, from: string): SnapshotAction<never, P>[] {
    const recording = this.#recordings.get(snapshot)
    if (recording?.waiting.delete(from) !== true) return []
    return this.#completed(snapshot, recording)
  }

  #completed(snapshot: number, { waiting, channels }: Recording<P>): SnapshotAction<never, P>[] {
    if (waiting.size > 0) return []
    this.#recordings.delete(snapshot)
    return [{ do: 'complete', snapshot, channels: Object.fromEntries(channels) }]
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

function others(name: string, peers: readonly string[]): readonly string[] {
  const names = [name, ...peers]
  if (new Set(names).size === names.length) return [...peers]
  throw usage(`The members ${names.join(', ')} are not all different: expected one name for each. Rename one.`)
}

function peer(peers: readonly string[], name: string): string {
  if (peers.includes(name)) return name
  throw usage(`${name} is no other member: expected one of ${peers.join(', ')}. Name one of them.`)
}

function disorder(from: string, snapshot: number): PerdureError {
  const text = `A marker of snapshot ${snapshot} came from ${from} before those of the snapshots between: expected channels that keep the order. Use LaiYang where they do not.`
  return new PerdureError('PERDURE_E_STALE', text)
}

function unheardOf(snapshot: number, recorded: number): PerdureError {
  const text = `A message names snapshot ${snapshot}, and the last one here is ${recorded}: expected at most ${MAX_OPEN} more, since no more are under way. Give it what other recorders of this group have sent.`
  return new PerdureError('PERDURE_E_STALE', text)
}

function usage(message: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', message)
}
