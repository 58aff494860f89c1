/**
 * What a site has promised, kept outside of all its processes, and compared with what is there after every reopening.
 *
 * Boundary: knows records, replicas and acknowledgements; who dies when is not its business. It throws what it finds wrong.
 *   L1  Every operation that was acknowledged to anybody is in the log, once, after every later opening.
 *   L2  The log after an opening is a beginning of the log before it, and holds all that was said to be durable.
 *   L3  The state that was live equals the state that is rebuilt from the log, also by way of a snapshot.
 */
import { decode, encode, equal } from '../log/codec/codec.ts'
import type { Gateway } from '../log/gateway.ts'
import type { Log, LogRecord } from '../log/log.ts'
import type { IncomingOperation } from '../log/operation.ts'
import { readRecord } from '../log/record.ts'
import type { Replica, SnapshotPart } from '../log/replica.ts'
import type { Admission } from '../log/sessions.ts'
import { decodeFrameFromSite, type FrameFromSite } from '../log/wire/frames.ts'
import type { Sometimes } from './sometimes.ts'

interface Kept {
  readonly bytes: Uint8Array
  /** Position of the last operation in it. */
  readonly lastPosition: number
  /** When it was appended. */
  readonly atMs: number
}

/** The bytes that begin a record say which one it is: its header. */
const RECORD_START = 24

/** More than one commit holds in a simulation. */
const LAST_RECORDS = 8

/** What has happened to a tuple. */
export interface LoggedChange {
  readonly kind: string
  readonly tuple: readonly unknown[]
  readonly position: number
}

/** One operation of the log, as a replica that is fed with it sees it. */
interface Step {
  readonly operation: IncomingOperation
  readonly admission: Admission
}

export class Ledger {
  readonly #newReplica: () => Replica
  readonly #sometimes: Sometimes
  readonly #nowMs: () => number
  #records: Kept[] = []
  /** `session:number` of every reply that a client has received. */
  readonly #acknowledged = new Set<string>()
  /** Highest position that somebody was told is durable. */
  #promised = 0
  /** Called with every record that is appended. */
  onRecord: (record: Uint8Array) => void = () => undefined

  constructor(newReplica: () => Replica, sometimes: Sometimes, nowMs: () => number) {
    this.#newReplica = newReplica
    this.#nowMs = nowMs
    this.#sometimes = sometimes
  }

  /** Whether one of the records that were appended last is there in part, in all that the segments hold. */
  isTorn(segments: Uint8Array): boolean {
    const content = Buffer.from(segments.buffer, segments.byteOffset, segments.byteLength)
    const isThere = (bytes: Uint8Array) => content.includes(Buffer.from(bytes))
    return this.#records.slice(-LAST_RECORDS).some(({ bytes }) => isThere(bytes.subarray(0, RECORD_START)) && !isThere(bytes))
  }

  /** The log, with every record noted on its way in. */
  watching(log: Log, position: () => number): Log {
    const append = (record: Uint8Array): number => {
      const bytes = record.slice()
      const index = log.append(record)
      this.onRecord(bytes)
      this.#records.push({ bytes, lastPosition: position(), atMs: this.#nowMs() })
      return index
    }
    return new Proxy(log, {
      get: (target, property) => {
        if (property === 'append') return append
        const value = Reflect.get(target, property, target) as unknown
        return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value
      },
    })
  }

  /** When the record of this position was appended; undefined while it is still open. */
  appendedMs(position: number): number | undefined {
    return this.#records.find(({ lastPosition }) => lastPosition >= position)?.atMs
  }

  /** Something that the site sent to a client has arrived there. */
  received(session: number, message: Uint8Array): void {
    const frame: FrameFromSite = decodeFrameFromSite(message)
    if (frame[0] === 'durable' || frame[0] === 'replies') this.#promised = Math.max(this.#promised, frame[1])
    if (frame[0] !== 'replies') return
    for (const [number] of frame[2]) this.#acknowledged.add(`${session}:${number}`)
  }

