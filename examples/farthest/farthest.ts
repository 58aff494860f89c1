/**
 * Which two towns are farthest apart? A program of two processes that goes on when the machines under it do not.
 *
 *     npx perdure run examples/farthest/farthest.ts --nodes 4
 *
 * The coordinator puts the work into a tuple space as tasks, starts the workers, and merges the results as they come. Nothing
 * here deals with crashes: who is killed is executed again from its journal, takes no task twice and forgets none.
 */
import { active, any, resilient } from 'perdure'
import { farthestOf, type Globe, globe, merge, type Pair } from './antipodes.ts'
import { addVotes, counted, geodesic, NO_VOTES, type Votes } from './geodesic.ts'
import { ALL_TOWNS, loadTowns, type Names, named, someOf } from './towns.ts'
import { leaveTrace } from './trace.ts'

export interface Job {
  /** Default: all 171,075. */
  readonly towns?: number
  /** Into how many the work is cut; default: 216. */
  readonly tasks?: number
  /** How many share the tasks; default: 4. */
  readonly workers?: number
}

export interface Answer {
  readonly farthest: readonly (Pair & Names)[]
  /** Results that came more than once: 0, or perdure is broken. */
  readonly doubled: number
  /** How the three methods did that measured the lengths. */
  readonly votes: Votes
}

/** Takes a task, computes, puts the result, a shift long or until there are no more tasks; returns how many it did. */
export const worker = resilient('worker', async (p, job: string, towns: number) => {
  const space = p.space('towns')
  for (let done = 0; done < SHIFT; done += 1) {
    const taken = await space.inp(['task', job, Number, Number, Number])
    if (taken === null) return done
    const [, , task, from, to] = taken
    p.log(`task ${task} taken`)
    const [pairs, votes] = await p.step(`farthest of ${from} to ${to}`, () => {
      leaveTrace(task)
      return counted(() => farthestOf(globeOf(towns), from, to))
    })
    await space.out(['result', job, task, pairs, votes])
    p.log(`task ${task} done ${JSON.stringify(votes)}`)
  }
  return SHIFT
})

/** Hands out the tasks, takes every result once, and names the ten farthest pairs. */
export default resilient('farthest', async (p, job: Job = {}): Promise<Answer> => {
  const { towns, tasks, workers } = checked(job)
  const space = p.space('towns')
  const state = (p.restored as Progress | undefined) ?? { finished: new Set(), doubled: 0, best: [], votes: NO_VOTES, working: 0 }
  const hire = () => {
    state.working += 1
    // An active tuple: it appears when the worker has ended, with what that returned, or why it failed.
    return space.eval(['worker', p.key, active(worker, [p.key, towns])])
  }
  if (p.restored === undefined) {
    for (let task = 0; task < tasks; task += 1) {
      await space.out(['task', p.key, task, Math.floor((task * towns) / tasks), Math.floor(((task + 1) * towns) / tasks)])
    }
    while (state.working < workers) await hire()
  }
  while (state.finished.size < tasks || state.working > 0) {
    const next = await p.race({
      result: space.in(['result', p.key, Number, Array, Object]),
      ended: space.in(['worker', p.key, any]),
    })
    if (next.key === 'result') {
      const [, , task, pairs, votes] = next.value
      if (state.finished.has(task)) state.doubled += 1
      state.finished.add(task)
      state.best = merge(state.best, pairs as Pair[])
      state.votes = addVotes(state.votes, votes as unknown as Votes)
      if (state.finished.size % CHECKPOINT_EVERY === 0) await p.checkpoint(state)
    } else {
      state.working -= 1
      if (typeof next.value[2] !== 'number') {
        while (await space.inp(['task', p.key, Number, Number, Number])); // The others shall not go on in vain.
        throw new Error(`a worker failed: ${JSON.stringify(next.value[2])}`)
      }
      if (await space.rdp(['task', p.key, Number, Number, Number])) await hire()
    }
  }
  state.doubled += await space.count(['result', p.key, Number, Array, Object])
  return { farthest: await p.step('name the towns', () => named(state.best)), doubled: state.doubled, votes: state.votes }
})

interface Progress {
  finished: Set<number>
  doubled: number
  best: Pair[]
  votes: Votes
  /** Workers that have not ended. */
  working: number
}

/** A worker ends after so many tasks, and the next one begins wherever there is room: on a process that has come back, say. */
const SHIFT = 8

/** A coordinator that is executed again starts from its last checkpoint, so it repeats at most the replies to so many results. */
const CHECKPOINT_EVERY = 32

function checked({ towns = ALL_TOWNS, tasks = 216, workers = 4 }: Job): Required<Job> {
  const whole = [towns, tasks, workers].every((count) => Number.isInteger(count) && count >= 1)
  if (whole && towns <= ALL_TOWNS) return { towns, tasks, workers }
  throw new RangeError(`${JSON.stringify({ towns, tasks, workers })}: expected whole numbers from 1, at most ${ALL_TOWNS} towns`)
}

const globes = new Map<number, Globe>()

/** Made once in each operating-system process, however many steps run there. */
function globeOf(towns: number): Globe {
  const found = globes.get(towns) ?? globe(someOf(loadTowns(), towns), geodesic.metres)
  globes.set(towns, found)
  return found
}
