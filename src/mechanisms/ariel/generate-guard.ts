/**
 * Guards to r-code (SPEC 6): postfix; a status atom is PUSH of its ordinal, then its test; a query pushes its value, then COMPARE.
 *
 * Boundary: pure.
 */
import { ALPHA_SCALE, COMPARISONS, type OpcodeName } from '../../support/backbone/rcode.ts'
import type { Emitter, TestedAtom } from './emitter.ts'
import type { WordOf } from './keywords.ts'
import type { Atom, Guard, Query } from './syntax.ts'

const TESTS: Readonly<Record<WordOf<'status'>, OpcodeName>> = {
  FAULTY: 'FAULTY',
  RUNNING: 'RUNNING',
  PRESENT: 'PRESENT',
  STARTED: 'STARTED',
  RESTARTED: 'RESTARTED',
  REBOOTED: 'REBOOTED',
  STOPPED: 'KILLED',
  KILLED: 'KILLED',
  ISOLATED: 'ISOLATED',
  TRANSIENT: 'TRANSIENT',
  FIRED: 'FIRED',
  REINTEGRATED: 'REINTEGRATED',
}

const QUERIES: Readonly<Record<Exclude<Query, 'PHASE'>, OpcodeName>> = {
  ERRN: 'STRERRN',
  ERRT: 'STRERRT',
  RESTARTED: 'STRRESTARTS',
  ALPHA: 'STRALPHA',
  ELAPSED: 'STRELAPSED',
}

/** The atoms with the addresses of their tests, in the order of the text. */
export function generateGuard(guard: Guard, emitter: Emitter): TestedAtom[] {
  const tested: TestedAtom[] = []
  generate(guard, emitter, tested)
  return tested
}

function generate(guard: Guard, emitter: Emitter, tested: TestedAtom[]): void {
  switch (guard.kind) {
    case 'and':
    case 'or':
      for (const [at, term] of guard.terms.entries()) {
        generate(term, emitter, tested)
        if (at > 0) emitter.emit(term.start, guard.kind === 'and' ? 'AND' : 'OR')
      }
      return
    case 'not':
      generate(guard.term, emitter, tested)
      emitter.emit(guard.start, 'NOT')
      return
    default:
      generateAtom(guard, emitter, tested)
  }
}

function generateAtom(atom: Atom, emitter: Emitter, tested: TestedAtom[]): void {
  const { start } = atom
  switch (atom.kind) {
    case 'status':
      emitter.emit(start, 'PUSH', tested.length)
      tested.push({ atom, address: emitter.entity(start, TESTS[atom.status], atom.entity) })
      return
    case 'deadlocked':
      tested.push({ atom, address: emitter.emit(start, 'DEADLOCKED', emitter.number(atom.first), emitter.number(atom.second)) })
      return
    case 'variable':
      tested.push({ atom, address: emitter.emit(start, 'STRVAL', variableNumber(atom.variable)) })
      emitter.emit(start, 'COMPARE', COMPARISONS[atom.comparison], emitter.integer(atom.value))
      return
    case 'query':
      tested.push({ atom, address: generateQuery(atom, emitter) })
      emitter.emit(start, 'COMPARE', COMPARISONS[atom.comparison], constantOf(atom, emitter))
  }
}

type QueryAtom = Extract<Atom, { kind: 'query' }>

function generateQuery(atom: QueryAtom, emitter: Emitter): number {
  // SPEC 6: the operand of STRPHASE is a task, not an entity of any kind.
  if (atom.query === 'PHASE') return emitter.emit(atom.start, 'STRPHASE', emitter.number(atom.entity))
  return emitter.entity(atom.start, QUERIES[atom.query], atom.entity)
}

function constantOf({ query, value }: QueryAtom, emitter: Emitter): number {
  if ('amount' in value) return Math.round(emitter.microseconds(value) / 1000)
  return query === 'ALPHA' ? Math.round(emitter.real(value) * ALPHA_SCALE) + 0 : emitter.integer(value)
}

/** A to Z are 0 to 25. */
export function variableNumber(variable: string): number {
  return variable.charCodeAt(0) - 'A'.charCodeAt(0)
}
