/**
 * Sections against the rules of SPEC 4: which entity fits which condition and action, and numbers within their range.
 *
 * Boundary: pure. Reports A010, A013, A015, A020, A021, A022 and A023.
 */
import type { Declarations } from './declarations.ts'
import type { Reports } from './diagnostics.ts'
import { MAX_INTEGER } from './include.ts'
import type { WordOf } from './keywords.ts'
import { atomsOf, checkReference } from './references.ts'
import type { Action, Atom, Branch, Entity, EntityAction, Expression, Kind, PlainAction, Query, Section } from './syntax.ts'

const ALL: readonly Kind[] = ['task', 'node', 'group', 'any']
const TASKS_AND_GROUPS: readonly Kind[] = ['task', 'group', 'any']

/** SPEC 4.1, column "applies to". */
export const STATUS_KINDS: Readonly<Record<WordOf<'status'>, readonly Kind[]>> = {
  FAULTY: ALL,
  RUNNING: ALL,
  PRESENT: TASKS_AND_GROUPS,
  STARTED: TASKS_AND_GROUPS,
  RESTARTED: TASKS_AND_GROUPS,
  REBOOTED: ['node', 'any'],
  STOPPED: ALL,
  KILLED: ALL,
  ISOLATED: ALL,
  TRANSIENT: ['task', 'node', 'any'],
  FIRED: ['task', 'any'],
  REINTEGRATED: ['node', 'any'],
}

export const QUERY_KINDS: Readonly<Record<Query, readonly Kind[]>> = {
  ERRN: ALL,
  ERRT: ALL,
  PHASE: ['task'],
  RESTARTED: TASKS_AND_GROUPS,
  ALPHA: ['task', 'node'],
  ELAPSED: ALL,
}

/** SPEC 4.2 and the table of SPEC 11. */
export const ACTION_KINDS: Readonly<Record<EntityAction, readonly Kind[]>> = {
  STOP: ALL,
  KILL: ALL,
  SHUTDOWN: ['node', 'any'],
  ISOLATE: ALL,
  START: TASKS_AND_GROUPS,
  RESTART: ALL,
  REBOOT: ['node', 'any'],
  ENABLE: ALL,
  CLEAR: TASKS_AND_GROUPS,
}

export function checkSection(section: Section, declarations: Declarations, reports: Reports): void {
  new SectionChecker(declarations, reports).section(section)
}

class SectionChecker {
  readonly #declarations: Declarations
  readonly #reports: Reports
  /** Of the nearest branch; undefined where its guard could not be read. */
  #atoms: readonly Atom[] | undefined

  constructor(declarations: Declarations, reports: Reports) {
    this.#declarations = declarations
    this.#reports = reports
  }

  section({ branches, otherwise }: Section): void {
    const outer = this.#atoms
    for (const branch of branches) {
      this.#atoms = branch.guard && atomsOf(branch.guard)
      for (const atom of this.#atoms ?? []) this.#atom(atom)
      this.#actions(branch)
    }
    // SPEC 4.3: in an ELSE branch the guard is that of the IF or ELIF just before it.
    if (otherwise !== undefined) this.#actions(otherwise)
    this.#atoms = outer
  }

  #actions({ actions }: Branch): void {
    for (const action of actions) this.#action(action)
  }

