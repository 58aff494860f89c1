/**
 * What a step leaves in the outside world each time it is executed, so that one can count, without asking perdure, how often
 * that was: a line with the task and the process, in the file that the environment variable FARTHEST_TRACE names.
 *
 * Boundary: one small append per execution, which is atomic between processes. Without the variable nothing is written.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'

export const TRACE_VARIABLE = 'FARTHEST_TRACE'

export interface Execution {
  readonly task: number
  readonly pid: number
}

export function leaveTrace(task: number): void {
  const path = process.env[TRACE_VARIABLE]
  if (path) appendFileSync(path, `${task} ${process.pid}\n`)
}

/** All executions so far, the oldest first. */
export function readTrace(path: string): Execution[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => {
    const [task, pid] = line.split(' ').map(Number)
    return { task: task!, pid: pid! }
  })
}
