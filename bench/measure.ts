/**
 * How the benches measure: rounds in which the figure and its floor take turns, medians, and the range beside them.
 *
 * The machines these run on are shared and change their speed by the minute, so a figure says little alone. The floor (what the
 * disk, the processor or the operating system allows for the same work without perdure) is measured in the same round, and the
 * ratio is taken round by round.
 *
 * Boundary: numbers and text; what is measured is the business of the benches.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Figure {
  readonly what: string
  /** As in `pairs/s`; a figure whose unit ends in `/s` is better when it is higher, all others when they are lower. */
  readonly unit: string
  readonly values: readonly number[]
  readonly floor: { readonly what: string; readonly values: readonly number[] }
  /** What issue and design ask for, as text. */
  readonly target: string
  /** Points of one curve have its name, in their order. */
  readonly curve?: string
}

export interface Effort {
  /** Rounds of each figure. */
  readonly rounds: number
  /** Work of each round, as a share of the full bench. */
  readonly share: number
}

export interface Bench {
  readonly name: string
  run(effort: Effort): Promise<readonly Figure[]>
}

export const FULL: Effort = { rounds: 7, share: 1 }
/** For a check that everything still runs and is of the right order: a median of three tells no more. */
export const QUICK: Effort = { rounds: 3, share: 0.25 }

interface Measured {
  readonly what: string
  readonly unit: string
  readonly floor: string
  readonly target: string
}

/** Takes turns between floor and figure; each call gives one number in the unit of the figure. */
export async function inTurns(
  { rounds }: Effort,
  measured: Measured,
  figure: (round: number) => Promise<number> | number,
  floor: (round: number) => Promise<number> | number,
): Promise<Figure> {
  const values: number[] = []
  const floors: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    floors.push(await floor(round))
    values.push(await figure(round))
  }
  const { what, unit, target } = measured
  return { what, unit, values, floor: { what: measured.floor, values: floors }, target }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** Median over the rounds of figure by floor. */
export function ratio({ values, floor }: Figure): number {
  return median(values.map((value, round) => value / (floor.values[round] ?? Number.NaN)))
}

/** How many a second, when `count` took since `startedMs`. */
export function perSecond(count: number, startedMs: number): number {
  return (count * 1000) / (performance.now() - startedMs)
}

/** Gives `use` an empty folder on the disk of the system's temporary files, and removes it. */
export async function inFolder<R>(use: (folder: string) => Promise<R>): Promise<R> {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-bench-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A program that has not ended by then hangs. */
const PROGRAM_MS = 40_000

/** Runs plain Node and reads the one line of JSON that the program prints. */
export function runNode(args: readonly string[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: PROGRAM_MS,
      killSignal: 'SIGKILL',
    })
    let printed = ''
    child.stdout.on('data', (text) => {
      printed += String(text)
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(printed === '' ? undefined : JSON.parse(printed))
      else reject(new Error(`node ${args.join(' ')} ended with ${signal ?? `exit code ${code}`}`))
    })
  })
}
