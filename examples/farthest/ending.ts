/**
 * The last lines of the demo: the answer, the expected one, and what the kills have cost.
 *
 * Boundary: facts to at most six lines and an exit code.
 */
import type { Board } from './board.ts'
import { EXPECTED, type ExpectedPair } from './expected.ts'
import type { Found, JobEvent } from './job-process.ts'
import type { Kill } from './killer.ts'

export interface Outcome {
  readonly result: Extract<JobEvent, { event: 'result' | 'error' }> | undefined
  readonly board: Board
  readonly kills: readonly Kill[]
  readonly complaints: string
  readonly elapsedMs: number
}

export interface Facts {
  readonly towns: number
  readonly seed: number
  /** How often a step was executed by this command, counted by the steps themselves. */
  readonly executed: number
  /** How many of them had been executed before, in vain. */
  readonly repeated: number
}

/** 0 when the ten pairs are the expected ones and no result was counted twice. */
export function verdict({ result }: Outcome, towns: number): 0 | 1 {
  const answer = answerOf(result)
  return answer !== undefined && isExpected(answer, towns) && answer.doubled === 0 ? 0 : 1
}

export function answerLines(outcome: Outcome, { towns, seed, executed, repeated }: Facts): string[] {
  const { result, kills, complaints, elapsedMs } = outcome
  const answer = answerOf(result)
  if (answer === undefined) return [`failed    ${messageOf(result) ?? (complaints || 'the work ended without a word')}`]
  const [first] = answer.farthest
  const resumed = (result?.event === 'result' && result.stats?.runsResumed) || 0
  const coordinators = kills.filter(({ coordinator }) => coordinator).length
  return [
    `answer    ${first ? pairText(first) : 'none'}, after ${(elapsedMs / 1000).toFixed(1)} s`,
    `expected  ${expectedText(answer, towns)}`,
    `killed    ${counted(kills.length, 'process', 'processes')}, ${coordinators} of them with the coordinator (--seed ${seed})`,
    `resumed   ${counted(resumed, 'run')} on other processes, from their journals`,
    `repeated  ${counted(repeated, 'step')} of ${executed} executed, because a kill had cut them off`,
    `doubled   ${counted(answer.doubled, 'result')}`,
  ]
}

/** Without perdure. */
export function failureLines({ result, board, kills, elapsedMs }: Outcome, { towns }: Pick<Facts, 'towns'>): string[] {
  const answer = answerOf(result)
  if (answer)
    return [
      `answer    ${answer.farthest[0] ? pairText(answer.farthest[0]) : 'none'}, after ${(elapsedMs / 1000).toFixed(1)} s`,
      `expected  ${expectedText(answer, towns)}`,
    ]
  return [
    `failed    ${messageOf(result) ?? 'the work ended without a word'}`,
    `killed    ${counted(kills.length, 'process', 'processes')}`,
    `lost      all of it: the results of ${board.done} finished tasks were in the memory of one process; there is no answer`,
  ]
}

function answerOf(result: Outcome['result']): Found | undefined {
  return result?.event === 'result' ? result.value : undefined
}

function messageOf(result: Outcome['result']): string | undefined {
  return result?.error?.message
}

function isExpected({ farthest }: Found, towns: number): boolean {
  const expected = EXPECTED[towns] ?? []
  const same = (pair: ExpectedPair, place: number) => {
    const found = farthest[place]
    return found?.i === pair.rows[0] && found.j === pair.rows[1] && found.metres.toFixed(3) === pair.metres.toFixed(3)
  }
  return farthest.length === expected.length && expected.every(same)
}

function expectedText(answer: Found, towns: number): string {
  const [first, ...rest] = EXPECTED[towns] ?? []
  if (isExpected(answer, towns)) return `the same, and the same ${rest.length} pairs after it`
  return `NOT the same: ${first ? pairText(first) : 'none'}, and ${rest.length} pairs after it`
}

function pairText({ from, to, metres }: { readonly from: string; readonly to: string; readonly metres: number }): string {
  const kilometres = (metres / 1000).toLocaleString('en', { minimumFractionDigits: 3, maximumFractionDigits: 3 })
  return `${from} and ${to}: ${kilometres} km`
}

function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
