/**
 * A site whose owner may crash at any record, and clients that attach over pipes which break at any frame: everything between two
 * faults is the real code, under a clock of its own.
 */
import { PerdureError } from '../../src/errors.ts'
import type { Gateway } from '../../src/log/gateway.ts'
import { attachedSite, ownedSite, type Site } from '../../src/log/site.ts'
import type { Pipe, PipeReceiver } from '../../src/log/wire/frames.ts'
import { connectLasting } from '../../src/log/wire/remote.ts'
import { serve } from '../../src/log/wire/server.ts'
import { type Definition, host, type RunContext } from '../../src/mechanisms/process/process.ts'
import { openGateway } from '../../src/node/compose.ts'
import { ArrayLog, type Shelf, shelf } from './array-log.ts'
import { type PipeEnd, pipePair } from './pipe-pair.ts'
import { VirtualClock } from './virtual-clock.ts'

/** At which message, of all in both directions, the connection breaks; with it or behind it, and who notices first. */
export interface CutPlan {
  readonly at: number
  readonly message: 'is lost' | 'arrives'
  /** What this end has sent before may still arrive, or not. */
  readonly under: 'arrives' | 'is lost'
}

/** At which record the owner crashes: before it is durable, or after and before anybody is told. */
export interface CrashPlan {
  readonly at: number
  readonly record: 'is lost' | 'is durable'
}

export interface Plans {
  readonly cut?: CutPlan
  readonly crash?: CrashPlan
}

/** How long a crashed owner's folder has none. */
const AWAY_MS = 40

/** A log whose owner ends at one record, for whoever waits at it. */
class MortalLog extends ArrayLog {
  readonly #stage: ReattachStage

  constructor(stage: ReattachStage, from: Shelf) {
    super(from)
    this.#stage = stage
  }

  override append(record: Uint8Array): number {
    const index = super.append(record)
    if (this.#stage.crashesAt('is lost')) throw this.#stage.crash(this)
    return index
  }

  override sync(index: number = this.lastIndex): void {
    if (index > this.durableIndex && this.#stage.isDueToCrash) {
      this.durableIndex = index
      this.#stage.crash(this)
      return
    }
    super.sync(index)
  }
}

export class ReattachStage {
  readonly clock: VirtualClock = new VirtualClock()
  readonly plans: Plans
  readonly shelf: Shelf = shelf()
  gateway: Gateway | undefined
  /** Messages that arrived, or would have. */
  messages = 0
  records = 0
  cuts = 0
  crashes = 0
  #dueToCrash = false
  #held = false
  #leadsTo: ReattachStage | undefined
  readonly #definitions: readonly Definition<RunContext, never, unknown>[]
  #pipes: (readonly [PipeEnd, PipeEnd])[] = []

  static async open(
    plans: Plans = {},
    definitions: readonly Definition<RunContext, never, unknown>[] = [],
  ): Promise<ReattachStage> {
    const stage = new ReattachStage(plans, definitions)
    await stage.clock.settle(stage.#own())
    return stage
  }

  private constructor(plans: Plans, definitions: readonly Definition<RunContext, never, unknown>[]) {
    this.plans = plans
    this.#definitions = definitions
  }

  get isDueToCrash(): boolean {
    return this.#dueToCrash
  }

  /** Counts a record; true if the owner crashes at once. */
  crashesAt(record: CrashPlan['record']): boolean {
    this.records += 1
    const { crash } = this.plans
    if (this.records !== crash?.at) return false
    this.#dueToCrash = crash.record === 'is durable'
    return crash.record === record
  }

  /** The process of the owner is gone; what was not durable is lost. Returns what its last call throws. */
  crash(log: ArrayLog): PerdureError {
    this.#dueToCrash = false
    this.crashes += 1
    this.gateway = undefined
    log.abandon()
    this.shelf.records.length = log.durableIndex
    for (const pair of this.#pipes.splice(0)) for (const end of pair) end.close()
    this.clock.after(AWAY_MS, () => {
      this.#own().catch(() => undefined)
    })
    return new PerdureError('PERDURE_E_LOG_FAILED', 'The owner has crashed.')
  }

  /** Sessions of clients that the present owner knows. */
  clients(): readonly unknown[] {
    const sessions = this.gateway?.replica.query('site', 'sessions', []) as { label: string }[] | undefined
    return sessions?.filter(({ label }) => label === 'client') ?? ['nobody owns the log']
  }

  /** The present owner goes, and another comes. */
  replaceOwner(): void {
    this.crash(this.gateway?.log as ArrayLog)
  }

  /** All connections break; the owner lives. */
  breakAll(): void {
    for (const pair of this.#pipes.splice(0)) for (const end of pair) end.close()
  }

  async #own(): Promise<void> {
    const log = new MortalLog(this, this.shelf)
    const gateway = await openGateway(log, this.clock)
    this.gateway = gateway
    if (this.#definitions.length === 0) return
    const absent = () => Promise.reject(new Error('no socket'))
    const site = ownedSite({ url: 'stage:', gateway, pid: 1, socket: absent, hear: () => undefined })
    await host(site, 'node', this.#definitions as never)
  }

  /** Nobody finds the owner until `release`. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
  }

  /** From now on clients come to another site. */
  leadTo(other: ReattachStage): void {
    this.#leadsTo = other
  }

  /** A way to the present owner. */
  readonly way = async (): Promise<Pipe> => {
    const { gateway } = this.#leadsTo ?? this
    if (gateway === undefined || this.#held) throw new PerdureError('PERDURE_E_SESSION_LOST', 'Nobody owns the log.')
    const pair = pipePair((turn) => this.clock.hop(turn))
    this.#pipes.push(pair)
    serve(gateway, this.#watched(pair[1], pair[0]))
    return this.#watched(pair[0], pair[1])
  }

  async attach(graceMs?: number): Promise<Site> {
    const main = await this.clock.settle(connectLasting(this.way, this.clock, 'client', {}, graceMs))
    const absent = () => Promise.reject(new Error('not on this stage'))
    return attachedSite('stage:', this.clock, main.logId, main, {
      pid: 2,
      connect: absent,
      socket: absent,
      hear: () => undefined,
    })
  }

  /** Counts what arrives at an end, and breaks the connection where it is planned. */
  #watched(end: PipeEnd, other: PipeEnd): Pipe {
    const { cut } = this.plans
    const arrives = (bytes: Uint8Array, receiver: PipeReceiver) => {
      this.messages += 1
      const now = this.messages === cut?.at
      if (!now || cut?.message === 'arrives') receiver.message(bytes)
      if (!now) return
      this.cuts += 1
      if (cut?.under === 'is lost') other.close()
      end.close()
    }
    return {
      send: (message) => end.send(message),
      receive: (receiver) => end.receive({ message: (bytes) => arrives(bytes, receiver), closed: () => receiver.closed() }),
      pause: () => end.pause(),
      resume: () => end.resume(),
      get full() {
        return end.full
      },
      whenRead: (resume) => end.whenRead(resume),
      close: () => end.close(),
    }
  }
}
