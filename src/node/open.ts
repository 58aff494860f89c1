/**
 * Opens a site: finds the engine for its URL, replays the log, and hands out what a program holds.
 *
 * The process that opens a folder owns it until it closes the site or dies; meanwhile others attach to it.
 *
 * Boundary: part of the shell; what it composes is pure.
 */
import { systemClock } from '../clock.ts'
import { PerdureError } from '../errors.ts'
import { REATTACH_MS } from '../log/attachments.ts'
import type { DiskLog } from '../log/engines/disk.ts'
import { openFolder } from '../log/engines/folder.ts'
import type { Door } from '../log/engines/generations.ts'
import { findOwner, thisMachine } from '../log/engines/lock.ts'
import { memoryLog } from '../log/engines/memory.ts'
import type { Gateway } from '../log/gateway.ts'
import { attachedSite, type HostEvent, type OwnedSite, ownedSite, type Site } from '../log/site.ts'
import { Keeper } from '../log/snapshots/keeper.ts'
import { connectLasting, connectRemote } from '../log/wire/remote.ts'
import { backup } from './backup.ts'
import { openGateway } from './compose.ts'
import { connectSocket, pipeTo } from './connect.ts'
import { watchBodies } from './determinism.ts'
import { doorOf } from './door.ts'
import { startHeartbeat } from './heartbeat.ts'
import { shadowOf } from './shadow.ts'
import { DEFAULT_URL, parseSiteUrl } from './url.ts'
import { workFolders } from './work-folders.ts'
import { refuseInWorkerImport } from './worker-import.ts'
import { processWorkers } from './workers.ts'

export interface OpenOptions {
  /** Talk to the process that owns the folder, instead of owning it. Default: false. */
  readonly attach?: boolean
  /**
   * Of an attached program: how long it looks for the owner of the folder, or for another one, when it has lost it. Meanwhile what
   * waits goes on waiting, and then goes on as if nothing had happened; after it everything rejects with `PERDURE_E_SESSION_LOST`.
   * The site waits for 30 s, so more is of no use. 0: never look. Default: 30 s.
   */
  readonly reattachMs?: number
  /** Hears of positions while the log is replayed. */
  readonly progress?: (position: number) => void
  /** For tests and measurements: when a segment is full and when a snapshot is due, each 64 MB by default. */
  readonly sizes?: { readonly segmentBytes?: number; readonly grownBytes?: number }
  /** Hears of worker processes that start and end, and lines of `p.log`. Default: lines of `p.log` go to standard error. */
  readonly hear?: (event: HostEvent) => void
}

/**
 * `url` defaults to the environment variable PERDURE_URL, then to `./perdure-data`.
 * Errors: `PERDURE_E_LOCKED`, `_FOLDER`, `_CORRUPT`, `_FORMAT`, `_URL`, `_NOT_YET`.
 */
export async function open(url: string = process.env.PERDURE_URL ?? DEFAULT_URL, options: OpenOptions = {}): Promise<Site> {
  refuseInWorkerImport('open')
  const parsed = parseSiteUrl(url)
  if (parsed.engine === 'memory') {
    if (options.attach)
      throw new PerdureError('PERDURE_E_URL', 'A site in memory lives in its process; nobody can attach to it. Use a folder.')
    return owned(url, await openGateway(memoryLog(systemClock), systemClock), undefined, options)
  }
  if (options.attach) return attach(url, parsed.folder, options)
  const log = await openFolder(parsed.folder, systemClock, options.sizes)
  try {
    const warn = warner(options)
    const gateway = await openGateway(log, systemClock, { progress: options.progress, warn })
    return owned(url, gateway, log.door, options, storageOf(parsed.folder, log, gateway, warn, options))
  } catch (error) {
    await log.close().catch(() => undefined)
    throw error
  }
}

/** What is only there where there is a folder. */
type Storage = Pick<OwnedSite, 'backup' | 'closing'>

function storageOf(
  folder: string,
  log: DiskLog,
  gateway: Gateway,
  warn: (text: string) => void,
  { sizes = {} }: OpenOptions,
): Storage {
  const takeShadow = shadowOf(folder, log, systemClock)
  const keeper = new Keeper(gateway, log.snapshots, { takeShadow, warn, blobs: log.shelf, grownBytes: sizes.grownBytes })
  return {
    backup: (to, options) => backup({ folder, gateway, keeper }, to, options),
    closing: () => keeper.close(),
  }
}

function owned(url: string, gateway: Gateway, ready: Door | undefined, options: OpenOptions, storage: Storage = {}): Site {
  const door = doorOf(gateway, ready, async () => (await thisMachine()).listen(gateway.clock.randomId()))
  return ownedSite({
    url,
    gateway,
    pid: process.pid,
    hear: options.hear ?? printLogs,
    workers: processWorkers(),
    workFolders: workFolders(gateway.clock.randomId()),
    watchBodies,
    socket: () => door.socket(),
    closed: () => door.close(),
    ...storage,
  })
}

/** A program that owns nothing: whatever it knows of the site, it knows from the owner of the folder. */
async function attach(url: string, folder: string, options: OpenOptions): Promise<Site> {
  const { reattachMs = REATTACH_MS, hear = printLogs } = options
  if (!(reattachMs >= 0))
    throw new PerdureError('PERDURE_E_USAGE', `reattachMs is ${reattachMs}: expected 0 or more milliseconds.`)
  let socket = ''
  const find = async () => {
    socket = await ownerSocket(folder)
    return socket
  }
  const way = async () => pipeTo(await find())
  const label = 'attached program'
  const main = await (reattachMs === 0
    ? connectRemote(await way(), systemClock, label)
    : connectLasting(way, systemClock, label, {}, reattachMs))
  const { logId } = main
  return attachedSite(url, systemClock, logId, main, {
    pid: process.pid,
    connect: async (name, ears) => connectSocket(await find(), systemClock, name, ears, logId),
    socket: find,
    beat: (session) => startHeartbeat(socket, session).stop,
    hear,
    workers: processWorkers(),
    workFolders: workFolders(systemClock.randomId()),
    watchBodies,
  })
}

/** Of the process that owns the folder now. */
async function ownerSocket(folder: string): Promise<string> {
  const owner = await findOwner(folder)
  if (owner !== undefined) return owner.socket
  throw new PerdureError(
    'PERDURE_E_FOLDER',
    `No living process owns ${folder}, so there is nobody to attach to. Open it without { attach: true }.`,
    { data: { folder } },
  )
}

/** Damage that was passed over, and what could not be done: for people. */
function warner({ hear = printLogs }: OpenOptions): (text: string) => void {
  return (text) => hear({ event: 'warning', name: 'site', text })
}

function printLogs(event: HostEvent): void {
  if (event.event === 'log') process.stderr.write(`${event.name} ${event.definition}/${event.key}: ${event.text}\n`)
  if (event.event === 'warning') process.stderr.write(`perdure: warning: ${event.text}\n`)
}
