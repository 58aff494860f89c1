/**
 * What runs do to the outside world, written down outside of all processes, so that no crash takes it back.
 *
 * Boundary: sees an effect at the moment at which it happens, and compares it with the state of the owner at that moment. It
 * throws what it finds wrong.
 *   X1  An effect is executed by an attempt whose run was placed there, or has not been placed elsewhere for longer than half the
 *       time after which a silent node is fenced (the documented window).
 *   X2  Executed again, an effect has the same content under the same key.
 *   X3  A step whose result is recorded is not executed again.
 *   X4  What had been delivered to the run before its effect is durable.
 *   X5  An output of a member of a checkpoint group (which has no fence) was recorded, and its release is durable.
 */
import { equal } from '../log/codec/codec.ts'
import type { Gateway } from '../log/gateway.ts'
import type { StepInfo } from '../mechanisms/process/host/steps.ts'
import { SUSPICION_MS } from '../mechanisms/process/machine/fencing.ts'
import type { JournalPage } from '../mechanisms/process/machine/journal.ts'
import { type SavedRun, savedRuns } from '../mechanisms/process/machine/snapshot.ts'
import type { History } from './history.ts'
import type { Ledger } from './ledger.ts'
import type { Schedule } from './schedule.ts'
import type { SimulatedSite } from './simulated-site.ts'
import type { Sometimes } from './sometimes.ts'

export interface Effect {
  readonly idempotencyKey: string
  /** Absent of an output of a member of a checkpoint group. */
  readonly fence?: number
  readonly content: unknown
  /** Name of the process that executed it. */
  readonly process: string
  /** Virtual time. */
  readonly atMs: number
}

/** Who does it: the step of a run, or a member of a checkpoint group with an output. */
export type EffectInfo = Pick<StepInfo, 'idempotencyKey'> & Partial<Pick<StepInfo, 'fence'>>

interface EffectsSetting {
  readonly schedule: Schedule
  readonly site: SimulatedSite
  readonly ledger: Ledger
  readonly sometimes: Sometimes
  readonly history: History | undefined
}

export class Effects {
  readonly list: Effect[] = []
  readonly #setting: EffectsSetting
  readonly #contents = new Map<string, unknown>()

  constructor(setting: EffectsSetting) {
    this.#setting = setting
  }

  /** Something happens outside. A process that has ended does nothing any more, though its promises may still run on. */
  happen({ idempotencyKey, fence }: EffectInfo, content: unknown): void {
    const { schedule, site, sometimes, history } = this.#setting
    const process = schedule.current
    if (process?.alive !== true) return
    history?.note(process.name, `EFFECT ${JSON.stringify(content)} under ${idempotencyKey}`)
    const owner = site.ownerOf(process)
    if (fence === undefined) this.#checkOutput(idempotencyKey)
    else if (owner === site.owner && owner !== undefined) this.#checkPlacement(idempotencyKey, fence)
    else sometimes.saw('effect of a dead generation')
    if (this.#contents.has(idempotencyKey)) {
      sometimes.saw('effect repeated')
      const first = this.#contents.get(idempotencyKey)
      if (!equal(first, content)) {
        throw new Error(
          `The effect ${idempotencyKey} was ${JSON.stringify(first)}, and was executed again as ${JSON.stringify(content)}: the first one came from a future that was undone.`,
        )
      }
    }
    this.#contents.set(idempotencyKey, content)
    this.list.push({
      idempotencyKey,
      ...(fence !== undefined && { fence }),
      content,
      process: process.name,
      atMs: schedule.nowMs,
    })
  }

  #checkPlacement(idempotencyKey: string, fence: number): void {
    const gateway = this.#setting.site.owner?.gateway
    if (gateway === undefined) return
    const [, run, , number] = idempotencyKey.split(':').map(Number) as [number, number, number, number]
    const page = gateway.replica.query('process', 'journal', [run, fence, 0, 0]) as JournalPage | null
    const isRecorded = page?.entries.some(([recorded]) => recorded === number)
    if (page === null || isRecorded) {
      const now = savedRuns(gateway.replica.snapshot()).find(({ id }) => id === run)
      if (now?.replication) return this.#checkClaim(now, number, fence, idempotencyKey)
      if (page === null) return this.#checkStale(now, fence, idempotencyKey)
      throw new Error(`The effect ${idempotencyKey} was executed although the result of its step is recorded.`)
    }
    this.#checkDurable(page, gateway, number, idempotencyKey)
  }

  /** X5: the recording is, so much is certain, not later than the release. */
  #checkOutput(idempotencyKey: string): void {
    const gateway = this.#setting.site.owner?.gateway
    const position = Number(idempotencyKey.split(':')[3])
    if (gateway === undefined || position <= gateway.durablePosition) return
    throw new Error(
      `The output ${idempotencyKey} was given outside when its record was not durable, only ${gateway.durablePosition} was.`,
    )
  }

  /** X4 */
  #checkDurable(page: JournalPage, gateway: Gateway, number: number, idempotencyKey: string): void {
    const undurable = page.deliveries.find(
      ([, delivered, , , position]) => delivered < number && position > gateway.durablePosition,
    )
    if (undurable) {
      throw new Error(
        `The effect ${idempotencyKey} happened when the reply at position ${undurable[4]} was not durable, only ${gateway.durablePosition} was.`,
      )
    }
  }

  /** X1: the placement is over; since when? */
  #checkStale(run: SavedRun | undefined, fence: number, idempotencyKey: string): void {
    if (run?.fence === undefined || run.fence === 0) return
    const lateMs = this.#sinceMs(run.fence)
    if (lateMs <= SUSPICION_MS / 2) return
    throw new Error(
      `The effect ${idempotencyKey} was executed under the fence ${fence}, ${Math.round(lateMs)} ms after the run was placed anew under ${run.fence}.`,
    )
  }

  /** Of one of several copies: the epoch in which the step was given to it takes the place of the placement. */
  #checkClaim(run: SavedRun, number: number, fence: number, idempotencyKey: string): void {
    const { epoch = 0, claims } = run.replication ?? {}
    const gateway = this.#setting.site.owner?.gateway
    const page = gateway?.replica.query('process', 'journal', [run.id, run.fence, 0, 0]) as JournalPage | null | undefined
    const claim = claims?.get(number)
    // What came later is nothing that the step was begun upon, however late it is executed.
    const before = page?.deliveries.filter(([, , , , position]) => claim !== undefined && position < claim.position) ?? []
    if (gateway && page) this.#checkDurable({ ...page, deliveries: before }, gateway, number, idempotencyKey)
    if (fence === epoch && run.node !== undefined && claim === undefined) {
      throw new Error(`The effect ${idempotencyKey} was executed although the result of its step is recorded.`)
    }
    const lateMs = fence === epoch ? 0 : this.#sinceMs(epoch)
    if (lateMs <= SUSPICION_MS / 2) return
    throw new Error(
      `The effect ${idempotencyKey} was executed in the epoch ${fence}, ${Math.round(lateMs)} ms after the epoch ${epoch} had begun.`,
    )
  }

  /** Virtual time since this position was appended. */
  #sinceMs(position: number): number {
    const { schedule, ledger } = this.#setting
    return schedule.nowMs - (ledger.appendedMs(position) ?? schedule.nowMs)
  }
}