  /** The owner has died, or is about to be left: what it said and knew is compared with its log. */
  ownerEnded(gateway: Gateway): void {
    this.#promised = Math.max(this.#promised, gateway.durablePosition)
    // A record that is still open has been applied but not appended; then there is nothing to compare with.
    if (this.#records.at(-1)?.lastPosition === gateway.replica.position) this.sameState(gateway.replica, 'the owner that ended')
  }

  /** The log has been opened again, and nothing was appended yet. */
  async reopened(log: Log): Promise<void> {
    const found: LogRecord[] = []
    // What is before that has been trimmed; the snapshots stand for it, and the state shows whether they do.
    const first = log.firstIndex
    for await (const record of log.read(first, { live: false })) found.push(record)
    const last = first - 1 + found.length
    if (last > this.#records.length) {
      throw new Error(`The log has ${last} records after reopening, ${this.#records.length} were appended.`)
    }
    for (const [at, { index, bytes }] of found.entries()) {
      if (index !== first + at) throw new Error(`The log has the index ${index} in the place of ${first + at}.`)
      if (!Buffer.from(bytes).equals((this.#records[index - 1] as Kept).bytes))
        throw new Error(`Record ${index} is another than was appended.`)
    }
    const lost = this.#records.slice(last)
    const broken = lost.find(({ lastPosition }) => lastPosition <= this.#promised)
    if (broken) {
      throw new Error(
        `Record ${last + 1}, up to position ${broken.lastPosition}, is lost, and everything up to ${this.#promised} was said to be durable.`,
      )
    }
    this.#sometimes.saw('tail lost', Math.sign(lost.length))
    this.#records = this.#records.slice(0, last)
    this.#checkAcknowledged()
  }

  #checkAcknowledged(): void {
    const missing = new Set(this.#acknowledged)
    const replica = this.#newReplica()
    for (const { operation, admission } of this.steps(replica)) {
      if (operation.caller.kind === 'session' && admission === 'fresh')
        missing.delete(`${operation.caller.id}:${operation.number}`)
    }
    if (missing.size > 0)
      throw new Error(`Acknowledged operations are not in the log after reopening: ${[...missing].join(', ')}.`)
  }

  /** What has happened to the tuples of this space, by the log from its beginning. */
  changes(space: string): readonly LoggedChange[] {
    const replica = this.#newReplica()
    const changes: LoggedChange[] = []
    replica.changes = (topic, kind, tuple) => {
      if (topic === space) changes.push({ kind, tuple: decode(encode(tuple)) as readonly unknown[], position: replica.position })
    }
    drain(this.steps(replica))
    return changes
  }

  /** The arguments of all operations of this name that were not repetitions, by the log from its beginning. */
  operations(name: string): readonly (readonly unknown[])[] {
    const found: (readonly unknown[])[] = []
    for (const { operation, admission } of this.steps(this.#newReplica()))
      if (operation.name === name && admission === 'fresh') found.push(operation.args)
    return found
  }

  /**
   * Feeds a replica with the log, and shows every operation after it was applied. `before` sees each before it is, and undefined
   * before a record is opened.
   */
  *steps(
    replica: Replica,
    from = 0,
    to: number = this.#records.length,
    before: (operation: IncomingOperation | undefined) => void = () => undefined,
  ): Generator<Step> {
    for (const { bytes } of this.#records.slice(from, to)) {
      const spans: [number, number][] = []
      before(undefined)
      readRecord(
        bytes,
        (start, end) => spans.push([start, end]),
        ({ wallMs, serviceMs }) => replica.advance(wallMs, serviceMs),
      )
      for (const [start, end] of spans) {
        const operation = replica.decode(bytes, start, end)
        before(operation)
        yield { operation, admission: replica.apply(bytes, start, end) }
      }
    }
  }

  /** L3: the state of the replica is that of the log, and a snapshot in the middle of the log makes no difference. */
  sameState(live: Replica, whose: string): void {
    const expected = [...live.snapshot()]
    const half = Math.floor(this.#records.length / 2)
    const before = this.#newReplica()
    drain(this.steps(before, 0, half))
    const restored = this.#newReplica()
    for (const part of before.snapshot()) restored.restorePart(decode(encode(part, Number.POSITIVE_INFINITY)) as SnapshotPart)
    for (const [replica, way] of [
      [before, 'replayed'],
      [restored, 'restored from a snapshot and replayed'],
    ] as const) {
      drain(this.steps(replica, half))
      const found = [...replica.snapshot()]
      if (!equal(found, expected))
        throw new Error(`The state of ${whose} is another than the one ${way} from the log: ${firstDifference(expected, found)}.`)
    }
  }
}

function drain(steps: Generator<Step>): void {
  for (const _ of steps);
}

/** Where two values of the domain part, for people. */
export function firstDifference(a: unknown, b: unknown, path = 'state'): string {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    return `${path} is ${show(a)} live and ${show(b)} replayed`
  const [left, right] = [entriesOf(a), entriesOf(b)]
  for (const [key, value] of left) {
    if (!right.has(key)) return `${path}.${key} is ${show(value)} live and missing replayed`
    if (!equal(value, right.get(key))) return firstDifference(value, right.get(key), `${path}.${key}`)
  }
  const more = [...right.keys()].find((key) => !left.has(key))
  return more === undefined ? `${path} differs in its order` : `${path}.${more} is missing live`
}

function entriesOf(value: object): Map<string, unknown> {
  if (value instanceof Map) return new Map([...value].map(([key, element]) => [String(key), element]))
  return new Map(Object.entries(value))
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 200)
}
