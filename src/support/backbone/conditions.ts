/**
 * What a guard asks the database: is this so of that entity, how often, which, how long ago (SPEC 4.1).
 *
 * Boundary: pure. Each condition is known by its opcode.
 */
import { invariant } from '../../errors.ts'
import { ALPHA_SCALE, OPCODES } from './rcode.ts'
import type { GroupRow, NodeRow, Row, TaskRow } from './rows.ts'

/**
 * In place of a value where there is none: the entity is not known, or has no error record whose age could be told. Every comparison
 * with it is false (SPEC 4.1; SPEC 6 says -1 for STRELAPSED, which no comparison may mistake for a time).
 */
export const NO_VALUE: number = Number.MIN_SAFE_INTEGER

const MAX_INTEGER = 2 ** 31 - 1

/** True if the condition holds of the entity; of one that is not known nothing does, and nothing does of a kind that it does not apply to. */
export function holds(opcode: number, row: Row): boolean {
  if (!row.known) return false
  if (row.kind === 'task') return holdsOfTask(opcode, row)
  return row.kind === 'node' ? holdsOfNode(opcode, row) : holdsOfGroup(opcode, row)
}

/** Of the two tasks that wait for each other. */
export function areDeadlocked(a: TaskRow, b: TaskRow): boolean {
  return a.deadlockedWith.includes(b.number)
}

/** The value of a query; `NO_VALUE` if there is none. */
export function queriedValue(opcode: number, row: Row, nowUs: number): number {
  if (!row.known) return NO_VALUE
  switch (opcode) {
    case OPCODES.STRERRN:
      return Math.min(row.errors.count, MAX_INTEGER)
    case OPCODES.STRERRT:
      return row.errors.latest?.code ?? 0
    case OPCODES.STRELAPSED:
      return elapsedMs(row, nowUs)
    case OPCODES.STRPHASE:
      return row.kind === 'task' ? row.phase : NO_VALUE
    case OPCODES.STRRESTARTS:
      return restartsOf(row)
    case OPCODES.STRALPHA:
      return row.kind === 'group' ? NO_VALUE : Math.min(Math.round(row.alpha.value * ALPHA_SCALE), MAX_INTEGER)
    default:
      return NO_VALUE
  }
}

function holdsOfTask(opcode: number, task: TaskRow): boolean {
  switch (opcode) {
    case OPCODES.FAULTY:
      return task.errors.open > 0
    case OPCODES.PRESENT:
      return task.status === 'running'
    case OPCODES.RUNNING:
      return task.status === 'running' && task.errors.open === 0
    case OPCODES.STARTED:
      return task.starts > 0
    case OPCODES.RESTARTED:
      return task.restarts > 0
    case OPCODES.KILLED:
      return task.status === 'stopped'
    case OPCODES.ISOLATED:
      return task.status === 'isolated'
    case OPCODES.TRANSIENT:
      return task.errors.open > 0 && task.alpha.isTransient
    case OPCODES.FIRED:
      return task.fired
    default:
      return false
  }
}

function holdsOfNode(opcode: number, node: NodeRow): boolean {
  switch (opcode) {
    case OPCODES.FAULTY:
      return node.errors.open > 0
    case OPCODES.RUNNING:
      return node.status === 'up' && node.errors.open === 0
    case OPCODES.KILLED:
      return node.status === 'down'
    case OPCODES.ISOLATED:
      return node.status === 'isolated'
    case OPCODES.REBOOTED:
      return node.reboots > 0
    case OPCODES.TRANSIENT:
      return node.errors.open > 0 && node.alpha.isTransient
    case OPCODES.REINTEGRATED:
      return node.reintegrated
    default:
      return false
  }
}

/** One member is enough, except for STOPPED and ISOLATED, which all of them must be. */
function holdsOfGroup(opcode: number, group: GroupRow): boolean {
  const { members } = group
  switch (opcode) {
    case OPCODES.FAULTY:
      return group.errors.open > 0 || members.some(({ errors }) => errors.open > 0)
    case OPCODES.RUNNING:
      return !holdsOfGroup(OPCODES.FAULTY, group) && holdsOfGroup(OPCODES.PRESENT, group)
    case OPCODES.PRESENT:
    case OPCODES.STARTED:
    case OPCODES.RESTARTED:
      return members.some((member) => holdsOfTask(opcode, member))
    case OPCODES.KILLED:
    case OPCODES.ISOLATED:
      return members.length > 0 && members.every((member) => holdsOfTask(opcode, member))
    default:
      return false
  }
}

/** SPEC 11: of a group the largest count among its members. */
function restartsOf(row: Row): number {
  if (row.kind === 'node') return NO_VALUE
  return row.kind === 'task' ? row.restarts : Math.max(0, ...row.members.map(({ restarts }) => restarts))
}

function elapsedMs(row: Row, nowUs: number): number {
  const { latest } = row.errors
  if (latest === undefined) return NO_VALUE
  return Math.min(Math.floor((nowUs - latest.atUs) / 1000), MAX_INTEGER)
}

/** COMPARE (SPEC 6): queried value cmp constant. */
export function compares(comparison: number, value: number, constant: number): boolean {
  if (value === NO_VALUE) return false
  switch (comparison) {
    case 1:
      return value === constant
    case 2:
      return value !== constant
    case 3:
      return value > constant
    case 4:
      return value >= constant
    case 5:
      return value < constant
    default:
      invariant(comparison === 6, 'A verified program compares in one of six ways')
      return value <= constant
  }
}
