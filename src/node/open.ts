/**
 * Opens a site: finds the engine for its URL, replays the log, and hands out what a program holds.
 *
 * The process that opens a folder owns it until it closes the site or dies; meanwhile others attach to it.
 *
 * Boundary: part of the shell; what it composes is pure.
 */
import { type Clock, systemClock } from '../clock.ts'
import { PerdureError } from '../errors.ts'
import type { Ears } from '../log/connection.ts'
import { openFolder } from '../log/engines/folder.ts'
import type { Door } from '../log/engines/generations.ts'
import { findOwner, thisMachine } from '../log/engines/lock.ts'
import { memoryLog } from '../log/engines/memory.ts'
import type { Gateway } from '../log/gateway.ts'
import { attachedSite, type HostEvent, ownedSite, type Site } from '../log/site.ts'
import { openGateway } from './compose.ts'
import { connectSocket } from './connect.ts'
import { doorOf } from './door.ts'
import { startHeartbeat } from './heartbeat.ts'
import { DEFAULT_URL, parseSiteUrl } from './url.ts'
import { refuseInWorkerImport } from './worker-import.ts'
import { processWorkers } from './workers.ts'

export interface OpenOptions {
  /** Talk to the process that owns the folder, instead of owning it. Default: false. */
  readonly attach?: boolean
  /** Hears of positions while the log is replayed. */
  readonly progress?: (position: number) => void
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
  const log = await openFolder(parsed.folder, systemClock)
  try {
    return owned(url, await openGateway(log, systemClock, options.progress), log.door, options)
  } catch (error) {
    await log.close().catch(() => undefined)
    throw error
  }
}

function owned(url: string, gateway: Gateway, ready: Door | undefined, options: OpenOptions): Site {
  const door = doorOf(gateway, ready, async () => (await thisMachine()).listen(gateway.clock.randomId()))
  return ownedSite({
    url,
    gateway,
    pid: process.pid,
    hear: options.hear ?? printLogs,
    workers: processWorkers(),
    socket: () => door.socket(),
    closed: () => door.close(),
  })
}

async function attach(url: string, folder: string, options: OpenOptions): Promise<Site> {
  const owner = await findOwner(folder)
  if (owner === undefined) {
    throw new PerdureError(
      'PERDURE_E_FOLDER',
      `No living process owns ${folder}, so there is nobody to attach to. Open it without { attach: true }.`,
      { data: { folder } },
    )
  }
  return attachTo(url, owner.socket, systemClock, 'attached program', options)
}

/** A site over the socket of its owner. */
export async function attachTo(
  url: string,
  socket: string,
  clock: Clock,
  label: string,
  options: OpenOptions = {},
): Promise<Site> {
  const main = await connectSocket(socket, clock, label)
  const { logId } = main
  return attachedSite(url, clock, logId, main, {
    pid: process.pid,
    connect: (name: string, ears: Ears) => connectSocket(socket, clock, name, ears, logId),
    socket: async () => socket,
    beat: (session) => startHeartbeat(socket, session, null).stop,
    hear: options.hear ?? printLogs,
    workers: processWorkers(),
  })
}

function printLogs(event: HostEvent): void {
  if (event.event === 'log') process.stderr.write(`${event.name} ${event.definition}/${event.key}: ${event.text}\n`)
}
