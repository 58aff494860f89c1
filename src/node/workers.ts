/**
 * Worker processes: started, watched, and started again.
 *
 * The unit of failure is the OS process: what goes wrong in a worker is ended with it, and only with it. Its exit is proof, so the
 * parent reports it at once and nobody has to wait for silence.
 *
 * Boundary: part of the shell; it starts only this package's own worker program.
 *   K1  Every process has a random boot id of its own; a restarted worker has the same name and is somebody else.
 *   K2  Restarts are bounded: a worker that keeps dying young waits longer each time, and in the end stays dead, with a word.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Timer } from '../clock.ts'
import { PerdureError } from '../errors.ts'
import type { Connection } from '../log/connection.ts'
import type { Failure } from '../log/machine.ts'
import { errorOf } from '../log/outcome.ts'
import type { SiteLink, WorkerPool, WorkerPort, WorkerSpec } from '../log/site.ts'
import { flagsFor } from '../support/module-flags.ts'
import { removeWorkFolders, sweepWorkFolders } from './work-folders.ts'
import { type ParentMessage, SETTINGS_VARIABLE, type WorkerMessage, type WorkerSettings } from './worker-protocol.ts'

/** A worker that took runs for less than this died young; how long it took to start is the machine's affair. */
const YOUNG_MS = 2_000

/** The first pause before the next start; there is none after a long life, or after one young death. */
const PAUSE_MS = 50

/** Pauses double, up to this many times the first: 5 s unless somebody wants it otherwise. */
const MAX_PAUSES = 100

/** Young deaths in a row until a worker stays dead. */
const MAX_YOUNG_DEATHS = 20

/** A worker whose event loop is held cannot answer; one that is only slow, on a machine that is busy, can within this time. */
const FLUSH_MS = 5_000

/** After `close` a worker that has not ended by itself is killed. */
const CLOSE_MS = 2_000

export function processWorkers(): WorkerPort {
  return {
    async start(spec, link) {
      const pool = new Pool(spec, link)
      await pool.start()
      return pool
    },
  }
}

class Pool implements WorkerPool {
  readonly spec: WorkerSpec
  readonly link: SiteLink
  readonly flags: readonly string[]
  readonly #workers: WorkerSlot[] = []
  #swept: Promise<void> = Promise.resolve()
  connection: Connection | undefined
  socket = ''

  constructor(spec: WorkerSpec, link: SiteLink) {
    this.spec = spec
    this.link = link
    this.flags = flagsFor(spec.modules)
  }

  async start(): Promise<void> {
    this.#swept = sweepWorkFolders()
    this.socket = await this.link.socket()
    this.connection = await this.link.connect(`workers of ${this.spec.name}`, {
      note: (body) => {
        if (body[0] === 'fenced') this.#fenced(String(body[2]))
        if (body[0] === 'retire') this.#retire(String(body[2]))
      },
      // Without the site there is nothing to work for; the workers notice by themselves.
      closed: () => void this.close(),
    })
    for (let n = 1; n <= this.spec.workers; n++) this.#workers.push(new WorkerSlot(this, this.spec.nameOf(n)))
    try {
      await Promise.all(this.#workers.map((worker) => worker.start()))
    } catch (error) {
      await this.close()
      throw error
    }
  }

  #fenced(boot: string): void {
    for (const worker of this.#workers) worker.fenced(boot)
  }

  #retire(boot: string): void {
    for (const worker of this.#workers) worker.retire(boot)
  }

  async flush(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.flush()))
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()))
    this.connection?.close()
    // What is under way when this process ends would stay undone.
    await Promise.all([this.#swept, ...this.#workers.map((worker) => worker.removed)])
  }
}

class WorkerSlot {
  readonly #pool: Pool
  readonly #name: string
  /** The work folders of the last process are gone. */
  removed: Promise<void> = Promise.resolve()
  #child: ChildProcess | undefined
  #boot = ''
  /** Since when it takes runs; undefined while it starts. */
  #readyMs: number | undefined
  #youngDeaths = 0
  #wait: Timer | undefined
  #stalls = ''
  #closing = false
  #flushed: (() => void) | undefined
  #ready: { resolve: () => void; reject: (error: unknown) => void } | undefined

  constructor(pool: Pool, name: string) {
    this.#pool = pool
    this.#name = name
  }

