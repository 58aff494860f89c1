// biome-ignore-all lint/performance/noBarrelFile: this file is what `perdure/ariel` exports.
/**
 * ariel, the language in which the fault tolerance of a program is configured and its recovery written (REL, section 3.3).
 *
 *     const compiled = compile(script, { include: (path) => headers[path] })
 *     if (compiled.ok) process.stdout.write(actionLines(dryRun(compiled, history)))
 *     else for (const found of compiled.diagnostics) print(describe(found, 'plant.ariel'))
 *
 *     const policy = ariel`IF [ FAULTY T${PUMP} ] THEN RESTART T${PUMP} FI`
 *
 * Boundary: what `perdure/ariel` exports. Pure: files come in through `include`.
 */

export type { ActionName } from '../../support/backbone/effects.ts'
export type { EntityKind, EntityName } from '../../support/backbone/entity.ts'
export type { Notification } from '../../support/backbone/notification.ts'
export type { Note, Observer, Performed, Reason } from '../../support/backbone/performed.ts'
export { listing, type RCode } from '../../support/backbone/rcode.ts'
export type { Topology } from '../../support/backbone/topology.ts'
export { compareActions, type Difference, isSameDeed } from './compare.ts'
export { type Compiled, type CompileOptions, check, compile, parse } from './compile.ts'
export { Coverage, type CoverageReport, type Gap, type Share } from './coverage.ts'
export { CODES, type Code, type Diagnostic, describe, type Place, type Related } from './diagnostics.ts'
export { actionLines, type DryRunOptions, dryRun, type ListedAction } from './dry-run.ts'
export { emit, FORMS, type OutputForm } from './emit-form.ts'
export { readRCode, readTopology } from './emit-reader.ts'
export {
  type ExplainedAtom,
  type ExplainedBranch,
  type ExplainedPass,
  type ExplainedRecords,
  type ExplainOptions,
  explain,
  type Refusal,
  whyNot,
} from './explain.ts'
export { type ExplorationReport, type ExploreOptions, type ExploreProgress, Explorer, type Finding } from './explore.ts'
export type { PersistentFault } from './explore-future.ts'
export { type Formatted, format } from './fmt.ts'
export { type History, type HistoryEvent, readHistory } from './history.ts'
export { historyLines } from './history-lines.ts'
export { ariel, type CompiledPolicy } from './policy-tag.ts'
export {
  type PolicyCase,
  type PolicyCaseResult,
  type PolicyTestOptions,
  type PolicyTestResult,
  testPolicy,
} from './policy-test.ts'
export { print } from './print.ts'
export type { Script } from './syntax.ts'
export { type Reaction, type WhatIf, type WhatIfOptions, whatIf } from './what-if.ts'
