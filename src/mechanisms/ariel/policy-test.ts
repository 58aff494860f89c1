/**
 * Policies as tests (SPEC 10): a history and the actions that are expected of it are a case; many cases make a test of a script.
 *
 *     const { cases, coverage } = testPolicy(compiled, [{ name: 'storm', history, expected }])
 *
 * Boundary: pure, over the same dry run as everything else; which files the texts come from is known above.
 */
import { PerdureError } from '../../errors.ts'
import type { Policy } from '../../support/backbone/rint.ts'
import { compareActions, type Difference, isSameDeed } from './compare.ts'
import { Coverage, type CoverageReport } from './coverage.ts'
import { dryRun, type ListedAction } from './dry-run.ts'
import { readHistory } from './history.ts'

export interface PolicyCase {
  readonly name: string
  /** JSON lines of SPEC 5.3. */
  readonly history: string
  /** The lines that a dry run prints. One that has no `line` fits an action wherever it stands in the script. */
  readonly expected: string
}

export interface PolicyCaseResult {
  readonly name: string
  readonly passed: boolean
  /** Lines of the history, the `end` not counted. */
  readonly notifications: number
  readonly performed: readonly ListedAction[]
  /** `gone`: expected and not performed; `new`: performed and not expected. */
  readonly differences: readonly Difference[]
}

export interface PolicyTestResult {
  readonly cases: readonly PolicyCaseResult[]
  /** Of all cases together. */
  readonly coverage: CoverageReport
}

export interface PolicyTestOptions {
  /** As of a dry run. */
  readonly classic?: boolean
}

/** `PERDURE_E_HISTORY` for a history, or an expected line, that cannot be read. */
export function testPolicy(policy: Policy, cases: readonly PolicyCase[], options: PolicyTestOptions = {}): PolicyTestResult {
  const coverage = new Coverage(policy.rcode)
  const { observer } = coverage
  const results = cases.map(({ name, history, expected }): PolicyCaseResult => {
    const events = readHistory(history)
    const wanted = readActions(expected)
    const performed = dryRun(policy, events, { ...options, observer })
    const differences = compareActions(wanted.map(withLine), performed, isExpected)
    const notifications = events.filter(({ kind }) => kind !== 'end').length
    return { name, passed: differences.length === 0, notifications, performed, differences: differences.map(asWritten) }
  })
  return { cases: results, coverage: coverage.report() }
}

/** `PERDURE_E_HISTORY` for a case that `testPolicy` could not read; then the others can still be tried. */
export function checkCase({ history, expected }: PolicyCase): void {
  readHistory(history)
  readActions(expected)
}

/** What an expected line without `line` has in place of it while lists are compared. */
const ANY_LINE = -1

type WrittenAction = Omit<ListedAction, 'line'> & { readonly line?: number }

function withLine(action: WrittenAction): ListedAction {
  return { ...action, line: action.line ?? ANY_LINE }
}

function isExpected(wanted: ListedAction, performed: ListedAction): boolean {
  return isSameDeed(wanted, performed) && (wanted.line === ANY_LINE || wanted.line === performed.line)
}

/** A difference is shown as it stands in the file. */
function asWritten({ change, action }: Difference): Difference {
  if (action.line !== ANY_LINE) return { change, action }
  const { line: _, ...written } = action
  return { change, action: written as ListedAction }
}

/** The lines of an expected file; blank ones are passed over. */
function readActions(text: string): readonly WrittenAction[] {
  return text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .flatMap((written, at) => (written.trim() === '' ? [] : [readAction(written, at + 1)]))
}

function readAction(written: string, line: number): WrittenAction {
  let value: unknown
  try {
    value = JSON.parse(written)
  } catch (cause) {
    throw unfit(line, 'is no JSON', cause)
  }
  if (!isWrittenAction(value)) throw unfit(line, `is ${written.trim().slice(0, 80)}`)
  return value
}

function isWrittenAction(value: unknown): value is WrittenAction {
  if (typeof value !== 'object' || value === null) return false
  const { at, line, action, target, value: of, ...others } = value as Readonly<Record<string, unknown>>
  const isText = (each: unknown): boolean => each === undefined || typeof each === 'string'
  const isNumber = (each: unknown): boolean => each === undefined || typeof each === 'number'
  return (
    typeof at === 'number' &&
    isNumber(line) &&
    typeof action === 'string' &&
    isText(target) &&
    (isText(of) || isNumber(of)) &&
    Object.keys(others).length === 0
  )
}

function unfit(line: number, found: string, cause?: unknown): PerdureError {
  const expected =
    'expected a line such as {"at":120,"line":4,"action":"RESTART","target":"T5"}, as perdure ariel dry-run prints it'
  return new PerdureError('PERDURE_E_HISTORY', `Line ${line} of the expected actions ${found}; ${expected}.`, {
    data: { line },
    ...(cause !== undefined && { cause }),
  })
}
