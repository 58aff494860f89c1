/**
 * A whole site in one thread: the process that owns the log, worker processes that execute runs, and clients.
 *
 * Everything that decides anything is the real code: the disk engine over a faulty disk, the gateway with all machines, the
 * server and the client of connections, the hosts of runs, the detector. Simulated are the operating system (processes, pipes,
 * the disk, time) and the parent that starts workers again (`simulated-crew.ts`).
 *
 * Boundary: carries out the faults that `injector.ts` decides on. What must hold afterwards is checked in `ledger.ts` and
 * `effects.ts`.
 */
import { PerdureError } from '../errors.ts'
import { LocalConnection } from '../log/connection.ts'
import { type DiskLog, openDisk } from '../log/engines/disk.ts'
import { parseSnapshotName } from '../log/engines/snapshot-folder.ts'
import type { Committer } from '../log/engines/storage.ts'
import { Gateway } from '../log/gateway.ts'
import { MAX_RECORD } from '../log/log.ts'
import { Keeper } from '../log/snapshots/keeper.ts'
import { decodeFrameToSite, type Pipe, type PipeReceiver } from '../log/wire/frames.ts'
import { serve } from '../log/wire/server.ts'
import type { WorkFolders } from '../log/work-folders.ts'
import type { VariantClass } from '../mechanisms/group/strategy.ts'
import type { HostedDefinition } from '../mechanisms/process/host/host.ts'
import { SUSPICION_MS } from '../mechanisms/process/machine/fencing.ts'
import { savedRuns } from '../mechanisms/process/machine/snapshot.ts'
import { composeReplica } from '../node/compose.ts'
import { detect } from '../node/detector.ts'
import { inSlices } from '../node/shadow.ts'
import type { Strike, StrikeKind } from './faults.ts'
import { FaultyDisk } from './faulty-disk.ts'
import type { History } from './history.ts'
import { type Injector, pauseMs, roleOf } from './injector.ts'
import type { Ledger } from './ledger.ts'
import { OsProcess, type Schedule } from './schedule.ts'
import type { SeededRandom } from './seeded-random.ts'
import { type Owner, SimulatedCrew } from './simulated-crew.ts'
import { overheard, type SimulatedPipe, simulatedPipe } from './simulated-pipe.ts'
import type { Sometimes } from './sometimes.ts'

/** Small, so that a few hundred operations make several segments. */
const SEGMENT_BYTES = 8 * 1024

/** The smallest that holds any record, with its frame: every owner that is started has this much. */
const COMMIT_BYTES = MAX_RECORD + 1024

/** Nobody kills a guest that was fenced: only so zombies live long. */
const GUEST_SEEDS = 0.4

const HOSTING_OWNER_SEEDS = 0.25

/** In the others there are no snapshots: both ways of opening are to be met. */
const SNAPSHOT_SEEDS = 0.5

/** One is due with every new segment, so at every reopening; histories are short. */
const GROWN_BYTES = 1

/** A node that has not run for so long is fenced: a slow beat may still come, and silence is looked for now and then. */
const FENCED_AFTER_MS: number = SUSPICION_MS + 2_500

/** A drawn pause is mostly one of a worker. */
const OWNER_PAUSES = 0.1

/** Its multiples are spread evenly. */
const GOLDEN = 0.618034

export interface SiteSetting {
  readonly schedule: Schedule
  readonly random: SeededRandom
  readonly injector: Injector
  readonly ledger: Ledger
  readonly sometimes: Sometimes
  readonly nodes: number
  /** Whether anybody hosts besides the workers: a guest, or the owner itself. */
  readonly company: 'drawn' | 'none'
  readonly history: History | undefined
  readonly workFolders: WorkFolders
  /** Called when the owner has applied an operation, in the same event. */
  readonly applied: ((gateway: Gateway, operation: Uint8Array) => void) | undefined
  /** Something is wrong with the product. */
  fail(error: unknown): void
}

interface Connected {
  readonly name: string
  readonly ends: readonly OsProcess[]
}

export class SimulatedSite {
  readonly #setting: SiteSetting
  readonly #disk: FaultyDisk
  readonly #crew: SimulatedCrew
  readonly #definitions: HostedDefinition[] = []
  readonly #classes: VariantClass[] = []
  readonly #pipes = new Map<SimulatedPipe, Connected>()
  #owner: Owner | undefined
  #ownerProcess: OsProcess | undefined
  #opens = 0
  #connects = 0
  #messages = 0
  readonly #hasGuest: boolean
  readonly #hostsItself: boolean
  readonly #takesSnapshots: boolean
  #stopped = false
  /** Names of snapshots that are damaged. */
  readonly #rotten = new Set<string>()

