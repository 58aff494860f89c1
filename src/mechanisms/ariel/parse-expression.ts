/**
 * The right side of LET (SPEC 2 and 11): `*` and `/` bind tighter than `+` and `-`, a sign tightest.
 *
 * Boundary: pure.
 */
import type { Cursor } from './cursor.ts'
import { parseIndex, parseVariable } from './parse-terms.ts'
import type { ChainLink, Expression, Operator } from './syntax.ts'

const OPERATORS: Readonly<Record<string, Operator>> = {
  '+': '+',
  PLUS: '+',
  '-': '-',
  MINUS: '-',
  '*': '*',
  TIMES: '*',
  '/': '/',
  DIV: '/',
}

export function parseExpression(cursor: Cursor): Expression {
  return parseChain(cursor, ['+', '-'], () => parseChain(cursor, ['*', '/'], () => parseOperand(cursor)))
}

function parseChain(cursor: Cursor, operators: readonly Operator[], operand: () => Expression): Expression {
  const first = operand()
  const rest: ChainLink[] = []
  for (;;) {
    const operator = operatorAt(cursor)
    if (operator === undefined || !operators.includes(operator)) break
    cursor.take()
    rest.push({ operator, operand: operand() })
  }
  return rest.length === 0 ? first : { kind: 'chain', first, rest, start: first.start, end: cursor.lastEnd }
}

function operatorAt(cursor: Cursor): Operator | undefined {
  const { kind, text } = cursor.token
  return kind === 'mark' || kind === 'keyword' ? OPERATORS[text] : undefined
}

function parseOperand(cursor: Cursor): Expression {
  const { token } = cursor
  if (operatorAt(cursor) === '-') {
    cursor.take()
    const operand = cursor.nested(() => parseOperand(cursor))
    return { kind: 'minus', operand, start: token.start, end: operand.end }
  }
  if (cursor.tryMark('(')) {
    const inner = cursor.nested(() => parseExpression(cursor))
    cursor.mark(')')
    return inner
  }
  if (token.kind === 'variable' || token.short) {
    return { kind: 'variable', variable: parseVariable(cursor), start: token.start, end: token.end }
  }
  if (token.kind === 'integer' || token.kind === 'symbol') {
    return { kind: 'number', number: parseIndex(cursor), start: token.start, end: token.end }
  }
  return cursor.fail(['a number', '{SYMBOL}', 'a variable (A to Z)', '-', '('])
}
