/**
 * r-code as a person reads it: beside each instruction what its operands stand for.
 *
 *      2  FAULTY          18     2  ; T2
 *      6  FALSE            5    -1  ; to 11
 *
 * The numbers are those of `listing`; the words are for those who look at a program of which the script is not at hand.
 *
 * Boundary: pure; takes any program that `readRCode` lets pass.
 */
import {
  BITS,
  COMPARISONS,
  FULFILLED,
  NONE,
  OPCODES,
  opcodeName,
  type RCode,
  REST,
  SET_KIND,
  type Triplet,
} from '../../support/backbone/rcode.ts'

const PREFIXES: Readonly<Record<number, string>> = { [BITS.GROUP]: 'G', [BITS.TASK]: 'T', [BITS.NODE]: 'N', [BITS.ANY]: '' }
const KIND_MASK: number = BITS.GROUP + BITS.TASK + BITS.NODE + BITS.ANY
const SIGNS: ReadonlyMap<number, string> = new Map(Object.entries(COMPARISONS).map(([sign, number]) => [number, sign]))

/** One instruction a line: address, name, operands, meaning. */
export function disassemble(program: RCode): string {
  const width = String(program.code.length).length
  return program.code
    .map((triplet, at) => {
      const [opcode, a, b] = triplet
      const name = (opcodeName(opcode) ?? `#${opcode}`).padEnd(12)
      const meaning = meaningOf(triplet, at, program.strings)
      const line = `${String(at).padStart(width)}  ${name} ${String(a).padStart(5)} ${String(b).padStart(5)}`
      return meaning === '' ? `${line}\n` : `${line}  ; ${meaning}\n`
    })
    .join('')
}

function meaningOf([opcode, a, b]: Triplet, at: number, strings: readonly string[]): string {
  switch (opcode) {
    case OPCODES.FALSE:
    case OPCODES.GOTO:
      return `to ${at + a}`
    case OPCODES.COMPARE:
      return `${SIGNS.get(a) ?? '?'} ${b}`
    case OPCODES.STRVAL:
    case OPCODES.GET:
    case OPCODES.SET:
    case OPCODES.LOGV:
      return String.fromCharCode('A'.charCodeAt(0) + a)
    case OPCODES.STRPHASE:
      return `T${a}`
    case OPCODES.SET_ROLE:
      return `N${a}`
    case OPCODES.DEADLOCKED:
      return `T${a} T${b}`
    case OPCODES.LOGS:
      return JSON.stringify(strings[a] ?? '')
    case OPCODES.PAUSE:
      return `${a * 1000 + (b === NONE ? 0 : b)} ms`
    default:
      return entityOf(opcode, a, b)
  }
}

/** Of an instruction whose operands are no entity: nothing. */
function entityOf(opcode: number, a: number, b: number): string {
  if (WITHOUT_ENTITY.has(opcode)) return ''
  if (a < 0) {
    const [set, mark] = a % 2 === 0 ? [REST, '~'] : [FULFILLED, '@']
    return `${PREFIXES[(set - a) / SET_KIND] ?? ''}${mark}${b + 1}`
  }
  const prefix = PREFIXES[a & KIND_MASK] ?? ''
  const form = a & ~KIND_MASK
  if (form === BITS.STAR) return `${prefix}*`
  if (form === BITS.ATOM) return `${prefix}$ of ${-b}`
  if (form === BITS.LAST_ATOM) return `${prefix}$$ of ${-b}`
  return `${prefix}${b}`
}

const { STOP, SET_DEF_ACT, AND, OR, NOT, INC_NEST, DEC_NEST, PUSH, CALL, OANEW, ADD, SUBTRACT, MULTIPLY } = OPCODES
const { DIVIDE, COMPLEMENT, LOGI, LOGC } = OPCODES
const WITHOUT_ENTITY: ReadonlySet<number> = new Set<number>([
  ...[STOP, SET_DEF_ACT, AND, OR, NOT, INC_NEST, DEC_NEST, PUSH, CALL, OANEW, ADD, SUBTRACT, MULTIPLY],
  ...[DIVIDE, COMPLEMENT, LOGI, LOGC],
])
