/**
 * Those who execute runs in a simulated site: worker processes, the parent that starts them again, and a guest.
 *
 * Worker and host are the real code; simulated is what `node/workers.ts` and `node/worker.ts` do with the operating system. The guest
 * is a program that attaches and hosts, as any may: nobody kills it when it was fenced, so it is the zombie that lives long.
 *
 * Boundary: starts processes and lets them be chosen for a fault; the owner they belong to is `simulated-site.ts`.
 */
import { PerdureError } from '../errors.ts'
import type { Ears, LocalConnection } from '../log/connection.ts'
import type { Gateway } from '../log/gateway.ts'
import { attachedSite, ownedSite } from '../log/site.ts'
import { encodeFrame, type Pipe } from '../log/wire/frames.ts'
import { connectRemote, type RemoteConnection } from '../log/wire/remote.ts'
import type { WorkFolders } from '../log/work-folders.ts'
import { MemberHost } from '../mechanisms/group/site/hosting.ts'
import type { VariantClass } from '../mechanisms/group/strategy.ts'
import { type HostedDefinition, NO_METER, RunHost } from '../mechanisms/process/host/host.ts'
import type { AttemptSpec } from '../mechanisms/process/machine/placement.ts'
import { host } from '../mechanisms/process/process.ts'
import { BEAT_MS, type Detector } from '../node/detector.ts'
import type { History } from './history.ts'
import { roleOf } from './injector.ts'
import { OsProcess, type Schedule } from './schedule.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Sometimes } from './sometimes.ts'

/** Runs at a time of one worker: few, so that runs wait for a place now and then. */
const CAPACITY = 8

/** A signal may take this long to be sent. */
const MOST_KILL_MS = 2_000

const GUEST = 'guest'

/** Somebody starts the guest again some time after its end. */
const GUEST_AWAY_MS = 2_000

/** The process that owns the log, open. */
export interface Owner {
  readonly process: OsProcess
  readonly gateway: Gateway
  readonly detector: Detector
  readonly logId: string
  readonly parent: LocalConnection
}

interface Worker {
  readonly name: string
  readonly boot: string
  readonly process: OsProcess
  readonly owner: Owner
}

export interface CrewSetting {
  readonly schedule: Schedule
  readonly random: SeededRandom
  readonly sometimes: Sometimes
  readonly definitions: readonly HostedDefinition[]
  /** Of members of groups, which live in workers. */
  readonly classes: readonly VariantClass[]
  readonly history: History | undefined
  readonly workFolders?: WorkFolders | undefined
  /** To the present owner; undefined when there is none. */
  connect(process: OsProcess): Pipe | undefined
}

export class SimulatedCrew {
  readonly #setting: CrewSetting
  /** Everybody alive whom a crash of a worker may meet; programs that attach belong to no owner. */
  readonly #alive = new Map<OsProcess, { readonly owner?: Owner; readonly worker?: Worker }>()
  #boots = 0

  constructor(setting: CrewSetting) {
    this.#setting = setting
  }

  /** The owner that this process belongs to. */
  ownerOf(process: OsProcess): Owner | undefined {
    return this.#alive.get(process)?.owner
  }

  /** Of the node of a worker. */
  bootOf(process: OsProcess): string | undefined {
    return this.#alive.get(process)?.worker?.boot
  }