  /** Resolves when the worker takes runs for the first time; rejects when its modules cannot be used or its name is taken. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#ready = { resolve, reject }
      this.#spawn()
    })
  }

  #spawn(): void {
    const { spec, link, flags, connection, socket } = this.#pool
    this.#wait = undefined
    this.#boot = link.clock.randomId()
    this.#readyMs = undefined
    this.#stalls = ''
    const settings: WorkerSettings = {
      socket,
      logId: link.logId,
      name: this.#name,
      parent: spec.name,
      parentSession: connection?.session ?? 0,
      boot: this.#boot,
      modules: spec.modules,
      definitions: spec.definitions,
      capacity: spec.capacity,
    }
    // Standard output belongs to the program that started the workers; theirs goes where its errors go, unless it wants to hear it.
    const output = spec.output === undefined ? process.stderr : 'pipe'
    const child = fork(workerProgram(), [], {
      execArgv: [...flags],
      env: { ...process.env, [SETTINGS_VARIABLE]: JSON.stringify(settings) },
      stdio: ['ignore', output, output, 'ipc', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr]) if (stream) this.#listen(stream)
    this.#child = child
    child.on('message', (message) => this.#heard(child, message as WorkerMessage))
    child.on('error', () => undefined)
    child.on('exit', (code, signal) => this.#exited(child, code, signal))
    const stalls = child.stdio[4] as Readable
    stalls.on('data', (text) => {
      this.#stalls += String(text)
    })
    stalls.on('error', () => undefined)
  }

  #listen(stream: Readable): void {
    createInterface({ input: stream }).on('line', (line) => this.#pool.spec.output?.(this.#name, line))
    stream.on('error', () => undefined)
  }

  #heard(child: ChildProcess, message: WorkerMessage): void {
    const { link } = this.#pool
    switch (message.kind) {
      case 'ready':
        link.hear({ event: 'node', name: this.#name, pid: child.pid ?? 0 })
        this.#readyMs = link.clock.monotonicMs()
        this.#ready?.resolve()
        this.#ready = undefined
        return
      case 'failed':
        this.#ready?.reject(errorOf(message.failure as Failure))
        if (this.#ready) this.#closing = true
        this.#ready = undefined
        return
      case 'flushed':
        return this.#flushed?.()
      case 'log':
        link.hear({ event: 'log', name: this.#name, definition: message.definition, key: message.key, text: message.text })
    }
  }

  #exited(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    const { link } = this.#pool
    if (this.#child !== child) return
    this.#child = undefined
    this.removed = removeWorkFolders(this.#boot)
    this.#flushed?.()
    const stalled = this.#reportStall()
    this.#report(this.#closing ? 'process.leave' : 'process.exited', [this.#name, this.#boot])
    if (this.#closing) {
      this.#ready?.reject(new PerdureError('PERDURE_E_CLOSED', `The workers of ${this.#name} were closed while they started.`))
      return
    }
    const reason = stalled ? 'its event loop was held for too long' : (signal ?? `exit code ${code}`)
    link.hear({ event: 'exit', name: this.#name, pid: child.pid ?? 0, reason })
    this.#ready?.reject(
      new PerdureError(
        'PERDURE_E_IMPORT',
        `The worker ${this.#name} ended before it was ready (${reason}). Look at what it wrote.`,
      ),
    )
    if (this.#ready) this.#closing = true
    this.#ready = undefined
    if (!this.#closing) this.#again()
  }

  #reportStall(): boolean {
    const line = this.#stalls.split('\n')[0]
    if (!line) return false
    const { run, fence, heldMs } = JSON.parse(line) as { run: number; fence: number; heldMs: number }
    this.#report('process.stalled', [run, fence, heldMs])
    return true
  }

  #report(operation: string, args: readonly unknown[]): void {
    this.#pool.connection?.client.issue(operation, args).catch(() => undefined)
  }

  #again(): void {
    const { link } = this.#pool
    const young = this.#readyMs === undefined || link.clock.monotonicMs() - this.#readyMs < YOUNG_MS
    this.#youngDeaths = young ? this.#youngDeaths + 1 : 0
    if (this.#youngDeaths >= MAX_YOUNG_DEATHS) {
      return link.hear({
        event: 'exit',
        name: this.#name,
        pid: 0,
        reason: `died young ${MAX_YOUNG_DEATHS} times in a row; it is not started again`,
      })
    }
    const pauseMs = this.#pool.spec.restartPauseMs ?? PAUSE_MS
    const waitMs = this.#youngDeaths < 2 ? 0 : pauseMs * Math.min(MAX_PAUSES, 2 ** this.#youngDeaths)
    if (waitMs === 0) this.#spawn()
    else this.#wait = link.clock.after(waitMs, () => this.#spawn())
  }

  /** The machine has fenced the process of this boot: whatever it still does is in vain, if it does anything. */
  fenced(boot: string): void {
    if (boot === this.#boot) this.#child?.kill('SIGKILL')
  }

  /** Somebody stops the process of this boot; it has no runs any more, and is not started again. */
  retire(boot: string): void {
    if (boot !== this.#boot || this.#closing) return
    const { link } = this.#pool
    const pid = this.#child?.pid ?? 0
    // A note comes in the middle of an operation that is being applied, so nothing may be sent at once.
    link.clock.hop(() => {
      this.close().then(
        () => link.hear({ event: 'exit', name: this.#name, pid, reason: 'it was stopped' }),
        () => undefined,
      )
    })
  }

  async flush(): Promise<void> {
    const child = this.#child
    if (child === undefined || !child.connected) return
    await new Promise<void>((resolve) => {
      const timer = this.#pool.link.clock.after(FLUSH_MS, resolve)
      this.#flushed = () => {
        timer.cancel()
        resolve()
      }
      child.send({ kind: 'flush' } satisfies ParentMessage, () => undefined)
    })
    this.#flushed = undefined
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#wait?.cancel()
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    // Said before it happens, so that nobody takes it for a death: the runs go on elsewhere, or wait.
    this.#report('process.leave', [this.#name, this.#boot])
    await new Promise<void>((resolve) => {
      const timer = this.#pool.link.clock.after(CLOSE_MS, () => child.kill('SIGKILL'))
      child.once('exit', () => {
        timer.cancel()
        resolve()
      })
      child.kill('SIGTERM')
    })
  }
}

/** Beside this file, in the same language. */
function workerProgram(): string {
  return fileURLToPath(new URL(`./worker${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url))
}
