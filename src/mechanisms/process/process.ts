/**
 * Processes as a program sees them: define one, host it, start a run, wait for its result.
 *
 *     const greet = resilient('greet', async (p, name: string) => `hello ${name}`)
 *     await using node = await host(site, 'node-a', [greet])
 *     const handle = await start(site, greet, 'order-17', ['Ada'])
 *     await handle.result()
 *
 * Boundary: the public calls; they check what they are given and issue operations. LiPS calls such a process resilient.
 */
import { PerdureError } from '../../errors.ts'
import type { Site } from '../../log/site.ts'
import { callingModule } from '../../support/calling-module.ts'
import { checkName, type Definition, type DefinitionOptions } from '../../support/definition.ts'
import { checkDefinition, checkKey, checkStart, optionsOf, usage } from './checks.ts'
import type { RunContext } from './host/context.ts'
import { DEFAULT_CAPACITY, type HostedDefinition } from './host/host.ts'
import { OwnNode } from './host/own-node.ts'
import { fetchStored, store } from './host/storing.ts'
import { DRAIN_MS } from './machine/handover.ts'
import type { Stored } from './machine/journal.ts'
import { DEFAULT_REPLICAS, MAX_REPLICAS } from './machine/replication.ts'
import type { Restarted } from './machine/restarting.ts'
import type { RunStatus } from './machine/run.ts'

// biome-ignore lint/performance/noBarrelFile: this file is what `perdure/process` exports, and bodies are written with these.
export { ActiveField, active, type Definition, type DefinitionOptions, type Layer } from '../../support/definition.ts'
export type { ChildOptions, ChildRun, RaceWinner, RunContext, StepOptions } from './host/context.ts'
export type { RetryOptions, StepInfo } from './host/steps.ts'
export type { Restarted } from './machine/restarting.ts'
export type { RunState, RunStatus } from './machine/run.ts'

/** One turn of a body may hold the event loop for half a minute before its worker is killed. */
const MAX_TURN_MS = 30_000
/** Long enough not to keep a machine busy with starting what cannot live, short enough for bad luck twice in a row. */
const RESTART_PAUSE_MS = 50
const RETAIN_MS = 24 * 60 * 60 * 1000

/** How long steps may take when the host itself closes: whoever stops a program mostly gives it ten seconds. */
const CLOSE_DRAIN_MS = 5_000

export interface DrainOptions {
  /** How long steps under way may take; afterwards they are cut off, and executed again elsewhere. Default 30,000. */
  readonly drainMs?: number
}

/** How the runs of a drained node left it; those in neither number ended by themselves. */
export interface Drained {
  readonly runs: number
  readonly handedOver: number
  /** Their steps under way are executed again, with the same idempotency key. */
  readonly cutOff: number
}

/**
 * Defines a process: a body that is deterministic between the operations it awaits, so that it can be re-executed.
 * Errors: `PERDURE_E_NAME`, `PERDURE_E_USAGE`.
 */
export function resilient<I extends readonly unknown[], R>(
  name: string,
  body: (p: RunContext, ...input: I) => Promise<R> | R,
  options: DefinitionOptions = {},
): Definition<RunContext, I, R> {
  checkName(name, 'a process definition')
  if (typeof body !== 'function')
    throw usage('resilient(name, body) needs the body as a function, as in resilient("greet", async (p, name) => …).')
  const { layer = 'journal', maxTurnMs = MAX_TURN_MS, retainMs = RETAIN_MS, strict = false } = options
  if (!['none', 'restart', 'journal', 'files', 'replicas'].includes(layer))
    throw usage(`The layer of "${name}" is ${String(layer)}: expected none, restart, journal, files or replicas.`)
  const copies = layer === 'replicas' ? { replicas: replicasOf(name, options.replicas) } : {}
  return { name, body, layer, ...copies, maxTurnMs, retainMs, strict, module: callingModule() }
}

function replicasOf(name: string, replicas: unknown = DEFAULT_REPLICAS): number {
  if (typeof replicas === 'number' && Number.isInteger(replicas) && replicas >= 1 && replicas <= MAX_REPLICAS) return replicas
  throw usage(`The option replicas of "${name}" is ${String(replicas)}: expected a whole number from 1 to ${MAX_REPLICAS}.`)
}

