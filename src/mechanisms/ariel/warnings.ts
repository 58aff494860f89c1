/**
 * Scripts without errors that still do not say what their author meant (SPEC 8): W101, W102, W103, W104.
 *
 * Boundary: pure. Nothing here is an error, and nothing here is computed while there is one.
 */
import type { Declarations } from './declarations.ts'
import type { Reports } from './diagnostics.ts'
import { printGuard } from './print-guard.ts'
import { atomsOf } from './references.ts'
import type { Atom, Branch, Guard, Section } from './syntax.ts'

/** W103: conditions that stay true while a record is open, and kinds of action that settle none. */
const REPEATING: ReadonlySet<string> = new Set(['FAULTY', 'TRANSIENT'])
const SETTLING_NOTHING: ReadonlySet<string> = new Set(['send', 'warn', 'warn-if', 'log', 'call'])

/** Names in one message; the rest is counted. */
const SHOWN_NAMES = 5

export function warnOfSection(section: Section, declarations: Declarations, reports: Reports): void {
  const earlier = new Set<string>()
  for (const branch of section.branches) {
    const { guard, head } = branch
    if (guard === undefined) continue
    // Most sections have one branch, and no key is needed where there is nothing to compare it with.
    const key = section.branches.length === 1 ? '' : keyOf(guard, declarations)
    if (earlier.has(key)) reports.add('W101', head, 'this branch can never run: an earlier one of the same IF has the same guard')
    else if (isContradiction(guard, declarations)) {
      reports.add('W101', head, 'this branch can never run: its guard holds an atom and its negation')
    }
    earlier.add(key)
    warnOfRepetition(branch, guard, reports)
    for (const atom of atomsOf(guard)) warnOfFilter(atom, declarations, reports)
  }
  for (const { actions } of [...section.branches, ...(section.otherwise === undefined ? [] : [section.otherwise])]) {
    for (const action of actions) if (action.kind === 'section') warnOfSection(action, declarations, reports)
  }
}

export function warnOfUnused(declarations: Declarations, reports: Reports): void {
  const unused = new Map<number, string[]>()
  for (const [number, { span }] of declarations.unused()) {
    const names = unused.get(span.start)
    if (names === undefined) unused.set(span.start, [`T${number}`])
    else names.push(`T${number}`)
  }
  for (const [, { span }] of declarations.unused()) {
    const names = unused.get(span.start) as string[]
    const rest = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : ''
    const subject = `${names.slice(0, SHOWN_NAMES).join(', ')}${rest}`
    reports.add('W102', span, `${subject} declared, but no statement uses and no group holds it`)
  }
}

/** W103: the record stays open, so the guard stays true, so every later pass does it again. */
function warnOfRepetition({ actions, head }: Branch, guard: Guard, reports: Reports): void {
  const asks = atomsOf(guard).some((atom) => atom.kind === 'status' && REPEATING.has(atom.status))
  if (!asks || actions.length === 0) return
  const settlesNothing = actions.every(({ kind }) => SETTLING_NOTHING.has(kind))
  if (!settlesNothing) return
  reports.add(
    'W103',
    head,
    'this branch settles nothing, so it acts again in every later pass: add RESTART, STOP, REMOVE or the like',
  )
}

function warnOfFilter(atom: Atom, declarations: Declarations, reports: Reports): void {
  const asks = (atom.kind === 'status' && atom.status === 'TRANSIENT') || (atom.kind === 'query' && atom.query === 'ALPHA')
  if (!asks || atom.entity.form !== 'plain') return
  const { entity } = atom
  const number = declarations.numberOf(entity)
  if (number === undefined || declarations.filters.has(`${entity.entity} ${number}`)) return
  const message = `${entity.entity} ${number} has no ALPHACOUNT: every open fault counts as transient`
  reports.add('W104', entity, message)
}

/** True if the guard can be true of no database: an atom and its negation joined by AND, wherever that decides. */
function isContradiction(guard: Guard, declarations: Declarations): boolean {
  if (guard.kind === 'or') return guard.terms.every((term) => isContradiction(term, declarations))
  if (guard.kind !== 'and') return false
  const terms = conjuncts(guard)
  if (!terms.some(({ kind }) => kind === 'not')) return terms.some((term) => isContradiction(term, declarations))
  const keys = new Set(terms.map((term) => keyOf(term, declarations)))
  return terms.some((term) => {
    if (isContradiction(term, declarations)) return true
    return term.kind === 'not' && keys.has(keyOf(term.term, declarations))
  })
}

function conjuncts(guard: Guard): Guard[] {
  return guard.kind === 'and' ? guard.terms.flatMap(conjuncts) : [guard]
}

/** Equal for guards that ask the same: spelling apart, numbers and symbols and names resolved. */
function keyOf(guard: Guard, declarations: Declarations): string {
  return printGuard(guard, {
    numeral: (numeral) => String(declarations.symbols.value(numeral)),
    entity: (entity) => (entity.form === 'plain' ? `${entity.entity} ${declarations.numberOf(entity)}` : `${entity.entity}*`),
    duration: (duration) => `${declarations.symbols.time(duration, 'S')} US`,
    status: (status) => (status === 'KILLED' ? 'STOPPED' : status),
  })
}
