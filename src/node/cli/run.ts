/**
 * `perdure run FILE`: executes FILE's default export on node processes of this machine, and waits for its result.
 *
 * This process owns the log and executes nothing itself: bodies run in node processes of their own, each of which may be killed
 * at any moment. If this one is killed, everything stops, nothing is lost, and the same command with the same key goes on.
 *
 * Boundary: part of the shell. What is said while it runs is the business of the reports.
 */

import { Console } from 'node:console'
import { randomBytes } from 'node:crypto'
import { PerdureError } from '../../errors.ts'
import type { HostEvent, Site, WorkerPool } from '../../log/site.ts'
import { checkKey } from '../../mechanisms/process/checks.ts'
import { DEFAULT_CAPACITY, type HostedDefinition } from '../../mechanisms/process/host/host.ts'
import { start } from '../../mechanisms/process/process.ts'
import { open } from '../open.ts'
import { importDefault, prepareToImport } from '../program.ts'
import { DEFAULT_URL } from '../url.ts'
import { markWorkerImport } from '../worker-import.ts'
import { inputOf, moduleOf, nodesOf } from './arguments.ts'
import { EXIT_FAILED, usage } from './output.ts'
import type { Report, Subject } from './report.ts'
import { Watch } from './watch.ts'

export interface RunOptions {
  readonly input?: string
  readonly key?: string
  readonly url?: string
  readonly nodes?: string
  readonly json?: true
}

/** Bytes of a fresh key: enough that nobody meets one twice, few enough to type. */
const FRESH_KEY_BYTES = 5

/** The exit code. Errors: those of `open` and of starting a run; what the run itself throws is reported, not thrown. */
export async function runProgram(file: string, options: RunOptions): Promise<number> {
  const input = inputOf(options.input)
  const nodes = nodesOf(options.nodes)
  const key = checkKey(options.key ?? randomBytes(FRESH_KEY_BYTES).toString('hex'))
  const url = options.url ?? process.env.PERDURE_URL ?? DEFAULT_URL
  const module = moduleOf(file)
  const definition = await importQuietly(module)
  const subject = { file, key, url, definition: definition.name, nodes, input: options.input }
  const report = await reportFor(options.json ? 'json' : 'people', subject)
  try {
    return await executed(module, definition, input, subject, report)
  } finally {
    report.close()
  }
}

async function executed(
  module: string,
  definition: HostedDefinition,
  input: readonly unknown[],
  subject: Subject,
  report: Report,
): Promise<number> {
  const interrupted = interruption()
  const nodesGone = new Countdown(subject.nodes)
  const site = await open(subject.url, {
    hear: (event) => {
      report.hear(event)
      if (staysDead(event)) nodesGone.one()
    },
  })
  const session = new RunSession(site, report)
  try {
    const ended = session.run(module, definition, subject.key, input, subject.nodes)
    return await Promise.race([ended, nodesGone.reached, interrupted.then((signal) => session.interrupted(signal))])
  } finally {
    report.close()
    await session.close()
  }
}

async function reportFor(audience: 'json' | 'people', subject: Subject): Promise<Report> {
  if (audience === 'json') return new (await import('./report-json.ts')).JsonReport(subject)
  if (!process.stderr.isTTY) return new (await import('./report-lines.ts')).LineReport(subject)
  return new (await import('./report-live.ts')).LiveReport(subject)
}

class RunSession {
  readonly #site: Site
  readonly #report: Report
  #pool: WorkerPool | undefined
  #watch: Watch | undefined

  constructor(site: Site, report: Report) {
    this.#site = site
    this.#report = report
  }

  async run(
    module: string,
    definition: HostedDefinition,
    key: string,
    input: readonly unknown[],
    nodes: number,
  ): Promise<number> {
    const { link } = this.#site
    const watch = new Watch(this.#site, definition.name, key)
    await watch.begin()
    if (link.workers === undefined) throw usage('This site cannot start node processes.')
    const nameOf = (n: number) => `node-${n}`
    const output = this.#report.output?.bind(this.#report)
    this.#pool = await link.workers.start(
      { name: 'run', nameOf, modules: [module], definitions: null, workers: nodes, capacity: DEFAULT_CAPACITY, output },
      link,
    )
    const handle = await start(this.#site, definition, key, input)
    this.#report.started()
    this.#watch = watch
    watch.every(this.#report.everyMs, (overview) => this.#report.progress(overview))
    let outcome: { readonly value: unknown } | { readonly error: unknown }
    try {
      outcome = { value: await handle.result() }
    } catch (error) {
      outcome = { error }
    }
    watch.stop()
    // The last lines of p.log come another way than the result, and would be late.
    await this.#pool.flush()
    this.#report.ended(outcome, await watch.look().catch(() => watch.last))
    return 'error' in outcome ? EXIT_FAILED : 0
  }

  interrupted(signal: string): number {
    this.#watch?.stop()
    this.#report.interrupted(signal)
    return EXIT_FAILED
  }

  async close(): Promise<void> {
    this.#watch?.stop()
    await this.#pool?.close()
    await this.#site.close()
  }
}

/** Rejects when all nodes are gone for good: a run without a node would wait for ever. */
class Countdown {
  readonly reached: Promise<never>
  #left: number
  #reject: (error: Error) => void = () => undefined

  constructor(count: number) {
    this.#left = count
    this.reached = new Promise((_, reject) => {
      this.#reject = reject
    })
    this.reached.catch(() => undefined)
  }

  one(): void {
    this.#left -= 1
    if (this.#left > 0) return
    this.#reject(
      new PerdureError(
        'PERDURE_E_WEDGED',
        'Every node process died again and again as soon as it was started, so nothing can go on. Look at what they wrote, mend it, and run the same command with the same key.',
      ),
    )
  }
}

/** A worker that is not started again says so without a process. */
function staysDead(event: HostEvent): boolean {
  return event.event === 'exit' && event.pid === 0
}

/** The first signal to stop; a second one ends this process at once. */
function interruption(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        resolve(signal)
        process.once(signal, () => process.exit(EXIT_FAILED))
      })
    }
  })
}

/** Learns what FILE exports; it is not executed here, and what it prints does not mix with what we print. */
async function importQuietly(module: string): Promise<HostedDefinition> {
  globalThis.console = new Console(process.stderr)
  await prepareToImport(module)
  markWorkerImport(true)
  try {
    return await importDefault(module)
  } finally {
    markWorkerImport(false)
  }
}
