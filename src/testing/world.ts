/**
 * What a scenario holds in its hand: a simulated site, seen from outside of all its processes.
 *
 * Boundary: the public calls of the library over simulated processes. A scenario is outside of time: it does nothing between
 * events but what they set off.
 */
import { PerdureError } from '../errors.ts'
import type { Ears } from '../log/connection.ts'
import { attachedSite, type Site } from '../log/site.ts'
import { decodeFrameFromSite, type Pipe } from '../log/wire/frames.ts'
import { greet } from '../log/wire/hello.ts'
import { connectLasting, connectRemote, type RemoteConnection } from '../log/wire/remote.ts'
import type { VariantClass } from '../mechanisms/group/strategy.ts'
import type { HostedDefinition } from '../mechanisms/process/host/host.ts'
import type { StepInfo } from '../mechanisms/process/host/steps.ts'
import { type Definition, type RunContext, run, start } from '../mechanisms/process/process.ts'
import type { Effect, Effects } from './effects.ts'
import type { Fault, StrikeKind } from './faults.ts'
import type { Injector } from './injector.ts'
import type { Ledger, LoggedChange } from './ledger.ts'
import { OsProcess, type Schedule } from './schedule.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Owner } from './simulated-crew.ts'
import type { SimulatedFolders } from './simulated-folders.ts'
import type { SimulatedSite } from './simulated-site.ts'
import type { Sometimes } from './sometimes.ts'

/** A definition of any input. */
export type AnyDefinition = Definition<RunContext, never, unknown>

export interface World {
  readonly seed: number
  /** For the scenario's own choices. */
  readonly random: SeededRandom
  /** Starts the site; all its workers execute these, and host members of groups of these classes. To be called once, first. */
  host(definitions: readonly AnyDefinition[], classes?: readonly VariantClass[]): void
  /**
   * A plain client: a process of its own that talks to the owner. Waits until there is one. A `lasting` one goes on with the next
   * owner, as programs that attach do; one whose session is `bound` to its connection ends with it. Default: lasting.
   */
  attach(session?: 'bound' | 'lasting'): Promise<Site>
  /** Does something as a client, and again as a new one whenever the session is lost. For what may be done twice. */
  insist<R>(act: (site: Site) => Promise<R>): Promise<R>
  /** Starts a run; the same definition and key is the same run, so this insists. */
  start<I extends readonly unknown[], R>(definition: Definition<RunContext, I, R>, key: string, input: I): Promise<void>
  /** The result of a run, however often the client has to look again. */
  result<I extends readonly unknown[], R>(definition: Definition<RunContext, I, R>, key: string): Promise<R>
  /** Somebody who does not know its secret asks to go on with a session: whether he is let in, which he must not be. */
  intrude(session: number): Promise<boolean>
  /** Kills a plain client: what it had under way has an unknown outcome, and nobody is told. */
  kill(client: Site): void
  /** Virtual time, outside of all processes. */
  sleep(ms: number): Promise<void>
  /** For the function of a step: time of the process that executes it; it does not end if the process does. */
  pause(ms: number): Promise<void>
  /** For the function of a step: its process is stopped for so long, and then goes on as if nothing had happened. */
  hold(ms: number): void
  /** For the function of a step, first thing in it: something happens outside. */
  effect(info: Pick<StepInfo, 'idempotencyKey' | 'fence'>, content: unknown): void
  /** For the function of a step: the disk on which its p.workDir lies. */
  readonly folders: SimulatedFolders
  /** Everything that has happened outside, also what a later crash would like to undo. */
  readonly effects: readonly Effect[]
  /** Virtual time since the beginning. */
  readonly nowMs: number
  /** The faults so far. */
  readonly faults: readonly Fault[]
  /** What has happened to the tuples of a space: as the log has it from its beginning, also what was trimmed. */
  changes(space: string): readonly LoggedChange[]
  /** A fault before the next event, whatever else the seed has. A worker crash meets the process that asks for it. */
  strike(kind: StrikeKind): void
  /** No further faults from here on, but those asked for. */
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
  readonly injector: Injector
  readonly ledger: Ledger
  readonly sometimes: Sometimes
  readonly effects: Effects
  readonly folders: SimulatedFolders
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

  get folders(): SimulatedFolders {
    return this.#setting.folders
  }

  get nowMs(): number {
    return this.#setting.schedule.nowMs
  }

  get faults(): readonly Fault[] {
    return this.#setting.injector.injected
  }

