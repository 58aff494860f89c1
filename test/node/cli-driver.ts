/**
 * Drives the built command line as a shell would: real processes in a temporary folder, killed one by one or all together.
 *
 * Every folder and every process made here is gone after the test, whatever became of it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const COMMAND = join(ROOT, 'dist', 'node', 'cli.js')

/** A shared machine can be slow for many seconds. Less than a test may take, so that what was printed so far is told. */
const PATIENCE_MS = process.env.PERDURE_FAULT_ROUNDS === undefined ? 100_000 : 600_000

export type Line = Readonly<Record<string, unknown>>

export interface Done {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Standard output, parsed line by line. */
  readonly lines: readonly Line[]
}

/** A folder with programs in it that import the package by its name. */
export class Workshop implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'perdure-cli-test-'))
  readonly #running = new Set<Running>()

  constructor() {
    mkdirSync(join(this.folder, 'node_modules'))
    symlinkSync(ROOT, join(this.folder, 'node_modules', 'perdure'), 'dir')
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names)
  }

  /** Writes a file and returns its name. */
  write(name: string, text: string): string {
    writeFileSync(this.path(name), text)
    return name
  }

  /** Step `step` of `TEN_STEPS` waits before it takes effect, until it is let go: what is to happen before it does, on any machine. */
  hold(step: number): void {
    this.write(`hold-${step}`, '')
  }

  letGo(step: number): void {
    rmSync(this.path(`hold-${step}`))
  }

  /** The lines of a file that programs append to; a line that is being written is none. */
  effects(name = 'effects'): readonly string[] {
    try {
      return readFileSync(this.path(name), 'utf8').split('\n').slice(0, -1)
    } catch {
      return []
    }
  }

  /** Starts `perdure …` in a process group of its own. */
  start(...words: readonly string[]): Running {
    return this.#spawn('ignore', COMMAND, ...words)
  }

  /** Starts `perdure …` that reads what `Running.tell` writes. */
  startReading(...words: readonly string[]): Running {
    return this.#spawn('pipe', COMMAND, ...words)
  }

  /** Runs `perdure …` to its end. */
  run(...words: readonly string[]): Promise<Done> {
    return this.start(...words).done()
  }

  /** Runs a program of this folder with Node, without the command line. */
  node(file: string, patienceMs?: number): Promise<Done> {
    return this.startNode(file).done(patienceMs)
  }

  startNode(file: string): Running {
    return this.#spawn('ignore', file)
  }

  /** Gives a file its name at once: who waits for it finds it whole. */
  rename(from: string, to: string): void {
    renameSync(this.path(from), this.path(to))
  }

  /** Starts `perdure …` on a terminal of 80 columns; its standard output is everything the terminal was sent. */
  startOnTerminal(...words: readonly string[]): Running {
    const command = [process.execPath, COMMAND, ...words].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
    const child = spawn('script', ['-qefc', `stty cols 80 rows 24; ${command}`, '/dev/null'], {
      cwd: this.folder,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, TERM: 'xterm-256color', PERDURE_URL: './perdure-data' },
    })
    const running = new Running(child)
    this.#running.add(running)
    return running
  }

  #spawn(input: 'ignore' | 'pipe', ...words: readonly string[]): Running {
    const environment: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' }
    delete environment.PERDURE_URL
    const child = spawn(process.execPath, words, {
      cwd: this.folder,
      detached: true,
      stdio: [input, 'pipe', 'pipe'],
      env: environment,
    })
    const running = new Running(child)
    this.#running.add(running)
    return running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#running) running.killEverything()
    await Promise.all([...this.#running].map((running) => running.done()))
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** A command under way. */
export class Running {
  readonly #child: ChildProcess
  readonly #lines: Line[] = []
  readonly #waiting = new Set<() => void>()
  readonly #ended: Promise<void>
  #stdout = ''
  #stderr = ''
  #over = false

  constructor(child: ChildProcess) {
    this.#child = child
    if (child.stdout === null || child.stderr === null) throw new Error('no pipes')
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#stdout += `${line}\n`
      if (line.startsWith('{"')) this.#lines.push(JSON.parse(line) as Line)
      this.#wake()
    })
    child.stderr.on('data', (text) => {
      this.#stderr += String(text)
      this.#wake()
    })
    this.#ended = once(child, 'close').then(() => {
      this.#over = true
      this.#wake()
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get lines(): readonly Line[] {
    return this.#lines
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** Writes to its standard input. */
  tell(text: string): void {
    this.#child.stdin?.write(text)
  }

  /** Its standard input is over. */
  hangUp(): void {
    this.#child.stdin?.end()
  }

  /** The first line of JSON that fits, from now or before. */
  async line(fits: (line: Line) => boolean): Promise<Line> {
    await this.until(() => this.#lines.some(fits), 'a line that fits')
    return this.#lines.find(fits)!
  }

  /** Waits until this holds; looked at whenever the command has printed something. */
  async until(holds: () => boolean, what: string): Promise<void> {
    let late = false
    const deadline = setTimeout(() => {
      late = true
      this.#wake()
    }, PATIENCE_MS)
    while (!holds()) {
      if (this.#over || late)
        throw new Error(`waited in vain for ${what}: ${this.#fate()}; stdout:\n${this.#stdout}\nstderr:\n${this.#stderr}`)
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
    clearTimeout(deadline)
  }

  #fate(): string {
    const { exitCode, signalCode } = this.#child
    if (!this.#over) return `nothing of the kind in ${PATIENCE_MS} ms`
    return `the process is over (${signalCode ?? exitCode})`
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** The owner and every node process at the same moment. */
  killEverything(): void {
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch {
      // Nobody of the group is left.
    }
  }

  async done(patienceMs: number = PATIENCE_MS): Promise<Done> {
    const timer = setTimeout(() => this.killEverything(), patienceMs)
    await this.#ended
    clearTimeout(timer)
    return { code: this.#child.exitCode, stdout: this.#stdout, stderr: this.#stderr, lines: this.#lines }
  }
}

/** The pids of node processes that a command has named and not reported ended. */
export function nodesOf(lines: readonly Line[]): ReadonlyMap<string, number> {
  const nodes = new Map<string, number>()
  for (const { event, name, pid } of lines) {
    if (event === 'node') nodes.set(String(name), Number(pid))
    if (event === 'exit') nodes.delete(String(name))
  }
  return nodes
}

/** A program of ten steps, each of which appends its idempotency key to a file, so that it can be seen what was done twice. */
export const TEN_STEPS = `
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { resilient } from 'perdure'

export default resilient('ten', async (p, name = 'nobody', waitMs = 10) => {
  let sum = 0
  for (let n = 1; n <= 10; n++) {
    sum += await p.step('step ' + n, async ({ idempotencyKey }) => {
      do await setTimeout(waitMs)
      while (existsSync('hold-' + n))
      appendFileSync('effects', n + ' ' + idempotencyKey + '\\n')
      return n
    })
    p.log('step ' + n + ' done')
  }
  return { name, sum }
})
`