  constructor(setting: SiteSetting) {
    const { schedule, random, injector, sometimes, history, company } = setting
    this.#setting = setting
    this.#hasGuest = random.chance(GUEST_SEEDS) && company === 'drawn'
    this.#hostsItself = random.chance(HOSTING_OWNER_SEEDS) && company === 'drawn'
    const system = new OsProcess(schedule, 'system')
    const diskRandom = random.fork()
    this.#takesSnapshots = diskRandom.chance(SNAPSHOT_SEEDS) && company === 'drawn'
    this.#disk = new FaultyDisk({
      clock: system.clock,
      random: () => diskRandom.next(),
      fault: ({ number }) => injector.diskError(number),
      commitMs: () => diskRandom.next() * 3,
      commitBytes: COMMIT_BYTES,
    })
    const connect = (process: OsProcess) => this.connect(process)
    const { workFolders } = setting
    this.#crew = new SimulatedCrew({
      schedule,
      random,
      sometimes,
      history,
      workFolders,
      definitions: this.#definitions,
      classes: this.#classes,
      connect,
    })
    schedule.beforeEvent = (next) => this.#strike(next)
  }

  /** The owner as long as it lives and has opened its log. */
  get owner(): Owner | undefined {
    return this.#owner
  }

  /** The owner that started this worker, or is this process; undefined for others. */
  ownerOf(process: OsProcess): Owner | undefined {
    return process === this.#owner?.process ? this.#owner : this.#crew.ownerOf(process)
  }

  get #random(): SeededRandom {
    return this.#setting.random
  }

  /** Workers host these from their next start on; the first start follows. */
  start(definitions: readonly HostedDefinition[], classes: readonly VariantClass[] = []): void {
    this.#definitions.push(...definitions)
    this.#classes.push(...classes)
    this.#startOwner()
  }

  /** No further faults. What has been set off takes its course. */
  calm(): void {
    this.#setting.injector.calm()
  }

  /** The power goes, and everything starts again: at the end of a seed, to see what is left. */
  losePower(): void {
    this.#ownerProcess?.end()
    this.#crew.endAll()
    this.#disk.crash()
  }

  /** A fault strikes before the next event: one that the program itself asks for. */
  strikeNext(kind: StrikeKind): void {
    const { schedule, injector } = this.#setting
    const next = schedule.current
    schedule.beforeEvent = () => {
      schedule.beforeEvent = (later) => this.#strike(later)
      injector.unwritten(() => this.#carryOut({ kind, at: schedule.events }, next))
    }
  }

  /** A program that attaches begins, and may be struck. */
  enter(process: OsProcess): void {
    this.#crew.enter(process)
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
    const { schedule, injector } = this.#setting
    const random = this.#random.fork()
    const delayMs = () => {
      const usualMs = random.next()
      this.#messages += 1
      return injector.delayMs(this.#messages) ?? usualMs
    }
    const copies = (message: Uint8Array) => {
      const [kind] = decodeFrameToSite(message)
      if (kind === 'ping' && injector.waits) this.reached(process)
      return kind === 'ops' && injector.repeats(this.#messages + 1) ? 2 : 1
    }
    const pipe = simulatedPipe(schedule, [process, owner.process], { delayMs, random, copies })
    this.#connects += 1
    this.#pipes.set(pipe, { name: `connection ${this.#connects} of ${process.name}`, ends: [process, owner.process] })
    serve(owner.gateway, pipe.ends[1], {
      opened: ({ session }) => owner.detector.expect(session),
      closed: ({ session }) => owner.detector.dismiss(session),
      beat: (session) => owner.detector.beat(session),
    })
    return heard ? overheard(pipe.ends[0], heard) : pipe.ends[0]
  }

  // The owner

  #startOwner(): void {
    const { schedule, injector, history } = this.#setting
    this.#opens += 1
    const skewMs = injector.skewMs(this.#opens)
    const process = new OsProcess(schedule, `owner-${this.#opens}`, skewMs)
    this.#ownerProcess = process
    history?.note(process.name, 'opens the log')
    process.atEnd(() => {
      history?.note(process.name, 'ends')
      this.#owner = undefined
      if (!this.#stopped) schedule.at(undefined, this.#random.between(5, 2_000), () => this.#startOwner())
    })
    schedule.at(process, 0, () => {
      this.#open(process).catch((error: unknown) => this.#openingFailed(process, error))
    })
  }

  #openingFailed(process: OsProcess, error: unknown): void {
    if (!process.alive) return
    if (!isDiskFault(error) || !this.#setting.injector.diskErred) return this.#setting.fail(error)
    this.#setting.sometimes.saw('opening failed')
    process.end()
  }

  async #open(process: OsProcess): Promise<void> {
    const { ledger, sometimes } = this.#setting
    this.#rot()
    const life = this.#disk.start(SEGMENT_BYTES)
    process.atEnd(() => life.kill())
    const torn = ledger.isTorn(segmentsOf(this.#disk))
    const startCommitter = async () => committerOf(process, await life.startCommitter())
    const log = await openDisk({ ...life, startCommitter, clock: process.clock })
    await ledger.reopened(log)
    if (torn) sometimes.saw('torn tail cut')
    if (log.snapshots.kept.length > 0) sometimes.saw('opened from a snapshot')
    if (log.firstIndex > 1) sometimes.saw('reopened a trimmed log')
    const gateway = await this.#openGateway(log, process)
    if (!process.alive) return
    if (this.#opens > 1) sometimes.saw('owner reopened')
    const parent: LocalConnection = new LocalConnection(gateway, 'parent', {
      note: (body) => {
        if (body[0] === 'fenced') this.#crew.killSometime(this.#owner, body[2])
      },
      closed: (error) => this.#siteFailed(process, error),
    })
    const owner: Owner = { process, gateway, parent, detector: detect(gateway), logId: log.id }
    this.#owner = owner
    for (let n = 1; n <= this.#setting.nodes; n++) this.#crew.startWorker(owner, `node/${n}`)
    if (this.#hasGuest) this.#crew.startGuest(owner)
    if (this.#hostsItself) await this.#crew.hostAtOwner(owner)
  }

  /** Two are kept, so that one may rot; a second one while the first is there would be one too many. */
  #rot(): void {
    const { injector } = this.#setting
    const names = this.#disk.names.filter((name) => parseSnapshotName(name) !== undefined)
    const newest = names.sort((a, b) => indexOf(b) - indexOf(a))[0]
    if (newest === undefined || names.length < 2 || names.some((name) => this.#rotten.has(name))) return
    if (!injector.rots(this.#opens)) return
    this.#rotten.add(newest)
    // Which bit it is follows from the opening, so that the fault repeats.
    const share = (this.#opens * GOLDEN) % 1
    this.#disk.flip(newest, Math.floor(share * this.#disk.contentOf(newest).length), this.#opens % 8)
  }

  async #openGateway(log: DiskLog, process: OsProcess): Promise<Gateway> {
    const { ledger, sometimes } = this.#setting
    const replica = composeReplica()
    let gateway: Gateway | undefined
    const opening = Gateway.open(
      ledger.watching(log, () => replica.position),
      replica,
      process.clock,
      { warn: (text) => (this.#rotten.size > 0 ? sometimes.saw('older snapshot used') : this.#setting.fail(new Error(text))) },
    )
    process.atEnd(() => {
      if (gateway) this.#checked(() => ledger.ownerEnded(gateway as Gateway))
    })
    gateway = await opening
    this.#watch(gateway)
    if (this.#takesSnapshots) this.#keep(gateway, log)
    if (replica.wallMs > process.clock.wallMs() + 1) sometimes.saw('reopened with a clock behind')
    return gateway
  }

  /** What production does on a thread happens in slices here, so that a crash may come between any two. */
  #keep(gateway: Gateway, log: DiskLog): void {
    const warn = (text: string) => {
      if (!this.#setting.injector.diskErred && this.#rotten.size === 0) this.#setting.fail(new Error(text))
    }
    new Keeper(gateway, log.snapshots, {
      takeShadow: inSlices(log, gateway.clock),
      warn,
      blobs: log.shelf,
      grownBytes: GROWN_BYTES,
    })
  }

  #watch(gateway: Gateway): void {
    const { applied, history } = this.#setting
    if (applied === undefined && history === undefined) return
    const submit = gateway.submit.bind(gateway)
    gateway.submit = (operation) => {
      const position = submit(operation)
      history?.applied(gateway.replica, operation)
      applied?.(gateway, operation)
      return position
    }
  }

  /** The gateway has ended: a write failed, or the product has a bug. Nothing of the process is of use any more. */
  #siteFailed(process: OsProcess, error: PerdureError): void {
    // A blob may have been on its way when the process ended.
    if (!process.alive) return
    if (!PerdureError.is(error, 'PERDURE_E_LOG_FAILED') || !this.#setting.injector.diskErred) return this.#setting.fail(error)
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

  // Faults

  #strike(next: OsProcess | undefined): void {
    const { injector, schedule } = this.#setting
    for (let fault = injector.due(schedule.events); fault; fault = injector.due(schedule.events)) this.#carryOut(fault, next)
  }

  /** `next`: to whom the present event happens. */
  #carryOut(fault: Strike, next: OsProcess | undefined): void {
    const { injector } = this.#setting
    const owner = this.#ownerProcess
    switch (fault.kind) {
      case 'worker crash':
        return this.#crash(this.#crew.choose(injector.random, fault.who, next))
      case 'owner crash':
        return this.#crash(owner?.alive ? owner : undefined, 'owner crash')
      case 'power loss':
        this.#struck(fault.kind)
        return this.losePower()
      case 'pause':
        return this.#pause(fault, next)
      case 'cut':
        return this.#cut(fault.who)
    }
  }

  #struck(kind: StrikeKind, who?: string, ms?: number): void {
    const { injector, schedule } = this.#setting
    injector.note({ kind, at: schedule.events, ...(who !== undefined && { who }), ...(ms !== undefined && { ms }) })
  }

  #crash(victim: OsProcess | undefined, kind: StrikeKind = 'worker crash'): void {
    if (victim === undefined) return
    this.#struck(kind, victim.name)
    victim.end()
  }

  /** Drawn pauses mostly meet a worker, half of them where it matters most; now and then the owner. */
  #pause({ who, ms }: Strike, next: OsProcess | undefined): void {
    const { injector, schedule } = this.#setting
    const owner = this.#ownerProcess
    const isDrawn = who === undefined
    if (isDrawn && injector.random.chance(0.5)) return injector.waitForPlace(schedule.events)
    const meetsOwner = isDrawn ? injector.random.chance(OWNER_PAUSES) : owner !== undefined && roleOf(who) === roleOf(owner.name)
    const victim = meetsOwner && owner?.alive ? owner : this.#crew.choose(injector.random, who, isDrawn ? undefined : next)
    if (victim === undefined) return
    const lengthMs = ms ?? pauseMs(injector.random)
    this.#struck('pause', victim.name, lengthMs)
    this.hold(victim, lengthMs)
  }

  /** A process is at a place where a pause matters most: in a step, or between a question and its answer. */
  reached(process: OsProcess): void {
    const { injector, schedule } = this.#setting
    const ms = injector.placeReached(process.name, schedule.events)
    if (ms !== undefined) this.hold(process, ms)
  }

  /** The process does not run for so long. If that is long enough, and the owner runs meanwhile, its node must be fenced. */
  hold(process: OsProcess, ms: number): void {
    const { schedule } = this.#setting
    const owner = this.#owner
    const boot = this.#crew.bootOf(process)
    const sinceMs = schedule.nowMs
    process.hold(ms)
    if (owner === undefined || boot === undefined || ms < FENCED_AFTER_MS) return
    schedule.at(undefined, FENCED_AFTER_MS, () => {
      if (this.#owner !== owner || owner.process.heldUntilMs > sinceMs || !process.alive) return
      const nodes = owner.gateway.replica.query('process', 'nodes', []) as readonly { readonly boot: string }[]
      if (nodes.some((node) => node.boot === boot))
        this.#setting.fail(new Error(`The node ${process.name} has not run for ${FENCED_AFTER_MS} ms and is not fenced.`))
    })
  }

  #cut(who: string | undefined): void {
    for (const [pipe, { ends }] of this.#pipes) if (!ends.every(({ alive }) => alive)) this.#pipes.delete(pipe)
    const pipes = [...this.#pipes]
    if (pipes.length === 0) return
    const named = pipes.find(([, { name }]) => name === who) ?? (who === undefined ? undefined : pipes.at(-1))
    const [pipe, { name }] = named ?? this.#setting.injector.random.pick(pipes)
    this.#struck('cut', name)
    pipe.cut()
  }
}

/** What an operating system may answer that has a bad disk; anything else is a bug. */
function isDiskFault(error: unknown): boolean {
  return PerdureError.is(error, 'PERDURE_E_LOG_FAILED') || PerdureError.is(error, 'PERDURE_E_FOLDER')
}

/** The committer is a thread of the owner: what it is done with, the owner hears in a turn of its own. */
function committerOf(process: OsProcess, committer: Committer): Committer {
  return {
    buffer: committer.buffer,
    commit: (commit, done) => committer.commit(commit, (failure) => process.clock.hop(() => done(failure))),
    close: () => committer.close(),
  }
}

function indexOf(snapshot: string): number {
  return parseSnapshotName(snapshot)?.index ?? 0
}

function segmentsOf(disk: FaultyDisk): Uint8Array {
  return Buffer.concat(disk.names.filter((name) => name.endsWith('.seg')).map((name) => disk.contentOf(name)))
}
