/**
 * The process that does the work, seen from outside: `perdure run --json`, or `bare.ts`, which prints the same kinds of lines.
 *
 * Boundary: starts one child and reads its lines; knows nothing of tasks. It is a child in every respect: an interrupt from the
 * terminal, or a SIGKILL to the group, reaches it and its workers too.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Answer } from './farthest.ts'
import { TRACE_VARIABLE } from './trace.ts'

/** The lines that the demo reads; others are passed over. API.md of perdure fixes them. */
export type JobEvent =
  | { readonly event: 'node'; readonly name: string; readonly pid: number }
  | { readonly event: 'exit'; readonly name: string; readonly pid: number; readonly reason: string }
  | { readonly event: 'log'; readonly name: string; readonly text: string }
  | { readonly event: 'started'; readonly key: string }
  | { readonly event: 'error'; readonly error: { readonly message: string } }
  | { readonly event: 'result'; readonly value?: Found; readonly error?: { readonly message: string }; readonly stats?: Stats }

/** Without perdure nobody votes. */
export type Found = Omit<Answer, 'votes'> & Partial<Pick<Answer, 'votes'>>

export interface Stats {
  readonly nodesLost: number
  readonly runsResumed: number
}

export interface JobSpec {
  readonly towns: number
  readonly tasks: number
  readonly nodes: number
}

export interface DurableSpec extends JobSpec {
  readonly key: string
  readonly folder: string
  readonly trace: string
}

/** Starts the work with perdure. */
export function startDurable({ towns, tasks, nodes, key, folder, trace }: DurableSpec): ChildProcess {
  const manifest = createRequire(import.meta.url).resolve('perdure/package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { perdure: string } }
  const input = JSON.stringify([{ towns, tasks, workers: nodes }])
  const options = ['--json', '--nodes', `${nodes}`, '--key', key, '--url', folder, '--input', input]
  const command = [join(dirname(manifest), bin.perdure), 'run', beside('farthest.ts'), ...options]
  return spawn(process.execPath, command, { stdio: STDIO, env: { ...process.env, [TRACE_VARIABLE]: trace } })
}

/** Starts the work without perdure. */
export function startBare({ towns, tasks, nodes }: JobSpec): ChildProcess {
  const options = ['--json', '--towns', `${towns}`, '--tasks', `${tasks}`, '--nodes', `${nodes}`]
  return spawn(process.execPath, [...process.execArgv, beside('bare.ts'), ...options], { stdio: STDIO })
}

/** Hears every event until the process has ended; resolves with the last of what it wrote to standard error. */
export async function follow(child: ChildProcess, hear: (event: JobEvent) => void): Promise<string> {
  const complaints: string[] = []
  const closed = new Promise<void>((resolve, reject) => {
    child.once('close', () => resolve())
    child.once('error', reject)
  })
  if (child.stderr) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      complaints.push(line)
      if (complaints.length > KEPT_COMPLAINTS) complaints.shift()
    })
  }
  if (child.stdout) {
    for await (const line of createInterface({ input: child.stdout })) {
      const event = read(line)
      if (event) hear(event)
    }
  }
  await closed
  return complaints.join('\n')
}

const STDIO: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']

/** Enough to see why it failed. */
const KEPT_COMPLAINTS = 20

function beside(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}

function read(line: string): JobEvent | undefined {
  try {
    return JSON.parse(line) as JobEvent
  } catch {
    return undefined // A line of somebody else.
  }
}
