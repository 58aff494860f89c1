/**
 * One execution of a body: turn by turn, first from the journal, then live.
 *
 * A body sees nothing of the world but the replies to its operations. If the same replies come in the same order, and it gets
 * to run to a standstill between any two of them, it issues the same operations. So an attempt hands out one reply per *turn*:
 * it settles one promise, lets all microtasks drain, sends what was issued meanwhile as one batch, and only then takes the next
 * reply. Live and in replay it is the same code; the journal is just a queue that is already full.
 *
 * Boundary: no I/O but through its `AttemptPort`; the host that gives it replies is `host.ts`, what the body holds in its hand
 * is `context.ts`.
 *   A1  One reply per turn; operations issued in a turn leave together at its end, in the order of their numbers.
 *   A2  An operation that is in the journal is compared with it and not sent; the first difference stops the attempt.
 *   A3  A step's function is not called before the whole journal has been replayed and everything delivered to the run so far is
 *       durable.
 *   A4  After `stop` nothing of this attempt is sent, executed or settled any more.
 *   A5  No two attempts of one host are in a turn at the same time (`turns.ts`), foreign awaits aside.
 */
import { invariant, PerdureError } from '../../../errors.ts'
import { copyValue } from '../../../log/codec/codec.ts'
import { MAX_VALUE } from '../../../log/log.ts'
import type { Outcome } from '../../../log/machine.ts'
import { encodeBody, prependHeader } from '../../../log/operation.ts'
import { errorOf, failureOf } from '../../../log/outcome.ts'
import { isQuiet } from '../machine/delivery.ts'
import { type Base, type Delivery, diverged, type JournalEntry, type Stored } from '../machine/journal.ts'
import type { FileChanges } from '../machine/manifest.ts'
import { Gates } from './gates.ts'
import {
  abortReason,
  acknowledged,
  argsOf,
  attemptOver,
  duringCheckpoint,
  elsewhere,
  entryOf,
  foreignAwait,
  type IssueDetails,
  type Issued,
  insideStep,
  issuedAs,
  noRace,
  notQuiet,
  presented,
  unheard,
} from './issued.ts'
import { openedFor } from './opening.ts'
import type { AttemptIdentity, AttemptPort } from './port.ts'
import { insideBody, outside } from './scope.ts'
import { StepRunner, type StepTask } from './steps.ts'
import { store } from './storing.ts'

/** Every so many quiet operations one waits for its reply, so that a loop of them cannot run away from the log. */
const QUIET_IN_A_ROW = 256

/** A long replay says how far it is after so many replies: some dozen times for the longest journal. */
const PROGRESS_EVERY = 2_048

export class Attempt {
  readonly identity: AttemptIdentity
  readonly port: AttemptPort
  readonly abort: AbortController = new AbortController()
  readonly steps: StepRunner
  /** Log time of the last reply. */
  nowMs: number
  /** Position of the last reply: what a step has to wait for. */
  deliveredPosition: number
  readonly #entries: ReadonlyMap<number, JournalEntry>
  readonly #outstanding = new Map<number, Issued>()
  #queue: Delivery[]
  #replayLeft: number
  readonly #replayed: number
  #batch: Issued[] = []
  #waitingSteps: Issued[] = []
  #lastNumber: number
  #lastSeq: number
  #quietInARow = 0
  #inTurn = false
  /** Nothing is taken from the queue before the body has begun. */
  #busy = true
  /** A reply has been taken from the queue, and its turn has not come yet. */
  #taking = false
  #live = false
  #checkpointing = false
  #final: Outcome | undefined
  #over = false
  #harmless: () => void = () => undefined
  readonly #journaled: boolean
  readonly #gates: Gates
  /** The last number in the journal. */
  readonly #lastEntry: number

