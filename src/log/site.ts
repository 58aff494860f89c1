/**
 * A site: everything that shares one log, as a program holds it in its hand.
 *
 * The process that opens a folder owns it and has the gateway; others attach and have a connection to it. To the mechanisms both
 * are a `SiteLink`.
 *
 * Boundary: no I/O; `node/open.ts` finds the engine for a URL and composes the machines.
 */
import type { Clock } from '../clock.ts'
import { PerdureError } from '../errors.ts'
import type { Client } from './client.ts'
import { type Connection, type Ears, LocalConnection } from './connection.ts'
import type { Gateway } from './gateway.ts'
import type { WorkFolders } from './work-folders.ts'

export interface Site extends AsyncDisposable {
  /** What it was opened with. */
  readonly url: string
  /** Position up to which the log is known to be durable. */
  readonly position: number
  /** For `space(site, name)`: the way for operations. */
  readonly issuer: Client
  /** For the mechanisms of perdure; not for programs. */
  readonly link: SiteLink
  /** Resolves when everything this program has caused so far is durable. */
  durable(): Promise<void>
  /** Ends what this program has open here; waits for durability. Idempotent. */
  close(): Promise<void>
  /**
   * Copies everything that is durable at the call into a folder that is not there yet, or empty, and that can be opened like this
   * one. Errors: `PERDURE_E_FOLDER`, `_ABORTED`; `_USAGE` where this program does not own a folder.
   */
  backup(folder: string, options?: BackupOptions): Promise<void>
}

export interface BackupOptions {
  readonly signal?: AbortSignal
  /** Hears how many bytes of how many are copied. */
  readonly progress?: (copied: number, total: number) => void
}

/** What mechanisms need of a site. */
export interface SiteLink {
  readonly logId: string
  readonly clock: Clock
  /** Of this OS process. */
  readonly pid: number
  readonly main: Connection
  /** True in the process that owns the log. */
  readonly owner: boolean
  /** Opens a further session. */
  connect(label: string, ears: Ears): Promise<Connection>
  /** Where worker processes reach the owner; opened when first asked for. */
  socket(): Promise<string>
  /** Calls `close` before the site closes; the function takes it back. */
  beforeClose(close: () => Promise<void>): () => void
  /** Hears what happens on the nodes hosted here. */
  hear(event: HostEvent): void
  /** Proves to the owner that the process of a session lives, until the returned function is called; absent in the owner itself. */
  beat?(session: number): () => void
  /** Watches what bodies ask of this process until the returned function is called; absent where bodies cannot ask anything. */
  watchBodies?(asked: 'calls' | 'calls and constructors'): () => void
  /** Where runs that are hosted here keep the files of their steps; absent where there are no files. */
  readonly workFolders?: WorkFolders | undefined
  /** Starts worker processes; absent where there are none, as in the simulator. */
  readonly workers?: WorkerPort | undefined
}

/** What happens on hosted nodes, for people; not part of the log. */
export type HostEvent =
  | { readonly event: 'node'; readonly name: string; readonly pid: number }
  | { readonly event: 'exit'; readonly name: string; readonly pid: number; readonly reason: string }
  | { readonly event: 'warning'; readonly name: string; readonly text: string }
  | { readonly event: 'log'; readonly name: string; readonly definition: string; readonly key: string; readonly text: string }

/** Starts OS processes that execute bodies. */
export interface WorkerPort {
  start(spec: WorkerSpec, link: SiteLink): Promise<WorkerPool>
}

export interface WorkerSpec {
  readonly name: string
  /** The node that worker n is, from 1. */
  nameOf(n: number): string
  /** Modules to import, as URLs. */
  readonly modules: readonly string[]
  /** Names of the definitions to host; null for all that the modules export. */
  readonly definitions: readonly string[] | null
  readonly workers: number
  readonly capacity: number
  /** Pause before a worker that keeps dying young is started again; it grows. Default 50. */
  readonly restartPauseMs?: number | undefined
  /** Hears every line that a worker writes. Default: it goes to standard error. */
  readonly output?: ((name: string, line: string) => void) | undefined
}

