/**
 * A verified program, bound to the rows of a database: each instruction holds what it is about, so that a pass looks nothing up.
 *
 * `T5` is a row, `N$1` the rows that task 1 or group 1 is converted to (SPEC 2.1); both are known when the program is loaded, as nodes
 * and groups of tasks do not change while it runs. Stars and sets are found anew in each pass.
 *
 * Boundary: pure.
 */
import type { Database } from './database.ts'
import type { EntityKind, EntityName } from './entity.ts'
import { isQuery, isTest, type Program, type Selector, type Shortcut, type Verified } from './program.ts'
import { OPCODES } from './rcode.ts'
import type { Row } from './rows.ts'

/** How an instruction is executed; numbers, so that the interpreter's switch is one jump. */
export const TEST = 0
export const FALSE = 1
export const QUERY = 2
export const COMPARE = 3
export const AND = 4
export const OR = 5
export const NOT = 6
export const PUSH = 7
export const GOTO = 8
export const STOP = 9
export const ACTION = 10
export const OUTPUT = 11
/** Variables and arithmetic. */
export const VALUE = 12

export type Family =
  | typeof TEST
  | typeof FALSE
  | typeof QUERY
  | typeof COMPARE
  | typeof AND
  | typeof OR
  | typeof NOT
  | typeof PUSH
  | typeof GOTO
  | typeof STOP
  | typeof ACTION
  | typeof OUTPUT
  | typeof VALUE

export interface Bound {
  readonly address: number
  readonly opcode: number
  readonly family: Family
  readonly a: number
  readonly b: number
  readonly line: number
  readonly next: number
  readonly target: number
  readonly form: Selector['form']
  /** Of `plain` and `of`. */
  readonly rows: readonly Row[]
  /** Of `star` and `set`. */
  readonly kinds: readonly EntityKind[]
  /** Of `set`: the test, and which half of what it has found. */
  readonly tested: Bound | undefined
  readonly set: 'fulfilled' | 'rest'
  readonly isKept: boolean
  readonly shortcut: Shortcut | undefined
  /** Of a test that is kept: what it found in this pass. */
  fulfilled: readonly Row[]
  rest: readonly Row[]
}

const NONE_FOUND: readonly Row[] = []

/** Actions that go to no entity. */
export const OUTPUTS: ReadonlySet<number> = new Set([
  OPCODES.CALL,
  OPCODES.PAUSE,
  OPCODES.LOGS,
  OPCODES.LOGI,
  OPCODES.LOGC,
  OPCODES.LOGV,
])

/** `atoms`: whether a guard that is false already is asked on. It decides nothing, but an observer wants to know. */
export function bind({ instructions }: Program, database: Database, atoms: 'needed' | 'all'): readonly Bound[] {
  const bound: Bound[] = []
  for (const [address, instruction] of instructions.entries()) {
    const { opcode, a, b, line, next, target, selectors, isKept, shortcut } = instruction
    const [selector] = selectors
    bound.push({
      address,
      opcode,
      family: familyOf(instruction),
      a,
      b,
      line,
      next,
      target,
      form: selector?.form ?? 'plain',
      rows: selectors.flatMap((each) => rowsOf(each, database)),
      kinds: selector !== undefined && 'kinds' in selector ? selector.kinds : [],
      tested: selector?.form === 'set' ? bound[selector.test] : undefined,
      set: selector?.form === 'set' ? selector.set : 'fulfilled',
      isKept,
      shortcut: atoms === 'needed' ? shortcut : undefined,
      fulfilled: NONE_FOUND,
      rest: NONE_FOUND,
    })
  }
  return bound
}

const FAMILIES: ReadonlyMap<number, Family> = new Map<number, Family>([
  [OPCODES.FALSE, FALSE],
  [OPCODES.COMPARE, COMPARE],
  [OPCODES.AND, AND],
  [OPCODES.OR, OR],
  [OPCODES.NOT, NOT],
  [OPCODES.PUSH, PUSH],
  [OPCODES.GOTO, GOTO],
  [OPCODES.STOP, STOP],
  [OPCODES.DEADLOCKED, VALUE],
])

function familyOf({ opcode, selectors }: Verified): Family {
  if (isTest(opcode)) return TEST
  if (isQuery(opcode)) return QUERY
  if (OUTPUTS.has(opcode)) return OUTPUT
  return FAMILIES.get(opcode) ?? (selectors.length > 0 ? ACTION : VALUE)
}

function rowsOf(selector: Selector, database: Database): readonly Row[] {
  if (selector.form === 'plain') return [database.row(selector.entity)]
  return selector.form === 'of' ? converted(selector.entity, selector.kind, database) : []
}

/** SPEC 2.1: a task to the node it runs on or to every group it is in, a group to every node that hosts a member; by number. */
function converted(entity: EntityName, kind: EntityKind, database: Database): readonly Row[] {
  const row = database.row(entity)
  if (row.kind === kind) return [row]
  const found: readonly Row[] =
    row.kind === 'task' && kind === 'node'
      ? [row].flatMap(({ node }) => node ?? [])
      : row.kind === 'task' && kind === 'group'
        ? row.groups
        : row.kind === 'group' && kind === 'node'
          ? row.members.flatMap(({ node }) => node ?? [])
          : []
  return [...new Set(found)].sort((a, b) => a.number - b.number)
}
