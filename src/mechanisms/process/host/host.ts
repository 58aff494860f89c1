/**
 * Executes the runs that the machine places on one node.
 *
 * Boundary: one connection, one node, one OS process; who else is there and who goes where is the machine's business. The same
 * code hosts in the program's own process, in worker processes, and in the simulator.
 *   H1  An attempt belongs to one placement (run and fence) of one connection; when either ends it is stopped, never resumed.
 *   H2  A step starts only if the site confirmed within half the time after which a silent node is fenced that this one is not.
 *   H3  After `handover` of a run nothing of its attempt is sent; before it, everything that its steps have come to.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../../clock.ts'
import { PerdureError } from '../../../errors.ts'
import { copyValue } from '../../../log/codec/codec.ts'
import type { Connection } from '../../../log/connection.ts'
import { encodeOperation } from '../../../log/operation.ts'
import { failureOf } from '../../../log/outcome.ts'
import type { WorkFolders } from '../../../log/work-folders.ts'
import type { Definition } from '../../../support/definition.ts'
import type { Grant } from '../machine/claims.ts'
import { SUSPICION_MS } from '../machine/fencing.ts'
import type { Delivery, JournalEntry, JournalPage, Stored } from '../machine/journal.ts'
import type { FileRow, ManifestPage } from '../machine/manifest.ts'
import type { AttemptSpec } from '../machine/placement.ts'
import { Attempt } from './attempt.ts'
import { contextOf, type RunContext } from './context.ts'
import { CopyPart, SUSPECT_DEATHS } from './granted.ts'
import type { AttemptPort, TurnMeter } from './port.ts'
import { Quarantine } from './quarantine.ts'
import { fetchStored } from './storing.ts'
import { Turns } from './turns.ts'
import { WorkFiles } from './work-files.ts'

export type HostedDefinition = Definition<RunContext, readonly unknown[], unknown>

/** Runs of one OS process at a time: bodies mostly wait, but their steps share one event loop. */
export const DEFAULT_CAPACITY = 64

export interface HostSpec {
  readonly name: string
  readonly parent: string | null
  /** The session of whoever started this process; 0 if nobody. */
  readonly parentSession: number
  /** Random, per OS process. */
  readonly boot: string
  readonly pid: number
  readonly definitions: readonly HostedDefinition[]
  readonly capacity: number
  readonly logId: string
  /** True where deliveries share memory with the machine. */
  readonly shared: boolean
  readonly meter: TurnMeter
  /** Where runs of the layer files work; absent where there are none of them. */
  readonly workFolders?: WorkFolders | undefined
  log(definition: string, key: string, text: string): void
  /** The site has replaced this node; everything here was destroyed. */
  fenced?(): void
  /** The site asks this process to end: it has no runs any more, and gets none. */
  retire?(): void
}

/** An attempt that is being prepared or under way. */
interface Hosted {
  readonly fence: number
  readonly early: Delivery[]
  attempt: Attempt | undefined
  /** Of a replicated run. */
  readonly copy: CopyPart | undefined
  /** Of a run of the layer files, from when it is prepared. */
  files?: WorkFiles
}

export class RunHost {
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #spec: HostSpec
  readonly #definitions: ReadonlyMap<string, HostedDefinition>
  readonly #hosted = new Map<number, Hosted>()
  readonly #turns: Turns
  readonly #quarantine: Quarantine
  #durable: { readonly position: number; readonly resolve: () => void }[] = []
  #confirmedMs: number
  #open = true

  constructor(connection: Connection, clock: Clock, spec: HostSpec) {
    this.#connection = connection
    this.#clock = clock
    this.#spec = spec
    this.#definitions = new Map(spec.definitions.map((definition) => [definition.name, definition]))
    this.#turns = new Turns(clock, spec.meter)
    this.#quarantine = new Quarantine(clock)
    this.#confirmedMs = clock.monotonicMs()
  }

  /** Makes the node known; resolves when it is, rejects with `PERDURE_E_NODE_TAKEN`. Runs may come before that. */
  async register(): Promise<void> {
    const { name, parent, parentSession, boot, pid, definitions, capacity } = this.#spec
    const hashes = definitions.map((definition) => [definition.name, contentHash(definition)])
    await this.#connection.client.issue('process.node', [name, parent, parentSession, boot, pid, hashes, capacity])
  }

