/**
 * The demo: `farthest.ts` in front of your eyes, while two of its processes are killed.
 *
 *     npm run demo            npm run demo -- --bare            npm run demo -- --help
 *
 * Boundary: starts `perdure run` as anybody would, watches what it prints, and kills. Only real processes, real SIGKILLs, and the
 * disk engine. The answer is compared with `expected.ts`, which was found without perdure.
 */
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { open, run, space } from 'perdure'
import { Board } from './board.ts'
import { answerLines, failureLines, type Outcome, verdict } from './ending.ts'
import farthest from './farthest.ts'
import { follow, type JobEvent, startBare, startDurable } from './job-process.ts'
import { type FindCoordinator, Killer } from './killer.ts'
import { type DemoOptions, HELP, readOptions, UsageError } from './options.ts'
import { displayFor, REDRAW_MS } from './screen.ts'
import { type Execution, readTrace } from './trace.ts'

try {
  const options = readOptions(process.argv.slice(2))
  if (options.mode === 'help') console.log(HELP)
  else process.exitCode = await (options.mode === 'bare' ? bareDemo(options) : durableDemo(options))
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = error instanceof UsageError ? 2 : 1
  if (error instanceof UsageError) console.error('npm run demo -- --help lists the options.')
}

async function durableDemo(options: DemoOptions): Promise<number> {
  const { tasks, kills } = options
  const key = options.key ?? Date.now().toString(36)
  const folder = join(options.folder, key)
  const trace = `${folder}.trace`
  mkdirSync(options.folder, { recursive: true })
  const before = await doneBefore(folder, key, tasks)
  const earlier = readTrace(trace)
  introduce(options, kills === 0 ? 'We will kill none of them.' : `We will kill ${amount(kills)} of them.`)
  if (before.size > 0) console.log(`Going on with ${key}: ${before.size} of ${tasks} tasks were done or under way.`)
  const job = startDurable({ ...options, key, folder, trace })
  console.log(`Process ${job.pid} owns the log, ${folder}. If that one dies,`)
  console.log(`all stop and nothing is lost: npm run demo -- --key ${key} goes on.`)
  const coordinator = coordinatorOf(folder, key)
  const outcome = await watch(job, new Board(tasks, before), coordinator.find, options)
  await coordinator.close()
  const all = readTrace(trace)
  const executed = all.length - earlier.length
  const repeated = executed - (different(all) - different(earlier))
  for (const line of answerLines(outcome, { ...options, executed, repeated })) console.log(line)
  const code = verdict(outcome, options.towns)
  if (code === 0 && options.key === undefined) for (const path of [folder, trace]) rmSync(path, { recursive: true, force: true })
  return code
}

async function bareDemo(options: DemoOptions): Promise<number> {
  introduce(options, options.kills === 0 ? 'Without perdure, and nobody is killed.' : 'Without perdure, and we will kill one.')
  const outcome = await watch(startBare(options), new Board(options.tasks, new Set()), async () => undefined, options)
  for (const line of failureLines(outcome, options)) console.log(line)
  return verdict(outcome, options.towns)
}

function introduce({ towns, nodes }: DemoOptions, what: string): void {
  const lines = ['Which two towns are farthest apart?', `${towns.toLocaleString('en')} towns, ${nodes} processes. ${what}`]
  const room = process.stdout.columns ?? Number.POSITIVE_INFINITY
  console.log(lines.join(lines.join(' ').length < room ? ' ' : '\n'))
}

/** Shows the work and kills on the way, until the job has ended. */
async function watch(job: ChildProcess, board: Board, find: FindCoordinator, options: DemoOptions): Promise<Outcome> {
  const display = displayFor(process.stdout)
  const startMs = performance.now()
  let result: Outcome['result']
  let coordinator: string | undefined
  const asked: FindCoordinator = async () => {
    coordinator = await find()
    return coordinator
  }
  const killer = new Killer(board, asked, options)
  const scene = () => ({ board, kills: killer.kills, coordinator, elapsedMs: performance.now() - startMs })
  const timer = setInterval(() => {
    killer.look()
    display.show(scene())
  }, REDRAW_MS)
  const complaints = await follow(job, (event: JobEvent) => {
    if (event.event === 'result' || event.event === 'error') {
      result = event
      if (event.event === 'result' && event.value) board.finish(event.value.votes)
    } else {
      board.hear(event)
      killer.look()
    }
  })
  clearInterval(timer)
  display.close(scene())
  return { result, board, kills: killer.kills, complaints, elapsedMs: performance.now() - startMs }
}

/** The tasks that nobody needs to take any more. */
async function doneBefore(folder: string, key: string, tasks: number): Promise<ReadonlySet<number>> {
  if (!existsSync(folder)) return new Set()
  await using site = await open(folder)
  const towns = await space(site, 'towns')
  const status = await run(site, farthest, key)
    .status()
    .catch(() => undefined)
  if (status === undefined) return new Set()
  const waiting = await Promise.all(
    Array.from({ length: tasks }, async (_, task) => ((await towns.rdp(['task', key, task, Number, Number])) ? [] : [task])),
  )
  return new Set(waiting.flat())
}

interface Coordinator {
  readonly find: FindCoordinator
  close(): Promise<void>
}

/** Asks the process that owns the log which node executes the coordinator. */
function coordinatorOf(folder: string, key: string): Coordinator {
  let opening: ReturnType<typeof open> | undefined
  return {
    async find() {
      opening ??= open(folder, { attach: true })
      const { state, node } = await run(await opening, farthest, key).status()
      return state === 'running' ? node : undefined
    },
    close: async () => (await opening?.catch(() => undefined))?.close(),
  }
}

function different(executions: readonly Execution[]): number {
  return new Set(executions.map(({ task }) => task)).size
}

/** Small numbers as people write them. */
function amount(count: number): string {
  return ['none', 'one', 'two', 'three', 'four', 'five', 'six'][count] ?? `${count}`
}