  /** Whom a fault meets: who is named, or comes after one who was; else `next` if it is one of them; else any. */
  choose(random: SeededRandom, who: string | undefined, next: OsProcess | undefined): OsProcess | undefined {
    const processes = [...this.#alive.keys()]
    if (who !== undefined) {
      const named = processes.find(({ name }) => name === who)
      return named ?? processes.findLast(({ name }) => roleOf(name) === roleOf(who))
    }
    if (next !== undefined && this.#alive.has(next)) return next
    return processes.length > 0 ? random.pick(processes) : undefined
  }

  endAll(): void {
    for (const process of [...this.#alive.keys()]) process.end()
  }

  /** A program that attaches meets what workers meet. */
  enter(process: OsProcess): void {
    this.#begin(process, {})
  }

  startWorker(owner: Owner, name: string): void {
    const { schedule, random } = this.#setting
    this.#boots += 1
    const process = new OsProcess(schedule, `${name} (boot ${this.#boots})`)
    const worker: Worker = { name, boot: schedule.random.hex(32), process, owner }
    this.#begin(process, { owner, worker })
    process.atEnd(() => {
      // The parent sees the exit some time later, if it still lives.
      schedule.at(owner.process, random.next() * 20, () => this.#exited(worker))
    })
    schedule.at(process, random.next() * 50, () => {
      this.#work(worker).catch(() => process.end())
    })
  }

  /** A parent may be slow to kill what was fenced. */
  killSometime(owner: Owner | undefined, boot: unknown): void {
    const { schedule, random } = this.#setting
    const fenced = [...this.#alive.values()].find(({ worker }) => worker?.owner === owner && worker?.boot === boot)
    const delayMs = random.chance(0.5) ? 0 : random.next() * MOST_KILL_MS
    if (owner && fenced?.worker) schedule.at(owner.process, delayMs, () => fenced.worker?.process.end())
  }

  /** When the guest ends it comes back some time later. */
  startGuest(owner: Owner): void {
    const { schedule, random } = this.#setting
    const process = new OsProcess(schedule, GUEST)
    this.#begin(process, { owner })
    process.atEnd(() => {
      schedule.at(owner.process, random.next() * GUEST_AWAY_MS, () => this.startGuest(owner))
    })
    schedule.at(process, random.next() * 50, () => {
      this.#visit(process).catch(() => process.end())
    })
  }

  /** The owner executes runs too, sharing memory with the machine. */
  async hostAtOwner({ gateway }: Owner): Promise<void> {
    const { workFolders } = this.#setting
    const site = ownedSite({ url: 'simulated:', gateway, pid: 0, socket: noSocket, hear: () => undefined, workFolders })
    await host(site, 'owner', this.#setting.definitions, { capacity: CAPACITY })
  }

  #begin(process: OsProcess, place: { readonly owner?: Owner; readonly worker?: Worker }): void {
    const { history } = this.#setting
    this.#alive.set(process, place)
    history?.note(process.name, 'starts')
    process.atEnd(() => {
      this.#alive.delete(process)
      history?.note(process.name, 'ends')
    })
  }

  #exited({ owner, name, boot }: Worker): void {
    owner.parent.client.issue('process.exited', [name, boot]).catch(() => undefined)
    this.startWorker(owner, name)
  }

  /** What `node/worker.ts` does. */
  async #work({ owner, name, boot, process }: Worker): Promise<void> {
    const { clock } = process
    let host: RunHost | undefined
    const dismiss = () => process.end()
    const connection = await this.#connect(process, {
      note: (body, position) => {
        // One that is to retire is sent away by its parent, which starts it again as it does any other.
        if (body[0] === 'fenced' || body[0] === 'retire') return dismiss()
        if (body[0] === 'attempt' && (body[3] as AttemptSpec).base.state !== null)
          this.#setting.sometimes.saw('restored from checkpoint')
        host?.note(body, position)
      },
      durable: (position) => host?.durableTo(position),
      closed: dismiss,
    })
    this.#startBeats(process, connection.session)
    host = new RunHost(connection, clock, {
      name,
      parent: 'node',
      parentSession: owner.parent.session,
      boot,
      pid: this.#boots,
      definitions: this.#setting.definitions,
      capacity: CAPACITY,
      logId: owner.logId,
      shared: false,
      workFolders: this.#setting.workFolders,
      meter: NO_METER,
      log: () => undefined,
    })
    await host.register()
    if (this.#setting.classes.length > 0) await this.#hostMembers(process)
  }

  /** Over a connection of their own, as in production; what has ended with one comes back with another worker. */
  async #hostMembers(process: OsProcess): Promise<void> {
    const { schedule, classes } = this.#setting
    let host: MemberHost | undefined
    const early: (readonly unknown[])[] = []
    const connection = await this.#connect(process, {
      note: (body) => (host === undefined ? void early.push(body) : host.note(body)),
      closed: () => process.end(),
    })
    const name = process.name.replaceAll(/[^\w]+/g, '-').replace(/-$/, '')
    host = new MemberHost(connection, process.clock, name, new Map(classes.map((each) => [each.name, each])))
    for (const body of early) host.note(body)
    await host.enlist(schedule.random.hex(32))
  }

  async #visit(process: OsProcess): Promise<void> {
    const { clock } = process
    const connect = (_label: string, ears: Ears) => this.#connect(process, { ...ears, closed: () => process.end() })
    const main = await connect('', {})
    const site = attachedSite('simulated:', clock, main.logId, main, {
      connect,
      socket: noSocket,
      hear: () => undefined,
      pid: 1,
      workFolders: this.#setting.workFolders,
      beat: (session) => {
        this.#startBeats(process, session)
        return () => undefined
      },
    })
    await host(site, GUEST, this.#setting.definitions, { capacity: CAPACITY })
  }

  #connect(process: OsProcess, ears: Ears): Promise<RemoteConnection> {
    const pipe = this.#setting.connect(process)
    if (pipe === undefined) throw new PerdureError('PERDURE_E_SESSION_LOST', 'No process owns the log.')
    return connectRemote(pipe, process.clock, process.name, ears, this.ownerOf(process)?.logId)
  }

  /** Beats go over a connection of their own and prove the process, not its event loop. */
  #startBeats(process: OsProcess, session: number): void {
    const pipe = this.#setting.connect(process)
    const beat = () => {
      pipe?.send(encodeFrame(['beat', session]))
      process.clock.after(BEAT_MS, beat)
    }
    beat()
  }
}

function noSocket(): Promise<never> {
  return Promise.reject(new PerdureError('PERDURE_E_USAGE', 'A simulated site has no socket.'))
}
