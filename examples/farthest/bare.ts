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
import { ALL_TOWNS, loadTowns, someOf, townNames } from './towns.ts'

async function main({ towns, tasks, nodes }: { towns: number; tasks: number; nodes: number }): Promise<void> {
  const children = Array.from({ length: nodes }, () => fork(fileURLToPath(import.meta.url), ['--child', '--towns', `${towns}`]))
  console.log(`parent ${process.pid}, workers ${children.map(({ pid }) => pid).join(' ')}`)
  try {
    const best = await share(children, towns, tasks)
    const names = townNames(best.flatMap(({ i, j }) => [i, j]))
    for (const [place, { metres }] of best.entries()) {
      console.log(`${metres.toFixed(3)} m  ${names[2 * place]} - ${names[2 * place + 1]}`)
    }
  } finally {
    for (const child of children) child.kill()
  }
}

/** Gives every child its next task when it has finished the one before. */
function share(children: readonly ChildProcess[], towns: number, tasks: number): Promise<Pair[]> {
  return new Promise((resolve, reject) => {
    let next = 0
    let done = 0
    let best: Pair[] = []
    const give = (child: ChildProcess) => {
      if (next === tasks) return
      child.send([Math.floor((next * towns) / tasks), Math.floor(((next + 1) * towns) / tasks)])
      next += 1
    }
    for (const child of children) {
      child.on('message', (pairs: Pair[]) => {
        best = merge(best, pairs)
        done += 1
        if (done === tasks) resolve(best)
        else give(child)
      })
      child.on('error', reject)
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

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { towns: text, tasks: text, nodes: text, child: { type: 'boolean' } } })
const towns = Number(values.towns ?? ALL_TOWNS)

if (values.child) {
  work(towns)
} else {
  main({ towns, tasks: Number(values.tasks ?? 240), nodes: Number(values.nodes ?? 4) }).catch((error: Error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}
