/**
 * How much of each family of faults is tried: all of it in `npm run test:faults`, a little in the short version, as in
 * `npx vitest run test/faults/kill`.
 *
 * PERDURE_FAULT_ROUNDS is the number of rounds of kill -9; the other families take their long version when it is set.
 */

const asked: string | undefined = process.env.PERDURE_FAULT_ROUNDS

/** True in `npm run test:faults`. */
export const LONG: boolean = asked !== undefined

/** Rounds of kill -9: as many as asked for, ten in the short version. */
export const KILL_ROUNDS: number = asked === undefined ? 10 : positive(asked)

/** Many times what the short version takes, for a machine that is busy with something else; the longest long version makes thousands of opens. */
export const LONG_TEST_MS: number = LONG ? 15 * 60_000 : 120_000

/** The smaller number in the short version, the larger one in `npm run test:faults`. */
export function amount(short: number, long: number): number {
  return LONG ? long : short
}

/** Counts for people: every suite of faults says how much it has tried. */
export function report(family: string, counts: Readonly<Record<string, number | string>>): void {
  const text = Object.entries(counts).map(([what, count]) => `${what} ${typeof count === 'number' ? Math.round(count) : count}`)
  process.stdout.write(`faults · ${family}: ${text.join(', ')}\n`)
}

function positive(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  throw new Error(`PERDURE_FAULT_ROUNDS is "${text}": expected a whole number from 1 on, such as 300.`)
}
