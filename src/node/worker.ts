/**
 * A worker process: imports the modules that define processes, connects to the owner of the site, and executes the runs it is
 * given. It keeps nothing: whatever it loses is in the log.
 *
 * Boundary: started by `workers.ts` only. It ends when the owner, its parent or its place is gone, and never comes back by
 * itself: whoever it was is fenced, and a new process is somebody else.
 */

import { writeFileSync } from 'node:fs'
import { systemClock } from '../clock.ts'
import { PerdureError } from '../errors.ts'
import { failureOf } from '../log/outcome.ts'
import { type HostedDefinition, RunHost } from '../mechanisms/process/host/host.ts'
import { connectSocket } from './connect.ts'
import { watchBodies } from './determinism.ts'
import { STALL_FD, startHeartbeat } from './heartbeat.ts'
import { importDefinitions } from './program.ts'
import { workFolders } from './work-folders.ts'
import { markWorkerImport } from './worker-import.ts'
import {
  EXIT_DISMISSED,
  EXIT_UNUSABLE,
  type ParentMessage,
  SETTINGS_VARIABLE,
  type WorkerMessage,
  type WorkerSettings,
} from './worker-protocol.ts'

/** What the kernel of Linux adds, of 1,000, when it looks for the process to end where memory is out. */
const MEMORY_BLAME = 500

const settings = process.env[SETTINGS_VARIABLE]
if (settings !== undefined) {
  delete process.env[SETTINGS_VARIABLE]
  await work(JSON.parse(settings) as WorkerSettings)
}

async function work(spec: WorkerSettings): Promise<void> {
  process.on('disconnect', dismiss)
  takeBlame()
  // An interrupt from the terminal goes to the whole group; the parent decides what becomes of its workers.
  process.on('SIGINT', () => undefined)
  let definitions: readonly HostedDefinition[]
  try {
    markWorkerImport(true)
    watchBodies('calls and constructors')
    definitions = await importDefinitions(spec.modules, spec.definitions)
    markWorkerImport(false)
  } catch (error) {
    return await refuse(error)
  }
  try {
    await serve(spec, definitions)
    tell({ kind: 'ready' })
  } catch (error) {
    await refuse(error)
  }
}

async function serve(spec: WorkerSettings, definitions: readonly HostedDefinition[]): Promise<void> {
  let host: RunHost | undefined
  const connection = await connectSocket(
    spec.socket,
    systemClock,
    `worker ${spec.name}`,
    {
      note: (body, position) => (body[0] === 'fenced' ? dismiss() : host?.note(body, position)),
      durable: (position) => host?.durableTo(position),
      closed: dismiss,
    },
    spec.logId,
  )
  const loopMs = Math.max(...definitions.map(({ maxTurnMs }) => maxTurnMs))
  const { meter } = startHeartbeat(spec.socket, connection.session, { fd: STALL_FD, loopMs })
  host = new RunHost(connection, systemClock, {
    name: spec.name,
    parent: spec.parent,
    parentSession: spec.parentSession,
    boot: spec.boot,
    pid: process.pid,
    definitions,
    capacity: spec.capacity,
    logId: spec.logId,
    shared: false,
    workFolders: workFolders(spec.boot),
    meter,
    log: (definition, key, text) => tell({ kind: 'log', definition, key, text }),
  })
  await host.register()
  process.on('message', (message: ParentMessage) => {
    if (message.kind !== 'flush') return
    // What the site sent before its answer has arrived before it; a turn later all that follows from it has been told.
    connection.confirm().then(
      () => systemClock.hop(() => tell({ kind: 'flushed' })),
      () => undefined,
    )
  })
}

function tell(message: WorkerMessage): void {
  process.send?.(message)
}

/** Where memory is out, a worker is what the site can do without: its runs go on elsewhere, while the owner is everybody's. */
function takeBlame(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', String(MEMORY_BLAME))
  } catch {
    // Another system than Linux, or one that hides this: its own choice stands.
  }
}

/** Nothing this process still does counts; it must not go on. */
function dismiss(): never {
  process.exit(EXIT_DISMISSED)
}

function refuse(error: unknown): Promise<never> {
  const failure = failureOf(
    error instanceof PerdureError ? error : new PerdureError('PERDURE_E_IMPORT', String(error), { cause: error }),
  )
  return new Promise(() => {
    process.send?.({ kind: 'failed', failure } satisfies WorkerMessage, () => process.exit(EXIT_UNUSABLE))
  })
}
