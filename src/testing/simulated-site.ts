/**
 * A whole site in one thread: the process that owns the log, worker processes that execute runs, and clients.
 *
 * Everything that decides anything is the real code: the disk engine over a faulty disk, the gateway with all machines, the
 * server and the client of connections, the hosts of runs, the detector. Simulated are the operating system (processes, pipes,
 * the disk, time) and the parent that starts workers again, as `node/workers.ts` does with real ones.
 *
 * Boundary: carries out what a fault plan says. What must hold afterwards is checked in `ledger.ts` and `effects.ts`.
 */
import { PerdureError } from '../errors.ts'
import { type Ears, LocalConnection } from '../log/connection.ts'
import { type DiskLog, openDisk } from '../log/engines/disk.ts'
import type { Committer } from '../log/engines/storage.ts'
import { Gateway } from '../log/gateway.ts'
import { MAX_RECORD } from '../log/log.ts'
import { attachedSite, ownedSite } from '../log/site.ts'
import { decodeFrameToSite, encodeFrame, type Pipe, type PipeReceiver } from '../log/wire/frames.ts'
import { connectRemote, type RemoteConnection } from '../log/wire/remote.ts'
import { serve } from '../log/wire/server.ts'
import { SUSPICION_MS } from '../mechanisms/process/fencing.ts'
import { type HostedDefinition, NO_METER, RunHost } from '../mechanisms/process/host.ts'
import type { AttemptSpec } from '../mechanisms/process/placement.ts'
import { host } from '../mechanisms/process/process.ts'
import { savedRuns } from '../mechanisms/process/snapshot.ts'
import { composeReplica } from '../node/compose.ts'
import { BEAT_MS, type Detector, detect } from '../node/detector.ts'
import { type FaultPlan, MOST_DISK_ERRORS, type Strike } from './faults.ts'
import { FaultyDisk } from './faulty-disk.ts'
import type { Ledger } from './ledger.ts'
import { OsProcess, type Schedule } from './schedule.ts'
import type { SeededRandom } from './seeded-random.ts'
import { overheard, type SimulatedPipe, simulatedPipe } from './simulated-pipe.ts'
import type { Sometimes } from './sometimes.ts'

/** Small, so that a few hundred operations make several segments. */
const SEGMENT_BYTES = 8 * 1024

/** The smallest that holds any record, with its frame: every owner that is started has this much. */
const COMMIT_BYTES = MAX_RECORD + 1024

/** Runs at a time of one worker: few, so that runs wait for a place now and then. */
const CAPACITY = 8

/** The wall clock of an owner may be this much off. */
const CLOCK_JUMP_MS = 3_600_000

/** A signal may take this long to be sent. */
const MOST_KILL_MS = 2_000

/** Nobody kills a guest that was fenced: only so zombies live long. */
const GUEST_SEEDS = 0.4
const GUEST = 'guest'

const HOSTING_OWNER_SEEDS = 0.25

/** Somebody starts the guest again some time after its end. */
const GUEST_AWAY_MS = 2_000

export interface SiteSetting {
  readonly schedule: Schedule
  readonly random: SeededRandom
  readonly plan: FaultPlan
  readonly ledger: Ledger
  readonly sometimes: Sometimes
  readonly nodes: number
  /** Something is wrong with the product. */
  fail(error: unknown): void
}

interface Owner {
  readonly process: OsProcess
  readonly gateway: Gateway
  readonly detector: Detector
  readonly logId: string
  readonly parent: LocalConnection
  readonly workers: Worker[]
}

interface Worker {
  readonly name: string
  readonly boot: string
  readonly process: OsProcess
}

export class SimulatedSite {
  readonly #setting: SiteSetting
  readonly #disk: FaultyDisk
  readonly #definitions: HostedDefinition[] = []
  readonly #pipes = new Map<SimulatedPipe, readonly OsProcess[]>()
  readonly #workerOwners = new Map<OsProcess, Owner>()
  #owner: Owner | undefined
  #ownerProcess: OsProcess | undefined
  #opens = 0
  #boots = 0
  #strikes: Strike[]
  #diskErrors = 0
  /** Pauses that wait for a process at a place where they matter. */
  #ambushes = 0
  /** Whether a program that nobody watches over hosts runs too. */
  readonly #hasGuest: boolean
  /** Whether the owner executes runs too, sharing memory with the machine. */
  readonly #hostsItself: boolean
  #calm = false
  #stopped = false