export interface WorkerPool {
  /** Resolves when everything that the workers had to say about what is durable by now has been heard; does not wait for long. */
  flush(): Promise<void>
  close(): Promise<void>
}

type Backup = (folder: string, options?: BackupOptions) => Promise<void>

interface SiteParts {
  readonly url: string
  readonly link: SiteLink
  readonly backup: Backup
  close(): Promise<void>
}

export function siteOf(parts: SiteParts): Site {
  return new OpenSite(parts)
}

class OpenSite implements Site {
  readonly url: string
  readonly link: SiteLink
  readonly #parts: SiteParts
  #closing: Promise<void> | undefined

  constructor(parts: SiteParts) {
    this.url = parts.url
    this.link = parts.link
    this.#parts = parts
  }

  get position(): number {
    return this.link.main.durablePosition
  }

  get issuer(): Client {
    return this.link.main.client
  }

  durable(): Promise<void> {
    return this.link.main.durable()
  }

  close(): Promise<void> {
    this.#closing ??= this.#parts.close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  backup(folder: string, options?: BackupOptions): Promise<void> {
    return this.#parts.backup(folder, options)
  }
}

/** The closing hooks of a site: hosts and workers end before it does. */
export class Hooks {
  readonly #hooks = new Set<() => Promise<void>>()

  add(close: () => Promise<void>): () => void {
    this.#hooks.add(close)
    return () => this.#hooks.delete(close)
  }

  async run(): Promise<void> {
    const hooks = [...this.#hooks]
    this.#hooks.clear()
    await Promise.all(hooks.map((close) => close().catch(() => undefined)))
  }
}

export interface OwnedSite {
  readonly url: string
  readonly gateway: Gateway
  readonly pid: number
  socket(): Promise<string>
  hear(event: HostEvent): void
  readonly workers?: WorkerPort | undefined
  readonly workFolders?: WorkFolders | undefined
  readonly watchBodies?: SiteLink['watchBodies']
  /** Absent where there is no folder to be copied. */
  readonly backup?: Backup | undefined
  /** What must be closed before the gateway, when nobody hosts anything any more. */
  closing?(): Promise<void>
  /** What must be closed after the gateway. */
  closed?(): Promise<void>
}

function noBackup(why: string): Backup {
  return () => Promise.reject(new PerdureError('PERDURE_E_USAGE', why))
}

/** The site of a process that owns its log. */
export function ownedSite({
  url,
  gateway,
  pid,
  socket,
  hear,
  workers,
  workFolders,
  watchBodies,
  backup,
  closing,
  closed,
}: OwnedSite): Site {
  const hooks = new Hooks()
  const main = new LocalConnection(gateway, 'owner')
  const link: SiteLink = {
    logId: gateway.log.id,
    clock: gateway.clock,
    pid,
    main,
    owner: true,
    connect: async (label, ears) => new LocalConnection(gateway, label, ears),
    socket,
    hear,
    beforeClose: (close) => hooks.add(close),
    workers,
    workFolders,
    ...(watchBodies && { watchBodies }),
  }
  return siteOf({
    url,
    link,
    backup: backup ?? noBackup('A site in memory has no folder that could be copied. Open a folder to have backups of it.'),
    close: async () => {
      await hooks.run()
      main.close()
      await closing?.()
      await gateway.close()
      await closed?.()
    },
  })
}

/** The site of a process that talks to the owner. `connect` opens a connection to it. */
export function attachedSite(
  url: string,
  clock: Clock,
  logId: string,
  main: Connection,
  parts: Pick<SiteLink, 'pid' | 'beat' | 'connect' | 'socket' | 'hear' | 'watchBodies' | 'workers' | 'workFolders'>,
): Site {
  const hooks = new Hooks()
  const link: SiteLink = { logId, clock, main, owner: false, beforeClose: (close) => hooks.add(close), ...parts }
  return siteOf({
    url,
    link,
    backup: noBackup(
      `This program is attached to ${url}; only the process that owns the folder can copy it while it is open. Call backup there (the error of a second open names its pid).`,
    ),
    close: async () => {
      await hooks.run()
      main.close()
    },
  })
}