  /** A note of the process machine. */
  note(body: readonly unknown[], position: number): void {
    if (!this.#open) return
    const [kind, run, fence] = body as [string, number, number]
    if (kind === 'deliver') {
      const [, , , seq, number, outcome, wallMs] = body as [string, number, number, number, number, Stored, number]
      this.#deliver(run, fence, { seq, number, outcome, wallMs, position })
    } else if (kind === 'attempt') this.#begin(run, fence, body[3] as AttemptSpec)
    else if (kind === 'stop') this.#stop(run, fence)
    else if (kind === 'quiesce') this.#quiesce(run, fence)
    else if (kind === 'marked') this.#marked(run, fence, body[3] as string, position)
    else if (kind === 'granted') this.#copy(run, fence)?.grant(body[3] as Grant)
    else if (kind === 'lead') this.#copy(run, fence)?.lead(Number(body[3]))
    else if (kind === 'follow') this.#copy(run, fence)?.follow()
    else if (kind === 'retire' && body[2] === this.#spec.boot) this.#spec.retire?.()
    else if (kind === 'fenced' && body[2] === this.#spec.boot) {
      this.destroy()
      this.#spec.fenced?.()
    }
  }

  durableTo(position: number): void {
    const waiting = this.#durable
    if (waiting.length === 0) return
    this.#durable = waiting.filter((wait) => wait.position > position)
    for (const { position: at, resolve } of waiting) if (at <= position) resolve()
  }

  /** Stops everything without a word to the site: the connection ended or the node was fenced. */
  destroy(): void {
    this.#open = false
    for (const { attempt } of this.#hosted.values()) attempt?.stop()
    this.#hosted.clear()
    this.#durable = []
  }

  /** Says goodbye: the runs go on elsewhere. */
  async leave(): Promise<void> {
    if (!this.#open) return
    this.destroy()
    await this.#connection.client.issue('process.leave', [this.#spec.name, this.#spec.boot])
  }

  get runs(): number {
    return this.#hosted.size
  }

  #deliver(run: number, fence: number, delivery: Delivery): void {
    const hosted = this.#hosted.get(run)
    if (hosted?.fence !== fence) return
    hosted.attempt?.port.files?.delivered(delivery.number, delivery.position)
    if (hosted.attempt) hosted.attempt.deliver(delivery)
    else hosted.early.push(delivery)
  }

  #stop(run: number, fence: number): void {
    const hosted = this.#hosted.get(run)
    if (hosted?.fence !== fence) return
    hosted.attempt?.stop()
    this.#hosted.delete(run)
  }

  #marked(run: number, fence: number, name: string, position: number): void {
    const hosted = this.#hosted.get(run)
    if (hosted?.fence === fence) hosted.attempt?.marked(name, position)
  }

  #copy(run: number, fence: number): CopyPart | undefined {
    const hosted = this.#hosted.get(run)
    return hosted?.fence === fence ? hosted.copy : undefined
  }

