/**
 * What a scenario holds in its hand: a simulated site, seen from outside of all its processes.
 *
 * Boundary: the public calls of the library over simulated processes. A scenario is outside of time: it does nothing between
 * events but what they set off.
 */
import { PerdureError } from '../errors.ts'
import { attachedSite, type Site } from '../log/site.ts'
import { connectRemote, type RemoteConnection } from '../log/wire/remote.ts'
import type { HostedDefinition } from '../mechanisms/process/host.ts'
import { type Definition, type RunContext, run, start } from '../mechanisms/process/process.ts'
import type { StepInfo } from '../mechanisms/process/steps.ts'
import type { Effect, Effects } from './effects.ts'
import type { Ledger } from './ledger.ts'
import { OsProcess, type Schedule } from './schedule.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SimulatedSite } from './simulated-site.ts'
import type { Sometimes } from './sometimes.ts'

/** A definition of any input. */
export type AnyDefinition = Definition<RunContext, never, unknown>

export interface World {
  readonly seed: number
  /** For the scenario's own choices. */
  readonly random: SeededRandom
  /** Starts the site; all its workers execute these. To be called once, first. */
  host(definitions: readonly AnyDefinition[]): void
  /** A plain client: a process of its own that talks to the owner. Waits until there is one. */
  attach(): Promise<Site>
  /** Does something as a client, and again as a new one whenever the session is lost. For what may be done twice. */
  insist<R>(act: (site: Site) => Promise<R>): Promise<R>
  /** Starts a run; the same definition and key is the same run, so this insists. */
  start<I extends readonly unknown[], R>(definition: Definition<RunContext, I, R>, key: string, input: I): Promise<void>
  /** The result of a run, however often the client has to look again. */
  result<I extends readonly unknown[], R>(definition: Definition<RunContext, I, R>, key: string): Promise<R>
  /** Kills a plain client: what it had under way has an unknown outcome, and nobody is told. */
  kill(client: Site): void
  /** Virtual time, outside of all processes. */
  sleep(ms: number): Promise<void>
  /** For the function of a step: time of the process that executes it; it does not end if the process does. */
  pause(ms: number): Promise<void>
  /** For the function of a step, first thing in it: something happens outside. */
  effect(info: Pick<StepInfo, 'idempotencyKey' | 'fence'>, content: unknown): void
  /** Everything that has happened outside, also what a later crash would like to undo. */
  readonly effects: readonly Effect[]
  /** No further faults from here on. */
  calm(): void
  /** Fails the seed unless this holds. */
  check(holds: boolean, what: string): void
}

/** How long a client waits before it looks for an owner again. */
const LOOK_AGAIN_MS = 100

/** What a client meets when the owner dies under it. */
const LOST: ReadonlySet<string> = new Set(['PERDURE_E_SESSION_LOST', 'PERDURE_E_LOG_FAILED', 'PERDURE_E_CLOSED'])

/** Whether an error means that the outcome is unknown, and another session may know more. */
export function isLost(error: unknown): boolean {
  return error instanceof PerdureError && LOST.has(error.code)
}

export interface WorldSetting {
  readonly seed: number
  readonly schedule: Schedule
  readonly random: SeededRandom
  readonly site: SimulatedSite
  readonly ledger: Ledger
  readonly sometimes: Sometimes
  readonly effects: Effects
  fail(error: unknown): void
}

export class SimulatedWorld implements World {
  readonly seed: number
  readonly random: SeededRandom
  readonly #setting: WorldSetting
  readonly #processes = new WeakMap<Site, OsProcess>()
  #clients = 0
  #shared: Promise<Site> | undefined

  constructor(setting: WorldSetting) {
    this.#setting = setting
    this.seed = setting.seed
    this.random = setting.random.fork()
  }

  get effects(): readonly Effect[] {
    return this.#setting.effects.list
  }

  host(definitions: readonly AnyDefinition[]): void {
    this.#setting.site.start(definitions as unknown as readonly HostedDefinition[])
  }

  async attach(): Promise<Site> {
    const { schedule } = this.#setting
    this.#clients += 1
    const process = new OsProcess(schedule, `client-${this.#clients}`)
    for (;;) {
      const main = await this.#connect(process)
      if (main === undefined) {
        await this.sleep(LOOK_AGAIN_MS)
        continue
      }
      const client = this.#siteOver(main, process)
      this.#processes.set(client, process)
      return client
    }
  }

  kill(client: Site): void {
    this.#processes.get(client)?.end()
  }

  #siteOver(main: RemoteConnection, process: OsProcess): Site {
    const absent = () => Promise.reject(new PerdureError('PERDURE_E_SESSION_LOST', 'No process owns the log.'))
    return attachedSite('simulated:', process.clock, main.logId, main, {
      connect: async () => (await this.#connect(process)) ?? absent(),
      socket: () => Promise.reject(new PerdureError('PERDURE_E_USAGE', 'A simulated site has no socket.')),
      hear: () => undefined,
      pid: this.#clients,
    })
  }

  /** Undefined when nobody is there to talk to. */
  async #connect(process: OsProcess): Promise<RemoteConnection | undefined> {
    const { site, ledger, sometimes } = this.#setting
    let connection: RemoteConnection | undefined
    const pipe = site.connect(process, {
      message: (message) => connection && ledger.received(connection.session, message),
      closed: () => connection && sometimes.saw('session lost', Math.min(1, connection.client.open)),
    })
    if (pipe === undefined) return undefined
    try {
      connection = await connectRemote(pipe, process.clock, process.name)
      return connection
    } catch (error) {
      if (isLost(error) || PerdureError.is(error, 'PERDURE_E_TIMEOUT')) return undefined
      throw error
    }
  }

  async insist<R>(act: (site: Site) => Promise<R>): Promise<R> {
    for (;;) {
      this.#shared ??= this.attach()
      const shared = this.#shared
      try {
        return await act(await shared)
      } catch (error) {
        if (!isLost(error)) throw error
        if (this.#shared === shared) this.#shared = undefined
      }
    }
  }

  async start<I extends readonly unknown[], R>(definition: Definition<RunContext, I, R>, key: string, input: I): Promise<void> {
    await this.insist((site) => start(site, definition, key, input))
  }

  result<I extends readonly unknown[], R>(definition: Definition<RunContext, I, R>, key: string): Promise<R> {
    return this.insist((site) => run(site, definition, key).result())
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#setting.schedule.at(undefined, ms, resolve))
  }

  pause(ms: number): Promise<void> {
    const { schedule, site } = this.#setting
    const process = schedule.current
    if (process) site.reached(process)
    return new Promise((resolve) => void process?.clock.after(ms, resolve))
  }

  effect(info: Pick<StepInfo, 'idempotencyKey' | 'fence'>, content: unknown): void {
    try {
      this.#setting.effects.happen(info, content)
    } catch (error) {
      this.#setting.fail(error)
    }
  }

  calm(): void {
    this.#setting.site.calm()
  }

  check(holds: boolean, what: string): void {
    if (!holds) throw new Error(what)
  }
}
