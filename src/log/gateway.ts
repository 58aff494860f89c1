/**
 * The loop: operations in, order, machine, log, answers out.
 *
 * A gateway gives each operation its place, applies it at once, and packs it into the open record. The record goes to the
 * engine as soon as nothing is being made durable (so a lone operation waits for nobody, and a crowd shares one sync).
 *
 * What the machine answers is known long before it is durable. Notes to those who run process bodies leave at once: they may
 * run ahead, because they hold back their effects themselves. Replies to clients, and answers to questions, leave only when
 * everything up to their position is durable (rule 3).
 *
 * Boundary: engine and clock are parameters; connections are `Listener`s; no operation's meaning is known here.
 *   G1  What is applied is in the open record or in one handed to the engine, in that order.
 *   G2  A reply or answer of position P leaves when P is durable, and not before; in the order of positions.
 *   G3  After the engine has failed nothing leaves any more: every listener is closed with the error.
 *   G4  At most RUN_AHEAD is undurable: beyond it notes wait, and those who can be asked to send less are.
 *   G5  Operations are applied one after the other: who hears a note in the middle of one submits nothing before a later turn.
 */
import type { Clock, Timer } from '../clock.ts'
import { invariant, PerdureError } from '../errors.ts'
import { Attachments, type Listener } from './attachments.ts'
import { askHistory } from './history.ts'
import type { Log } from './log.ts'
import type { Ended, Outcome } from './machine.ts'
import { encodeOperation, MAX_OPERATION } from './operation.ts'
import { type RecordHeader, RecordWriter } from './record.ts'
import { type RebuildOptions, rebuild } from './replay.ts'
import type { Census, Replica } from './replica.ts'
import { fitsHash } from './secret.ts'
import type { SessionKind } from './sessions.ts'
import { WATCH } from './watch/stream.ts'
import { Watches } from './watch/watch.ts'

/** A record is sealed at 256 kB, so that one is never the greater part of a second to write, send or read. */
const SEAL_BYTES = 256 * 1024

/** 8 MB or 64k operations: some 50 ms of a disk's work, and what a crash may throw away. */
export const RUN_AHEAD_BYTES: number = 8 * 1024 * 1024
export const RUN_AHEAD_OPERATIONS = 65_536

/** Some milliseconds of replies. */
const RELEASES_PER_TURN = 1_024

interface SealedRecord {
  readonly index: number
  readonly lastPosition: number
  readonly bytes: number
}

/** What leaves when its position is durable: a reply to a session, or the word that it is. */
type Release =
  | { readonly position: number; readonly session: number; readonly number: number; readonly outcome: Outcome }
  | { readonly position: number; readonly leave: () => void }

interface HeldNote {
  readonly session: number
  readonly body: readonly unknown[]
  readonly position: number
}

const SILENT =
  'The site has not heard of this program for several seconds and has given it up; whoever takes its place has been told. Join again to go on.'

export class Gateway {
  readonly log: Log
  readonly replica: Replica
  readonly clock: Clock
  readonly #record = new RecordWriter()
  readonly #attached: Attachments
  readonly #watches: Watches
  readonly #wallBaseMs: number
  readonly #serviceBaseMs: number
  readonly #monotonicBaseMs: number
  #recordOpen = false
  #applying = false
  #recordNumber = 0
  #sealScheduled = false
  #sealed: SealedRecord[] = []
  #undurableBytes = 0
  #releases: Release[] = []
  /** Those in `#releases` who must hear of a failure. */
  readonly #waiting = new Set<(error: Error) => void>()
  /** Further ones leave in the next turn. */
  #releasing = false
  #held: HeldNote[] = []
  #durablePosition: number
  #ownNumber = 0
  #tick: { atMs: number; timer: Timer } | undefined
  #failure: PerdureError | undefined
  #onPressure: (() => void)[] = []

  /** Rebuilds the state of the log in the fresh replica and starts to take operations. */
  static async open(
    log: Log,
    replica: Replica,
    clock: Clock,
    options: Pick<RebuildOptions, 'progress' | 'warn'> = {},
  ): Promise<Gateway> {
    await rebuild(log, replica, clock, options)
    const gateway = new Gateway(log, replica, clock)
    gateway.submitOwn('site.opened', [log.generation])
    for (const session of replica.sessions.lasting) gateway.#attached.awaitReturn(session)
    await gateway.durable()
    return gateway
  }

