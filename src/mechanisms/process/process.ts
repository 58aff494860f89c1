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
import { checkName, type Definition, type DefinitionOptions } from '../../support/definition.ts'
import { checkDefinition, checkKey, checkStart, optionsOf, usage } from './checks.ts'
import type { RunContext } from './context.ts'
import { DEFAULT_CAPACITY, type HostedDefinition } from './host.ts'
import type { Stored } from './journal.ts'
import { OwnNode } from './own-node.ts'
import type { RunStatus } from './run.ts'
import { fetchStored, store } from './storing.ts'

// biome-ignore lint/performance/noBarrelFile: this file is what `perdure/process` exports, and bodies are written with these.
export { ActiveField, active, type Definition, type DefinitionOptions, type Layer } from '../../support/definition.ts'
export type { ChildOptions, ChildRun, RaceWinner, RunContext, StepOptions } from './context.ts'
export type { RunState, RunStatus } from './run.ts'
export type { RetryOptions, StepInfo } from './steps.ts'

/** One turn of a body may hold the event loop for half a minute before its worker is killed. */
const MAX_TURN_MS = 30_000
const RETAIN_MS = 24 * 60 * 60 * 1000

/** Layers of later versions. */
const NOT_YET_LAYERS: readonly string[] = ['files', 'replicas']

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
  if (NOT_YET_LAYERS.includes(layer))
    throw new PerdureError('PERDURE_E_NOT_YET', `The layer ${layer} is part of the contract but not built yet. Use journal.`)
  if (!['none', 'restart', 'journal'].includes(layer))
    throw usage(`The layer of "${name}" is ${String(layer)}: expected none, restart or journal.`)
  return { name, body, layer, maxTurnMs, retainMs, strict, module: callingModule() }
}

/** The module that called the caller of this function, as a URL; undefined where the stack does not say. */
function callingModule(): string | undefined {
  const frames = (new Error().stack ?? '').split('\n').slice(1)
  const own = frames[0]?.match(LOCATION)?.[1]
  for (const frame of frames) {
    const location = frame.match(LOCATION)?.[1]
    if (location !== undefined && location !== own) return location
  }
  return undefined
}

const LOCATION = /((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*?):\d+:\d+\)?$/

export interface HostOptions {
  /** Runs at a time, per OS process. Default 64. */
  readonly capacity?: number
  /** Worker processes that execute the bodies. Default: this process does, and protects itself from nothing. */
  readonly workers?: number
}

export interface NodeHandle extends AsyncDisposable {
  readonly name: string
  /** Stops hosting; the runs go on elsewhere, or wait. Idempotent. */
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
  const hosted = definitions as unknown as readonly HostedDefinition[]
  const handle =
    options.workers === undefined
      ? await hostHere(site, name, hosted, capacity)
      : await hostInWorkers(site, name, hosted, capacity, positive(options.workers, 'workers'))
  const takeBack = site.link.beforeClose(() => handle.close())
  let closing: Promise<void> | undefined
  const close = () => {
    takeBack()
    closing ??= handle.close()
    return closing
  }
  return { name, close, [Symbol.asyncDispose]: close }
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
  workers: number,
): Promise<{ close(): Promise<void> }> {
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
    { name, nameOf, modules: [...modules], definitions: definitions.map((d) => d.name), workers, capacity },
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
  restart(reason: string): Promise<void>
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
    cancel: (reason) => site.issuer.issue('process.cancel', [definition, key, String(reason)]) as Promise<boolean>,
    restart: () =>
      Promise.reject(
        new PerdureError(
          'PERDURE_E_NOT_YET',
          'handle.restart is part of the contract but not built yet. Cancel the run and start it under another key.',
        ),
      ),
  }
}

function positive(value: unknown, option: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 100_000) return value
  throw usage(`The option ${option} is ${String(value)}: expected a whole number from 1 on.`)
}
