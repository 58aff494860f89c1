/**
 * r-code, verified and made ready to run (SPEC 6).
 *
 * Everything about a program that does not depend on the database is found out once, when it is loaded: where jumps lead, how deep the
 * stack is at each instruction, and which test an `@1` refers to. So frames of result sets need no work at run time, instructions
 * that only prepare (INC_NEST, the PUSH of an ordinal) are passed over, an atom whose falsity makes its guard false leads to the next
 * branch at once, and the interpreter needs no checks.
 *
 * Boundary: pure. `PERDURE_E_RCODE` for a program that could not run.
 *   P1  Jumps lead forwards, so every pass ends, after at most as many instructions as the program has.
 *   P2  At every instruction the depth of stack and frames is the same on all ways that lead there.
 */
import { PerdureError } from '../../errors.ts'
import { type EntityKind, type EntityName, KIND_BITS, KINDS } from './entity.ts'
import { BITS, FULFILLED, NONE, OPCODES, opcodeName, type RCode, SET_KIND, type Triplet } from './rcode.ts'

/** Far above any script: what is longer is no recovery program. */
export const MAX_INSTRUCTIONS = 1_000_000

/** What an instruction is about. */
export type Selector =
  | { readonly form: 'plain'; readonly entity: EntityName }
  | { readonly form: 'star'; readonly kinds: readonly EntityKind[] }
  /** `T$1`: an entity converted to another kind. */
  | { readonly form: 'of'; readonly entity: EntityName; readonly kind: EntityKind }
  /** `@1`, `~1`: what the test at `test` has found. */
  | { readonly form: 'set'; readonly set: 'fulfilled' | 'rest'; readonly kinds: readonly EntityKind[]; readonly test: number }

export interface Verified {
  readonly opcode: number
  readonly a: number
  readonly b: number
  readonly line: number
  /** Where to go on: past instructions that do nothing. */
  readonly next: number
  /** Where a jump leads; `next` for all others. */
  readonly target: number
  /** Second one: of DEADLOCKED. */
  readonly selectors: readonly Selector[]
  /** A test whose result set is used later. */
  readonly isKept: boolean
  /** Of an atom without which its guard is false: where to go on then, and how many values to take from the stack. */
  readonly shortcut: Shortcut | undefined
}

export interface Shortcut {
  readonly target: number
  readonly drop: number
}

export interface Program {
  readonly instructions: readonly Verified[]
  /** Where a pass begins. */
  readonly entry: number
  readonly strings: readonly string[]
}

const TESTS: ReadonlySet<number> = new Set([
  OPCODES.KILLED,
  OPCODES.RESTARTED,
  OPCODES.PRESENT,
  OPCODES.ISOLATED,
  OPCODES.FAULTY,
  OPCODES.FIRED,
  OPCODES.REINTEGRATED,
  OPCODES.TRANSIENT,
  OPCODES.RUNNING,
  OPCODES.STARTED,
  OPCODES.REBOOTED,
])

const QUERIES: ReadonlySet<number> = new Set([
  OPCODES.STRPHASE,
  OPCODES.STRERRN,
  OPCODES.STRERRT,
  OPCODES.STRELAPSED,
  OPCODES.STRRESTARTS,
  OPCODES.STRALPHA,
])

const ACTIONS: ReadonlySet<number> = new Set([
  OPCODES.CLEAR,
  OPCODES.KILL,
  OPCODES.WARN,
  OPCODES.ANDWARN,
  OPCODES.START,
  OPCODES.RESTART,
  OPCODES.REBOOT,
  OPCODES.CHKERR,
  OPCODES.ENABLE,
  OPCODES.REMOVE,
  OPCODES.REMOVE_ALL,
  OPCODES.SEND,
  OPCODES.ISOLATE,
  OPCODES.SHUTDOWN,
  OPCODES.TELL,
  OPCODES.REMOVE_PHASE,
])

