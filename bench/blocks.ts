/**
 * The longest time for which a node under load hears nothing else.
 *
 * Each load runs in plain Node and alone, so that neither a floor's synchronous disk nor a loader's compiler is counted. Not
 * measured: bodies that compute, which hold the loop for as long as they like.
 */
import { fileURLToPath } from 'node:url'
import { type Bench, type Figure, inFolder, runNode } from './measure.ts'

const PROGRAM = fileURLToPath(new URL('./programs/blocks.mjs', import.meta.url))

const LOADS = {
  pairs: 'out + in, pipelined, memory',
  callers: 'durable out + in, 64 callers, disk',
  runs: '2,000 short runs, 64 long ones and one of pairs, disk',
  resident: 'a million tuples put, memory',
} as const

/** Blocks are rare events: each round is the longest of one whole load, and a few are enough. */
const MOST_ROUNDS = 3

export const blocks: Bench = {
  name: 'blocks',
  async run(effort) {
    const figures: Figure[] = []
    for (const [load, what] of Object.entries(LOADS)) {
      const values: number[] = []
      const floors: number[] = []
      for (let round = 0; round < Math.min(effort.rounds, MOST_ROUNDS); round += 1) {
        const { ms, floorMs } = await inFolder(
          async (folder) => (await runNode([PROGRAM, load, folder, String(effort.share)])) as { ms: number; floorMs: number },
        )
        values.push(ms)
        floors.push(floorMs)
      }
      const floor = { what: 'as many promises and objects without perdure', values: floors }
      figures.push({ what: `longest block of the event loop: ${what}`, unit: 'ms', values, floor, target: '< 50' })
    }
    return figures
  },
}
