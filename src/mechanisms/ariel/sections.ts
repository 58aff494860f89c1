/**
 * The sections of a program, found again in its r-code (SPEC 6): which branch an instruction belongs to, which atoms its guard has.
 *
 * All that explains or counts what a program did looks at r-code only, so that it works for programs whose script is not at hand.
 *
 * Boundary: pure; for verified programs of the translator.
 */
import { invariant } from '../../errors.ts'
import { isQuery, isTest } from '../../support/backbone/program.ts'
import { OPCODES, type RCode, type Triplet } from '../../support/backbone/rcode.ts'

/** Of a guard: `address` is that of the instruction that has its truth value. */
export type GuardNode =
  | { readonly kind: 'atom'; readonly address: number; readonly query: number | undefined }
  | { readonly kind: 'not'; readonly address: number; readonly term: GuardNode }
  | { readonly kind: 'and' | 'or'; readonly address: number; readonly left: GuardNode; readonly right: GuardNode }

export interface ProgramBranch {
  readonly word: 'IF' | 'ELIF' | 'ELSE'
  readonly line: number
  /** Absent of ELSE, as is `decided`. */
  readonly guard: GuardNode | undefined
  /** The FALSE that decides. */
  readonly decided: number | undefined
  /** Its actions, both included; empty if `last` comes before `first`. */
  readonly first: number
  last: number
  readonly section: ProgramSection
}

export interface ProgramSection {
  readonly line: number
  readonly branches: ProgramBranch[]
  /** The branch that it is an action of. */
  readonly parent: ProgramBranch | undefined
}

/** All of them, in the order of the text; a nested one after the one that holds it. */
export function sectionsOf({ code, lines }: RCode): readonly ProgramSection[] {
  const found: ProgramSection[] = []
  const open: ProgramSection[] = []
  let stack: GuardNode[] = []
  let word: 'IF' | 'ELIF' = 'IF'
  let head = 0
  for (const [at, triplet] of code.entries()) {
    const [opcode] = triplet
    const section = open.at(-1)
    const line = lines[at] ?? 0
    if (opcode === OPCODES.INC_NEST) {
      const opened: ProgramSection = { line, branches: [], parent: section?.branches.at(-1) }
      found.push(opened)
      open.push(opened)
      stack = []
      word = 'IF'
      head = line
    } else if (section === undefined) continue
    else if (opcode === OPCODES.DEC_NEST) {
      end(section, at - 1)
      open.pop()
    } else if (opcode === OPCODES.FALSE) {
      const guard = stack.pop()
      invariant(guard !== undefined, 'A branch has a guard')
      section.branches.push({ word, line: head, guard, decided: at, first: at + 1, last: at, section })
    } else if (opcode === OPCODES.GOTO) {
      end(section, at - 1)
      stack = []
      word = 'ELIF'
      head = line
      // The code of an ELIF begins with OANEW; only an ELSE has none.
      if (code[at + 1]?.[0] !== OPCODES.OANEW) {
        section.branches.push({ word: 'ELSE', line, guard: undefined, decided: undefined, first: at + 1, last: at, section })
      }
    } else build(at, triplet, stack)
  }
  return found
}

/** The branch that an instruction acts in; undefined for one of a guard, or outside sections. */
export function branchAt(sections: readonly ProgramSection[], address: number): ProgramBranch | undefined {
  let innermost: ProgramBranch | undefined
  for (const { branches } of sections) {
    for (const branch of branches) if (branch.first <= address && address <= branch.last) innermost = branch
  }
  return innermost
}

export function atomsIn(guard: GuardNode): readonly Extract<GuardNode, { kind: 'atom' }>[] {
  if (guard.kind === 'atom') return [guard]
  return guard.kind === 'not' ? atomsIn(guard.term) : [...atomsIn(guard.left), ...atomsIn(guard.right)]
}

function end(section: ProgramSection, at: number): void {
  const branch = section.branches.at(-1)
  if (branch !== undefined) branch.last = at
}

/** Postfix to tree. */
function build(at: number, [opcode]: Triplet, stack: GuardNode[]): void {
  if (isTest(opcode) || isQuery(opcode) || opcode === OPCODES.STRVAL || opcode === OPCODES.DEADLOCKED) {
    stack.push({ kind: 'atom', address: at, query: undefined })
    return
  }
  const right = stack.at(-1)
  if (right === undefined) return
  if (opcode === OPCODES.COMPARE) stack.splice(-1, 1, { kind: 'atom', address: at, query: right.address })
  else if (opcode === OPCODES.NOT) stack.splice(-1, 1, { kind: 'not', address: at, term: right })
  else if (opcode === OPCODES.AND || opcode === OPCODES.OR) {
    const left = stack.at(-2)
    invariant(left !== undefined, 'AND and OR join two terms')
    stack.splice(-2, 2, { kind: opcode === OPCODES.AND ? 'and' : 'or', address: at, left, right })
  }
}