/** Values that an instruction takes from the stack, and puts there; arguments of CALL, WARN and ANDWARN come on top. */
const STACK: ReadonlyMap<number, readonly [taken: number, put: number]> = new Map<number, readonly [number, number]>([
  [OPCODES.AND, [2, 1]],
  [OPCODES.OR, [2, 1]],
  [OPCODES.NOT, [1, 1]],
  [OPCODES.STRVAL, [0, 1]],
  [OPCODES.FALSE, [1, 0]],
  [OPCODES.PUSH, [0, 1]],
  [OPCODES.CALL, [1, 0]],
  [OPCODES.COMPARE, [1, 1]],
  [OPCODES.WARN, [3, 0]],
  [OPCODES.ANDWARN, [2, 0]],
  [OPCODES.CHKERR, [1, 1]],
  [OPCODES.REMOVE, [1, 0]],
  [OPCODES.SEND, [1, 0]],
  [OPCODES.GET, [0, 1]],
  [OPCODES.SET, [1, 0]],
  [OPCODES.ADD, [2, 1]],
  [OPCODES.SUBTRACT, [2, 1]],
  [OPCODES.MULTIPLY, [2, 1]],
  [OPCODES.DIVIDE, [2, 1]],
  [OPCODES.COMPLEMENT, [1, 1]],
  [OPCODES.DEADLOCKED, [0, 1]],
  ...[...TESTS].map((test) => [test, [1, 1]] as const),
  ...[...QUERIES].map((query) => [query, [0, 1]] as const),
])

/** Under the address and the truth value lies the number of arguments. */
const COUNT_BELOW: ReadonlyMap<number, number> = new Map<number, number>([
  [OPCODES.CALL, 0],
  [OPCODES.ANDWARN, 1],
  [OPCODES.WARN, 2],
])

/** Opcodes that only prepare, or are data for others. */
const IDLE: ReadonlySet<number> = new Set([
  OPCODES.SET_ROLE,
  OPCODES.SET_DEF_ACT,
  OPCODES.INC_NEST,
  OPCODES.DEC_NEST,
  OPCODES.OANEW,
])

const VARIABLE_OPERAND: ReadonlySet<number> = new Set([OPCODES.STRVAL, OPCODES.GET, OPCODES.SET, OPCODES.LOGV])

export function isTest(opcode: number): boolean {
  return TESTS.has(opcode)
}

export function isQuery(opcode: number): boolean {
  return QUERIES.has(opcode)
}

export function verify(rcode: RCode): Program {
  return new Verifier(rcode).program()
}

/** What is known about a value on the stack. */
interface Value {
  readonly constant?: number
  /** It is false if one of these atoms is. */
  readonly atoms?: readonly number[]
}

class Verifier {
  readonly #rcode: RCode
  #stack: Value[] = []
  /** Where an atom leads to that is false, with the tests that are passed over then. */
  readonly #shortcuts = new Map<number, { readonly from: number; readonly base: number }>()
  /** How many values are below that of an atom. */
  readonly #depths = new Map<number, number>()
  /** Of each open section the tests of the guard in force, by ordinal. */
  readonly #frames: (number | undefined)[][] = []
  readonly #arrivals = new Map<number, { readonly depth: number; readonly frames: number }>()
  readonly #kept = new Set<number>()
  /** PUSH of an ordinal: the test knows it. */
  readonly #idle = new Set<number>()
  #isReached = true

  constructor(rcode: RCode) {
    this.#rcode = rcode
  }

