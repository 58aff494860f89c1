/**
 * Syntax tree to r-code (SPEC 6): the prologue of roles, one frame a section, STOP.
 *
 * A section is INC_NEST, its branches, DEC_NEST and OANEW. A branch is its guard in postfix, FALSE past the branch, its actions; every
 * further branch begins with GOTO the end, and FALSE jumps just after that GOTO.
 *
 * Boundary: pure; only for scripts without errors, so that every number has its value.
 */
import { invariant } from '../../errors.ts'
import { DEFAULT_ACTIONS, type RCode, ROLES } from '../../support/backbone/rcode.ts'
import type { Plant } from './configure.ts'
import type { Declarations } from './declarations.ts'
import type { Source } from './diagnostics.ts'
import { Emitter } from './emitter.ts'
import { generateAction } from './generate-action.ts'
import { generateGuard } from './generate-guard.ts'
import type { Branch, Script, Section } from './syntax.ts'

export function generate(script: Script, source: Source, plant: Plant, declarations: Declarations): RCode {
  const emitter = new Emitter(source, declarations)
  const byNode = [...plant.roles].sort(([a], [b]) => a - b)
  for (const [node, { role, span }] of byNode) {
    emitter.emit(span.start, 'SET_ROLE', node, ROLES[role.toUpperCase() as keyof typeof ROLES])
  }
  if (plant.defaultAction !== undefined) {
    const { action, span } = plant.defaultAction
    emitter.emit(span.start, 'SET_DEF_ACT', DEFAULT_ACTIONS[action === 'stop' ? 'STOP' : 'RESTART'])
  }
  for (const statement of script.statements) if (statement.kind === 'section') generateSection(statement, emitter)
  emitter.emit(Math.max((script.statements.at(-1)?.end ?? 1) - 1, 0), 'STOP')
  return { rcode: 1, code: emitter.code, lines: emitter.lines, strings: emitter.strings }
}

function generateSection({ branches, otherwise, fi, start }: Section, emitter: Emitter): void {
  const outer = emitter.atoms
  emitter.emit(start, 'INC_NEST')
  const gotos: number[] = []
  let failed = -1
  let atoms = 0
  for (const [at, branch] of branches.entries()) {
    if (at > 0) {
      gotos.push(emitter.emit(branch.head.start, 'GOTO'))
      emitter.land(failed)
      emitter.emit(branch.head.start, 'OANEW', atoms)
    }
    const { guard, then } = branch
    invariant(guard !== undefined, 'A script without errors has a guard in every branch')
    emitter.atoms = generateGuard(guard, emitter)
    atoms = emitter.atoms.length
    failed = emitter.emit(then?.start ?? branch.head.start, 'FALSE')
    generateActions(branch, emitter)
  }
  if (otherwise !== undefined) {
    gotos.push(emitter.emit(otherwise.head.start, 'GOTO'))
    emitter.land(failed)
    generateActions(otherwise, emitter)
  } else emitter.land(failed)
  for (const at of gotos) emitter.land(at)
  emitter.emit(fi.start, 'DEC_NEST')
  emitter.emit(fi.start, 'OANEW', atoms)
  emitter.atoms = outer
}

function generateActions({ actions }: Branch, emitter: Emitter): void {
  for (const action of actions) {
    if (action.kind === 'section') generateSection(action, emitter)
    else generateAction(action, emitter)
  }
}
