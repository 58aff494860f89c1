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
 */
import { equal } from '../log/codec/codec.ts'
import { SUSPICION_MS } from '../mechanisms/process/fencing.ts'
import type { JournalPage } from '../mechanisms/process/journal.ts'
import { savedRuns } from '../mechanisms/process/snapshot.ts'
import type { StepInfo } from '../mechanisms/process/steps.ts'
import type { Ledger } from './ledger.ts'
import type { Schedule } from './schedule.ts'
import type { SimulatedSite } from './simulated-site.ts'
import type { Sometimes } from './sometimes.ts'

export interface Effect {
  readonly idempotencyKey: string
  readonly fence: number
  readonly content: unknown
  /** Name of the process that executed it. */
  readonly process: string
  /** Virtual time. */
  readonly atMs: number
}

interface EffectsSetting {
  readonly schedule: Schedule
  readonly site: SimulatedSite
  readonly ledger: Ledger
  readonly sometimes: Sometimes
}

export class Effects {
  readonly list: Effect[] = []
  readonly #setting: EffectsSetting
  readonly #contents = new Map<string, unknown>()

  constructor(setting: EffectsSetting) {
    this.#setting = setting
  }

  /** Something happens outside. A process that has ended does nothing any more, though its promises may still run on. */
  happen({ idempotencyKey, fence }: Pick<StepInfo, 'idempotencyKey' | 'fence'>, content: unknown): void {
    const { schedule, site, sometimes } = this.#setting
    const process = schedule.current
    if (process?.alive !== true) return
    const owner = site.ownerOf(process)
    if (owner === site.owner && owner !== undefined) this.#checkPlacement(idempotencyKey, fence)
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
    this.list.push({ idempotencyKey, fence, content, process: process.name, atMs: schedule.nowMs })
  }

  #checkPlacement(idempotencyKey: string, fence: number): void {
    const gateway = this.#setting.site.owner?.gateway
    if (gateway === undefined) return
    const [, run, , number] = idempotencyKey.split(':').map(Number) as [number, number, number, number]
    const page = gateway.replica.query('process', 'journal', [run, fence, 0, 0]) as JournalPage | null
    if (page === null) return this.#checkStale(run, fence, idempotencyKey)
    if (page.entries.some(([recorded]) => recorded === number)) {
      throw new Error(`The effect ${idempotencyKey} was executed although the result of its step is recorded.`)
    }
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
  #checkStale(id: number, fence: number, idempotencyKey: string): void {
    const { schedule, site, ledger } = this.#setting
    const run = savedRuns(site.owner?.gateway.replica.snapshot() ?? []).find((each) => each.id === id)
    if (run?.fence === undefined || run.fence === 0) return
    const sinceMs = ledger.appendedMs(run.fence)
    if (sinceMs === undefined || schedule.nowMs - sinceMs <= SUSPICION_MS / 2) return
    throw new Error(
      `The effect ${idempotencyKey} was executed under the fence ${fence}, ${Math.round(schedule.nowMs - sinceMs)} ms after the run was placed anew under ${run.fence}.`,
    )
  }
}