  /** The run is wanted elsewhere: as soon as no step of it is under way it is given up. */
  #quiesce(run: number, fence: number): void {
    const hosted = this.#hosted.get(run)
    if (hosted?.fence !== fence) return
    // A note comes in the middle of an operation that is being applied, so nothing may be sent at once.
    const idle = () => this.#clock.hop(() => this.#handOver(run, hosted))
    if (hosted.attempt) hosted.attempt.steps.quiesce(idle)
    else idle()
  }

  #handOver(run: number, hosted: Hosted): void {
    if (!this.#open || this.#hosted.get(run) !== hosted) return
    const { fence } = hosted
    const operation = {
      caller: { kind: 'run', id: run },
      number: 0,
      code: this.#connection.code('process.handover'),
      fence,
    } as const
    this.#send([encodeOperation(operation, [])])
    this.#stop(run, fence)
  }

  #begin(run: number, fence: number, spec: AttemptSpec): void {
    this.#hosted.get(run)?.attempt?.stop()
    const alone = (begin: (leave: () => void) => void) => this.#quarantine.enter(begin)
    const copy = spec.copy && new CopyPart(spec.copy, (turn) => this.#clock.hop(turn), alone)
    const hosted: Hosted = { fence, early: [], attempt: undefined, copy }
    this.#hosted.set(run, hosted)
    const simple =
      !spec.journaled &&
      spec.files === undefined &&
      'value' in spec.input &&
      (spec.base.state === null || 'value' in spec.base.state)
    if (simple) {
      const restored = spec.base.state && 'value' in spec.base.state ? spec.base.state.value : undefined
      return this.#execute(
        run,
        hosted,
        spec,
        { entries: [], deliveries: [], retries: [], next: null },
        spec.input.value,
        restored,
      )
    }
    this.#prepare(run, hosted, spec).catch((error: unknown) => this.#unprepared(run, hosted, error))
  }

  async #prepare(run: number, hosted: Hosted, spec: AttemptSpec): Promise<void> {
    const { blobs } = this.#connection
    const input = await fetchStored(spec.input, blobs)
    const restored = spec.base.state ? await fetchStored(spec.base.state, blobs) : undefined
    const journal = {
      entries: [] as JournalPage['entries'][number][],
      deliveries: [] as JournalPage['deliveries'][number][],
      retries: [] as JournalPage['retries'][number][],
    }
    let next: JournalPage['next'] = [0, 0]
    while (next !== null && spec.journaled) {
      const page = (await this.#connection.query('process', 'journal', [run, hosted.fence, ...next])) as JournalPage | null
      if (page === null) return
      journal.entries.push(...page.entries)
      journal.deliveries.push(...page.deliveries)
      journal.retries.push(...page.retries)
      next = page.next
    }
    if (spec.files !== undefined) hosted.files = await this.#workFiles(run, hosted.fence)
    if (this.#open && this.#hosted.get(run) === hosted)
      this.#execute(run, hosted, spec, { ...journal, next: null }, input, restored)
    else hosted.files?.close()
  }

  async #workFiles(run: number, fence: number): Promise<WorkFiles> {
    const { name, workFolders } = this.#spec
    if (workFolders === undefined)
      throw new PerdureError(
        'PERDURE_E_USAGE',
        `The node ${name} has no folders for runs of the layer files. Host them on another node.`,
      )
    const rows: FileRow[] = []
    let next: number | null = 0
    while (next !== null) {
      const page = (await this.#connection.query('process', 'files', [run, fence, next])) as ManifestPage | null
      rows.push(...(page?.files ?? []))
      next = page?.next ?? null
    }
    return await WorkFiles.open(workFolders, this.#connection.blobs, `${run}-${fence}`, rows)
  }

  /** The journal or a blob could not be had: this node cannot go on with it. */
  #unprepared(run: number, hosted: Hosted, error: unknown): void {
    if (!this.#open || this.#hosted.get(run) !== hosted) return
    this.#hosted.delete(run)
    const code = this.#connection.code('process.unreadable')
    const caller = { kind: 'run', id: run } as const
    this.#send([encodeOperation({ caller, number: 0, code, fence: hosted.fence }, [failureOf(error)])])
  }

  #execute(run: number, hosted: Hosted, spec: AttemptSpec, page: JournalPage, input: unknown, restored: unknown): void {
    const definition = this.#definitions.get(spec.definition)
    if (definition === undefined) return
    const { incarnation, attempt: count, key, base } = spec
    const entries: JournalEntry[] = page.entries.map(([number, kind, digest, preview]) => ({ number, kind, digest, preview }))
    const deliveries: Delivery[] = page.deliveries.map(([seq, number, outcome, wallMs, position]) => ({
      seq,
      number,
      outcome,
      wallMs,
      position,
    }))
    const { name, maxTurnMs, strict } = definition
    const identity = { run, fence: hosted.fence, incarnation, attempt: count, definition: name, key, maxTurnMs, strict }
    const attempt = new Attempt(
      identity,
      base,
      entries,
      deliveries,
      new Map(page.retries),
      this.#port(name, hosted),
      spec.versions,
    )
    hosted.attempt = attempt
    const p = contextOf(attempt, this.#own(restored), base.randoms)
    const args = this.#own(input) as readonly unknown[]
    const body = () => definition.body(p, ...args)
    if (count === 1) attempt.begin(body)
    else this.#again(attempt, body, spec.deaths)
    for (const delivery of hosted.early) attempt.deliver(delivery)
    hosted.early.length = 0
  }

  /**
   * Said before the body runs, and on its way before the body can do any harm. A note comes in the middle of an operation that is
   * being applied, so nothing may be sent at once.
   */
  #again(attempt: Attempt, body: () => unknown, deaths: number): void {
    const begin = (leave?: () => void) => {
      if (attempt.over) return leave?.()
      attempt.sendControl('process.begun', [])
      this.#clock.hop(() => (attempt.over ? leave?.() : attempt.begin(body, leave)))
    }
    this.#clock.hop(() => (deaths < SUSPECT_DEATHS ? begin() : this.#quarantine.enter(begin)))
  }

  #own(value: unknown): unknown {
    return this.#spec.shared ? copyValue(value) : value
  }

  #port(definition: string, { files, copy }: Hosted): AttemptPort {
    const connection = this.#connection
    const { logId, shared } = this.#spec
    return {
      clock: this.#clock,
      blobs: connection.blobs,
      files,
      copy,
      logId,
      turns: this.#turns,
      shared,
      code: (name) => connection.code(name),
      send: (operations) => this.#send(operations),
      durableTo: (position) => this.#whenDurable(position),
      confirmed: () => this.#confirmed(),
      isConfirmed: () => this.#isConfirmed(),
      log: (_run, key, text) => this.#spec.log(definition, key, text),
    }
  }

  #send(operations: readonly Uint8Array[]): void {
    if (!this.#open) return
    try {
      this.#connection.sendAll(operations)
    } catch {
      // The site has failed; it closes this connection, and that ends the attempts.
    }
  }

  #whenDurable(position: number): Promise<void> {
    if (position <= this.#connection.durablePosition) return Promise.resolve()
    return new Promise((resolve) => this.#durable.push({ position, resolve }))
  }

  #isConfirmed(): boolean {
    return this.#clock.monotonicMs() - this.#confirmedMs < SUSPICION_MS / 2
  }

  /** The answer may itself have been long on its way, or this process stopped meanwhile: then it is asked for again (H2). */
  async #confirmed(): Promise<void> {
    while (!this.#isConfirmed()) {
      const askedMs = this.#clock.monotonicMs()
      await this.#connection.confirm()
      this.#confirmedMs = askedMs
    }
  }
}

/** Same text, same build: a label for people and for placement. */
export function contentHash(definition: HostedDefinition): string {
  return createHash('sha256').update(definition.body.toString()).digest('hex').slice(0, 16)
}

/** Where time stands still while a turn runs, as in the simulator. */
export const NO_METER: TurnMeter = { begin: () => undefined, end: () => undefined }
