/**
 * `perdure ariel explain` and `what-if`: why a policy did what it did in a history, why not something else, and what it would do.
 *
 * Boundary: files in, lines out. Nothing is decided here: all is asked of the interpreter.
 */
import {
  type ExplainedAtom,
  type ExplainedBranch,
  type ExplainedPass,
  explain,
  type ListedAction,
  type Notification,
  type Refusal,
  whatIf,
  whyNot,
} from '../../mechanisms/ariel/ariel.ts'
import { deedsOn } from '../../mechanisms/ariel/explain.ts'
import { notificationText, writtenEvent } from '../../mechanisms/ariel/history-lines.ts'
import { readName } from '../../support/backbone/entity.ts'
import { type PolicyOptions, readHistoryText, readPolicy, wholeNumber } from './ariel-policy.ts'
import { EXIT_FAILED, remark, say, styled, usage } from './output.ts'

export interface ExplainCommandOptions extends PolicyOptions {
  readonly all?: true
  readonly at?: string
  readonly line?: string
  readonly whyNot?: string
  readonly json?: true
}

/** Lines of the largest script that is read. */
const MAX_LINE = 16_777_216

const MAX_CODE = 2 ** 31 - 1

/** Prints the passes in which something was done, or, with `whyNot`, those in which a line did nothing and what kept it. */
export function explainPolicy(file: string, history: string, options: ExplainCommandOptions): number {
  const line = lineOf(options.line, '--line')
  const not = lineOf(options.whyNot, '--why-not')
  if (line !== undefined && not !== undefined) {
    throw usage('--line says why something was done, --why-not why it was not. Expected one of them.')
  }
  const at = timeOf(options.at)
  const policy = readPolicy(file, options)
  if (policy === undefined) return EXIT_FAILED
  const text = readHistoryText(history)
  const classic = options.classic === true
  if (not !== undefined) {
    if (deedsOn(policy.rcode, not).length === 0) throw usage(`Line ${not} of ${file} has no action. Expected the line of one.`)
    const refusals = whyNot(policy, text, { line: not, classic }).filter(isAt(at))
    for (const refusal of refusals) tellRefusal(refusal, not, options)
    if (refusals.length === 0) remark(`There is no pass in which line ${not} did nothing.`)
    return 0
  }
  const passes = explain(policy, text, { classic })
    .filter(isAt(at))
    .filter((pass) => options.all === true || done(pass).some((action) => line === undefined || action.line === line))
  for (const pass of passes) tellPass(pass, options)
  if (passes.length === 0) remark('No pass did anything of the kind. --all shows every pass.')
  return 0
}

/** Those that were taken, and those that had to be false for that: an ELIF has the branches before it to thank. */
function decisive(branches: readonly ExplainedBranch[]): readonly ExplainedBranch[] {
  const kept: ExplainedBranch[] = []
  let isBefore = false
  for (const branch of branches.toReversed()) {
    if (branch.taken || isBefore) kept.unshift(branch)
    if (branch.taken) isBefore = branch.word !== 'IF'
    else if (branch.word === 'IF') isBefore = false
  }
  return kept
}

function lineOf(written: string | undefined, option: string): number | undefined {
  return written === undefined ? undefined : wholeNumber(written, option, 1, MAX_LINE)
}

/** Milliseconds, as a history has them. */
function timeOf(written: string | undefined): number | undefined {
  if (written === undefined) return undefined
  const at = Number(written)
  if (written.trim() !== '' && at >= 0) return at
  throw usage(`--at ${written} is no time. Expected milliseconds, as in the history: --at 640`)
}

function isAt(at: number | undefined): (each: { readonly at: number }) => boolean {
  return (each) => at === undefined || each.at === at
}

function done({ alarms, branches }: ExplainedPass): readonly ListedAction[] {
  return [...alarms, ...branches.flatMap(({ actions }) => actions)]
}

