/**
 * RINT, the recovery interpreter: one pass over the r-code (SPEC 5.2 and 6; the paper, section 3.2).
 *
 * A stack machine whose guards ask the database and whose actions change it at once, so that a later guard of the same pass sees what an
 * earlier action did; only records settle when the pass is over.
 *
 * Boundary: pure. It performs nothing outside: actions are returned as data. The program has been verified, so nothing is checked here.
 *   R1  A pass is a function of program, database and notification.
 *   R2  Between passes nothing is left here: a pass that PAUSE has interrupted is plain data (`suspend`).
 */
import { invariant } from '../../errors.ts'
import { ACTION, AND, type Bound, COMPARE, FALSE, GOTO, NOT, OR, OUTPUT, PUSH, QUERY, STOP, TEST, VALUE } from './binding.ts'
import { areDeadlocked, compares, holds, queriedValue } from './conditions.ts'
import type { Database } from './database.ts'
import { actionName, allows, applyAction, isSettling } from './effects.ts'
import { type EntityName, KINDS, writtenName } from './entity.ts'
import { ERROR_CODES, type Notification } from './notification.ts'
import type { Observer, Performed, Reason } from './performed.ts'
import { OPCODES } from './rcode.ts'
import { bothOf, eitherOf, reckon } from './reckoning.ts'
import type { Repetition } from './repetition.ts'
import type { Row, TaskRow } from './rows.ts'

/** The pass is over. */
export const DONE = -1

/** An interrupted pass as plain data. */
export interface SuspendedPass {
  /** Where to go on. */
  readonly address: number
  readonly stack: readonly number[]
  readonly results: readonly (readonly [address: number, fulfilled: readonly EntityName[], rest: readonly EntityName[]])[]
  readonly hits: readonly EntityName[]
  readonly last: LastAction
}

/** The action that an AND WARN may tell of. */
export interface LastAction {
  readonly address: number
  readonly targets: readonly EntityName[]
}

const NOTHING: LastAction = { address: DONE, targets: [] }
const NO_ARGUMENTS: readonly number[] = []

export interface Surroundings {
  readonly database: Database
  readonly repetition: Repetition
  readonly observer: Observer
  /** `hold`: PAUSE interrupts the pass; `skip`: it takes no time. */
  readonly pauses: 'hold' | 'skip'
}

export class Interpreter {
  readonly #instructions: readonly Bound[]
  readonly #strings: readonly string[]
  readonly #database: Database
  readonly #surroundings: Surroundings
  readonly #stack: number[] = []
  readonly #watches: boolean
  /** Tests that have kept result sets in this pass (R2). */
  #keeping: Bound[] = []
  #hits: Row[] = []
  #last = NOTHING
  #checked: Extract<Reason, { kind: 'error' }> = { kind: 'error', code: 0, entities: [] }
  #nowUs = 0
  #notification: Notification | undefined
  #performed: Performed[] = []

  constructor(instructions: readonly Bound[], strings: readonly string[], surroundings: Surroundings) {
    this.#instructions = instructions
    this.#strings = strings
    this.#surroundings = surroundings
    this.#database = surroundings.database
    this.#watches = surroundings.observer.evaluated !== undefined
  }

  /** Everything up to the next call of `begin` belongs to this notification. */
  begin(notification: Notification, nowUs: number): void {
    this.#notification = notification
    this.#nowUs = nowUs
    this.#performed = []
    this.#hits = []
    this.#last = NOTHING
    this.#stack.length = 0
    this.#keeping = []
  }

  /** What has been performed since `begin` or the last call. */
  take(): readonly Performed[] {
    const performed = this.#performed
    this.#performed = []
    return performed
  }

  /** What the actions of this pass have hit, so that records about it settle. */
  get hits(): readonly Row[] {
    return this.#hits
  }

