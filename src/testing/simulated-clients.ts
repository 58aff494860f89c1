/**
 * Processes of a simulation that attach to the site from outside: plain clients, which end once, and programs, which are started again.
 *
 * Boundary: processes and their connections; what they do with a site is the scenario's business.
 */
import { PerdureError } from '../errors.ts'
import type { Ears } from '../log/connection.ts'
import { attachedSite, type Site } from '../log/site.ts'
import { decodeFrameFromSite, type Pipe } from '../log/wire/frames.ts'
import { greet } from '../log/wire/hello.ts'
import { connectLasting, connectRemote, type RemoteConnection } from '../log/wire/remote.ts'
import type { Ledger } from './ledger.ts'
import { OsProcess, type Schedule } from './schedule.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Owner } from './simulated-crew.ts'
import type { SimulatedSite } from './simulated-site.ts'
import type { Sometimes } from './sometimes.ts'

/** How long a client waits before it looks for an owner again. */
const LOOK_AGAIN_MS = 100

/** Somebody starts a program again some time after its end. */
const PROGRAM_AWAY_MS = 1_000

/** What a client meets when the owner dies under it. */
const LOST: ReadonlySet<string> = new Set(['PERDURE_E_SESSION_LOST', 'PERDURE_E_LOG_FAILED', 'PERDURE_E_CLOSED'])

/** Whether an error means that the outcome is unknown, and another session may know more. */
export function isLost(error: unknown): boolean {
  return error instanceof PerdureError && LOST.has(error.code)
}

export type SessionKind = 'bound' | 'lasting'

interface ClientsSetting {
  readonly schedule: Schedule
  readonly random: SeededRandom
  readonly site: SimulatedSite
  readonly ledger: Ledger
  readonly sometimes: Sometimes
  fail(error: unknown): void
}

export class SimulatedClients {
  readonly #setting: ClientsSetting
  readonly #processes = new WeakMap<Site, OsProcess>()
  /** For the moments at which programs are started again. */
  readonly #random: SeededRandom
  #count = 0

  constructor(setting: ClientsSetting) {
    this.#setting = setting
    this.#random = setting.random
  }

  attach(session: SessionKind): Promise<Site> {
    this.#count += 1
    const { schedule } = this.#setting
    return this.#attach(new OsProcess(schedule, `client-${this.#count}`), session, undefined)
  }

  lives(client: Site): boolean {
    return this.#processes.get(client)?.alive === true
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

  /** Starts a program, and again whenever its process has ended; crashes of workers and power losses meet it as they meet those. */
  program(name: string, main: (site: Site) => Promise<void>, starts = 1): void {
    const { schedule, site, fail } = this.#setting
    const process = new OsProcess(schedule, `${name}-${starts}`)
    site.enter(process)
    process.atEnd(() => {
      schedule.at(undefined, this.#random.next() * PROGRAM_AWAY_MS, () => this.program(name, main, starts + 1))
    })
    schedule.at(process, 0, () => {
      this.#attach(process, 'lasting', process)
        .then(main)
        .then(
          () => undefined,
          (error: unknown) => {
            // Whatever a process meets after its end is of no interest; one that has lost its site is started again.
            if (process.alive && !isLost(error)) fail(error)
            process.end()
          },
        )
    })
  }

  /** Looks for an owner in time of this process. */
  async #attach(process: OsProcess, session: SessionKind, waiting: OsProcess | undefined): Promise<Site> {
    for (;;) {
      const main = await (session === 'bound' ? this.#connect(process) : this.#connectLasting(process))
      if (main !== undefined) {
        const client = this.#siteOver(main, process)
        this.#processes.set(client, process)
        return client
      }
      await new Promise<void>((resolve) => void this.#setting.schedule.at(waiting, LOOK_AGAIN_MS, resolve))
    }
  }

  #siteOver(main: RemoteConnection, process: OsProcess): Site {
    const absent = () => Promise.reject(new PerdureError('PERDURE_E_SESSION_LOST', 'No process owns the log.'))
    return attachedSite('simulated:', process.clock, main.logId, main, {
      connect: async (_label, ears) => (await this.#connect(process, ears)) ?? absent(),
      socket: () => Promise.reject(new PerdureError('PERDURE_E_USAGE', 'A simulated site has no socket.')),
      hear: () => undefined,
      pid: process.number,
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
