/**
 * Atoms of a guard in words of the language, read from r-code: `FAULTY T21`, `ERRN(T21) >= 3`.
 *
 * Boundary: pure.
 */
import { KIND_BITS, KINDS, writtenName } from '../../support/backbone/entity.ts'
import { ALPHA_SCALE, BITS, COMPARISONS, OPCODES, opcodeName, type RCode, type Triplet } from '../../support/backbone/rcode.ts'

const QUERIES: ReadonlyMap<number, string> = new Map([
  [OPCODES.STRERRN, 'ERRN'],
  [OPCODES.STRERRT, 'ERRT'],
  [OPCODES.STRELAPSED, 'ELAPSED'],
  [OPCODES.STRRESTARTS, 'RESTARTED'],
  [OPCODES.STRALPHA, 'ALPHA'],
])

const SIGNS: ReadonlyMap<number, string> = new Map(Object.entries(COMPARISONS).map(([sign, number]) => [number, sign]))

/** `query` is the address of what is compared, if it is a comparison. */
export function conditionText({ code }: RCode, address: number, query: number | undefined): string {
  const [opcode, a, b] = code[address] as Triplet
  if (query !== undefined) {
    const asked = code[query] as Triplet
    return `${queryText(asked)} ${SIGNS.get(a)} ${constantText(asked[0], b)}`
  }
  if (opcode === OPCODES.DEADLOCKED) return `DEADLOCKED T${a} T${b}`
  return `${opcode === OPCODES.KILLED ? 'STOPPED' : opcodeName(opcode)} ${entityText(a, b)}`
}

/** A value as it would be written in a script. */
export function constantText(query: number, value: number): string {
  if (query === OPCODES.STRALPHA) return String(value / ALPHA_SCALE)
  return query === OPCODES.STRELAPSED ? `${value} MS` : String(value)
}

function queryText([opcode, a, b]: Triplet): string {
  if (opcode === OPCODES.STRPHASE) return `PHASE(T${a})`
  if (opcode === OPCODES.STRVAL) return `VAL(${String.fromCharCode('A'.charCodeAt(0) + a)})`
  return `${QUERIES.get(opcode)}(${entityText(a, b)})`
}

function entityText(a: number, number: number): string {
  const kind = KINDS.find((each) => (a & KIND_BITS[each]) !== 0)
  if ((a & BITS.STAR) !== 0) return kind === undefined ? '*' : `${kind.charAt(0).toUpperCase()}*`
  return kind === undefined ? '?' : writtenName({ kind, number })
}