  suspend(address: number): SuspendedPass {
    const results = this.#keeping.map(
      ({ address: test, fulfilled, rest }) => [test, fulfilled.map(nameOf), rest.map(nameOf)] as const,
    )
    return { address, stack: [...this.#stack], results, hits: this.#hits.map(nameOf), last: this.#last }
  }

  resume(pass: SuspendedPass, notification: Notification, nowUs: number): number {
    this.begin(notification, nowUs)
    const rowsOf = (names: readonly EntityName[]): Row[] => names.map((name) => this.#database.row(name))
    this.#stack.push(...pass.stack)
    this.#hits = rowsOf(pass.hits)
    this.#last = pass.last
    for (const [test, fulfilled, rest] of pass.results) {
      this.#keep(this.#instructions[test] as Bound, rowsOf(fulfilled), rowsOf(rest))
    }
    return this.run(pass.address)
  }

  /** An action that no instruction asked for: that of a watchdog. */
  performOwn(opcode: number, target: Row, line: number): void {
    const about = opcode === OPCODES.TELL ? this.#toldOf() : undefined
    this.#apply(opcode, target, { line, address: DONE, message: undefined, args: NO_ARGUMENTS, about })
  }

  /** From an instruction to the end: `DONE`, or where to go on after a PAUSE. */
  run(from: number): number {
    const instructions = this.#instructions
    const stack = this.#stack
    let instruction = instructions[from] as Bound
    for (;;) {
      let next = instruction.next
      switch (instruction.family) {
        case TEST:
          next = this.#decide(instruction, this.#test(instruction))
          break
        case FALSE:
          if (this.#watched(instruction, stack.pop() as number) === 0) next = instruction.target
          break
        case QUERY:
          stack.push(this.#watched(instruction, queriedValue(instruction.opcode, instruction.rows[0] as Row, this.#nowUs)))
          break
        case COMPARE:
          next = this.#decide(instruction, compares(instruction.a, this.#pop(), instruction.b))
          break
        case AND:
          stack.push(bothOf(stack.pop() as number, stack.pop() as number))
          break
        case OR:
          stack.push(eitherOf(stack.pop() as number, stack.pop() as number))
          break
        case NOT:
          next = this.#decide(instruction, this.#pop() === 0)
          break
        case PUSH:
          stack.push(instruction.a)
          break
        case GOTO:
          next = instruction.target
          break
        case STOP:
          return DONE
        case ACTION:
          if (this.#act(instruction) === 'runaway') return DONE
          break
        case OUTPUT:
          if (this.#put(instruction) === 'pause') return next
          break
        case VALUE:
          this.#reckon(instruction)
      }
      instruction = instructions[next] as Bound
    }
  }

  /** Pushes the truth of an atom; one without which its guard is false leads past it. */
  #decide(instruction: Bound, truth: boolean): number {
    const { shortcut, next } = instruction
    if (truth || shortcut === undefined) {
      this.#stack.push(this.#watched(instruction, truth ? 1 : 0))
      return next
    }
    if (shortcut.drop > 0) this.#stack.length -= shortcut.drop
    return shortcut.target
  }

  #watched({ address }: Bound, value: number): number {
    if (this.#watches) this.#surroundings.observer.evaluated?.(address, value)
    return value
  }

  #test(instruction: Bound): boolean {
    const { opcode, rows, isKept } = instruction
    const [row] = rows
    if (isKept) return this.#testKeeping(instruction)
    if (row !== undefined) return holds(opcode, row)
    return instruction.kinds.some((kind) => this.#database.domain(kind).some((each) => holds(opcode, each)))
  }

  /** SPEC 2.1: the domain of an atom, split into those for which it is true and the others. */
  #testKeeping(instruction: Bound): boolean {
    const { opcode } = instruction
    const [row] = instruction.rows
    const domain = row === undefined ? this.#starred(instruction) : row.kind === 'group' ? row.members : [row]
    const fulfilled = domain.filter((each) => holds(opcode, each))
    this.#keep(
      instruction,
      fulfilled,
      domain.filter((each) => !holds(opcode, each)),
    )
    return row === undefined ? fulfilled.length > 0 : holds(opcode, row)
  }

  #keep(instruction: Bound, fulfilled: readonly Row[], rest: readonly Row[]): void {
    instruction.fulfilled = fulfilled
    instruction.rest = rest
    this.#keeping.push(instruction)
  }

  #starred({ kinds }: Bound): readonly Row[] {
    return kinds.flatMap((kind) => this.#database.domain<EntityName['kind']>(kind))
  }

  #targets(instruction: Bound): readonly Row[] {
    const { form, rows, tested, set, kinds } = instruction
    if (form === 'star') return this.#starred(instruction)
    if (form !== 'set') return rows
    const found = (tested as Bound)[set]
    return kinds === KINDS ? found : found.filter(({ kind }) => kinds.includes(kind))
  }

  #act(instruction: Bound): 'runaway' | 'done' {
    const { opcode, line, address } = instruction
    if (opcode === OPCODES.CHKERR) {
      this.#check(instruction)
      return 'done'
    }
    const warning = this.#warningOf(opcode)
    if (warning === undefined) return 'done'
    const { about, args } = warning
    const message = opcode === OPCODES.SEND || opcode === OPCODES.REMOVE ? this.#pop() : undefined
    const reached: EntityName[] = []
    for (const target of this.#targets(instruction)) {
      if (!allows(opcode, target)) {
        this.#note(line, `${actionName(opcode)} does not apply to ${writtenName(target)}, which is passed over`)
        continue
      }
      if (!this.#surroundings.repetition.admit(address, target, this.#nowUs)) {
        this.#database.record(target, ERROR_CODES.RUNAWAY, this.#nowUs)
        this.#note(line, `${actionName(opcode)} of ${writtenName(target)} is repeated too often: the pass stops (RUNAWAY)`)
        this.#surroundings.observer.stopped?.(address)
        return 'runaway'
      }
      this.#apply(opcode, target, { line, address, message, args, about })
      reached.push(nameOf(target))
    }
    if (opcode !== OPCODES.ANDWARN && reached.length > 0) this.#last = { address, targets: reached }
    return 'done'
  }

