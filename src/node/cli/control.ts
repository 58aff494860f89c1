/**
 * `perdure restart|migrate|pause|resume RUN` and `perdure drain|stop NODE`: what people do with runs and nodes.
 *
 * Boundary: operations of the site and what they came to on the screen. Each waits until what it asked for has happened.
 */
import { DRAIN_MS } from '../../mechanisms/process/machine/handover.ts'
import type { Restarted } from '../../mechanisms/process/machine/restarting.ts'
import type { Drained } from '../../mechanisms/process/process.ts'
import { checkName } from '../../support/definition.ts'
import { remark, say, sayJson, usage } from './output.ts'
import { reached } from './reach.ts'
import { type LookOptions, resolveRun } from './runs.ts'

export interface ReasonOptions extends LookOptions {
  readonly reason?: string
}

export interface DrainOptions extends LookOptions {
  readonly drainMs?: string
}

/** `perdure restart RUN`. */
export function restartRun(text: string, options: ReasonOptions): Promise<void> {
  return reached(options.url, async (connection) => {
    const { definition, key } = await resolveRun(connection, text)
    const reason = options.reason ?? 'restarted on the command line'
    const restarted = (await connection.client.issue('process.restart', [definition, key, reason])) as Restarted
    if (options.json) return sayJson({ definition, key, ...restarted })
    say(`The run ${definition}/${key} was ${restarted.was}; it begins anew, as incarnation ${restarted.incarnation}.`)
  })
}

/** `perdure pause RUN`. */
export function pauseRun(text: string, options: ReasonOptions & DrainOptions): Promise<void> {
  const drainMs = drainMsOf(options)
  return reached(options.url, async (connection) => {
    const { definition, key } = await resolveRun(connection, text)
    const reason = options.reason ?? 'paused on the command line'
    const paused = (await connection.client.issue('process.pause', [definition, key, reason, drainMs])) === true
    if (options.json) return sayJson({ definition, key, paused })
    say(
      paused
        ? `The run ${definition}/${key} is paused. It goes on with: perdure resume ${definition}/${key}`
        : `The run ${definition}/${key} has ended, or was paused before.`,
    )
  })
}

/** `perdure resume RUN`. */
export function resumeRun(text: string, options: LookOptions): Promise<void> {
  return reached(options.url, async (connection) => {
    const { definition, key } = await resolveRun(connection, text)
    const resumed = (await connection.client.issue('process.resume', [definition, key])) === true
    if (options.json) return sayJson({ definition, key, resumed })
    say(resumed ? `The run ${definition}/${key} goes on.` : `The run ${definition}/${key} is not paused, wedged or diverged.`)
  })
}

/** `perdure migrate RUN [NODE]`. */
export function migrateRun(text: string, node: string | undefined, options: DrainOptions): Promise<void> {
  const drainMs = drainMsOf(options)
  return reached(options.url, async (connection) => {
    const { definition, key } = await resolveRun(connection, text)
    const moved = (await connection.client.issue('process.migrate', [definition, key, node ?? null, drainMs])) as string | null
    if (options.json) return sayJson({ definition, key, node: moved })
    say(moved === null ? `The run ${definition}/${key} has ended.` : `The run ${definition}/${key} goes on at ${moved}.`)
  })
}

/** `perdure drain NODE` and `perdure stop NODE`. */
export function drainNode(node: string, then: 'stay' | 'stop', options: DrainOptions): Promise<void> {
  const drainMs = drainMsOf(options)
  return reached(options.url, async (connection) => {
    const drained = (await connection.client.issue('process.drain', [nodeName(node), drainMs, then])) as Drained
    if (options.json) return sayJson({ node, ...drained, ...(then === 'stop' && { stopped: true }) })
    const { runs, handedOver, cutOff } = drained
    const done = then === 'stop' ? 'is drained and has ended' : 'is drained and takes no runs'
    say(`The node ${node} ${done}: ${runs} runs, ${handedOver} handed over, ${cutOff} cut off.`)
    if (cutOff > 0) remark(`steps that took longer than ${drainMs} ms are executed again, with the same idempotency key`)
  })
}

/** The name of a node, or of a worker as in node-a/1. */
function nodeName(text: string): string {
  for (const part of text.split('/')) checkName(part, 'a node')
  return text
}

function drainMsOf({ drainMs }: DrainOptions): number {
  if (drainMs === undefined) return DRAIN_MS
  const ms = Number(drainMs)
  if (drainMs.trim() !== '' && Number.isSafeInteger(ms) && ms >= 0) return ms
  throw usage(`--drain-ms ${drainMs} is no time. Expected milliseconds, as in --drain-ms 10000.`)
}