function tellPass(pass: ExplainedPass, { all, json }: ExplainCommandOptions): void {
  if (json) {
    say(JSON.stringify({ ...pass, notification: writtenEvent(pass.notification) }))
    return
  }
  say(styled('bold', headOf(pass)))
  for (const action of pass.alarms) say(`  its watchdog (line ${action.line}) does ${actionText(action)}`)
  for (const branch of all ? pass.branches : decisive(pass.branches)) tellBranch(branch)
  for (const { line, text } of pass.notes) say(`  line ${line}: ${text}`)
}

function headOf({ at, notification }: { readonly at: number; readonly notification: Notification }): string {
  return `at ${at} ms: ${notificationText(notification)}`
}

function tellBranch({ word, line, taken, atoms, actions }: ExplainedBranch): void {
  say(`  line ${line}: ${word} ${taken ? 'is taken' : 'is not taken'}`)
  for (const atom of atoms) say(`      ${atomText(atom)}`)
  for (const action of actions) say(`    line ${action.line} does ${actionText(action)}`)
}

/** `ERRN(T5) >= 3 is false: 1; T5 has code 12 once, open`. */
function atomText({ condition, truth, value, records }: ExplainedAtom): string {
  const reasons = [
    ...(value === undefined ? [] : [`it is ${value}`]),
    ...records.map(({ entity, code, count, open, lastAt }) => {
      return `${entity} has code ${code}, ${count} ${count === 1 ? 'record' : 'records'}, ${open} open, last at ${lastAt} ms`
    }),
  ]
  return [`${condition} is ${truth}`, ...reasons].join('; ')
}

function actionText({ action, target, value }: ListedAction): string {
  return [action, ...(target === undefined ? [] : [target]), ...(value === undefined ? [] : [JSON.stringify(value)])].join(' ')
}

function tellRefusal(refusal: Refusal, line: number, { json }: ExplainCommandOptions): void {
  if (json) {
    say(JSON.stringify({ ...refusal, notification: writtenEvent(refusal.notification) }))
    return
  }
  say(`${styled('bold', headOf(refusal))}: line ${line} did nothing, because ${reasonText(refusal)}`)
  for (const atom of refusal.atoms) say(`      ${atomText(atom)}`)
}

function reasonText({ because, line }: Refusal): string {
  switch (because) {
    case 'guard':
      return `the guard of line ${line} was false:`
    case 'earlier branch':
      return `the branch of line ${line} comes first and was taken:`
    case 'stopped':
      return 'an action was repeated too often, which ended the pass (RUNAWAY)'
    case 'no such record':
      return 'there was no such error record'
    case 'nothing to act on':
      return 'there was nothing to act on'
  }
}

export interface WhatIfCommandOptions extends PolicyOptions {
  readonly code?: string
  readonly after?: string
  readonly json?: true
}

/** Prints which branches ask about an entity, and what an error about it would bring about. */
export function askWhatIf(file: string, name: string, options: WhatIfCommandOptions): number {
  const entity = readName(name.toUpperCase())
  if (entity === undefined) throw usage(`${name} is no entity. Expected a task, node or group, as in T5, N2 or G3.`)
  const code = options.code === undefined ? {} : { code: wholeNumber(options.code, '--code', -MAX_CODE - 1, MAX_CODE) }
  const policy = readPolicy(file, options)
  if (policy === undefined) return EXIT_FAILED
  const history = options.after === undefined ? {} : { history: readHistoryText(options.after) }
  const { reactions, actions } = whatIf(policy, entity, { ...code, ...history, classic: options.classic === true })
  if (options.json) {
    say(JSON.stringify({ entity: name.toUpperCase(), reactions, actions }))
    return 0
  }
  for (const { word, line, atoms } of reactions) say(`line ${line}: ${word} asks ${atoms.join(', ')}`)
  if (reactions.length === 0) say(`No section asks about errors of ${name.toUpperCase()}.`)
  for (const action of actions) say(`line ${action.line} does ${actionText(action)}`)
  if (actions.length === 0) say('Nothing would be done.')
  return 0
}
