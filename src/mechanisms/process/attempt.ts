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
 */
import { invariant, PerdureError } from '../../errors.ts'
import { copyValue, decode, preview, Reader } from '../../log/codec/codec.ts'
import { MAX_VALUE } from '../../log/log.ts'
import type { Failure, Outcome } from '../../log/machine.ts'
import { bodyDigest, encodeBody, prependHeader } from '../../log/operation.ts'
import { errorOf, failureOf } from '../../log/outcome.ts'
import { isQuiet } from './delivery.ts'
import { type Base, type Delivery, diverged, type JournalEntry, type Stored } from './journal.ts'
import type { AttemptIdentity, AttemptPort } from './port.ts'
import { StepRunner, type StepTask } from './steps.ts'
import { store } from './storing.ts'

/** Every so many quiet operations one waits for its reply, so that a loop of them cannot run away from the log. */
const QUIET_IN_A_ROW = 256

export interface IssueOptions {
  readonly signal?: AbortSignal | undefined
  /** What must have been stored before the operation is sent. */
  readonly upload?: Promise<unknown> | undefined
}

interface Issued {
  readonly number: number
  readonly kind: string
  readonly args: readonly unknown[]
  readonly body: Uint8Array
  readonly digest: number
  readonly promise: Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly upload?: Promise<unknown> | undefined
  readonly step?: StepTask | undefined
  readonly alternatives?: ReadonlyMap<string, Issued> | undefined
  readonly signal?: AbortSignal | undefined
}

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
  #live = false
  #checkpointing = false
  #final: Outcome | undefined
  #over = false
  readonly #journaled: boolean

  constructor(
    identity: AttemptIdentity,
    base: Base,
    journal: readonly JournalEntry[],
    deliveries: readonly Delivery[],
    retries: ReadonlyMap<number, number>,
    port: AttemptPort,
  ) {
    this.identity = identity
    this.port = port
    this.nowMs = base.wallMs
    this.deliveredPosition = identity.fence
    this.#entries = new Map(journal.map((entry) => [entry.number, entry]))
    this.#queue = [...deliveries]
    this.#replayLeft = deliveries.length
    this.#replayed = deliveries.length
    this.#lastNumber = base.number
    this.#lastSeq = base.seq + deliveries.length
    this.#journaled = journal.length > 0 || deliveries.length > 0 || base.number > 0
    this.steps = new StepRunner(this, retries)
    if (base.aborted)
      this.abort.abort(new PerdureError('PERDURE_E_CANCELLED', 'The run was cancelled before its last checkpoint.'))
  }

  get over(): boolean {
    return this.#over
  }

  get replaying(): boolean {
    return !this.#live
  }

  /** Starts the body. */
  begin(body: () => unknown): void {
    this.#openTurn()
    new Promise<unknown>((resolve) => resolve(body())).then(
      (value) => this.#bodyEnded({ value }),
      (error: unknown) => this.#bodyEnded({ error: failureOf(error) }),
    )
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
    this.steps.stop()
  }

  // Turns

  #openTurn(): void {
    this.#inTurn = true
    this.#busy = true
    const { run, fence, maxTurnMs } = this.identity
    this.port.meter.begin(run, fence, maxTurnMs)
    this.port.clock.hop(() => this.#closeTurn())
  }

  #closeTurn(): void {
    this.port.meter.end()
    if (this.#over) return
    this.#inTurn = false
    if (!this.#flush()) return
    this.#busy = false
    if (this.#replayLeft === 0 && !this.#live) this.#goLive()
    if (this.#final !== undefined) return this.#finish(this.#final)
    this.#pump()
  }

  #goLive(): void {
    this.#live = true
    if (this.#journaled) this.sendControl('process.live', [this.#replayed])
    const waiting = this.#waitingSteps
    this.#waitingSteps = []
    for (const { step, number } of waiting) if (step && this.#outstanding.has(number)) this.steps.start(step)
  }

  /** Takes the next reply, if the body is at a standstill and waits for it. */
  #pump(): void {
    if (this.#busy || this.#over || this.#final !== undefined) return
    const delivery = this.#queue[0]
    if (delivery === undefined) return
    if (delivery.number > this.#lastNumber) {
      if (this.#outstanding.size > 0) this.#stopDiverged(this.#entries.get(delivery.number), undefined)
      return
    }
    this.#queue.shift()
    if (this.#replayLeft > 0) this.#replayLeft -= 1
    this.#busy = true
    const issued = this.#outstanding.get(delivery.number)
    const opened = issued ? this.#open(delivery.outcome, issued) : (delivery.outcome as Outcome)
    if (opened instanceof Promise) void opened.then((outcome) => this.#turn(delivery, issued, outcome))
    else this.#turn(delivery, issued, opened)
  }

  #turn(delivery: Delivery, issued: Issued | undefined, outcome: Outcome): void {
    if (this.#over) return
    this.nowMs = delivery.wallMs
    this.deliveredPosition = Math.max(this.deliveredPosition, delivery.position)
    this.#quietInARow = 0
    this.#openTurn()
    if (delivery.number === 0) this.#cancel(outcome)
    else if (issued) this.#settle(issued, outcome)
  }

  #settle(issued: Issued, outcome: Outcome): void {
    this.#outstanding.delete(issued.number)
    if (issued.kind === 'process.checkpoint') this.#checkpointing = false
    if ('value' in outcome) issued.resolve(this.port.shared ? copyValue(outcome.value) : outcome.value)
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

  /** What is stored beside the log is fetched before its turn. */
  #open(outcome: Stored, issued: Issued): Outcome | Promise<Outcome> {
    if ('blob' in outcome)
      return this.port.blobs.get(outcome.blob).then(
        (bytes) => ({ value: decode(bytes) }),
        (error: unknown) => ({ error: failureOf(error) }),
      )
    if ('error' in outcome) return outcome
    if (issued.kind === 'process.result') return this.#open(outcome.value as Stored, { ...issued, kind: '' })
    if (issued.alternatives === undefined) return outcome
    const { key, value } = outcome.value as { key: string; value: unknown }
    const winner = issued.alternatives.get(key)
    if (winner?.kind !== 'process.result') return outcome
    const inner = this.#open(value as Stored, { ...winner, kind: '' })
    const wrap = (opened: Outcome): Outcome => ('value' in opened ? { value: { key, value: opened.value } } : opened)
    return inner instanceof Promise ? inner.then(wrap) : wrap(inner)
  }

  // Operations

  /** Issues an operation of the body. Throws nothing: what is wrong rejects. */
  issue(kind: string, args: readonly unknown[], options: IssueOptions = {}): Promise<unknown> {
    return this.#admitted(() => {
      if (kind !== 'space.out') return this.#issue(kind, args, options)
      this.#quietInARow += 1
      return this.#issue(kind, this.#quietInARow % QUIET_IN_A_ROW !== 0 ? args : [...args, { acknowledge: true }], options)
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
    if (this.steps.isInside()) {
      return new PerdureError(
        'PERDURE_E_IN_STEP',
        'A step used p of its process. Its function may be called again after a crash, so it must not: return what you need, and use p after the step.',
      )
    }
    if (this.#checkpointing) {
      return new PerdureError(
        'PERDURE_E_OUTSTANDING',
        'An operation was issued while a checkpoint was under way. Await the checkpoint first.',
      )
    }
    if (this.#inTurn || (this.#outstanding.size === 0 && !this.identity.strict)) return undefined
    return foreignAwait()
  }

  #issue(kind: string, args: readonly unknown[], more: Partial<Issued>): Promise<unknown> {
    const body = encodeBody(this.port.code(kind), more.step ? [args[0]] : args, MAX_VALUE)
    if (!this.#inTurn) this.#openTurn()
    this.#lastNumber += 1
    const issued: Issued = { number: this.#lastNumber, kind, args, body, digest: bodyDigest(body), ...deferred(), ...more }
    this.#batch.push(issued)
    if (isQuiet(kind, args)) issued.resolve(undefined)
    else this.#outstanding.set(issued.number, issued)
    if (issued.signal) this.#heed(issued.signal, issued, issued)
    return unheard(issued.promise)
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
    if (this.#over || !this.#live) return
    const { run, key } = this.identity
    this.port.durableTo(this.deliveredPosition).then(
      () => this.port.log(run, key, text),
      () => undefined,
    )
  }

  /** Cuts the journal. The state is what a restored body starts with. */
  checkpoint(state: unknown, randoms: number): Promise<unknown> {
    return this.#admitted(() => {
      if (this.#outstanding.size > 0) {
        const kinds = [...this.#outstanding.values()].map(({ kind }) => kind).join(', ')
        throw new PerdureError(
          'PERDURE_E_OUTSTANDING',
          `A checkpoint was asked for while ${this.#outstanding.size} operations were outstanding (${kinds}). Await them first.`,
        )
      }
      const { stored, upload } = store(state, this.port.blobs)
      const issued = this.#issue('process.checkpoint', [stored, randoms], { upload })
      this.#checkpointing = true
      return issued
    })
  }

  /** Compares the batch with the journal and sends what is beyond it; false if the attempt ended over it. */
  #flush(): boolean {
    const batch = this.#batch
    this.#batch = []
    const sending: Uint8Array[] = []
    for (const issued of batch) {
      const expected = this.#entries.get(issued.number)
      if (expected) {
        if (expected.kind !== issued.kind || expected.digest !== issued.digest) {
          this.#stopDiverged(expected, entryOf(issued))
          return false
        }
      } else if (issued.step) {
        if (this.#live) this.steps.start(issued.step)
        else this.#waitingSteps.push(issued)
      } else if (issued.upload !== undefined) {
        issued.upload.then(
          () => this.#send([this.#headed(issued.number, issued.body)]),
          (error: unknown) => issued.reject(error),
        )
      } else sending.push(this.#headed(issued.number, issued.body))
    }
    if (sending.length > 0) this.#send(sending)
    return true
  }

  #headed(number: number, body: Uint8Array): Uint8Array {
    const { run, fence } = this.identity
    return prependHeader({ caller: { kind: 'run', id: run }, number, code: 0, fence }, body)
  }

  #send(operations: readonly Uint8Array[]): void {
    if (!this.#over) this.port.send(operations)
  }

  /** What the body did not issue itself: number 0. */
  sendControl(kind: string, args: readonly unknown[]): void {
    this.#send([this.#headed(0, encodeBody(this.port.code(kind), args))])
  }

  /** The result of a step goes under the step's own number. */
  sendStep(number: number, name: string, outcome: Stored): void {
    if (this.#outstanding.has(number))
      this.#send([this.#headed(number, encodeBody(this.port.code('process.step'), [name, outcome]))])
  }

  // Ending

  #bodyEnded(outcome: Outcome): void {
    if (this.#over) return
    this.#final = outcome
    if (this.#inTurn || this.#busy) return
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
    this.sendControl('process.diverged', [failureOf(diverged(expected, found))])
    this.stop()
  }
}

/** Why the body itself gave up the operation, or an alternative of the race, if that is how it ended. */
function abortReason(issued: Issued, error: Failure): unknown {
  if (error.code !== 'PERDURE_E_ABORTED') return undefined
  const given = [issued, ...(issued.alternatives?.values() ?? [])].find(({ signal }) => signal?.aborted)
  return given?.signal?.reason
}

function entryOf({ number, kind, args, digest }: Issued): JournalEntry {
  return { number, kind, digest, preview: kind === 'process.step' ? preview(args[0], 80) : preview(args, 80) }
}

function argsOf(body: Uint8Array): unknown {
  const reader = new Reader(body)
  reader.uint()
  return reader.value()
}

function foreignAwait(): PerdureError {
  return new PerdureError(
    'PERDURE_E_FOREIGN_AWAIT',
    'An operation was issued or aborted after awaiting something that is no operation of p, while others were outstanding, so their order would not repeat. Put the foreign await into a step.',
  )
}

function noRace(what: string): PerdureError {
  return new PerdureError(
    'PERDURE_E_VALUE',
    `${what}. Issue the operations in the call, as in p.race({ job: jobs.in(template), late: p.sleep(1000) }).`,
  )
}

/** A body need not await what it issues; then nobody is there to hear that it failed. */
function unheard(promise: Promise<unknown>): Promise<unknown> {
  promise.catch(() => undefined)
  return promise
}

function deferred(): Pick<Issued, 'promise' | 'resolve' | 'reject'> {
  let resolve: (value: unknown) => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<unknown>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
