/**
 * What actions do to the database, when they succeed (SPEC 11, effects of actions), and which records they settle (SPEC 5.1).
 *
 * Boundary: pure. Each action is known by its opcode. Sending and warning change nothing here.
 */
import { OPCODES, type OpcodeName } from './rcode.ts'
import type { NodeRow, Row, TaskRow } from './rows.ts'

/** SPEC 11: printed names are those of the r-code, in the words of the language. */
export type ActionName =
  | 'STOP'
  | 'SHUTDOWN'
  | 'ISOLATE'
  | 'START'
  | 'RESTART'
  | 'REBOOT'
  | 'ENABLE'
  | 'CLEAR'
  | 'REMOVE'
  | 'SEND'
  | 'WARN'
  | 'CALL'
  | 'PAUSE'
  | 'LOG'

const NAMES: Readonly<Partial<Record<OpcodeName, ActionName>>> = {
  KILL: 'STOP',
  SHUTDOWN: 'SHUTDOWN',
  ISOLATE: 'ISOLATE',
  START: 'START',
  RESTART: 'RESTART',
  REBOOT: 'REBOOT',
  ENABLE: 'ENABLE',
  CLEAR: 'CLEAR',
  REMOVE: 'REMOVE',
  REMOVE_ALL: 'REMOVE',
  REMOVE_PHASE: 'REMOVE',
  SEND: 'SEND',
  WARN: 'WARN',
  ANDWARN: 'WARN',
  TELL: 'WARN',
}

const BY_OPCODE = new Map<number, ActionName>(
  Object.entries(NAMES).map(([name, action]) => [OPCODES[name as OpcodeName], action]),
)

/** Those after which the records about their target are settled. */
const SETTLING: ReadonlySet<number> = new Set([
  OPCODES.START,
  OPCODES.RESTART,
  OPCODES.REBOOT,
  OPCODES.KILL,
  OPCODES.ISOLATE,
  OPCODES.ENABLE,
  OPCODES.SHUTDOWN,
])

/** What is listed; RESTART of a node is a REBOOT. Undefined: no action on an entity. */
export function actionName(opcode: number, row?: Row): ActionName | undefined {
  return opcode === OPCODES.RESTART && row?.kind === 'node' ? 'REBOOT' : BY_OPCODE.get(opcode)
}

export function isSettling(opcode: number): boolean {
  return SETTLING.has(opcode)
}

/** False for what SPEC 11 calls not allowed. Sets of several kinds may hold such entities, and the action passes them over. */
export function allows(opcode: number, { kind }: Row): boolean {
  switch (opcode) {
    case OPCODES.SEND:
    case OPCODES.START:
    case OPCODES.CLEAR:
    case OPCODES.REMOVE_PHASE:
      return kind !== 'node'
    case OPCODES.REBOOT:
      return kind === 'node'
    default:
      return true
  }
}

/** Only of what is allowed. `code` is that of REMOVE. */
export function applyAction(opcode: number, row: Row, code: number): void {
  switch (opcode) {
    case OPCODES.SEND:
    case OPCODES.WARN:
    case OPCODES.ANDWARN:
    case OPCODES.TELL:
      return
    case OPCODES.REMOVE:
      return onMembers(row, (each) => each.errors.remove(code))
    case OPCODES.REMOVE_ALL:
      return onMembers(row, (each) => each.errors.clear())
    default:
      row.known = true
      if (row.kind === 'task') onTask(opcode, row)
      else if (row.kind === 'node') onNode(opcode, row)
      else for (const member of row.members) onTask(opcode, member)
  }
}

/** A group action settles its members' records too, a node action those of its tasks. */
export function settle(row: Row): void {
  row.errors.settle()
  if (row.kind === 'group') for (const { errors } of row.members) errors.settle()
  else if (row.kind === 'node') for (const { errors } of row.tasks) errors.settle()
}

function onMembers(row: Row, act: (row: Row) => void): void {
  act(row)
  if (row.kind === 'group') for (const member of row.members) act(member)
}

function onTask(opcode: number, task: TaskRow): void {
  switch (opcode) {
    case OPCODES.KILL:
    case OPCODES.SHUTDOWN:
      task.status = 'stopped'
      task.disarm()
      return
    case OPCODES.ISOLATE:
      task.status = 'isolated'
      task.disarm()
      return
    case OPCODES.START:
      task.status = 'running'
      task.starts += 1
      return
    case OPCODES.RESTART:
      task.status = 'running'
      task.restarts += 1
      task.starts += 1
      task.disarm()
      return
    case OPCODES.ENABLE:
      task.status = 'running'
      return
    case OPCODES.CLEAR:
      task.fired = false
      return
    case OPCODES.REMOVE_PHASE:
      task.phase = 0
  }
}

/** The tasks on a node that is stopped or rebooted are stopped or begin anew, so that their watchdogs wait for a first heartbeat again. */
function onNode(opcode: number, node: NodeRow): void {
  switch (opcode) {
    case OPCODES.KILL:
    case OPCODES.SHUTDOWN:
      node.status = 'down'
      for (const task of node.tasks) onTask(OPCODES.KILL, task)
      return
    case OPCODES.ISOLATE:
      node.status = 'isolated'
      return
    case OPCODES.ENABLE:
      node.status = 'up'
      for (const task of node.tasks) task.status = 'running'
      return
    case OPCODES.RESTART:
    case OPCODES.REBOOT:
      node.status = 'up'
      node.reboots += 1
      for (const task of node.tasks) {
        task.status = 'running'
        task.disarm()
      }
  }
}
