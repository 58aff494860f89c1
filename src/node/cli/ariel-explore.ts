/**
 * `perdure ariel explore`: everything that can happen in a small system, tried against a policy.
 *
 * Boundary: a file in, findings out; here is the clock that the exploration itself does not have. Exit codes: 0 for no livelock, 1 for
 * one, 2 wrong usage.
 */
import { type EntityName, type ExplorationReport, Explorer, historyLines } from '../../mechanisms/ariel/ariel.ts'
import type { Finding } from '../../mechanisms/ariel/explore.ts'
import { readName } from '../../support/backbone/entity.ts'
import { type PolicyOptions, readPolicy, wholeNumber } from './ariel-policy.ts'
import { EXIT_FAILED, remark, say, styled, usage } from './output.ts'

export interface ExploreOptions extends PolicyOptions {
  readonly depth?: string
  readonly code?: string
  readonly entities?: string
  readonly stepMs?: string
  readonly seconds?: string
  readonly json?: true
}

const DEFAULT_SECONDS = 60
const MAX_SECONDS = 86_400
const MAX_DEPTH = 64
const MAX_CODE = 2 ** 31 - 1
const MAX_STEP_MS = 3_600_000

/** States between two looks at the clock: some hundredths of a second. */
const STRIDE = 200

/** The first word of progress comes after so long, and the next ones as long after each other. */
const PROGRESS_MS = 2_000

export function exploreScript(file: string, options: ExploreOptions): number {
  const { depth, code, entities, stepMs, seconds } = options
  const settings = {
    ...(depth !== undefined && { depth: wholeNumber(depth, '--depth', 1, MAX_DEPTH) }),
    ...(code !== undefined && { code: wholeNumber(code, '--code', -MAX_CODE - 1, MAX_CODE) }),
    ...(stepMs !== undefined && { stepMs: wholeNumber(stepMs, '--step-ms', 100, MAX_STEP_MS) }),
    ...(entities !== undefined && { entities: entitiesOf(entities) }),
    classic: options.classic === true,
  }
  const limitMs = 1000 * (seconds === undefined ? DEFAULT_SECONDS : wholeNumber(seconds, '--seconds', 1, MAX_SECONDS))
  const policy = readPolicy(file, options)
  if (policy === undefined) return EXIT_FAILED
  const explorer = new Explorer(policy, settings)
  drive(explorer, { limitMs, now: () => performance.now(), tell: remark })
  const report = explorer.report()
  if (options.json) say(JSON.stringify(writtenReport(report)))
  else tell(report)
  return report.livelocks.length > 0 ? EXIT_FAILED : 0
}

function entitiesOf(names: string): readonly EntityName[] {
  return names.split(',').map((name) => {
    const entity = readName(name.trim().toUpperCase())
    if (entity !== undefined) return entity
    throw usage(`--entities ${names}: ${name} is no entity. Expected tasks, nodes and groups, as in T1,T2,N0.`)
  })
}

interface Watch {
  readonly limitMs: number
  /** Milliseconds, from anywhere. */
  readonly now: () => number
  readonly tell: (line: string) => void
}

/** Until it is done or the time is up, with a word of progress now and then. */
export function drive(explorer: Explorer, { limitMs, now, tell: progress }: Watch): void {
  const start = now()
  let told = start
  while (explorer.advance(STRIDE)) {
    const at = now()
    if (at - start >= limitMs) return
    if (at - told < PROGRESS_MS) continue
    told = at
    const { depth, states, notifications } = explorer.progress
    progress(`${Math.round((at - start) / 1000)} s: depth ${depth}, ${states} states, ${notifications} notifications`)
  }
}

function writtenReport(report: ExplorationReport): object {
  const written = (finding: Finding): object => ({ ...finding, history: linesOf(finding) })
  return {
    ...report,
    slowest: report.slowest && written(report.slowest),
    livelocks: report.livelocks.map(written),
    unsettled: report.unsettled.map(written),
    lost: report.lost.map(written),
  }
}

function linesOf({ history }: Finding): readonly object[] {
  const lines = historyLines(history)
    .split('\n')
    .filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as object)
}

function tell(report: ExplorationReport): void {
  const { depth, states, notifications, complete, slowest } = report
  say(`${states} states after ${notifications} notifications, at most ${depth} in a row; ${EXTENT[complete]}`)
  for (const { lines, history } of report.livelocks) {
    say(styled('red', `livelock: nothing fails any more, and ${linesText(lines)} acts again and again, after`))
    tellHistory(history)
  }
  if (report.livelocks.length === 0) say('no livelock')
  if (slowest !== undefined && slowest.ms > 0) {
    say(`slowest recovery: ${slowest.ms} ms in ${slowest.steps} ${slowest.steps === 1 ? 'step' : 'steps'}, after`)
    tellHistory(slowest.history)
  } else if (slowest !== undefined) say('every recovery ends in the pass of its notification')
  for (const { entity, history } of report.unsettled) {
    say(styled('yellow', `nothing settles the error of ${entity}, after`))
    tellHistory(history)
  }
  for (const { entity, history } of report.lost) {
    say(`${entity} is out of service for good, after`)
    tellHistory(history)
  }
  for (const { entity, outcome, errors } of report.persistent) {
    const times = `${errors} ${errors === 1 ? 'error' : 'errors'}`
    if (outcome === 'taken out') say(`${entity}, if it fails whenever it can, is taken out of service after ${times}`)
    else say(`${entity}, if it fails whenever it can, is ${outcome === 'ignored' ? 'left alone' : 'acted on for ever'}`)
  }
}

const EXTENT: Readonly<Record<ExplorationReport['complete'], string>> = {
  exhausted: 'longer histories lead nowhere else',
  depth: 'all of them up to this depth',
  stopped: 'stopped before the end',
}

function linesText(lines: readonly number[]): string {
  return `${lines.length === 1 ? 'line' : 'lines'} ${lines.join(', ')}`
}

function tellHistory(history: Finding['history']): void {
  const lines = historyLines(history)
  say(lines === '' ? '  nothing at all' : lines.replace(/^(?=.)/gm, '  ').trimEnd())
}
