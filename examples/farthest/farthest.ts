/**
 * Which two towns are farthest apart? A program of two processes that goes on when the machines under it do not.
 *
 *     npx perdure run examples/farthest/farthest.ts --nodes 4
 *
 * The coordinator puts the work into a tuple space as tasks, starts the workers, and merges the results as they come. Nothing
 * here deals with crashes: who is killed is executed again from its journal, takes no task twice and forgets none.
 */
import { active, any, resilient, type Space } from 'perdure'
import { farthestOf, type Globe, globe, merge, type Pair } from './antipodes.ts'
import { ALL_TOWNS, loadTowns, someOf, townNames } from './towns.ts'
import { leaveTrace } from './trace.ts'

export interface Job {
  /** How many of the 171,075 towns; default all. */
  readonly towns?: number
  /** Into how many tasks the work is cut; default 240. */
  readonly tasks?: number
  /** How many workers share them; default 4. */
  readonly workers?: number
}

export interface Answer {
  readonly farthest: readonly {
    readonly from: string
    readonly to: string
    readonly metres: number
    readonly rows: readonly [number, number]
  }[]
  readonly tasks: number
  /** Results that came more than once: 0, or perdure is broken. */
  readonly doubled: number
}

/** Takes tasks, computes, puts results, until it takes the task that says there are no more. */
export const worker = resilient('worker', async (p, job: string, towns: number) => {
  const space = p.space('towns')
  let done = (p.restored as number | undefined) ?? 0
  for (;;) {
    const [, , task, from, to] = await space.in(['task', job, Number, Number, Number])
    if (task === NO_MORE) return done
    p.log(`task ${task} taken`)
    const pairs = await p.step(`farthest of ${from} to ${to}`, () => {
      leaveTrace(task)
      return farthestOf(globeOf(towns), from, to)
    })
    await space.out(['result', job, task, pairs])
    p.log(`task ${task} done`)
    done += 1
    if (done % CHECKPOINT_EVERY === 0) await p.checkpoint(done)
  }
})

/** Hands out the tasks, takes every result once, and names the ten farthest pairs. */
export default resilient('farthest', async (p, job: Job = {}): Promise<Answer> => {
  const { towns, tasks, workers } = checked(job)
  const space = p.space('towns')
  const progress = (p.restored as Progress | undefined) ?? { finished: new Set(), doubled: 0, best: [] }
  if (p.restored === undefined) {
    for (let task = 0; task < tasks; task += 1) {
      await space.out(['task', p.key, task, Math.floor((task * towns) / tasks), Math.floor(((task + 1) * towns) / tasks)])
    }
    // An active tuple: it appears when the worker has ended, with what the worker returned, or why it failed.
    for (let n = 0; n < workers; n += 1) await space.eval(['worker', p.key, active(worker, [p.key, towns])])
  }
  while (progress.finished.size < tasks) {
    const next = await p.race({
      result: space.in(['result', p.key, Number, Array]),
      ended: space.in(['worker', p.key, any]),
    })
    if (next.key === 'ended') {
      while (await space.inp(['task', p.key, Number, Number, Number])); // The others shall not go on in vain.
      await dismiss(space, p.key, workers - 1)
      throw new Error(`a worker gave up: ${JSON.stringify(next.value[2])}`)
    }
    const [, , task, pairs] = next.value
    if (progress.finished.has(task)) progress.doubled += 1
    progress.finished.add(task)
    progress.best = merge(progress.best, pairs as Pair[])
    if (progress.finished.size % CHECKPOINT_EVERY === 0) await p.checkpoint(progress)
  }
  await dismiss(space, p.key, workers)
  const left = await space.count(['result', p.key, Number, Array])
  return { farthest: await p.step('name the towns', () => named(progress.best)), tasks, doubled: progress.doubled + left }
})

/** Ends this many workers, and waits for them. */
async function dismiss(space: Space, job: string, workers: number): Promise<void> {
  for (let n = 0; n < workers; n += 1) await space.out(['task', job, NO_MORE, 0, 0])
  for (let n = 0; n < workers; n += 1) await space.in(['worker', job, any])
}

interface Progress {
  finished: Set<number>
  doubled: number
  best: Pair[]
}

/** The number of the task that ends a worker. */
const NO_MORE = -1

/** A restart repeats at most this many replies; saving the little state that either process has costs one entry. */
const CHECKPOINT_EVERY = 32

function checked({ towns = ALL_TOWNS, tasks = 240, workers = 4 }: Job): Required<Job> {
  const fits = [towns, tasks, workers].every((count) => Number.isInteger(count) && count >= 1) && towns <= ALL_TOWNS
  if (fits) return { towns, tasks, workers }
  throw new RangeError(`${JSON.stringify({ towns, tasks, workers })}: expected whole numbers from 1, at most ${ALL_TOWNS} towns`)
}

const globes = new Map<number, Globe>()

/** Read and indexed once in each operating-system process, however many steps run there. */
function globeOf(towns: number): Globe {
  const found = globes.get(towns) ?? globe(someOf(loadTowns(), towns))
  globes.set(towns, found)
  return found
}

function named(pairs: readonly Pair[]): Answer['farthest'] {
  const names = townNames(pairs.flatMap(({ i, j }) => [i, j]))
  return pairs.map(({ i, j, metres }, place) => ({ from: names[2 * place]!, to: names[2 * place + 1]!, metres, rows: [i, j] }))
}
