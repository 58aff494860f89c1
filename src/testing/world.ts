/**
 * What a scenario holds in its hand: a simulated site, seen from outside of all its processes.
 *
 * Boundary: the public calls of the library over simulated processes. A scenario is outside of time: it does nothing between
 * events but what they set off.
 */
import type { Site } from '../log/site.ts'
import type { VariantClass } from '../mechanisms/group/strategy.ts'
import type { HostedDefinition } from '../mechanisms/process/host/host.ts'
import { type Definition, type RunContext, run, start } from '../mechanisms/process/process.ts'
import type { Effect, EffectInfo, Effects } from './effects.ts'
import type { Fault, StrikeKind } from './faults.ts'
import type { Injector } from './injector.ts'
import type { Ledger, LoggedChange } from './ledger.ts'
import type { Schedule } from './schedule.ts'
import type { SeededRandom } from './seeded-random.ts'
import { isLost, type SessionKind, SimulatedClients } from './simulated-clients.ts'
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
  attach(session?: SessionKind): Promise<Site>
  /**
   * A program that attaches with a lasting session, and is started again some time after its process has ended; what strikes workers
   * strikes it too. `main` may end or not: the process lives on until it is killed. What it throws fails the seed.
   */
  program(name: string, main: (site: Site) => Promise<void>): void
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
  /** Whether the process of a client, or of the start of a program that was given this site, has not ended. */
  lives(client: Site): boolean
  /** Virtual time, outside of all processes. */
  sleep(ms: number): Promise<void>
  /** For the function of a step: time of the process that executes it; it does not end if the process does. */
  pause(ms: number): Promise<void>
  /** For the function of a step: its process is stopped for so long, and then goes on as if nothing had happened. */
  hold(ms: number): void
  /** For the function of a step, or the `output` of a member, first thing in it: something happens outside. */
  effect(info: EffectInfo, content: unknown): void
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
  /** The arguments of all operations of this name, repetitions left out: as the log has them from its beginning. */
  operations(name: string): readonly (readonly unknown[])[]
  /** A fault before the next event, whatever else the seed has. A worker crash meets the process that asks for it. */
  strike(kind: StrikeKind): void
  /** No further faults from here on, but those asked for. */
  calm(): void
  /** Fails the seed unless this holds. */
  check(holds: boolean, what: string): void
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
  readonly #clients: SimulatedClients
  #shared: Promise<Site> | undefined

  constructor(setting: WorldSetting) {
    this.#setting = setting
    this.seed = setting.seed
    this.random = setting.random.fork()
    this.#clients = new SimulatedClients(setting)
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

  operations(name: string): readonly (readonly unknown[])[] {
    return this.#setting.ledger.operations(name)
  }

  host(definitions: readonly AnyDefinition[], classes?: readonly VariantClass[]): void {
    this.#setting.site.start(definitions as unknown as readonly HostedDefinition[], classes)
  }

  attach(session: SessionKind = 'lasting'): Promise<Site> {
    return this.#clients.attach(session)
  }

  program(name: string, main: (site: Site) => Promise<void>): void {
    this.#clients.program(name, main)
  }

  kill(client: Site): void {
    this.#clients.kill(client)
  }

  lives(client: Site): boolean {
    return this.#clients.lives(client)
  }

  intrude(session: number): Promise<boolean> {
    return this.#clients.intrude(session)
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

  effect(info: EffectInfo, content: unknown): void {
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
