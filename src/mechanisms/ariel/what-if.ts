/**
 * What if (SPEC 10): which sections react to an error about an entity, and what would be done at once.
 *
 *     whatIf(policy, { kind: 'task', number: 5 })
 *
 * The answer has two halves. From the program: every branch one of whose atoms could change with an error record about the entity,
 * whatever else is in the database. From the engine: what a pass after such an error does, in the state that a history leads to.
 *
 * Boundary: pure, over r-code.
 */
import { Database } from '../../support/backbone/database.ts'
import { type EntityName, KIND_BITS, KINDS } from '../../support/backbone/entity.ts'
import { BITS, OPCODES, type RCode, type Triplet } from '../../support/backbone/rcode.ts'
import type { Policy } from '../../support/backbone/rint.ts'
import type { Row } from '../../support/backbone/rows.ts'
import { conditionText } from './condition-text.ts'
import { dryRun, type ListedAction } from './dry-run.ts'
import { type History, readHistory } from './history.ts'
import { atomsIn, type ProgramBranch, sectionsOf } from './sections.ts'

/** Below are the codes of the backbone itself (SPEC 3.1, 5.2). */
const FIRST_FREE_CODE = 4

export interface WhatIfOptions {
  /** Of the error. Default 4, the first one that the backbone does not use itself. */
  readonly code?: number
  /** What happened before. Default: nothing. */
  readonly history?: string | History
  /** As of a dry run. */
  readonly classic?: boolean
}

/** A branch that asks about the entity. */
export interface Reaction {
  readonly word: ProgramBranch['word']
  readonly line: number
  /** Those of its atoms that such an error can change, as `FAULTY G1`. */
  readonly atoms: readonly string[]
}

export interface WhatIf {
  readonly reactions: readonly Reaction[]
  /** Performed in the pass of the error itself. */
  readonly actions: readonly ListedAction[]
}

/** Errors as of `dryRun`. */
export function whatIf(policy: Policy, entity: EntityName, options: WhatIfOptions = {}): WhatIf {
  const { code = FIRST_FREE_CODE, history = [], classic = false } = options
  const events = typeof history === 'string' ? readHistory(history) : history
  const before = events.filter(({ kind }) => kind !== 'end')
  const atUs = events.at(-1)?.atUs ?? 0
  const earlier = dryRun(policy, [...before, { kind: 'end', atUs }], { classic })
  const all = dryRun(policy, [...before, { kind: 'error', atUs, entity, code }], { classic })
  return { reactions: reactionsOf(policy, entity), actions: all.slice(earlier.length) }
}

/** Conditions that error records decide. */
const ABOUT_RECORDS: ReadonlySet<number> = new Set([
  OPCODES.FAULTY,
  OPCODES.RUNNING,
  OPCODES.TRANSIENT,
  OPCODES.STRERRN,
  OPCODES.STRERRT,
  OPCODES.STRELAPSED,
  OPCODES.STRALPHA,
])

/** Of these a group looks at its members too (SPEC 4.1). */
const ABOUT_MEMBERS: ReadonlySet<number> = new Set([OPCODES.FAULTY, OPCODES.RUNNING])

function reactionsOf({ rcode, topology }: Policy, entity: EntityName): readonly Reaction[] {
  const row = new Database(topology).row(entity)
  return sectionsOf(rcode).flatMap(({ branches }) =>
    branches.flatMap(({ word, line, guard }): readonly Reaction[] => {
      if (guard === undefined) return []
      const atoms = atomsIn(guard).filter(({ address, query }) => isAbout(query ?? address, rcode, row))
      if (atoms.length === 0) return []
      return [{ word, line, atoms: atoms.map(({ address, query }) => conditionText(rcode, address, query)) }]
    }),
  )
}

function isAbout(address: number, { code }: RCode, row: Row): boolean {
  const [opcode, a, number] = code[address] as Triplet
  if (!ABOUT_RECORDS.has(opcode)) return false
  const kinds = (a & BITS.ANY) !== 0 ? KINDS : KINDS.filter((kind) => (a & KIND_BITS[kind]) !== 0)
  const isStar = (a & BITS.STAR) !== 0
  if (kinds.includes(row.kind) && (isStar || row.number === number)) return true
  if (row.kind !== 'task' || !kinds.includes('group') || !ABOUT_MEMBERS.has(opcode)) return false
  return row.groups.some((group) => isStar || group.number === number)
}