  constructor(setting: SiteSetting) {
    const { schedule, random, plan } = setting
    this.#setting = setting
    this.#strikes = [...plan.strikes]
    this.#hasGuest = random.chance(GUEST_SEEDS)
    this.#hostsItself = random.chance(HOSTING_OWNER_SEEDS)
    const system = new OsProcess(schedule, 'system')
    const diskRandom = random.fork()
    this.#disk = new FaultyDisk({
      clock: system.clock,
      random: () => diskRandom.next(),
      fault: () => this.#diskFault(),
      commitMs: () => diskRandom.next() * 3,
      commitBytes: COMMIT_BYTES,
    })
    schedule.beforeEvent = () => this.#strike()
  }

  /** The owner as long as it lives and has opened its log. */
  get owner(): Owner | undefined {
    return this.#owner
  }

  /** The owner that started this worker, or is this process; undefined for others. */
  ownerOf(process: OsProcess): Owner | undefined {
    return process === this.#owner?.process ? this.#owner : this.#workerOwners.get(process)
  }

  get #random(): SeededRandom {
    return this.#setting.random
  }

  /** Workers host these from their next start on; the first start follows. */
  start(definitions: readonly HostedDefinition[]): void {
    this.#definitions.push(...definitions)
    this.#startOwner()
  }

  /** No further faults. What has been set off takes its course. */
  calm(): void {
    this.#calm = true
    this.#strikes = []
  }

  /** The power goes, and everything starts again: at the end of a seed, to see what is left. */
  losePower(): void {
    this.#ownerProcess?.end()
    for (const worker of [...this.#workerOwners.keys()]) worker.end()
    this.#disk.crash()
  }

  stop(): void {
    this.#stopped = true
  }

  /** One line for people who look at a simulation that does not end. */
  describe(): string {
    const gateway = this.#owner?.gateway
    if (gateway === undefined) return 'No process owns the log.'
    const shown = savedRuns(gateway.replica.snapshot()).flatMap(({ definition, key, node, live, wedged, open, ended }) => {
      const waits = [...open.values()].map(({ kind, preview }) => `${kind} ${preview}`).join(' and ')
      const state =
        wedged ??
        (node === undefined ? 'waits for a place' : `${live ? 'live' : 'recovering'} on ${node}, in ${waits || 'no operation'}`)
      return ended ? [] : [`${definition}/${key} (${state})`]
    })
    return `Position ${gateway.replica.position}, durable ${gateway.durablePosition}. Runs that have not ended: ${shown.join(', ') || 'none'}.`
  }

  /** A connection of a process to the present owner; undefined when there is none. `heard` sees what arrives first. */
  connect(process: OsProcess, heard?: PipeReceiver): Pipe | undefined {
    const owner = this.#owner
    if (owner === undefined) return undefined
    const { schedule, plan } = this.#setting
    const random = this.#random.fork()
    const delayMs = () => (plan.on.has('delay') && !this.#calm && random.chance(0.03) ? random.next() * 1_500 : random.next())
    const copies = (message: Uint8Array) => {
      if (this.#ambushes > 0 && decodeFrameToSite(message)[0] === 'ping') this.reached(process)
      return plan.on.has('repeat') && !this.#calm && random.chance(0.1) && decodeFrameToSite(message)[0] === 'ops' ? 2 : 1
    }
    const pipe = simulatedPipe(schedule, [process, owner.process], { delayMs, random, copies })
    this.#pipes.set(pipe, [process, owner.process])
    serve(owner.gateway, pipe.ends[1], { beat: (session) => owner.detector.beat(session) })
    return heard ? overheard(pipe.ends[0], heard) : pipe.ends[0]
  }

  // The owner

  #startOwner(): void {
    const { schedule, plan } = this.#setting
    const skewMs = plan.on.has('clock jump') ? (this.#random.next() - 0.5) * 2 * CLOCK_JUMP_MS : 0
    this.#opens += 1
    const process = new OsProcess(schedule, `owner-${this.#opens}`, skewMs)
    this.#ownerProcess = process
    process.atEnd(() => {
      this.#owner = undefined
      if (!this.#stopped) schedule.at(undefined, this.#random.between(5, 2_000), () => this.#startOwner())
    })
    schedule.at(process, 0, () => {
      this.#open(process).catch((error: unknown) => this.#openingFailed(process, error))
    })
  }

  #openingFailed(process: OsProcess, error: unknown): void {
    if (!process.alive) return
    if (!isDiskFault(error) || this.#diskErrors === 0) return this.#setting.fail(error)
    this.#setting.sometimes.saw('opening failed')
    process.end()
  }

  async #open(process: OsProcess): Promise<void> {
    const { ledger, sometimes } = this.#setting
    const life = this.#disk.start(SEGMENT_BYTES)
    process.atEnd(() => life.kill())
    const torn = ledger.isTorn(segmentsOf(this.#disk))
    const startCommitter = async () => committerOf(process, await life.startCommitter())
    const log = await openDisk({ ...life, startCommitter, clock: process.clock })
    await ledger.reopened(log)
    if (torn) sometimes.saw('torn tail cut')
    const gateway = await this.#openGateway(log, process)
    if (!process.alive) return
    if (this.#opens > 1) sometimes.saw('owner reopened')
    const parent: LocalConnection = new LocalConnection(gateway, 'parent', {
      note: (body) => {
        if (body[0] === 'fenced') this.#killSometime(body[2])
      },
      closed: (error) => this.#siteFailed(process, error),
    })
    const owner: Owner = { process, gateway, parent, detector: detect(gateway), logId: log.id, workers: [] }
    this.#owner = owner
    for (let n = 1; n <= this.#setting.nodes; n++) this.#startWorker(owner, `node/${n}`)
    if (this.#hasGuest) this.#startGuest(owner)
    if (this.#hostsItself) await this.#hostHere(owner)
  }

  async #openGateway(log: DiskLog, process: OsProcess): Promise<Gateway> {
    const { ledger, sometimes } = this.#setting
    const replica = composeReplica()
    let gateway: Gateway | undefined
    const opening = Gateway.open(
      ledger.watching(log, () => replica.position),
      replica,
      process.clock,
    )
    process.atEnd(() => {
      if (gateway) this.#checked(() => ledger.ownerEnded(gateway as Gateway))
    })
    gateway = await opening
    if (replica.wallMs > process.clock.wallMs() + 1) sometimes.saw('reopened with a clock behind')
    return gateway
  }

  /** The gateway has ended: a write failed, or the product has a bug. Nothing of the process is of use any more. */
  #siteFailed(process: OsProcess, error: PerdureError): void {
    if (!PerdureError.is(error, 'PERDURE_E_LOG_FAILED') || this.#diskErrors === 0) return this.#setting.fail(error)
    this.#setting.sometimes.saw('disk failed')
    process.end()
  }

  #checked(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.#setting.fail(error)
    }
  }

  // Workers and the parent that starts them

  #startWorker(owner: Owner, name: string): void {
    const { schedule } = this.#setting
    this.#boots += 1
    const process = new OsProcess(schedule, `${name} (boot ${this.#boots})`)
    const worker: Worker = { name, boot: schedule.random.hex(32), process }
    owner.workers.push(worker)
    this.#workerOwners.set(process, owner)
    process.atEnd(() => {
      this.#workerOwners.delete(process)
      // The parent sees the exit some time later, if it still lives.
      schedule.at(owner.process, this.#random.next() * 20, () => this.#exited(owner, worker))
    })
    schedule.at(process, this.#random.next() * 50, () => {
      this.#work(owner, worker).catch(() => process.end())
    })
  }

  /** A parent may be slow to kill what was fenced. */
  #killSometime(boot: unknown): void {
    const owner = this.#owner
    const worker = owner?.workers.find((each) => each.boot === boot)
    const delayMs = this.#random.chance(0.5) ? 0 : this.#random.next() * MOST_KILL_MS
    if (owner && worker) this.#setting.schedule.at(owner.process, delayMs, () => worker.process.end())
  }

  #exited(owner: Owner, worker: Worker): void {
    owner.workers.splice(owner.workers.indexOf(worker), 1)
    owner.parent.client.issue('process.exited', [worker.name, worker.boot]).catch(() => undefined)
    this.#startWorker(owner, worker.name)
  }

  /** What `node/worker.ts` does. */
  async #work(owner: Owner, { name, boot, process }: Worker): Promise<void> {
    const { clock } = process
    let host: RunHost | undefined
    const dismiss = () => process.end()
    const connection = await this.#connectWorker(process, {
      note: (body, position) => {
        if (body[0] === 'fenced') return dismiss()
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
      definitions: this.#definitions,
      capacity: CAPACITY,
      logId: owner.logId,
      shared: false,
      meter: NO_METER,
      log: () => undefined,
    })
    await host.register()
  }

  #connectWorker(process: OsProcess, ears: Parameters<typeof connectRemote>[3]): Promise<RemoteConnection> {
    const pipe = this.connect(process)
    if (pipe === undefined) throw new PerdureError('PERDURE_E_SESSION_LOST', 'No process owns the log.')
    return connectRemote(pipe, process.clock, process.name, ears, this.#owner?.logId)
  }

  /** Beats go over a connection of their own and prove the process, not its event loop. */
  #startBeats(process: OsProcess, session: number): void {
    const pipe = this.connect(process)
    const beat = () => {
      pipe?.send(encodeFrame(['beat', session]))
      process.clock.after(BEAT_MS, beat)
    }
    beat()
  }

  async #hostHere({ gateway }: Owner): Promise<void> {
    const site = ownedSite({ url: 'simulated:', gateway, pid: 0, socket: noSocket, hear: () => undefined })
    await host(site, 'owner', this.#definitions, { capacity: CAPACITY })
  }

  /** A program attaches and hosts, as any may; when it ends it comes back some time later. */
  #startGuest(owner: Owner): void {
    const { schedule } = this.#setting
    const process = new OsProcess(schedule, GUEST)
    this.#workerOwners.set(process, owner)
    process.atEnd(() => {
      this.#workerOwners.delete(process)
      schedule.at(owner.process, this.#random.next() * GUEST_AWAY_MS, () => this.#startGuest(owner))
    })
    schedule.at(process, this.#random.next() * 50, () => {
      this.#visit(process).catch(() => process.end())
    })
  }

  async #visit(process: OsProcess): Promise<void> {
    const { clock } = process
    const connect = (_label: string, ears: Ears) => this.#connectWorker(process, { ...ears, closed: () => process.end() })
    const main = await connect('', {})
    const site = attachedSite('simulated:', clock, main.logId, main, {
      connect,
      socket: noSocket,
      hear: () => undefined,
      pid: 1,
      beat: (session) => {
        this.#startBeats(process, session)
        return () => undefined
      },
    })
    await host(site, GUEST, this.#definitions, { capacity: CAPACITY })
  }

  // Faults

  #diskFault(): string | undefined {
    if (this.#calm || !this.#setting.plan.on.has('disk error') || this.#diskErrors >= MOST_DISK_ERRORS) return undefined
    if (!this.#random.chance(1 / 100)) return undefined
    this.#diskErrors += 1
    return this.#random.pick(['EIO', 'ENOSPC'])
  }

  #strike(): void {
    for (let strike = this.#strikes[0]; strike && strike.event <= this.#setting.schedule.events; strike = this.#strikes[0]) {
      this.#strikes.shift()
      this.#carryOut(strike.kind)
    }
  }

  #pause(workers: readonly OsProcess[]): void {
    const random = this.#random
    const owner = this.#ownerProcess
    if (random.chance(0.5)) this.#ambushes += 1
    else if (owner?.alive && random.chance(0.1)) owner.hold(pauseMs(random))
    else workers[random.below(workers.length)]?.hold(pauseMs(random))
  }

  /** A process is at a place where a pause matters most: in a step, or between a question and its answer. */
  reached(process: OsProcess): void {
    if (this.#ambushes === 0 || this.#calm || !this.#random.chance(0.5)) return
    this.#ambushes -= 1
    process.hold(pauseMs(this.#random))
  }

  #carryOut(kind: Strike['kind']): void {
    const random = this.#random
    const workers = [...this.#workerOwners.keys()]
    switch (kind) {
      case 'worker crash':
        if (workers.length > 0) random.pick(workers).end()
        return
      case 'owner crash':
        this.#ownerProcess?.end()
        return
      case 'power loss':
        return this.losePower()
      case 'pause':
        return this.#pause(workers)
      case 'cut': {
        for (const [pipe, ends] of this.#pipes) if (!ends.every(({ alive }) => alive)) this.#pipes.delete(pipe)
        const pipes = [...this.#pipes.keys()]
        if (pipes.length > 0) random.pick(pipes).cut()
      }
    }
  }
}

/** How long a process does not run: often longer than it takes to be fenced. */
function pauseMs(random: SeededRandom): number {
  return random.chance(0.5) ? 100 * 50 ** random.next() : random.between(SUSPICION_MS, 2 * SUSPICION_MS)
}

/** What an operating system may answer that has a bad disk; anything else is a bug. */
function isDiskFault(error: unknown): boolean {
  return PerdureError.is(error, 'PERDURE_E_LOG_FAILED') || PerdureError.is(error, 'PERDURE_E_FOLDER')
}

function noSocket(): Promise<never> {
  return Promise.reject(new PerdureError('PERDURE_E_USAGE', 'A simulated site has no socket.'))
}

/** The committer is a thread of the owner: what it is done with, the owner hears in a turn of its own. */
function committerOf(process: OsProcess, committer: Committer): Committer {
  return {
    buffer: committer.buffer,
    commit: (commit, done) => committer.commit(commit, (failure) => process.clock.hop(() => done(failure))),
    close: () => committer.close(),
  }
}

function segmentsOf(disk: FaultyDisk): Uint8Array {
  return Buffer.concat(disk.names.filter((name) => name.endsWith('.seg')).map((name) => disk.contentOf(name)))
}