  constructor(
    identity: AttemptIdentity,
    base: Base,
    journal: readonly JournalEntry[],
    deliveries: readonly Delivery[],
    retries: ReadonlyMap<number, number>,
    port: AttemptPort,
    versions: readonly (readonly [name: string, version: number])[] = [],
  ) {
    this.identity = identity
    this.port = port
    this.nowMs = base.wallMs
    this.deliveredPosition = port.copy?.position ?? identity.fence
    this.#entries = new Map(journal.map((entry) => [entry.number, entry]))
    this.#queue = [...deliveries]
    this.#replayLeft = deliveries.length
    this.#replayed = deliveries.length
    this.#lastNumber = base.number
    this.#lastSeq = base.seq + deliveries.length
    this.#journaled = journal.length > 0 || deliveries.length > 0 || base.number > 0
    this.#lastEntry = journal.reduce((last, { number }) => Math.max(last, number), 0)
    this.#gates = new Gates(versions)
    this.steps = new StepRunner(this, retries)
    port.copy?.play({
      mayExecute: (number) => !this.#over && this.#live && this.#gates.settled && this.awaits(number),
      execute: (number, failed) => this.steps.start(this.#outstanding.get(number)?.step as StepTask, failed),
      announce: (number, name) => this.sendControl('process.begun', [number, name]),
    })
    if (base.aborted)
      this.abort.abort(new PerdureError('PERDURE_E_CANCELLED', 'The run was cancelled before its last checkpoint.'))
  }

  get over(): boolean {
    return this.#over
  }

  get inTurn(): boolean {
    return this.#inTurn
  }

  /** Whether the answer of this operation is still to come. */
  awaits(number: number): boolean {
    return this.#outstanding.has(number)
  }

  /** What a step says it is executed under. */
  fenceOf(number: number): number {
    return this.port.copy?.epochOf(number) ?? this.identity.fence
  }

  get replaying(): boolean {
    return !this.#live
  }

  /** Starts the body. Calls `harmless` when it has got beyond its journal and the steps there, or was stopped. */
  begin(body: () => unknown, harmless: () => void = () => undefined): void {
    this.#harmless = harmless
    this.#takeTurn(() => {
      insideBody(this, () => new Promise<unknown>((resolve) => resolve(body()))).then(
        (value) => this.#bodyEnded({ value }),
        (error: unknown) => this.#bodyEnded({ error: failureOf(error) }),
      )
    })
  }

  /** The log brings a reply. */
  deliver(delivery: Delivery): void {
    if (this.#over || delivery.seq <= this.#lastSeq) return
    this.#lastSeq = delivery.seq
    this.#queue.push(delivery)
    this.#pump()
  }

  stop(): void {
    this.#over = true
    this.#harmless()
    this.steps.stop()
  }

  // Turns

  #takeTurn(turn: () => void): void {
    const begin = () => {
      this.#taking = false
      if (this.#over) return false
      this.#inTurn = true
      this.#busy = true
      turn()
      return true
    }
    this.port.turns.take(this.identity, begin, () => this.#closeTurn())
  }

  /** Code that comes from a foreign await asks nobody for its turn. */
  #openForeignTurn(): void {
    this.#inTurn = true
    this.#busy = true
    this.port.clock.hop(() => this.#closeTurn())
  }

  #closeTurn(): void {
    if (this.#over) return
    this.#inTurn = false
    if (!this.#flush()) return
    this.#busy = false
    if (this.#replayLeft === 0 && !this.#live) this.#goLive()
    else if (this.#replayLeft > 0 && this.#replayLeft % PROGRESS_EVERY === 0)
      this.sendControl('process.replayed', [this.#replayed - this.#replayLeft])
    if (this.#taking) return
    if (this.#final !== undefined) return this.#finish(this.#final)
    this.#pump()
  }

  #goLive(): void {
    this.#live = true
    if (this.#journaled) this.sendControl('process.live', [this.#replayed])
    this.#startWaiting()
  }

  #startWaiting(): void {
    if (!this.#live || !this.#gates.settled) return
    const waiting = this.#waitingSteps.flatMap(({ step }) => step ?? [])
    this.#waitingSteps = []
    this.steps.startFirst(waiting, this.#harmless)
    this.port.copy?.executeGranted()
  }

  /** Takes the next reply, if the body is at a standstill and waits for it. */
  #pump(): void {
    if (this.#busy || this.#taking || this.#over || this.#final !== undefined) return
    const delivery = this.#queue[0]
    if (delivery === undefined) return
    if (delivery.number > this.#lastNumber) {
      if (this.#outstanding.size > 0)
        this.#stopDiverged(this.#entries.get(delivery.number) ?? elsewhere(delivery.number), undefined)
      return
    }
    this.#queue.shift()
    if (this.#replayLeft > 0) this.#replayLeft -= 1
    this.#busy = true
    this.#taking = true
    const issued = this.#outstanding.get(delivery.number)
    const opened = issued ? openedFor(issued, delivery.outcome, this.port.blobs) : (delivery.outcome as Outcome)
    const unread = (error: unknown) => this.#giveUp('process.unreadable', error)
    if (opened instanceof Promise) opened.then((outcome) => this.#turn(delivery, issued, outcome), unread)
    else this.#turn(delivery, issued, opened)
  }

  #turn(delivery: Delivery, issued: Issued | undefined, outcome: Outcome): void {
    if (this.#over) return
    this.#takeTurn(() => {
      this.nowMs = delivery.wallMs
      this.deliveredPosition = Math.max(this.deliveredPosition, delivery.position)
      this.#quietInARow = 0
      if (delivery.number === 0) insideBody(this, () => this.#cancel(outcome))
      else if (issued) this.#settle(issued, outcome)
    })
  }

  #settle(issued: Issued, outcome: Outcome): void {
    this.#outstanding.delete(issued.number)
    this.port.copy?.answered(issued.number)
    if (issued.kind === 'process.checkpoint') this.#checkpointing = false
    if ('value' in outcome) issued.resolve(presented(issued, this.port.shared ? copyValue(outcome.value) : outcome.value))
    else issued.reject(abortReason(issued, outcome.error) ?? errorOf(outcome.error))
  }

  #cancel(outcome: Outcome): void {
    const error = 'error' in outcome ? errorOf(outcome.error) : undefined
    this.abort.abort(error)
    for (const issued of [...this.#outstanding.values()]) {
      if (issued.step === undefined) continue
      this.#outstanding.delete(issued.number)
      this.steps.cancel(issued.number)
      issued.reject(error)
    }
  }

  // Operations

  /** Issues an operation of the body. Throws nothing: what is wrong rejects. */
  issue(kind: string, args: readonly unknown[], options: IssueDetails = {}): Promise<unknown> {
    return this.#admitted(() => {
      if (kind !== 'space.out') return this.#issue(kind, args, options)
      this.#quietInARow += 1
      return this.#issue(kind, this.#quietInARow % QUIET_IN_A_ROW !== 0 ? args : acknowledged(args), options)
    })
  }

  /** Calls `issue` unless something forbids it now. After the end nothing is issued, and nobody is told. */
  #admitted(issue: () => Promise<unknown>): Promise<unknown> {
    if (this.#over || this.#final !== undefined) return new Promise(() => undefined)
    const refusal = this.#refusal()
    if (refusal) return unheard(Promise.reject(refusal))
    try {
      return issue()
    } catch (error) {
      return unheard(Promise.reject(error))
    }
  }

  #refusal(): PerdureError | undefined {
    if (this.steps.isInside()) return insideStep()
    if (this.#checkpointing) return duringCheckpoint()
    if (this.#inTurn || (this.#outstanding.size === 0 && !this.identity.strict)) return undefined
    return foreignAwait()
  }

  #issue(kind: string, args: readonly unknown[], details: IssueDetails): Promise<unknown> {
    const body = encodeBody(this.port.code(kind), details.step ? [args[0]] : args, MAX_VALUE)
    if (!this.#inTurn) this.#openForeignTurn()
    this.#lastNumber += 1
    const issued = issuedAs(this.#lastNumber, kind, args, body, details)
    this.#batch.push(issued)
    if (isQuiet(kind, args)) issued.resolve(undefined)
    else this.#outstanding.set(issued.number, issued)
    if (issued.signal) this.#heed(issued.signal, issued, issued)
    return issued.promise
  }

  /** An abort withdraws the operation while that which brings its answer, itself or the race it is in, is outstanding. */
  #heed(signal: AbortSignal, issued: Issued, answeredBy: Issued): void {
    const withdraw = () => {
      if (!this.#outstanding.has(answeredBy.number) || this.#over || this.#final !== undefined) return
      // Nobody awaits an abort, so there is nothing to reject: the run itself fails, now and not at its replay.
      if (!this.#inTurn) return this.#bodyEnded({ error: failureOf(foreignAwait()) })
      this.#issue('process.withdraw', [issued.number], {}).catch(() => undefined)
    }
    if (signal === this.abort.signal) return
    if (signal.aborted) withdraw()
    else signal.addEventListener('abort', withdraw, { once: true })
  }

  /** A step takes its number now; its function is called when everything before it is durable. */
  step(name: string, task: Omit<StepTask, 'number' | 'name'>): Promise<unknown> {
    return this.#admitted(() => this.#issue('process.step', [name], { step: { ...task, number: this.#lastNumber + 1, name } }))
  }

  /** Folds operations that were issued in this turn into one, of which the first answer counts. */
  race(alternatives: Readonly<Record<string, Promise<unknown>>>): Promise<unknown> {
    return this.#admitted(() => {
      const folded = new Map(Object.entries(alternatives).map(([key, promise]) => [key, this.#unsent(key, promise)] as const))
      if (folded.size === 0) throw noRace('p.race needs at least one operation')
      const taken = new Set(folded.values())
      this.#batch = this.#batch.filter((issued) => !taken.has(issued))
      for (const { number } of taken) this.#outstanding.delete(number)
      const entries = [...folded].map(([key, { number, kind, body }]) => [key, number, kind, argsOf(body)])
      const raced = this.#issue('process.race', [entries], { alternatives: folded })
      const race = this.#batch.at(-1) as Issued
      for (const issued of taken) if (issued.signal) this.#heed(issued.signal, issued, race)
      return raced
    })
  }

  #unsent(key: string, promise: Promise<unknown>): Issued {
    const issued = this.#batch.find((candidate) => candidate.promise === promise)
    if (issued && !issued.step && !issued.alternatives && !issued.upload && this.#outstanding.has(issued.number)) return issued
    throw noRace(`p.race takes operations of p that were issued just now; "${key}" is none`)
  }

  /** A line for people; not repeated at replay, and not before what it is based on is durable. */
  log(text: string): void {
    if (this.#over || (!this.#live && this.identity.attempt > 1)) return
    if (this.port.copy?.prints(this.#lastSeq - this.#queue.length) === false) return
    const { run, key } = this.identity
    this.port.durableTo(this.deliveredPosition).then(
      () => outside(() => this.port.log(run, key, text)),
      () => undefined,
    )
  }

  /** What the version gate of this name says; fixed for the run from here on. */
  version(name: string, latest: number): number {
    const refusal = this.#over || this.#final !== undefined ? attemptOver() : this.#refusal()
    if (refusal) throw refusal
    const version = this.#gates.answer(name, latest, () => (this.#lastEntry > this.#lastNumber ? 'before' : 'for the first time'))
    if (!this.#inTurn) this.#openForeignTurn()
    return version
  }

  /** The log has the marker of this name, at this position. */
  marked(name: string, position: number): void {
    this.#gates.marked(name)
    this.deliveredPosition = Math.max(this.deliveredPosition, position)
    this.#startWaiting()
  }

  /** Cuts the journal. The state is what a restored body starts with. */
  checkpoint(state: unknown, randoms: number): Promise<unknown> {
    return this.#admitted(() => {
      if (this.#outstanding.size > 0) throw notQuiet(this.#outstanding.values())
      const { stored, upload } = store(state, this.port.blobs)
      const issued = this.#issue('process.checkpoint', [stored, randoms], { upload: this.#saved([stored, randoms], upload) })
      this.#checkpointing = true
      return issued
    })
  }

  /** The body of a checkpoint with the files that it saves, once they and its state are stored. */
  #saved(args: readonly unknown[], upload: Promise<unknown> | undefined): Promise<unknown> | undefined {
    const { files } = this.port
    if (files === undefined) return upload
    const body = ([changes]: readonly [FileChanges | undefined, unknown]) =>
      changes && encodeBody(this.port.code('process.checkpoint'), [...args, changes])
    return unheard(Promise.all([files.checkpoint(this.#lastNumber + 1), upload]).then(body))
  }

  /** Compares the batch with the journal and sends what is beyond it; false if the attempt ended over it. */
  #flush(): boolean {
    const batch = this.#batch
    this.#batch = []
    if (this.#gates.tooOld) {
      this.#giveUp('process.diverged', this.#gates.tooOld)
      return false
    }
    const sending = this.#gates.take().map((marker) => this.#control('process.version', marker))
    const { copy } = this.port
    for (const issued of batch) {
      if (issued.step) copy?.want(issued.number, issued.step.name)
      const expected = this.#entries.get(issued.number)
      if (expected) {
        if (expected.kind !== issued.kind || expected.digest !== issued.digest) {
          this.#stopDiverged(expected, entryOf(issued))
          return false
        }
      } else if (issued.step) {
        if (copy) sending.push(this.#headed(issued.number, encodeBody(this.port.code('process.claim'), issued.args)))
        else if (this.#live && this.#gates.settled) void this.steps.start(issued.step)
        else this.#waitingSteps.push(issued)
      } else if (issued.upload !== undefined) {
        issued.upload.then(
          (body) => this.#send([this.#headed(issued.number, body instanceof Uint8Array ? body : issued.body)]),
          (error: unknown) => issued.reject(error),
        )
      } else sending.push(this.#headed(issued.number, issued.body))
    }
    if (sending.length > 0) this.#send(sending)
    copy?.executeGranted()
    return true
  }

  #headed(number: number, body: Uint8Array): Uint8Array {
    const { run, fence } = this.identity
    return prependHeader({ caller: { kind: 'run', id: run }, number, code: 0, fence }, body)
  }

  #send(operations: readonly Uint8Array[]): void {
    if (!this.#over) this.port.send(operations)
  }

  #control(kind: string, args: readonly unknown[]): Uint8Array {
    return this.#headed(0, encodeBody(this.port.code(kind), args))
  }

  /** What the body did not issue itself: number 0. */
  sendControl(kind: string, args: readonly unknown[]): void {
    this.#send([this.#control(kind, args)])
  }

  /** The result of a step goes under the step's own number. */
  sendStep(number: number, name: string, outcome: Stored, changes?: FileChanges): void {
    const args = changes === undefined ? [name, outcome] : [name, outcome, changes]
    if (this.#outstanding.has(number)) this.#send([this.#headed(number, encodeBody(this.port.code('process.step'), args))])
  }

  // Ending

  #bodyEnded(outcome: Outcome): void {
    if (this.#over) return
    this.#final = outcome
    if (this.#inTurn || this.#busy || this.#taking) return
    if (this.#flush()) this.#finish(outcome)
  }

  #finish(outcome: Outcome): void {
    for (const entry of this.#entries.values()) {
      if (entry.number > this.#lastNumber) return this.#stopDiverged(entry, undefined)
    }
    const number = this.#lastNumber + 1
    const finish = (final: Stored) => this.#send([this.#headed(number, encodeBody(this.port.code('process.end'), [final]))])
    const fail = (error: unknown) => finish({ error: failureOf(error) })
    try {
      const { stored, upload } =
        'value' in outcome ? store(outcome.value, this.port.blobs) : { stored: outcome, upload: undefined }
      if (upload !== undefined) upload.then(() => finish(stored), fail)
      else finish(stored)
    } catch (error) {
      fail(error)
    }
  }

  #stopDiverged(expected: JournalEntry | undefined, found: JournalEntry | undefined): void {
    invariant(expected ?? found, 'a divergence shows at least one side')
    this.#giveUp('process.diverged', diverged(expected, found))
  }

  /** This build cannot go on with the run, or nobody can: then one that is asked again later may. */
  #giveUp(kind: 'process.diverged' | 'process.unreadable', error: unknown): void {
    this.sendControl(kind, [failureOf(error)])
    this.stop()
  }
}
