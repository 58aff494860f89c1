/**
 * What can be asked of the demo, and what is answered to those who ask for something else.
 *
 * Boundary: words to data; a `UsageError` for what does not fit.
 */
import { parseArgs } from 'node:util'
import { EXPECTED } from './expected.ts'
import { ALL_TOWNS } from './towns.ts'

export interface DemoOptions {
  readonly towns: number
  readonly tasks: number
  readonly nodes: number
  readonly kills: number
  readonly seed: number
  /** Undefined: a fresh one, whose folder is removed after success. */
  readonly key: string | undefined
  readonly folder: string
  readonly mode: 'durable' | 'bare' | 'help'
}

export class UsageError extends Error {}

/** Fills the grid in rows of equal length on any terminal of 80 columns. */
const TASKS = 216
const MOST_TASKS = 1_000
const MOST_NODES = 26
const MOST_KILLS = 20
const MOST_SEED = 2 ** 32 - 1

/** Few enough digits to type one again. */
const FRESH_SEEDS = 10_000

export const HELP = `npm run demo -- [options]

  --nodes N    worker processes, 1 to ${MOST_NODES} (default 4)
  --kills N    how many are killed on the way, 0 to ${MOST_KILLS} (default 2)
  --no-kill    the same as --kills 0
  --seed N     repeats the choice of when and whom to kill (default: another one each time)
  --key KEY    names the work: after everything was killed, the same key goes on (default: a fresh one)
  --bare       the same work without perdure; the first kill ends it
  --towns N    ${Object.keys(EXPECTED).join(', ')}: the numbers whose answer is known (default ${ALL_TOWNS})
  --tasks N    into how many tasks the work is cut, 1 to ${MOST_TASKS} (default ${TASKS})
  --url DIR    where the logs lie (default perdure-data/demo)
  --help       this

Exit codes: 0 the ten pairs are the expected ones and no result was counted twice, 1 they are not, 2 wrong usage.`

export function readOptions(args: readonly string[]): DemoOptions {
  const { values } = parsed(args)
  const options: DemoOptions = {
    towns: whole('towns', values.towns, ALL_TOWNS, [1, ALL_TOWNS]),
    tasks: whole('tasks', values.tasks, TASKS, [1, MOST_TASKS]),
    nodes: whole('nodes', values.nodes, 4, [1, MOST_NODES]),
    kills: values['no-kill'] ? 0 : whole('kills', values.kills, 2, [0, MOST_KILLS]),
    seed: whole('seed', values.seed, Math.floor(Math.random() * FRESH_SEEDS), [0, MOST_SEED]),
    key: values.key,
    folder: values.url ?? 'perdure-data/demo',
    mode: values.help ? 'help' : values.bare ? 'bare' : 'durable',
  }
  if (values['no-kill'] && values.kills !== undefined && values.kills !== '0')
    throw new UsageError(`--no-kill and --kills ${values.kills} contradict each other. Give one of them.`)
  if (EXPECTED[options.towns] === undefined)
    throw new UsageError(`--towns ${options.towns}: the answer is known for ${Object.keys(EXPECTED).join(', ')}. Choose one.`)
  if (options.key !== undefined && !/^[\w-][\w.-]{0,63}$/.test(options.key))
    throw new UsageError(`--key ${options.key}: expected 1 to 64 letters, digits, "_", "-" and ".", as in --key monday.`)
  return options
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const numbers = { towns: text, tasks: text, nodes: text, kills: text, seed: text }
  try {
    return parseArgs({
      args: [...args],
      options: { ...numbers, key: text, url: text, 'no-kill': flag, bare: flag, help: { ...flag, short: 'h' } },
    })
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

function whole(name: string, text: string | undefined, otherwise: number, [least, most]: readonly [number, number]): number {
  if (text === undefined) return otherwise
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new UsageError(`--${name} ${text}: expected a whole number from ${least} to ${most}.`)
}
