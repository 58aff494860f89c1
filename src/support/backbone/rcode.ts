/**
 * r-code: the program of the recovery interpreter (SPEC 6; the paper, section 3.3).
 *
 * A list of triplets of 32-bit signed integers: opcode, two operands; -1 where there is none. Jumps are relative to their own address.
 * Numbers up to 50 are those of the classic interpreter, from 64 on they are ours.
 *
 * Boundary: the format; who writes it is the translator, who reads it RINT.
 */

export const OPCODES = {
  STOP: 0,
  SET_ROLE: 1,
  SET_DEF_ACT: 2,
  AND: 3,
  OR: 4,
  NOT: 5,
  INC_NEST: 6,
  DEC_NEST: 7,
  STRVAL: 8,
  STRPHASE: 9,
  FALSE: 10,
  GOTO: 11,
  PUSH: 12,
  CALL: 13,
  OANEW: 14,
  CLEAR: 15,
  PAUSE: 16,
  KILLED: 17,
  RESTARTED: 18,
  PRESENT: 19,
  ISOLATED: 20,
  FAULTY: 21,
  FIRED: 22,
  REINTEGRATED: 23,
  STRERRN: 24,
  STRERRT: 25,
  COMPARE: 26,
  KILL: 27,
  WARN: 28,
  ANDWARN: 29,
  START: 30,
  RESTART: 31,
  REBOOT: 32,
  CHKERR: 33,
  ENABLE: 34,
  REMOVE: 35,
  REMOVE_ALL: 36,
  SEND: 37,
  GET: 38,
  SET: 39,
  ADD: 41,
  SUBTRACT: 42,
  MULTIPLY: 43,
  DIVIDE: 44,
  COMPLEMENT: 45,
  LOGS: 46,
  LOGI: 47,
  LOGC: 48,
  LOGV: 49,
  DEADLOCKED: 50,
  TRANSIENT: 64,
  RUNNING: 65,
  STARTED: 66,
  REBOOTED: 67,
  ISOLATE: 68,
  SHUTDOWN: 69,
  TELL: 70,
  REMOVE_PHASE: 71,
  STRELAPSED: 72,
  STRRESTARTS: 73,
  STRALPHA: 74,
} as const

export type OpcodeName = keyof typeof OPCODES

export type Triplet = readonly [opcode: number, a: number, b: number]

/** The JSON form. `lines[i]` is the line, from 1, of the script that instruction i comes from. */
export interface RCode {
  readonly rcode: 1
  readonly code: readonly Triplet[]
  readonly lines: readonly number[]
  readonly strings: readonly string[]
}

/** An operand that is not there. */
export const NONE = -1

/** Bits of the first operand of an entity: `T5` is (PLAIN + TASK, 5), `N*` is (STAR + NODE, 0), `T$1` is (ATOM + TASK, -address). */
export const BITS = { GROUP: 1, TASK: 2, NODE: 4, ANY: 8, PLAIN: 16, STAR: 32, ATOM: 64, LAST_ATOM: 128 } as const

/** First operand of `@n` and `~n` of any kind; of one kind, 16 times its bit is taken from it. The second operand is n - 1. */
export const FULFILLED = -1
export const REST = -2
export const SET_KIND = 16

export const ROLES = { AGENT: 1000, ASSISTANT: 2000, MANAGER: 3000 } as const
export const DEFAULT_ACTIONS = { STOP: 666, RESTART: 999 } as const
export const COMPARISONS = { '==': 1, '!=': 2, '>': 3, '>=': 4, '<': 5, '<=': 6 } as const

/** What the alpha-counts that COMPARE sees are multiplied with, so that they are whole. */
export const ALPHA_SCALE = 1000

const names = new Map<number, OpcodeName>(Object.entries(OPCODES).map(([name, number]) => [number, name as OpcodeName]))

export function opcodeName(opcode: number): OpcodeName | undefined {
  return names.get(opcode)
}

/** One instruction a line: address, name, operands. For people, and for tests that compare with a file. */
export function listing(program: RCode): string {
  const width = String(program.code.length).length
  return program.code
    .map(([opcode, a, b], at) => {
      const name = names.get(opcode) ?? `#${opcode}`
      return `${String(at).padStart(width)}  ${name.padEnd(12)} ${String(a).padStart(5)} ${String(b).padStart(5)}  ; line ${program.lines[at]}\n`
    })
    .join('')
}