export interface HostOptions {
  /** Runs at a time, per OS process. Default 64. */
  readonly capacity?: number
  /** Worker processes that execute the bodies. Default: this process does, and protects itself from nothing. */
  readonly workers?: number
  /**
   * Pause before a worker is started again that died young, and not for the first time; twice as long after each further death,
   * up to a hundred times this. After 20 young deaths in a row it stays dead. Default 50.
   */
  readonly restartPauseMs?: number
  /** How long `close` lets steps under way finish. Default 5,000. */
  readonly drainMs?: number
}

export interface NodeHandle extends AsyncDisposable {
  readonly name: string
  /**
   * Hands all runs over to other nodes, or lets them wait, and takes no new ones: no new step begins, those under way finish.
   * Resolves when there are none left.
   */
  drain(options?: DrainOptions): Promise<Drained>
  /** Drains for at most `drainMs` of its options, then stops hosting. Idempotent. */
  close(): Promise<void>
}

/**
 * Executes runs of these definitions under this name.
 * Errors: `PERDURE_E_NODE_TAKEN`, `PERDURE_E_NAME`, `PERDURE_E_USAGE`.
 */
export async function host(
  site: Site,
  name: string,
  // A definition of any input: its body is only ever called with the input that was checked at start.
  definitions: readonly Definition<RunContext, never, unknown>[],
  options: HostOptions = {},
): Promise<NodeHandle> {
  checkName(name, 'a node')
  for (const definition of definitions) checkDefinition(definition)
  const capacity = positive(options.capacity ?? DEFAULT_CAPACITY, 'capacity')
  const closeMs = millisecondsOf(options.drainMs ?? CLOSE_DRAIN_MS)
  const hosted = definitions as unknown as readonly HostedDefinition[]
  const handle =
    options.workers === undefined
      ? await hostHere(site, name, hosted, capacity)
      : await hostInWorkers(site, name, hosted, capacity, options)
  const drain = (drainMs: number) => site.issuer.issue('process.drain', [name, drainMs, 'stay']) as Promise<Drained>
  let closing: Promise<void> | undefined
  const close = () => {
    takeBack()
    // What is not there any more need not be drained.
    closing ??= drain(closeMs).then(
      () => handle.close(),
      () => handle.close(),
    )
    return closing
  }
  const takeBack = site.link.beforeClose(close)
  return {
    name,
    drain: async ({ drainMs = DRAIN_MS } = {}) => drain(millisecondsOf(drainMs)),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function millisecondsOf(drainMs: unknown): number {
  if (typeof drainMs === 'number' && Number.isFinite(drainMs) && drainMs >= 0) return drainMs
  throw usage(`drainMs is ${String(drainMs)}: expected milliseconds, 0 or more.`)
}

async function hostHere(
  site: Site,
  name: string,
  definitions: readonly HostedDefinition[],
  capacity: number,
): Promise<{ close(): Promise<void> }> {
  const node = new OwnNode(site.link, name, definitions, capacity)
  await node.join()
  return node
}

async function hostInWorkers(
  site: Site,
  name: string,
  definitions: readonly HostedDefinition[],
  capacity: number,
  options: HostOptions,
): Promise<{ close(): Promise<void> }> {
  const workers = positive(options.workers, 'workers')
  const restartPauseMs = positive(options.restartPauseMs ?? RESTART_PAUSE_MS, 'restartPauseMs')
  const { workers: port } = site.link
  if (port === undefined) throw usage('This site cannot start worker processes. Host without the option workers.')
  const modules = new Set<string>()
  for (const { name: definition, module } of definitions) {
    if (module === undefined)
      throw usage(
        `It cannot be told which module defines "${definition}", so workers cannot import it. Call resilient at the top of a module file.`,
      )
    modules.add(module)
  }
  const nameOf = (n: number) => `${name}/${n}`
  return port.start(
    { name, nameOf, modules: [...modules], definitions: definitions.map((d) => d.name), workers, capacity, restartPauseMs },
    site.link,
  )
}

export interface StartRunOptions {
  /** How long the finished run is kept. Default: its definition's. */
  readonly retainMs?: number
}

export interface RunHandle<R> {
  readonly key: string
  /**
   * What the body returned; rejects with what it threw, with `PERDURE_E_CANCELLED`, and with `PERDURE_E_DIVERGED` or
   * `PERDURE_E_WEDGED` while the run cannot go on without help.
   */
  result(options?: { readonly signal?: AbortSignal }): Promise<R>
  status(): Promise<RunStatus>
  /** Tells the body to stop; it may clean up for 5 s. True if this call did it, false if the run had ended or was being cancelled. */
  cancel(reason: string): Promise<boolean>
  /**
   * Begins anew from scratch, with the same input, in whatever state the run is, an ended one too; the answer says in which it was.
   * Whoever waits for the result gets the new one. Steps are executed again, under other idempotency keys.
   */
  restart(reason: string): Promise<Restarted>
  /**
   * Holds the run: nothing of it is executed until it is resumed. What it waits for it goes on waiting for, and time passes.
   * True if this call did it; false if it had ended, or was paused before.
   */
  pause(reason: string, options?: DrainOptions): Promise<boolean>
  /** Lets it go on where it is: a paused run, and a wedged or diverged one once what was in its way is mended. True if this call did it. */
  resume(): Promise<boolean>
  /**
   * Lets the run go on another node: the one named, or the least loaded. Resolves with the node; with null if the run has ended.
   * Errors: `PERDURE_E_NO_HOST`, `PERDURE_E_UNKNOWN_NODE`.
   */
  migrate(node?: string, options?: DrainOptions): Promise<string | null>
}

/**
 * Starts a run, or finds it: the same definition and key is the same run, also after a crash of everything.
 * Errors: `PERDURE_E_KEY_TAKEN` for another input, `PERDURE_E_VALUE`, `PERDURE_E_USAGE`.
 */
export async function start<I extends readonly unknown[], R>(
  site: Site,
  definition: Definition<RunContext, I, R>,
  key: string,
  input: I,
  options: StartRunOptions = {},
): Promise<RunHandle<R>> {
  checkStart(definition, key, input)
  const { stored, upload } = store(input, site.link.main.blobs)
  await upload
  await site.issuer.issue('process.start', [definition.name, key, stored, optionsOf(definition, options)])
  return handleOf<R>(site, definition.name, key)
}

/** The handle of a run that somebody started, or will start; never starts it. */
export function run<I extends readonly unknown[], R>(
  site: Site,
  definition: Definition<RunContext, I, R>,
  key: string,
): RunHandle<R> {
  return handleOf<R>(site, (checkDefinition(definition) as { name: string }).name, checkKey(key))
}

/** The same by the definition's name. */
export function handleOf<R>(site: Site, definition: string, key: string): RunHandle<R> {
  const { main } = site.link
  const issue = async (name: string, ...more: readonly unknown[]) => site.issuer.issue(name, [definition, key, ...more])
  return {
    key,
    async result(options = {}) {
      const stored = (await site.issuer.issue('process.result', [definition, key], options)) as Stored
      return (await fetchStored(stored, main.blobs)) as R
    },
    async status() {
      const status = (await main.query('process', 'status', [definition, key])) as RunStatus | null
      if (status !== null) return status
      throw new PerdureError(
        'PERDURE_E_UNKNOWN_RUN',
        `There is no run of ${definition} with the key "${key}". Start it first, or look with "perdure ps".`,
        {
          data: { definition, key },
        },
      )
    },
    cancel: (reason) => issue('process.cancel', String(reason)) as Promise<boolean>,
    restart: (reason) => issue('process.restart', String(reason)) as Promise<Restarted>,
    async pause(reason, { drainMs = DRAIN_MS } = {}) {
      return (await issue('process.pause', String(reason), millisecondsOf(drainMs))) as boolean
    },
    resume: () => issue('process.resume') as Promise<boolean>,
    async migrate(node, { drainMs = DRAIN_MS } = {}) {
      return (await issue('process.migrate', node ?? null, millisecondsOf(drainMs))) as string | null
    },
  }
}

function positive(value: unknown, option: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 100_000) return value
  throw usage(`The option ${option} is ${String(value)}: expected a whole number from 1 on.`)
}