  #atom(atom: Atom): void {
    const { symbols } = this.#declarations
    switch (atom.kind) {
      case 'status':
        if (atom.status === 'PRESENT' && atom.entity.form === 'star' && atom.entity.entity === 'any') {
          return this.#star(atom.entity, 'PRESENT')
        }
        return this.#queried(atom.entity, atom.status, STATUS_KINDS[atom.status], 'star')
      case 'deadlocked':
        this.#queried(atom.first, 'DEADLOCKED', ['task'], 'no star')
        return this.#queried(atom.second, 'DEADLOCKED', ['task'], 'no star')
      case 'variable':
        symbols.integer(atom.value)
        return
      case 'query':
        this.#queried(atom.entity, atom.query, QUERY_KINDS[atom.query], 'no star')
        if ('amount' in atom.value) {
          const us = symbols.time(atom.value, 'S')
          if (us !== undefined && Math.round(us / 1000) > MAX_INTEGER) this.#tooLong(atom.value.amount)
        } else if (atom.query === 'ALPHA') {
          const most = MAX_INTEGER / 1000
          symbols.real(atom.value, (value) => Math.abs(value) < most, `a real between -${most} and ${most}`)
        } else symbols.integer(atom.value)
    }
  }

  #tooLong(place: { readonly text: string; readonly start: number; readonly end: number }): void {
    this.#reports.add('A015', place, `${place.text} is out of range: expected no more than ${MAX_INTEGER} ms`)
  }

  #action(action: Action): void {
    if (action.kind === 'section') return this.section(action)
    this.#simple(action)
    for (const { entity, args } of action.warnings) {
      this.#target(entity, 'WARN', ALL, 'star')
      for (const value of args) this.#declarations.symbols.integer(value)
    }
  }

  #simple(action: PlainAction): void {
    const { symbols } = this.#declarations
    switch (action.kind) {
      case 'do':
        return this.#target(action.entity, action.action, ACTION_KINDS[action.action], 'no star')
      case 'send':
        symbols.integer(action.value)
        return this.#target(action.entity, 'SEND', TASKS_AND_GROUPS, 'no star')
      case 'warn':
        return this.#target(action.entity, 'WARN', ALL, 'star')
      case 'warn-if':
        symbols.integer(action.error)
        this.#target(action.about, 'ERR', ALL, 'star')
        this.#target(action.entity, 'WARN', ALL, 'star')
        for (const value of action.args) symbols.integer(value)
        return
      case 'remove':
        if (typeof action.what !== 'string') symbols.integer(action.what)
        return this.#target(action.entity, 'REMOVE', action.what === 'PHASE' ? TASKS_AND_GROUPS : ALL, 'star')
      case 'call':
        symbols.index(action.function)
        for (const value of action.args) symbols.integer(value)
        return
      case 'pause':
        symbols.time(action.time, 'S')
        return
      case 'let':
        return this.#expression(action.expression)
      case 'log':
        if (typeof action.what !== 'string' && 'kind' in action.what) symbols.integer(action.what)
    }
  }

  #expression(expression: Expression): void {
    switch (expression.kind) {
      case 'chain':
        this.#expression(expression.first)
        for (const { operand } of expression.rest) this.#expression(operand)
        return
      case 'minus': {
        const { operand } = expression
        // -2147483648 is an integer; 2147483648 alone is none.
        if (operand.kind === 'number' && operand.number.value === MAX_INTEGER + 1) return
        return this.#expression(operand)
      }
      case 'number':
        this.#declarations.symbols.integer(expression.number)
        return
      case 'variable':
        return
    }
  }

  /** An entity in a guard. */
  #queried(entity: Entity, word: string, kinds: readonly Kind[], stars: 'star' | 'no star'): void {
    if (entity.form === 'of' || entity.form === 'fulfilled' || entity.form === 'rest') {
      const message = 'back references stand in actions only: expected an entity'
      this.#reports.add('A023', entity.mark, message)
      return
    }
    if (entity.form === 'star' && stars === 'no star') return this.#star(entity, word)
    this.#fits(entity, entity.entity, word, kinds)
  }

  /** An entity in an action. */
  #target(entity: Entity, word: string, kinds: readonly Kind[], stars: 'star' | 'no star'): void {
    if (entity.form === 'of' || entity.form === 'fulfilled' || entity.form === 'rest') {
      const kind = this.#atoms && checkReference(entity, this.#atoms, this.#reports)
      if (kind !== undefined) this.#kind(entity, kind, word, kinds)
      return
    }
    if (entity.form === 'star' && stars === 'no star') return this.#star(entity, word)
    this.#fits(entity, entity.entity, word, kinds)
  }

  #fits(entity: Entity, kind: Kind, word: string, kinds: readonly Kind[]): void {
    this.#kind(entity, kind, word, kinds)
    if (entity.form === 'plain') this.#declarations.resolve(entity)
    else if (kind === 'task' || kind === 'any') this.#declarations.useEveryTask()
  }

  #kind(entity: Entity, kind: Kind, word: string, kinds: readonly Kind[]): void {
    if (kinds.includes(kind) || (kind === 'any' && entity.form !== 'star')) return
    const expected = kinds.filter((other) => other !== 'any')
    this.#reports.add('A020', entity, `${word} does not apply to a ${kind}: expected a ${expected.join(' or a ')}`, { expected })
  }

  #star(entity: Entity, word: string): void {
    this.#reports.add('A021', entity, `${word} needs one entity, or a set such as TASK@1: a star is not allowed here`)
  }
}
