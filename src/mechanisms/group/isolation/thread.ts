/**
 * Threads for isolated members.
 *
 * Boundary: the one file of groups that starts threads; part of the shell. What is said to them is `protocol.ts`.
 */
import { Worker } from 'node:worker_threads'
import { isTypeScript, threadFlagsFor } from '../../../support/module-flags.ts'
import type { Hello, Reply, Request, ThreadData } from './protocol.ts'

/** What an isolated member needs of its thread. */
export interface Thread {
  post(request: Request): void
  /** It does not keep the process alive while nothing is asked of it. */
  hold(state: 'busy' | 'idle'): void
  /** Ends it, whatever it is doing. */
  terminate(): void
}

export interface ThreadEars {
  message(message: Hello | Reply): void
  /** It is over; the reason is for people. */
  ended(reason: string): void
}

/** A member that leaks is ended before the machine feels it. */
const MAX_HEAP_MB = 1_024

const PROGRAM = new URL(isTypeScript(import.meta.url) ? './thread-program.ts' : './thread-program.js', import.meta.url)

export function startThread(data: ThreadData, ears: ThreadEars): Thread {
  const { execArgv, loader } = threadFlagsFor([PROGRAM.href, data.source.module])
  const options = {
    workerData: data,
    name: `perdure ${data.source.id}`,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    ...(execArgv && { execArgv }),
  }
  const worker = loader === undefined ? new Worker(PROGRAM, options) : new Worker(loadedBy(loader), { ...options, eval: true })
  let reason: string | undefined
  worker.unref()
  worker.on('message', (message: Hello | Reply) => ears.message(message))
  worker.on('error', (error) => {
    reason = String(error)
  })
  worker.on('exit', (code) => ears.ended(reason ?? `the thread ended with code ${code}`))
  return {
    post: (request) => worker.postMessage(request),
    hold: (state) => (state === 'busy' ? worker.ref() : worker.unref()),
    terminate: () => void worker.terminate(),
  }
}

/** A text that registers the loader, then becomes the program. */
function loadedBy(loader: string): string {
  const [api, program] = [JSON.stringify(loader), JSON.stringify(PROGRAM.href)]
  return `import(${api}).then(({ register }) => { register(); return import(${program}) })`
}