  #apply(opcode: number, target: Row, { line, address, message, args, about }: Detail): void {
    applyAction(opcode, target, message ?? 0)
    if (isSettling(opcode)) this.#hits.push(target)
    const value = opcode === OPCODES.SEND ? message : undefined
    const action = actionName(opcode, target)
    invariant(action !== undefined, 'Actions on entities have names')
    this.#emit({ atUs: this.#nowUs, line, address, action, target: nameOf(target), value, args, about })
  }

  /** What a warning has on the stack; undefined: nobody is to be warned. For other actions there is nothing to tell. */
  #warningOf(opcode: number): { readonly about: Reason | undefined; readonly args: readonly number[] } | undefined {
    switch (opcode) {
      case OPCODES.TELL:
        return { about: this.#toldOf(), args: NO_ARGUMENTS }
      case OPCODES.WARN: {
        this.#pop()
        const regards = this.#pop()
        const args = this.#arguments()
        return regards === 0 ? undefined : { about: this.#checked, args }
      }
      case OPCODES.ANDWARN: {
        const address = this.#pop()
        const args = this.#arguments()
        // An action that hit nothing is nothing to tell of.
        return address === this.#last.address ? { about: { kind: 'action', ...this.#last }, args } : undefined
      }
      default:
        return { about: undefined, args: NO_ARGUMENTS }
    }
  }

  #toldOf(): Reason {
    return { kind: 'notification', notification: this.#notification as Notification }
  }

  /** CHKERR: of a group, records about it or any member, as for FAULTY. */
  #check(instruction: Bound): void {
    const code = this.#pop()
    const has = (row: Row): boolean => row.errors.find(code) !== undefined
    const found = this.#targets(instruction).filter((row) => has(row) || (row.kind === 'group' && row.members.some(has)))
    this.#checked = { kind: 'error', code, entities: found.map(nameOf) }
    this.#stack.push(this.#watched(instruction, found.length > 0 ? 1 : 0))
  }

  #put({ opcode, a, b, line, address }: Bound): 'pause' | 'done' {
    const detail = { atUs: this.#nowUs, line, address, target: undefined, args: NO_ARGUMENTS, about: undefined }
    const log = (value: number | string): void => this.#emit({ ...detail, action: 'LOG', value })
    switch (opcode) {
      case OPCODES.CALL:
        this.#emit({ ...detail, action: 'CALL', value: a, args: this.#arguments() })
        break
      case OPCODES.PAUSE:
        this.#emit({ ...detail, action: 'PAUSE', value: a * 1000 + Math.max(b, 0) })
        break
      case OPCODES.LOGS:
        log(this.#strings[a] as string)
        break
      case OPCODES.LOGI:
        log(a)
        break
      case OPCODES.LOGV:
        log(this.#database.variables[a] as number)
        break
      case OPCODES.LOGC:
        log(this.#nowUs / 1000)
    }
    this.#last = { address, targets: [] }
    return opcode === OPCODES.PAUSE && this.#surroundings.pauses === 'hold' ? 'pause' : 'done'
  }

  #reckon(instruction: Bound): void {
    const { opcode, a, rows, line, address } = instruction
    const { variables } = this.#database
    switch (opcode) {
      case OPCODES.STRVAL:
      case OPCODES.GET:
        this.#stack.push(this.#watched(instruction, variables[a] as number))
        return
      case OPCODES.SET:
        variables[a] = this.#watched(instruction, this.#pop())
        this.#last = { address, targets: [] }
        return
      case OPCODES.DEADLOCKED: {
        const truth = areDeadlocked(rows[0] as TaskRow, rows[1] as TaskRow)
        this.#stack.push(this.#watched(instruction, truth ? 1 : 0))
        return
      }
      default:
        if (opcode === OPCODES.DIVIDE && this.#stack.at(-1) === 0) this.#note(line, 'a division by 0 gives 0')
        reckon(opcode, this.#stack)
    }
  }

  #arguments(): readonly number[] {
    const count = this.#pop()
    return count === 0 ? NO_ARGUMENTS : Array.from({ length: count }, () => this.#pop())
  }

  #pop(): number {
    return this.#stack.pop() as number
  }

  #emit(action: Performed): void {
    this.#performed.push(action)
    this.#surroundings.observer.performed?.(action)
  }

  #note(line: number, text: string): void {
    this.#surroundings.observer.noted?.({ atUs: this.#nowUs, line, text })
  }
}

interface Detail {
  readonly line: number
  readonly address: number
  readonly message: number | undefined
  readonly args: readonly number[]
  readonly about: Reason | undefined
}

function nameOf({ kind, number }: EntityName): EntityName {
  return { kind, number }
}