  changes(space: string): readonly LoggedChange[] {
    return this.#setting.ledger.changes(space)
  }

  host(definitions: readonly AnyDefinition[], classes?: readonly VariantClass[]): void {
    this.#setting.site.start(definitions as unknown as readonly HostedDefinition[], classes)
  }

  async attach(session: 'bound' | 'lasting' = 'lasting'): Promise<Site> {
    const { schedule } = this.#setting
    this.#clients += 1
    const process = new OsProcess(schedule, `client-${this.#clients}`)
    for (;;) {
      const main = await (session === 'bound' ? this.#connect(process) : this.#connectLasting(process))
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

  intrude(session: number): Promise<boolean> {
    const process = new OsProcess(this.#setting.schedule, 'intruder')
    const pipe = this.#setting.site.connect(process)
    if (pipe === undefined) return Promise.resolve(false)
    const as = [session, process.clock.randomId()] as const
    return new Promise((resolve) => {
      greet(
        pipe,
        process.clock,
        { label: process.name, logId: null, as },
        {
          welcomed: () => resolve(true),
          failed: () => resolve(false),
        },
      )
    })
  }

  #siteOver(main: RemoteConnection, process: OsProcess): Site {
    const absent = () => Promise.reject(new PerdureError('PERDURE_E_SESSION_LOST', 'No process owns the log.'))
    return attachedSite('simulated:', process.clock, main.logId, main, {
      connect: async (_label, ears) => (await this.#connect(process, ears)) ?? absent(),
      socket: () => Promise.reject(new PerdureError('PERDURE_E_USAGE', 'A simulated site has no socket.')),
      hear: () => undefined,
      pid: this.#clients,
    })
  }

  /** Undefined when nobody is there to talk to. */
  async #connect(process: OsProcess, ears: Ears = {}): Promise<RemoteConnection | undefined> {
    const [pipe, heard] = this.#pipe(process)
    return pipe && (await begun(heard, connectRemote(pipe, process.clock, process.name, ears)))
  }

  async #connectLasting(process: OsProcess): Promise<RemoteConnection | undefined> {
    const heard: Heard = { connection: undefined }
    const way = async () => {
      const [pipe] = this.#pipe(process, heard)
      if (pipe === undefined) throw new PerdureError('PERDURE_E_SESSION_LOST', 'No process owns the log.')
      return pipe
    }
    return await begun(heard, connectLasting(way, process.clock, process.name))
  }

  #pipe(process: OsProcess, heard: Heard = { connection: undefined }): readonly [Pipe | undefined, Heard] {
    const { site, ledger, sometimes } = this.#setting
    const { owner } = site
    const pipe = site.connect(process, {
      message: (message) => {
        const isWelcome = decodeFrameFromSite(message)[0] === 'welcome'
        if (heard.connection !== undefined) {
          if (isWelcome) sometimes.saw(heard.owner === owner ? 'session reattached' : 'session reattached to a new owner')
          ledger.received(heard.connection.session, message)
        }
        if (isWelcome) heard.owner = owner
      },
      closed: () => {
        const { connection } = heard
        if (connection && !connection.lasting) sometimes.saw('session lost', Math.min(1, connection.client.open))
      },
    })
    return [pipe, heard]
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

  hold(ms: number): void {
    const { schedule, site } = this.#setting
    if (schedule.current) site.hold(schedule.current, ms)
  }

  effect(info: Pick<StepInfo, 'idempotencyKey' | 'fence'>, content: unknown): void {
    try {
      this.#setting.effects.happen(info, content)
    } catch (error) {
      this.#setting.fail(error)
    }
  }

  strike(kind: StrikeKind): void {
    this.#setting.site.strikeNext(kind)
  }

  calm(): void {
    this.#setting.site.calm()
  }

  check(holds: boolean, what: string): void {
    if (!holds) throw new Error(what)
  }
}

/** Whose messages are heard, once it is known. */
interface Heard {
  connection: RemoteConnection | undefined
  /** Who welcomed it last. */
  owner?: Owner | undefined
}

async function begun(heard: Heard, beginning: Promise<RemoteConnection>): Promise<RemoteConnection | undefined> {
  try {
    heard.connection = await beginning
    return heard.connection
  } catch (error) {
    if (isLost(error) || PerdureError.is(error, 'PERDURE_E_TIMEOUT')) return undefined
    throw error
  }
}
