/**
 * The last word of a test run: what passed, for `docs/acceptance.md`, and one plain line for people and machines.
 *
 * Boundary: it only reads what the runner reports. It is not a test and knows none. PERDURE_RESULTS_OF names the producer where that is
 * not `npm test`.
 *
 * Invariants:
 *   R1  The line is the last thing the process prints, hence the `exit` event.
 *   R2  Whatever makes the run fail counts as a failure: a test, a file that did not load, a hook, an error outside every test.
 */
import { relative } from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'
import { type Results, worse, writeResults } from '../scripts/results.mjs'

export interface Count {
  passed: number
  failed: number
  skipped: number
}

export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count: Count = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
    const results: Results = {}
    for (const module of modules) countModule(module, count, results)
    writeResults(process.env.PERDURE_RESULTS_OF ?? 'tests', results)
    process.once('exit', () => process.stdout.write(`${closingLine(count)}\n`))
  }
}

export function closingLine({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

function countModule(module: TestModule, count: Count, results: Results): void {
  const path = relative(process.cwd(), module.moduleId).replaceAll('\\', '/')
  if (module.errors().length > 0) count.failed += 1
  for (const suite of module.children.allSuites()) {
    if (suite.errors().length > 0) count.failed += 1
  }
  for (const test of module.children.allTests()) {
    const state = stateOf(test)
    count[state] += 1
    const name = `${path} › ${test.fullName}`
    results[name] = worse(results[name], state)
  }
}

/** A test that never ended (`pending`) has not passed. */
function stateOf(test: TestCase): 'passed' | 'failed' | 'skipped' {
  const { state } = test.result()
  return state === 'pending' ? 'failed' : state
}