  program(): Program {
    const { code, lines, strings } = this.#rcode
    if (code.length === 0 || code.length > MAX_INSTRUCTIONS) {
      throw new PerdureError('PERDURE_E_RCODE', `A program has ${code.length} instructions: expected 1 to ${MAX_INSTRUCTIONS}.`)
    }
    const selectors = code.map((_, at) => this.#step(at))
    if (code.at(-1)?.[0] !== OPCODES.STOP) this.#refuse(code.length - 1, 'the last instruction is not STOP')
    const next = new Array<number>(code.length + 1).fill(code.length)
    const goOn = (at: number): number => (IDLE.has((code[at] as Triplet)[0]) || this.#idle.has(at) ? (next[at] as number) : at)
    for (let at = code.length - 2; at >= 0; at -= 1) next[at] = goOn(at + 1)
    const instructions = code.map(([opcode, a, b], at) => ({
      opcode,
      a,
      b,
      line: lines[at] ?? 0,
      next: next[at] as number,
      target: isJump(opcode) ? goOn(at + a) : (next[at] as number),
      selectors: selectors[at] as readonly Selector[],
      isKept: this.#kept.has(at),
      shortcut: this.#shortcutOf(at, goOn),
    }))
    return { instructions, entry: goOn(0), strings }
  }

  #step(at: number): readonly Selector[] {
    const triplet = this.#rcode.code[at] as Triplet
    const [opcode, a] = triplet
    if (triplet.length !== 3 || triplet.some((word) => word !== (word | 0))) this.#refuse(at, 'is not three 32-bit integers')
    if (opcodeName(opcode) === undefined) this.#refuse(at, `has the opcode ${opcode}, which there is not`)
    this.#arrive(at)
    const selectors = this.#selectors(at)
    this.#effect(at)
    if (isJump(opcode)) this.#jump(at, a)
    if (opcode === OPCODES.GOTO || opcode === OPCODES.STOP) this.#isReached = false
    return selectors
  }

  /** P2: fallen through to, jumped to, or both. */
  #arrive(at: number): void {
    const arrival = this.#arrivals.get(at)
    if (!this.#isReached) {
      if (arrival === undefined) this.#refuse(at, 'can never be reached')
      this.#stack = new Array<Value>(arrival.depth).fill({})
      this.#frames.length = arrival.frames
    } else if (arrival !== undefined && (arrival.depth !== this.#stack.length || arrival.frames !== this.#frames.length)) {
      this.#refuse(at, 'is reached with stacks of different depth')
    }
    this.#isReached = true
  }

  #jump(at: number, displacement: number): void {
    const target = at + displacement
    if (displacement < 1 || target >= this.#rcode.code.length)
      this.#refuse(at, `jumps by ${displacement}: expected a place after it`)
    const arrival = this.#arrivals.get(target)
    const depth = this.#stack.length
    const frames = this.#frames.length
    if (arrival !== undefined && (arrival.depth !== depth || arrival.frames !== frames)) {
      this.#refuse(target, 'is reached with stacks of different depth')
    }
    this.#arrivals.set(target, { depth, frames })
  }

  #effect(at: number): void {
    const [opcode, a, b] = this.#rcode.code[at] as Triplet
    if (VARIABLE_OPERAND.has(opcode) && (a < 0 || a > 25)) this.#refuse(at, `names the variable ${a}: expected 0 to 25`)
    if (opcode === OPCODES.LOGS && this.#rcode.strings[a] === undefined)
      this.#refuse(at, `names the string ${a}, which there is not`)
    if (opcode === OPCODES.COMPARE && (a < 1 || a > 6)) this.#refuse(at, `compares in way ${a}: expected 1 to 6`)
    if (opcode === OPCODES.PAUSE && (a < 0 || b < NONE)) this.#refuse(at, 'waits for a negative time')
    if (opcode === OPCODES.INC_NEST) this.#frames.push([])
    if (opcode === OPCODES.DEC_NEST && this.#frames.pop() === undefined) this.#refuse(at, 'leaves a section that was not entered')
    if (opcode === OPCODES.OANEW && this.#rcode.code[at - 1]?.[0] !== OPCODES.DEC_NEST) this.#frames.at(-1)?.splice(0)
    if (TESTS.has(opcode)) this.#remember(at)
    const below = COUNT_BELOW.get(opcode)
    const args = below === undefined ? 0 : this.#stack.at(-1 - below)?.constant
    if (args === undefined || args < 0) this.#refuse(at, 'takes a number of arguments that is not constant')
    const [taken, put] = STACK.get(opcode) ?? [0, 0]
    if (this.#stack.length < taken + args) this.#refuse(at, 'takes more from the stack than is there')
    const values = this.#stack.splice(this.#stack.length - taken - args)
    if (put > 0) this.#stack.push(this.#valueOf(at, values))
    if (opcode === OPCODES.FALSE) {
      for (const atom of values[0]?.atoms ?? []) this.#shortcuts.set(atom, { from: at, base: this.#stack.length })
    }
  }

  #valueOf(at: number, values: readonly Value[]): Value {
    const [opcode, a] = this.#rcode.code[at] as Triplet
    const [left, right] = values
    if (opcode === OPCODES.PUSH) return { constant: a }
    if (TESTS.has(opcode) || opcode === OPCODES.COMPARE || opcode === OPCODES.NOT) {
      this.#depths.set(at, this.#stack.length)
      return { atoms: [at] }
    }
    return opcode === OPCODES.AND ? { atoms: [...(left?.atoms ?? []), ...(right?.atoms ?? [])] } : {}
  }

  /** A set of a test that was passed over would not be there: then every atom is asked. */
  #shortcutOf(at: number, goOn: (at: number) => number): Shortcut | undefined {
    const shortcut = this.#shortcuts.get(at)
    if (shortcut === undefined) return undefined
    const { from, base } = shortcut
    for (let passed = at + 1; passed < from; passed += 1) if (this.#kept.has(passed)) return undefined
    const [, displacement] = this.#rcode.code[from] as Triplet
    return { target: goOn(from + displacement), drop: (this.#depths.get(at) as number) - base }
  }

  /** A test comes right after the PUSH of its ordinal. */
  #remember(at: number): void {
    const [opcode, ordinal] = this.#rcode.code[at - 1] ?? [NONE, NONE]
    const frame = this.#frames.at(-1)
    if (opcode !== OPCODES.PUSH || frame === undefined || ordinal < 0 || this.#arrivals.has(at)) {
      this.#refuse(at, 'tests without an ordinal, or outside a section')
    }
    frame[ordinal] = at
    this.#idle.add(at - 1)
  }

  #selectors(at: number): readonly Selector[] {
    const [opcode, a, b] = this.#rcode.code[at] as Triplet
    if (opcode === OPCODES.DEADLOCKED) return [this.#task(at, a), this.#task(at, b)]
    if (opcode === OPCODES.STRPHASE) return [this.#task(at, a)]
    if (!TESTS.has(opcode) && !QUERIES.has(opcode) && !ACTIONS.has(opcode)) return []
    if (a <= FULFILLED) {
      if (!ACTIONS.has(opcode)) this.#refuse(at, 'refers back from a guard')
      return [this.#set(at, a, b)]
    }
    const kinds = KINDS.filter((kind) => (a & KIND_BITS[kind]) !== 0)
    if ((a & BITS.STAR) !== 0 && !QUERIES.has(opcode)) return [{ form: 'star', kinds: (a & BITS.ANY) === 0 ? kinds : KINDS }]
    const [kind] = kinds
    if (kinds.length !== 1 || kind === undefined) this.#refuse(at, `is about entities of kind ${a}, which there is not`)
    if ((a & BITS.PLAIN) !== 0 && b >= 0) return [{ form: 'plain', entity: { kind, number: b } }]
    if ((a & (BITS.ATOM | BITS.LAST_ATOM)) === 0 || !ACTIONS.has(opcode)) this.#refuse(at, 'names no entity')
    return [{ form: 'of', entity: this.#testedAt(at, -b), kind }]
  }

  #task(at: number, number: number): Selector {
    if (number < 0) this.#refuse(at, 'names no task')
    return { form: 'plain', entity: { kind: 'task', number } }
  }

  /** `@n` and `~n`: (-1, n - 1) and (-2, n - 1), less 16 times the bits of a kind. */
  #set(at: number, a: number, b: number): Selector {
    const set = a % 2 === 0 ? 'rest' : 'fulfilled'
    const bits = (-a - (set === 'rest' ? 2 : 1)) / SET_KIND
    const test = this.#frames.at(-1)?.[b]
    if (test === undefined) this.#refuse(at, `refers to atom ${b + 1}, which is no test of its branch`)
    this.#kept.add(test)
    const kinds = bits === 0 ? KINDS : KINDS.filter((kind) => KIND_BITS[kind] === bits)
    if (kinds.length === 0) this.#refuse(at, 'is about a set of a kind that there is not')
    return { form: 'set', set, kinds, test }
  }

  /** The entity of the test or query that `$` refers to. */
  #testedAt(at: number, address: number): EntityName {
    const tested = this.#rcode.code[address]
    if (address < at && tested !== undefined && (TESTS.has(tested[0]) || QUERIES.has(tested[0]))) {
      const [selector] = this.#selectors(address)
      if (selector?.form === 'plain') return selector.entity
    }
    this.#refuse(at, 'refers to an atom that names no entity')
  }

  #refuse(at: number, why: string): never {
    const [opcode] = this.#rcode.code[at] ?? [NONE]
    const name = opcodeName(opcode) ?? `#${opcode}`
    const message = `Instruction ${at} (${name}) of a program ${why}. Build the program again from its script.`
    throw new PerdureError('PERDURE_E_RCODE', message, { data: { address: at } })
  }
}

function isJump(opcode: number): boolean {
  return opcode === OPCODES.FALSE || opcode === OPCODES.GOTO
}
