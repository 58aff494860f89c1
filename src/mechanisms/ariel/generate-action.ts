/**
 * Actions to r-code (SPEC 6). Arguments are pushed last first, then their count; expressions left to right in postfix.
 *
 * Boundary: pure.
 */
import { NONE, type OpcodeName } from '../../support/backbone/rcode.ts'
import type { Emitter } from './emitter.ts'
import { variableNumber } from './generate-guard.ts'
import { MAX_INTEGER, MIN_INTEGER } from './include.ts'
import type { Duration, Entity, EntityAction, Expression, Numeral, Operator, PlainAction } from './syntax.ts'

const ACTIONS: Readonly<Record<EntityAction, OpcodeName>> = {
  STOP: 'KILL',
  KILL: 'KILL',
  SHUTDOWN: 'SHUTDOWN',
  ISOLATE: 'ISOLATE',
  START: 'START',
  RESTART: 'RESTART',
  REBOOT: 'REBOOT',
  ENABLE: 'ENABLE',
  CLEAR: 'CLEAR',
}

const OPERATORS: Readonly<Record<Operator, OpcodeName>> = { '+': 'ADD', '-': 'SUBTRACT', '*': 'MULTIPLY', '/': 'DIVIDE' }

export function generateAction(action: PlainAction, emitter: Emitter): void {
  const address = generateSimple(action, emitter)
  for (const { entity, args, start } of action.warnings) {
    generateArguments(start, args, emitter)
    emitter.emit(start, 'PUSH', address)
    emitter.entity(start, 'ANDWARN', entity)
  }
}

/** The address of the instruction that acts. */
function generateSimple(action: PlainAction, emitter: Emitter): number {
  const { start } = action
  switch (action.kind) {
    case 'do':
      return emitter.entity(start, opcodeOf(action.action, action.entity), action.entity)
    case 'send':
      emitter.emit(start, 'PUSH', emitter.integer(action.value))
      return emitter.entity(start, 'SEND', action.entity)
    case 'warn':
      return emitter.entity(start, 'TELL', action.entity)
    case 'warn-if': {
      generateArguments(start, action.args, emitter)
      emitter.emit(start, 'PUSH', emitter.integer(action.error))
      const tested = emitter.entity(start, 'CHKERR', action.about)
      emitter.emit(start, 'PUSH', tested)
      return emitter.entity(start, 'WARN', action.entity)
    }
    case 'remove':
      if (action.what === 'ANY') return emitter.entity(start, 'REMOVE_ALL', action.entity)
      if (action.what === 'PHASE') return emitter.entity(start, 'REMOVE_PHASE', action.entity)
      emitter.emit(start, 'PUSH', emitter.integer(action.what))
      return emitter.entity(start, 'REMOVE', action.entity)
    case 'call':
      generateArguments(start, action.args, emitter)
      return emitter.emit(start, 'CALL', emitter.integer(action.function))
    case 'pause': {
      const [seconds, rest] = pauseOf(action.time, emitter)
      return emitter.emit(start, 'PAUSE', seconds, rest)
    }
    case 'let':
      generateExpression(action.expression, emitter)
      return emitter.emit(start, 'SET', variableNumber(action.variable))
    case 'log':
      return generateLog(action, emitter)
  }
}

/** `RESTART` of a node compiles to REBOOT. */
function opcodeOf(action: EntityAction, { entity }: Entity): OpcodeName {
  return action === 'RESTART' && entity === 'node' ? 'REBOOT' : ACTIONS[action]
}

function generateArguments(offset: number, args: readonly Numeral[], emitter: Emitter): void {
  for (const value of args.toReversed()) emitter.emit(offset, 'PUSH', emitter.integer(value))
  emitter.emit(offset, 'PUSH', args.length)
}

/** Whole seconds, and the rest in milliseconds; less than one is rounded up, since a wait must not be lost. */
function pauseOf(time: Duration, emitter: Emitter): readonly [number, number] {
  const milliseconds = Math.ceil(emitter.microseconds(time) / 1000)
  const rest = milliseconds % 1000
  return [Math.floor(milliseconds / 1000), rest === 0 ? NONE : rest]
}

function generateLog({ what, start }: Extract<PlainAction, { kind: 'log' }>, emitter: Emitter): number {
  if (what === 'CLOCK') return emitter.emit(start, 'LOGC')
  if ('variable' in what) return emitter.emit(start, 'LOGV', variableNumber(what.variable))
  if ('kind' in what) return emitter.emit(start, 'LOGI', emitter.integer(what))
  return emitter.emit(start, 'LOGS', emitter.string(what.text))
}

function generateExpression(expression: Expression, emitter: Emitter): void {
  const { start } = expression
  switch (expression.kind) {
    case 'chain':
      generateExpression(expression.first, emitter)
      for (const { operator, operand } of expression.rest) {
        generateExpression(operand, emitter)
        emitter.emit(operand.start, OPERATORS[operator])
      }
      return
    case 'minus':
      if (expression.operand.kind === 'number' && expression.operand.number.value === MAX_INTEGER + 1) {
        emitter.emit(start, 'PUSH', MIN_INTEGER)
        return
      }
      generateExpression(expression.operand, emitter)
      emitter.emit(start, 'COMPLEMENT')
      return
    case 'variable':
      emitter.emit(start, 'GET', variableNumber(expression.variable))
      return
    case 'number':
      emitter.emit(start, 'PUSH', emitter.integer(expression.number))
  }
}
