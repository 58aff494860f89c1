/**
 * Actions and expressions as text.
 *
 * Boundary: pure.
 */
import { printDuration, printEntity, printNumeral, printText } from './print-guard.ts'
import type { Expression, Numeral, PlainAction } from './syntax.ts'

export function printAction(action: PlainAction): string {
  const warnings = action.warnings.map(({ entity, args }) => ` AND WARN ${printEntity(entity)}${printArguments(args)}`)
  return `${printSimple(action)}${warnings.join('')}`
}

function printSimple(action: PlainAction): string {
  switch (action.kind) {
    case 'do':
      return `${action.action} ${printEntity(action.entity)}`
    case 'send':
      return `SEND ${printNumeral(action.value)} ${printEntity(action.entity)}`
    case 'warn':
      return `WARN ${printEntity(action.entity)}`
    case 'warn-if': {
      const error = `ERR ${printNumeral(action.error)} ${printEntity(action.about)}`
      const warn = `WARN ${printEntity(action.entity)}`
      return action.order === 'err-first' ? `${error} ${warn}${printArguments(action.args)}` : `${warn} (${error})`
    }
    case 'remove': {
      const what = typeof action.what === 'string' ? action.what : printNumeral(action.what)
      return `REMOVE ${what} ${printEntity(action.entity)} FROM ERRORLIST`
    }
    case 'call':
      return `CALL ${printNumeral(action.function)}${printArguments(action.args)}`
    case 'pause':
      return `PAUSE ${printDuration(action.time)}`
    case 'let':
      return `LET ${action.variable} = ${printExpression(action.expression, 0)}`
    case 'log':
      return `LOG ${printLogged(action.what)}`
  }
}

function printLogged(what: Extract<PlainAction, { kind: 'log' }>['what']): string {
  if (what === 'CLOCK') return what
  if ('variable' in what) return what.variable
  return 'kind' in what ? printNumeral(what) : printText(what)
}

function printArguments(args: readonly Numeral[]): string {
  return args.length === 0 ? '' : ` (${args.map(printNumeral).join(', ')})`
}

/** Strength of what surrounds an expression: parentheses only where the tree would be read as another one. */
const SUM = 1
const PRODUCT = 2
const OPERAND = 3

function printExpression(expression: Expression, around: number): string {
  switch (expression.kind) {
    case 'number':
      return printNumeral(expression.number)
    case 'variable':
      return expression.variable
    case 'minus':
      return `-${printExpression(expression.operand, OPERAND)}`
    case 'chain': {
      const operator = expression.rest[0]?.operator
      const strength = operator === '*' || operator === '/' ? PRODUCT : SUM
      const first = printExpression(expression.first, strength + 1)
      const rest = expression.rest.map((link) => ` ${link.operator} ${printExpression(link.operand, strength + 1)}`)
      const text = `${first}${rest.join('')}`
      return strength < around ? `(${text})` : text
    }
  }
}
