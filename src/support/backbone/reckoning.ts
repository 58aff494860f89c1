/**
 * The arithmetic and logic of r-code (SPEC 6): 32-bit signed integers, which wrap around.
 *
 * Boundary: pure; it changes the stack it is given.
 */
import { invariant } from '../../errors.ts'
import { OPCODES } from './rcode.ts'

export function bothOf(left: number, right: number): number {
  return left !== 0 && right !== 0 ? 1 : 0
}

export function eitherOf(left: number, right: number): number {
  return left !== 0 || right !== 0 ? 1 : 0
}

/** ADD, SUBTRACT, MULTIPLY, DIVIDE and COMPLEMENT. */
export function reckon(opcode: number, stack: number[]): void {
  const right = stack.pop() as number
  if (opcode === OPCODES.COMPLEMENT) stack.push(-right | 0)
  else stack.push(combined(opcode, stack.pop() as number, right))
}

function combined(opcode: number, left: number, right: number): number {
  switch (opcode) {
    case OPCODES.ADD:
      return (left + right) | 0
    case OPCODES.SUBTRACT:
      return (left - right) | 0
    case OPCODES.MULTIPLY:
      return Math.imul(left, right)
    default:
      invariant(opcode === OPCODES.DIVIDE, 'A verified program has no other opcodes here')
      // Toward zero (SPEC 11); by 0 it is 0 (SPEC 6).
      return right === 0 ? 0 : (left / right) | 0
  }
}
