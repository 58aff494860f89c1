/**
 * Real processes that are hurt: started in a folder of their own, told what to do line by line, and gone after the test whatever
 * became of them.
 *
 * Boundary: starts and ends processes; what they do is in `programs/`, what came of it is judged by the tests.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Line, Running } from '../node/cli-driver.ts'

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Flags of Node. */
  readonly flags?: readonly string[]
  /** A command that starts the program, such as `unshare -m`; its own words come first. */
  readonly under?: readonly string[]
}

/** A place for processes and their files. */
export class Children implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'perdure-faults-'))
  readonly #all = new Set<Child>()

  path(...names: readonly string[]): string {
    return join(this.folder, ...names)
  }

  /** Starts `programs/NAME.mjs` in a process group of its own. */
  start(name: string, words: readonly string[] = [], { env = {}, flags = [], under = [] }: StartOptions = {}): Child {
    const command = [...under, process.execPath, ...flags, programPath(name), ...words]
    const child = spawn(command[0] as string, command.slice(1), {
      cwd: this.folder,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', ...env },
    })
    const started = new Child(child)
    this.#all.add(started)
    return started
  }

  /** The lines of a file that processes append to; a line that its writer did not finish is none. */
  lines(name: string): readonly string[] {
    try {
      return readFileSync(this.path(name), 'utf8').split('\n').slice(0, -1)
    } catch {
      return []
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#all) child.killGroup()
    await Promise.all([...this.#all].map((child) => child.ended()))
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** One process: prints lines of JSON, reads lines of JSON. */
export class Child {
  readonly #child: ChildProcess
  readonly #running: Running

  constructor(child: ChildProcess) {
    this.#child = child
    this.#running = new Running(child)
    // It may be dead before it has read what it was told.
    child.stdin?.on('error', () => undefined)
  }

  get pid(): number {
    return this.#running.pid
  }

  get lines(): readonly Line[] {
    return this.#running.lines
  }

  get stderr(): string {
    return this.#running.stderr
  }

  tell(order: Line): void {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`)
  }

  /** The first line with this event, from now or before; with `fits`, the first of them that fits. */
  event(name: string, fits: (line: Line) => boolean = () => true): Promise<Line> {
    return this.#running.line((line) => line.event === name && fits(line))
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name)
  }

  killGroup(): void {
    this.#running.killEverything()
  }

  /** Resolves when the process and everybody who holds its output are gone; with the signal that ended it, or its exit code. */
  async ended(): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly stderr: string }> {
    const { code, stderr } = await this.#running.done()
    return { code, signal: this.#child.signalCode, stderr }
  }
}

export function programPath(name: string): string {
  return fileURLToPath(new URL(`./programs/${name}.mjs`, import.meta.url))
}