  private constructor(log: Log, replica: Replica, clock: Clock) {
    this.log = log
    this.replica = replica
    this.clock = clock
    this.#attached = new Attachments(clock, (session) => this.#endSession(session, 'lost'))
    this.#watches = new Watches(this)
    this.#monotonicBaseMs = clock.monotonicMs()
    this.#wallBaseMs = Math.max(replica.wallMs, clock.wallMs())
    this.#serviceBaseMs = replica.serviceMs
    this.#durablePosition = replica.position
    replica.sink = {
      reply: (session, number, outcome, position) => this.#reply(session, number, outcome, position),
      note: (session, body, position) => this.#note(session, body, position),
    }
    log.watch({ advanced: (index) => this.#advanced(index), failed: (error) => this.#failed(error) })
  }

  /** Position up to which everything is durable. */
  get durablePosition(): number {
    return this.#durablePosition
  }

  /** True while more is undurable than may be. */
  get pressed(): boolean {
    return this.#undurableBytes > RUN_AHEAD_BYTES || this.replica.position - this.#durablePosition > RUN_AHEAD_OPERATIONS
  }

  /** Calls back once, when pressure is gone. */
  whenRelieved(resume: () => void): void {
    if (this.pressed) this.#onPressure.push(resume)
    else resume()
  }

  /** Lasting sessions that are without a connection at present. */
  get absent(): number {
    return this.#attached.absent
  }

  /** Opens a session for a listener and returns its id. */
  enter(label: string, listener: Listener, kind: SessionKind = { kind: 'bound' }): number {
    const args = kind.kind === 'bound' ? [label] : [label, kind.kind, kind.secretHash]
    const session = this.submitOwn('site.enter', args)
    this.#attached.attach(session, listener)
    return session
  }

  /** A lasting session goes on over another connection. False when it is over: what it had under way has an unknown outcome. */
  reattach(session: number, secret: string, listener: Listener): boolean {
    if (this.#failure !== undefined) throw this.#failure
    const hash = this.replica.sessions.secretHash(session)
    if (hash === undefined || !fitsHash(secret, hash)) return false
    this.#attached.attach(session, listener)
    return true
  }

  /** A connection has said goodbye: its session is over, and whatever waits on its behalf is dropped. */
  leave(session: number, listener: Listener): void {
    if (this.#attached.detach(session, listener)) this.#endSession(session, 'left')
  }

  /** A connection has broken the rules: its session is over, whatever its kind. */
  expel(session: number, listener: Listener): void {
    if (this.#attached.detach(session, listener)) this.#endSession(session, 'lost')
  }

  /** The process at the other end is silent: a bound session is over, and what comes of it later is refused. */
  giveUp(session: number): void {
    const listener = this.#attached.of(session)
    if (listener === undefined || !this.isBound(session)) return
    this.expel(session, listener)
    listener.closed(new PerdureError('PERDURE_E_SESSION_LOST', SILENT))
  }

  /** Whether the session is connected, and ends with its connection. */
  isBound(session: number): boolean {
    return this.#attached.of(session) !== undefined && this.replica.sessions.secretHash(session) === undefined
  }

  /** A connection has broken: a bound session is over, a lasting one is waited for. */
  lose(session: number, listener: Listener): void {
    if (!this.#attached.detach(session, listener) || this.#failure !== undefined) return
    if (this.replica.sessions.secretHash(session) === undefined) this.#endSession(session, 'lost')
    else this.#attached.awaitReturn(session)
  }

  #endSession(session: number, how: Ended): void {
    this.#watches.ended(session)
    const submit = () => {
      if (this.#failure === undefined) this.submitOwn('site.leave', how === 'left' ? [session] : [session, how])
    }
    // A connection may break over a note, in the middle of an operation (G5).
    if (this.#applying) this.clock.hop(submit)
    else submit()
  }

  /** Orders and applies one encoded operation; its position. Throws when the site has failed or the bytes are malformed. */
  submit(operation: Uint8Array): number {
    if (this.#failure !== undefined) throw this.#failure
    if (operation.length > MAX_OPERATION) throw tooLarge(operation.length)
    invariant(!this.#applying, 'an operation was submitted in the middle of another (G5)')
    this.#applying = true
    try {
      if (!this.#recordOpen) this.#openRecord()
      this.replica.apply(operation, 0, operation.length)
    } catch (error) {
      if (!PerdureError.is(error, 'PERDURE_E_PROTOCOL')) this.#failed(error as Error)
      // The record may have been opened for this one; it is sealed without it, so that nobody waits for it.
      else this.#scheduleSeal()
      throw error
    } finally {
      this.#applying = false
    }
    this.#record.add(operation)
    this.#undurableBytes += operation.length
    if (this.#record.length >= SEAL_BYTES) this.#seal()
    else this.#scheduleSeal()
    return this.replica.position
  }

  /** An operation of the gateway itself. */
  submitOwn(name: string, args: readonly unknown[]): number {
    this.#ownNumber += 1
    const code = this.replica.code(name)
    return this.submit(encodeOperation({ caller: { kind: 'gateway' }, number: this.#ownNumber, code }, args))
  }

  /** Resolves when everything up to `position` (default: all so far) is durable. */
  durable(position: number = this.replica.position): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) reject(this.#failure)
      else if (position <= this.#durablePosition) resolve()
      else this.#release(position, resolve, reject)
    })
  }

  /**
   * Answers a question about the state, computed now and given away once durable; as of the machine `log` about entries, and as
   * of `WATCH` about changes, to the session that watches them.
   */
  async query(machine: string, question: string, args: readonly unknown[], session = 0): Promise<unknown> {
    if (machine === WATCH) return this.#watches.ask(session, question, args)
    if (machine === 'log') return askHistory(this, question, args)
    const answer = this.replica.query(machine, question, args)
    await this.durable()
    return answer
  }

  /** Closes the open record: the state as it is now is that after the record of this index, which need not be durable yet. */
  mark(): { readonly index: number; readonly census: Census } {
    if (this.#failure !== undefined) throw this.#failure
    invariant(!this.#applying, 'a mark was set in the middle of an operation (G5)')
    if (this.#recordOpen) this.#seal()
    if (this.#failure !== undefined) throw this.#failure
    return { index: this.log.lastIndex, census: this.replica.census() }
  }

  /** Stops everything: something that must always hold does not. */
  fail(cause: Error): void {
    this.#failed(cause)
  }

  /** Makes everything durable, ends all sessions and closes the engine. Idempotent. */
  async close(): Promise<void> {
    if (this.#failure === undefined) {
      if (this.#recordOpen) this.#seal()
      await this.durable().catch(() => undefined)
      this.#end(new PerdureError('PERDURE_E_CLOSED', 'The site is closed. Open it again to go on.'))
    }
    await this.log.close()
  }

  #openRecord(): void {
    this.#recordOpen = true
    this.#recordNumber += 1
    const passedMs = this.clock.monotonicMs() - this.#monotonicBaseMs
    const wallMs = Math.floor(this.#wallBaseMs + passedMs)
    const serviceMs = Math.floor(this.#serviceBaseMs + passedMs)
    const header: RecordHeader = {
      generation: this.log.generation,
      number: this.#recordNumber,
      wallMs,
      serviceMs,
      firstPosition: this.replica.position + 1,
    }
    this.#record.begin(header)
    this.replica.advance(wallMs, serviceMs)
  }

  #scheduleSeal(): void {
    if (this.#sealScheduled || this.#sealed.length > 0) return
    this.#sealScheduled = true
    this.clock.hop(() => {
      this.#sealScheduled = false
      if (this.#recordOpen && this.#failure === undefined && this.#sealed.length === 0) this.#seal()
    })
  }

  #seal(): void {
    const bytes = this.#record.seal()
    this.#recordOpen = false
    try {
      const index = this.log.append(bytes)
      this.#sealed.push({ index, lastPosition: this.replica.position, bytes: bytes.length })
    } catch (error) {
      this.#failed(error as Error)
    }
    this.#armTick()
  }

  /** A deadline with no other traffic still falls due: the timekeeper appends a tick. */
  #armTick(): void {
    const atMs = this.#nextDeadlineMs()
    if (this.#tick?.atMs === atMs) return
    this.#tick?.timer.cancel()
    this.#tick = undefined
    if (atMs === undefined || this.#failure !== undefined) return
    const timer = this.clock.after(Math.max(0, Math.ceil(atMs - this.clock.monotonicMs())), () => {
      this.#tick = undefined
      if (this.#failure === undefined) this.submitOwn('site.tick', [])
    })
    this.#tick = { atMs, timer }
  }

  /** When the next deadline of either time falls due, on the monotonic clock. */
  #nextDeadlineMs(): number | undefined {
    const wallMs = this.replica.nextDeadlineMs('wall')
    const serviceMs = this.replica.nextDeadlineMs('service')
    if (wallMs === undefined && serviceMs === undefined) return undefined
    const sinceBaseMs = Math.min(
      (wallMs ?? Number.POSITIVE_INFINITY) - this.#wallBaseMs,
      (serviceMs ?? Number.POSITIVE_INFINITY) - this.#serviceBaseMs,
    )
    return this.#monotonicBaseMs + sinceBaseMs
  }

  #advanced(durableIndex: number): void {
    if (this.#failure !== undefined) return
    let count = 0
    for (const record of this.#sealed) {
      if (record.index > durableIndex) break
      this.#durablePosition = record.lastPosition
      this.#undurableBytes -= record.bytes
      count += 1
    }
    if (count === 0) return
    this.#sealed.splice(0, count)
    if (this.#sealed.length === 0) this.#undurableBytes = this.#recordOpen ? this.#record.length : 0
    if (this.#recordOpen && this.#sealed.length === 0) this.#scheduleSeal()
    this.#releaseDurable()
    this.#watches.durableTo(this.#durablePosition)
    for (const listener of this.#attached.all) listener.durableTo(this.#durablePosition)
    this.#relieve()
  }

  /** A record may hold thousands of replies, and whoever hears one may go on at once; others are heard in between. */
  #releaseDurable(): void {
    if (this.#releasing) return
    const releases = this.#releases
    let count = 0
    while (count < releases.length && (releases[count] as Release).position <= this.#durablePosition) {
      if (count === RELEASES_PER_TURN) {
        this.#releasing = true
        this.clock.hop(() => {
          this.#releasing = false
          this.#releaseDurable()
        })
        break
      }
      const release = releases[count] as Release
      if ('leave' in release) release.leave()
      else this.#attached.of(release.session)?.reply(release.number, release.outcome, release.position)
      count += 1
    }
    if (count > 0) this.#releases = this.#releases.slice(count)
  }

  #relieve(): void {
    if (this.pressed) return
    const held = this.#held
    this.#held = []
    for (const { session, body, position } of held) this.#attached.of(session)?.note(body, position)
    const resumes = this.#onPressure
    this.#onPressure = []
    for (const resume of resumes) resume()
  }

  #reply(session: number, number: number, outcome: Outcome, position: number): void {
    this.#releases.push({ position, session, number, outcome })
  }

  #note(session: number, body: readonly unknown[], position: number): void {
    if (this.#held.length > 0 || this.pressed) this.#held.push({ session, body, position })
    else this.#attached.of(session)?.note(body, position)
  }

  #release(position: number, resolve: () => void, reject: (error: Error) => void): void {
    this.#waiting.add(reject)
    this.#releases.push({
      position,
      leave: () => {
        this.#waiting.delete(reject)
        resolve()
      },
    })
  }

  #failed(cause: Error): void {
    if (this.#failure !== undefined) return
    const error = cause instanceof PerdureError ? cause : logFailed(cause)
    this.#end(error)
  }

  #end(error: PerdureError): void {
    this.#failure = error
    this.#tick?.timer.cancel()
    this.#tick = undefined
    this.#releases = []
    this.#held = []
    for (const reject of this.#waiting) reject(error)
    this.#waiting.clear()
    this.#attached.end(error)
    this.#watches.end(error)
  }
}

function logFailed(cause: Error): PerdureError {
  return new PerdureError(
    'PERDURE_E_LOG_FAILED',
    `The site has failed: ${cause.message}. The outcome of what was under way is unknown. Open the site again to go on from what is stored.`,
    { cause },
  )
}

function tooLarge(bytes: number): PerdureError {
  const text = `An operation of ${bytes} bytes was sent; at most ${MAX_OPERATION} are accepted. Both sides must run the same version of perdure.`
  return new PerdureError('PERDURE_E_PROTOCOL', text, { data: { bytes } })
}
