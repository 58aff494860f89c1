/**
 * Back references (SPEC 4.3): what `$`, `@` and `~` may refer to, in the guard of the nearest branch.
 *
 * Boundary: pure. Reports A020 for impossible conversions and A022.
 */
import type { Reports } from './diagnostics.ts'
import type { Atom, BackReference, Guard, Kind } from './syntax.ts'

/** Atoms in the order of the text: `$1` and `@1` are the first. */
export function atomsOf(guard: Guard): Atom[] {
  switch (guard.kind) {
    case 'and':
    case 'or':
      return guard.terms.flatMap(atomsOf)
    case 'not':
      return atomsOf(guard.term)
    default:
      return [guard]
  }
}

/** Index into the atoms, from 0; may be out of range. */
export function atomIndex(reference: BackReference, atoms: readonly unknown[]): number {
  return (reference.atom === 'last' ? atoms.length : reference.atom) - 1
}

/** SPEC 2.1: what `$` can be converted to. */
const CONVERSIONS: Readonly<Record<string, readonly Kind[]>> = {
  task: ['task', 'node', 'group'],
  group: ['group', 'node'],
  node: ['node'],
}

/** The kind of what a reference stands for; undefined after a report. `any` where only the run will tell. */
export function checkReference(reference: BackReference, atoms: readonly Atom[], reports: Reports): Kind | undefined {
  const { mark, form, entity } = reference
  const atom = atoms[atomIndex(reference, atoms)]
  if (atom === undefined) {
    reports.add(
      'A022',
      mark,
      `the guard of this branch has ${atoms.length === 1 ? '1 atom' : `${atoms.length} atoms`}: expected an index from 1 to ${atoms.length}`,
    )
    return undefined
  }
  if (form === 'of') {
    if (!('entity' in atom) || atom.entity.form !== 'plain') {
      reports.add('A022', mark, '$ needs an atom that names one entity: refer to another atom')
      return undefined
    }
    const from = atom.entity.entity
    if (CONVERSIONS[from]?.includes(entity)) return entity
    reports.add('A020', mark, `a ${from} cannot be converted to a ${entity}: expected ${CONVERSIONS[from]?.join(', ')}`)
    return undefined
  }
  if (atom.kind !== 'status') {
    reports.add(
      'A022',
      mark,
      `${reference.form === 'rest' ? '~' : '@'} needs a status atom, such as FAULTY: refer to another atom`,
    )
    return undefined
  }
  if (entity !== 'any') return entity
  // The members of a group are tasks.
  return atom.entity.entity === 'group' ? 'task' : atom.entity.entity
}
