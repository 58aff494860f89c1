/**
 * What a flood of a million tuples does to the rest of a site: the time from the start of a run to its first step, which is placement
 * and a sync, and the way back of a run whose worker is killed.
 *
 * The tuples are put without awaiting them, as many as a program may, by the owner of the folder or by two attached programs; runs
 * are started, and the worker killed, by a program of its own. Not measured: the backlog of the flooding program itself, behind
 * which its own later calls wait, as it asked for.
 */
import { fileURLToPath } from 'node:url'
import { type Bench, type Figure, inFolder, median, runNode } from './measure.ts'

const PROGRAM = fileURLToPath(new URL('./programs/flood.mjs', import.meta.url))

const FLOODS = { owner: 'by the owner', clients: 'by two attached programs' } as const

/** Each round is many starts and one kill, and takes seconds. */
const MOST_ROUNDS = 3

interface Found {
  readonly starts: readonly number[]
  readonly backMs: number
}

export const flood: Bench = {
  name: 'flood',
  async run(effort) {
    const figures: Figure[] = []
    const calm: Found[] = []
    const found = (role: string) =>
      inFolder(async (folder) => (await runNode([PROGRAM, role, folder, String(effort.share)])) as Found)
    const rounds = Math.min(effort.rounds, MOST_ROUNDS)
    for (let round = 0; round < rounds; round += 1) calm.push(await found('nobody'))
    for (const [role, who] of Object.entries(FLOODS)) {
      const wet: Found[] = []
      for (let round = 0; round < rounds; round += 1) wet.push(await found(role))
      const figure = (what: string, pick: (of: Found) => number): Figure => ({
        what: `a flood ${who}: ${what}`,
        unit: 'ms',
        values: wet.map(pick),
        floor: { what: 'the same without a flood', values: calm.map(pick) },
        target: '< 100',
      })
      figures.push(
        figure('start of a run until its first step', ({ starts }) => median(starts)),
        figure('the slowest of its starts', ({ starts }) => Math.max(...starts)),
        figure('kill of a worker until the next step of its run', ({ backMs }) => backMs),
      )
    }
    return figures
  },
}
