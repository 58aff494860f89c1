/**
 * The same work as `farthest.ts` without perdure, as one would write it on an ordinary day: a parent forks workers, hands out
 * tasks over their channels and merges what comes back. Kill one of the processes and see what is left.
 *
 *     node --import tsx examples/farthest/bare.ts --nodes 4
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { farthestOf, globe, merge, type Pair } from './antipodes.ts'
import { ALL_TOWNS, loadTowns, type Names, named, someOf } from './towns.ts'

interface Work {
  readonly towns: number
  readonly tasks: number
  readonly nodes: number
}

async function main({ towns, tasks, nodes }: Work, tell: Teller): Promise<void> {
  const children = Array.from({ length: nodes }, () => fork(fileURLToPath(import.meta.url), ['--child', '--towns', `${towns}`]))
  tell.started(children)
  try {
    tell.found(named(await share(children, towns, tasks, tell)))
  } finally {
    for (const child of children) child.kill()
  }
}

/** Gives every child its next task when it has finished the one before. */
function share(children: readonly ChildProcess[], towns: number, tasks: number, tell: Teller): Promise<Pair[]> {
  return new Promise((resolve, reject) => {
    let next = 0
    let done = 0
    let best: Pair[] = []
    const given = new Map<ChildProcess, number>()
    const give = (child: ChildProcess) => {
      if (next === tasks) return
      child.send([Math.floor((next * towns) / tasks), Math.floor(((next + 1) * towns) / tasks)])
      tell.task(children.indexOf(child), next, 'taken')
      given.set(child, next)
      next += 1
    }
    for (const child of children) {
      child.on('message', (pairs: Pair[]) => {
        best = merge(best, pairs)
        tell.task(children.indexOf(child), given.get(child)!, 'done')
        done += 1
        if (done === tasks) resolve(best)
        else give(child)
      })
      // A task sent to one that has just died is an error too; its exit says more.
      child.on('error', (error) => child.pid ?? reject(error))
      child.on('exit', (code, signal) => {
        reject(new Error(`worker ${child.pid} died (${signal ?? `exit code ${code}`}), ${tasks} tasks lost: ${done} were done`))
      })
      give(child)
    }
  })
}

function work(towns: number): void {
  const earth = globe(someOf(loadTowns(), towns))
  process.on('message', ([from, to]: [number, number]) => process.send?.(farthestOf(earth, from, to)))
  process.on('disconnect', () => process.exit())
}

/** Says what happens: to people, or in the words of `perdure run --json`, for the demo. */
interface Teller {
  started(children: readonly ChildProcess[]): void
  task(child: number, task: number, state: 'taken' | 'done'): void
  found(farthest: readonly (Pair & Names)[]): void
  failed(message: string): void
}

const toPeople: Teller = {
  started: (children) => console.log(`parent ${process.pid}, workers ${children.map(({ pid }) => pid).join(' ')}`),
  task: () => undefined,
  found: (farthest) => {
    for (const { from, to, metres } of farthest) console.log(`${metres.toFixed(3)} m  ${from} - ${to}`)
  },
  failed: (message) => console.error(message),
}

function toPrograms(): Teller {
  const line = (event: object) => console.log(JSON.stringify(event))
  const name = (child: number) => `node-${child + 1}`
  return {
    started: (children) => {
      for (const [child, { pid }] of children.entries()) line({ event: 'node', name: name(child), pid })
    },
    task: (child, task, state) => line({ event: 'log', name: name(child), text: `task ${task} ${state}` }),
    found: (farthest) => line({ event: 'result', value: { farthest, doubled: 0 } }),
    failed: (message) => line({ event: 'result', error: { message } }),
  }
}

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const { values } = parseArgs({ options: { towns: text, tasks: text, nodes: text, json: flag, child: flag } })
const towns = Number(values.towns ?? ALL_TOWNS)

if (values.child) {
  work(towns)
} else {
  const tell = values.json ? toPrograms() : toPeople
  main({ towns, tasks: Number(values.tasks ?? 216), nodes: Number(values.nodes ?? 4) }, tell).catch((error: Error) => {
    tell.failed(error.message)
    process.exitCode = 1
  })
}
