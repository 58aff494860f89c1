/**
 * `perdure ariel test`: scripts tried against the histories that lie beside them, with what is expected.
 *
 *     plant.ariel   plant.history.jsonl         plant.expected.jsonl          one case
 *                   plant.storm.history.jsonl   plant.storm.expected.jsonl    another
 *
 * Boundary: files in, lines out. Exit codes: 0 all passed, 1 not, 2 wrong usage.
 */
import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { PerdureError } from '../../errors.ts'
import {
  actionLines,
  type CoverageReport,
  dryRun,
  type Gap,
  type PolicyCase,
  type PolicyCaseResult,
  type Share,
  testPolicy,
} from '../../mechanisms/ariel/ariel.ts'
import { checkCase } from '../../mechanisms/ariel/policy-test.ts'
import type { Policy } from '../../support/backbone/rint.ts'
import { type ClassicOptions, readHistoryText, readPolicy, wholeNumber } from './ariel-policy.ts'
import { EXIT_FAILED, remark, say, styled, usage } from './output.ts'
import { writeWhole } from './whole-file.ts'

export interface TestOptions extends ClassicOptions {
  readonly gaps?: true
  readonly atLeast?: string
  readonly update?: true
  readonly json?: true
}

const HISTORY = '.history.jsonl'
const EXPECTED = '.expected.jsonl'

/** Of a list in a report for people; `--json` has them all. */
const MAX_SHOWN = 20

export function testScripts(files: readonly string[], options: TestOptions): number {
  const leastPercent = options.atLeast === undefined ? 0 : wholeNumber(options.atLeast, '--at-least', 0, 100)
  const total = { passed: 0, failed: 0 }
  for (const file of files) {
    const names = casesBeside(file)
    const policy = readPolicy(file, options)
    if (policy === undefined) total.failed += names.length
    else if (options.update === true) update(policy, file, names, options)
    else testScript(policy, file, names, { options, leastPercent, total })
  }
  if (options.update === true) return total.failed > 0 ? EXIT_FAILED : 0
  if (options.json !== true) say(`${total.passed} passed, ${total.failed} failed`)
  return total.failed > 0 ? EXIT_FAILED : 0
}

/** Paths without the ending, in the order of their names. `PERDURE_E_USAGE` where there is none. */
function casesBeside(script: string): readonly string[] {
  const [folder, stem] = [dirname(script), basename(script).replace(/\.ariel$/, '')]
  const found = existsSync(folder) ? readdirSync(folder) : []
  const cases = found.filter((name) => name.startsWith(`${stem}.`) && name.endsWith(HISTORY)).sort()
  if (cases.length > 0) return cases.map((name) => join(folder, name.slice(0, -HISTORY.length)))
  throw usage(
    `There is no case beside ${script}. Expected a history, as in ${stem}${HISTORY} or ${stem}.storm${HISTORY}, with what is to be done in ${stem}${EXPECTED} or ${stem}.storm${EXPECTED}.`,
  )
}

function update(policy: Policy, file: string, names: readonly string[], { classic }: TestOptions): void {
  for (const name of names) {
    const actions = dryRun(policy, readHistoryText(name + HISTORY), { classic: classic === true })
    writeWhole(name + EXPECTED, actionLines(actions))
    say(name + EXPECTED)
  }
  remark(`Written is what ${file} does now. Read it: from here on it is what is expected.`)
}

interface Run {
  readonly options: TestOptions
  readonly leastPercent: number
  readonly total: { passed: number; failed: number }
}

function testScript(policy: Policy, file: string, names: readonly string[], { options, leastPercent, total }: Run): void {
  const ready = names.filter((name) => existsSync(name + EXPECTED))
  const unreadable = new Map<string, string>()
  const cases = ready.flatMap((name) => readCase(name, unreadable))
  const { cases: results, coverage } = testPolicy(policy, cases, { classic: options.classic === true })
  const tell = options.json === true ? tellJson : tellPeople
  for (const result of results) tell.result(result)
  for (const [name, why] of unreadable) tell.unreadable(name, why)
  for (const name of names) if (!ready.includes(name)) tell.missing(basename(name))
  tell.coverage(file, coverage, options)
  const failed = names.length - results.filter(({ passed }) => passed).length
  total.passed += names.length - failed
  total.failed += failed
  const { covered, of } = coverage.branches
  if (covered * 100 >= leastPercent * of) return
  total.failed += 1
  remark(`${file}: ${covered} of ${of} branches are tried, expected at least ${leastPercent} percent. --gaps names the others.`)
}

/** Nothing for a case that cannot be read: why is kept, and the others are tried. */
function readCase(path: string, unreadable: Map<string, string>): readonly PolicyCase[] {
  const name = basename(path)
  try {
    const read: PolicyCase = { name, history: readHistoryText(path + HISTORY), expected: readHistoryText(path + EXPECTED) }
    checkCase(read)
    return [read]
  } catch (error) {
    if (!(error instanceof PerdureError)) throw error
    unreadable.set(name, error.message)
    return []
  }
}

const tellJson = {
  result: ({ name, passed, notifications, performed, differences }: PolicyCaseResult): void => {
    say(JSON.stringify({ event: 'case', name, passed, notifications, actions: performed.length, differences }))
  },
  missing: (name: string): void => {
    say(JSON.stringify({ event: 'case', name, passed: false, missing: name + EXPECTED }))
  },
  unreadable: (name: string, why: string): void => {
    say(JSON.stringify({ event: 'case', name, passed: false, unreadable: why }))
  },
  coverage: (file: string, coverage: CoverageReport): void => {
    say(JSON.stringify({ event: 'coverage', file, ...coverage }))
  },
}

const tellPeople = {
  result: ({ name, passed, notifications, performed, differences }: PolicyCaseResult): void => {
    const word = styled(passed ? 'green' : 'red', passed ? 'ok    ' : 'FAILED')
    say(`${word} ${name}: ${notifications} notifications, ${performed.length} actions`)
    for (const { change, action } of differences.slice(0, MAX_SHOWN)) {
      const [sign, style] = change === 'gone' ? (['- expected ', 'red'] as const) : (['+ performed', 'green'] as const)
      say(styled(style, `       ${sign} ${JSON.stringify(action)}`))
    }
    if (differences.length > MAX_SHOWN) say(`       and ${differences.length - MAX_SHOWN} more`)
  },
  missing: (name: string): void => {
    say(`${styled('red', 'FAILED')} ${name}: there is no ${name}${EXPECTED}. Write it with --update, and read it.`)
  },
  unreadable: (name: string, why: string): void => {
    say(`${styled('red', 'FAILED')} ${name}: ${why}`)
  },
  coverage: (file: string, { sections, branches, atoms, gaps }: CoverageReport, { gaps: wanted }: TestOptions): void => {
    const shares = [written(sections, 'sections'), written(branches, 'branches'), written(atoms, 'atoms')]
    say(`${file}: tried ${shares.join(', ')}`)
    if (wanted === true) for (const gap of gaps) say(`  line ${gap.line}: ${gapText(gap)}`)
  },
}

function written({ covered, of }: Share, what: string): string {
  return `${covered} of ${of} ${what}`
}

function gapText(gap: Gap): string {
  if (gap.kind === 'section') return 'no branch of this section was ever taken'
  if (gap.kind === 'branch') return `this ${gap.word} was never taken`
  return `${gap.condition} was never ${gap.never === 'either' ? 'asked' : gap.never}`
}
