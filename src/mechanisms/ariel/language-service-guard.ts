/**
 * A guard in plain English, with the names that the script gives (SPEC 4.1).
 *
 *     true when all of these hold:
 *     - an error record about task 21 "rudder" is open
 *     - none of: watchdog 22 "rudder-wd" fired …
 *
 * Boundary: pure, Markdown out.
 */
import type { Names } from './language-service-names.ts'
import { printDuration } from './print-guard.ts'
import type { Atom, Comparison, Entity, Guard } from './syntax.ts'

const COMPARED: Readonly<Record<Comparison, string>> = {
  '==': 'is',
  '!=': 'is not',
  '>': 'is more than',
  '>=': 'is at least',
  '<': 'is less than',
  '<=': 'is at most',
}

/** Lines of a list; one line, without a bullet, for a guard of one atom. */
export function explainGuard(guard: Guard, names: Names): string[] {
  if (guard.kind !== 'and' && guard.kind !== 'or') return [`True when ${explainTerm(guard, names)}.`]
  const head = guard.kind === 'and' ? 'True when all of these hold:' : 'True when at least one of these holds:'
  return [head, '', ...items(guard.terms, names, 0)]
}

function items(terms: readonly Guard[], names: Names, depth: number): string[] {
  const indent = '  '.repeat(depth)
  return terms.flatMap((term) => {
    const [inner, negated] = term.kind === 'not' ? [term.term, true] : [term, false]
    if (inner.kind !== 'and' && inner.kind !== 'or') return [`${indent}- ${explainTerm(term, names)}`]
    const all = inner.kind === 'and' ? 'all of these' : 'at least one of these'
    return [`${indent}- ${negated ? `not ${all}` : all}:`, ...items(inner.terms, names, depth + 1)]
  })
}

/** As a part of a sentence. */
function explainTerm(guard: Guard, names: Names): string {
  switch (guard.kind) {
    case 'and':
    case 'or':
      return `(${guard.terms.map((term) => explainTerm(term, names)).join(` ${guard.kind} `)})`
    case 'not':
      return `it is not so that ${explainTerm(guard.term, names)}`
    default:
      return explainAtom(guard, names)
  }
}

export function explainAtom(atom: Atom, names: Names): string {
  switch (atom.kind) {
    case 'status':
      return explainStatus(atom.status, atom.entity, names)
    case 'deadlocked':
      return `${names.entity(atom.first)} and ${names.entity(atom.second)} wait for each other`
    case 'variable':
      return `the variable ${atom.variable} ${COMPARED[atom.comparison]} ${names.numeral(atom.value)}`
    case 'query': {
      const entity = names.entity(atom.entity)
      const value = 'amount' in atom.value ? printDuration(atom.value) : names.numeral(atom.value)
      return `${queried(atom.query, entity)} ${COMPARED[atom.comparison]} ${value}`
    }
  }
}

function queried(query: Extract<Atom, { kind: 'query' }>['query'], entity: string): string {
  switch (query) {
    case 'ERRN':
      return `the number of error records about ${entity}, open and settled,`
    case 'ERRT':
      return `the code of the latest error record about ${entity} (0 if there is none)`
    case 'PHASE':
      return `the phase that ${entity} declared last (0 if none)`
    case 'RESTARTED':
      return `the number of restarts of ${entity}`
    case 'ALPHA':
      return `the alpha-count of ${entity}`
    case 'ELAPSED':
      return `the age of the latest error record about ${entity} (if there is one)`
  }
}

function explainStatus(status: Extract<Atom, { kind: 'status' }>['status'], entity: Entity, names: Names): string {
  const it = names.entity(entity)
  const group = entity.entity === 'group'
  const some = group ? `some member of ${it}` : it
  const every = group ? `every member of ${it}` : it
  switch (status) {
    case 'FAULTY':
      return `an error record about ${it}${group ? ' or any member of it' : ''} is open`
    case 'RUNNING':
      return `${some} is ${entity.entity === 'node' ? 'up' : 'running'} without an open error record${group ? ' about the group or a member' : ''}`
    case 'PRESENT':
      return `${some} is running`
    case 'STARTED':
      return `${some} has been started`
    case 'RESTARTED':
      return `${some} has been restarted at least once`
    case 'REBOOTED':
      return `${it} has been rebooted at least once`
    case 'STOPPED':
    case 'KILLED':
      return `${every} was stopped by a deliberate action`
    case 'ISOLATED':
      return `${every} was cut off by a deliberate action`
    case 'TRANSIENT':
      return `${it} is FAULTY with an alpha-count below the threshold of its filter`
    case 'FIRED':
      return `the watchdog ${it} fired and has not been cleared since`
    case 'REINTEGRATED':
      return `${it} came back after it was given up for dead`
  }
}
