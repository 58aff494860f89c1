/**
 * The composed machine: all machines of a site, fed with one operation after the other.
 *
 * It does for every operation, in this order: count its position, refuse an owner that has been replaced (rule 5), recognise an
 * operation it has seen (rule 4), hand it to the machine that owns it, and route the answers.
 *
 * Boundary: deterministic and without I/O; fed by a gateway live and by the log at open, through the same method.
 *   R1  Every operation takes one position, also one that is refused or was seen before; so does the opening of a record, at
 *       which deadlines fall due.
 *   R2  Nothing here throws for what an operation says; a throw is a broken invariant or malformed bytes, and stops the site.
 *   R3  Log time never goes back.
 */
import { invariant, PerdureError } from '../errors.ts'
import { Deadlines, type SavedDeadline } from './deadlines.ts'
import {
  type Caller,
  type Context,
  type Ended,
  type Interest,
  inParts,
  type LogTime,
  type Machine,
  type Operation,
  type Outcome,
} from './machine.ts'
import { decodeOperation, type IncomingOperation } from './operation.ts'
import { refusal } from './outcome.ts'
import { type Admission, MAX_KEPT_BYTES, SessionMachine } from './sessions.ts'

/** Where answers and notes go. During replay nobody listens. */
export interface Sink {
  reply(session: number, number: number, outcome: Outcome, position: number): void
  note(session: number, body: readonly unknown[], position: number): void
}

/** A machine that is told the answers to its callers, and does with them what has to be done. */
export interface ReplyTable extends Machine {
  settle(caller: number, number: number, outcome: Outcome, context: Context): void
}

/** The machine that keeps the operations of runs: its journals are their reply tables. */
export interface RunTable extends ReplyTable {
  admit(operation: IncomingOperation, context: Context): Admission
}

/** Who keeps the replies of callers that are no sessions. */
export interface ReplyTables {
  readonly runs: RunTable
  readonly members: ReplyTable
}

/** One part of a snapshot and whose it is: the replica's own, or that of the machine of this name. */
export type SnapshotPart = readonly [section: string, part: unknown]

/** Numbers about a state by which two replicas are compared. */
export type Census = Readonly<Record<string, number>>

/** The section of the replica itself; no machine has this name. */
const REPLICA = 'replica'

/** What a session is told that leaves its replies unread. */
const FULL: Outcome = refusal(
  'PERDURE_E_BUSY',
  `The site keeps more than ${MAX_KEPT_BYTES} bytes of replies that this program has not received yet; the operation was not carried out. Receive replies before issuing more.`,
)

/** Hears of every change that a machine tells of, in the middle of the operation that makes it. */
export type ChangeListener = (topic: string, kind: string, value: unknown) => void

export const SILENT: Sink = { reply: () => undefined, note: () => undefined }

export class Replica {
  readonly sessions: SessionMachine = new SessionMachine()
  readonly #machines: readonly Machine[]
  readonly #byName = new Map<string, Machine>()
  readonly #tables: ReplyTables
  readonly #another: (() => Replica) | undefined
  readonly #owners = new Map<number, Machine>()
  readonly #names = new Map<number, string>()
  readonly #codes = new Map<string, number>()
  readonly #deadlines = new Deadlines()
  readonly #contexts = new Map<Machine, MachineContext>()
  sink: Sink = SILENT
  /** Absent while nobody watches anything. */
  changes: ChangeListener | undefined
  position = 0
  wallMs = 0
  serviceMs = 0

  /** `another` makes a replica of the same machines in their first state. */
  constructor(machines: readonly Machine[], tables: ReplyTables, another?: () => Replica) {
    this.#tables = tables
    this.#another = another
    this.#machines = [this.sessions, ...machines]
    for (const machine of this.#machines) {
      this.#contexts.set(machine, new MachineContext(this, machine))
      this.#byName.set(machine.name, machine)
      for (const [name, code] of Object.entries(machine.operations)) {
        invariant(!this.#owners.has(code), `two operations have the code ${code}`)
        this.#owners.set(code, machine)
        this.#names.set(code, name)
        this.#codes.set(name, code)
      }
    }
  }

  /** A replica of the same machines, in their first state. */
  fresh(): Replica {
    invariant(this.#another !== undefined, 'a replica was composed without a way to make another one')
    return this.#another()
  }

  /** The code of an operation in the log format. */
  code(name: string): number {
    const code = this.#codes.get(name)
    invariant(code !== undefined, `no machine has the operation ${name}`)
    return code
  }

  /** The codes of all operations by name. */
  get codes(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#codes)
  }

  /** Decodes without applying: for people who want to read the log. */
  decode(bytes: Uint8Array, from: number, to: number): IncomingOperation {
    return decodeOperation(bytes, from, to, this.#names)
  }

  /** Opens a record: moves log time forward and lets everything fall due that is. */
  advance(wallMs: number, serviceMs: number): void {
    invariant(wallMs >= this.wallMs && serviceMs >= this.serviceMs, 'log time went back')
    this.position += 1
    this.wallMs = wallMs
    this.serviceMs = serviceMs
    const now = { wall: wallMs, service: serviceMs }
    for (let due = this.#deadlines.takeDue(now); due !== undefined; due = this.#deadlines.takeDue(now)) {
      const machine = this.#machine(due.machine)
      machine.expire(due.token, this.#context(machine))
    }
  }

  /** The log time at which something falls due next. */
  nextDeadlineMs(time: LogTime): number | undefined {
    return this.#deadlines.nextMs(time)
  }

  /** Applies the operation in `bytes[from, to)` and says what became of it. */
  apply(bytes: Uint8Array, from: number, to: number): Admission {
    const operation = decodeOperation(bytes, from, to, this.#names)
    const machine = this.#owners.get(operation.code) as Machine
    this.position += 1
    const context = this.#context(machine)
    const admission = this.#admit(operation, context)
    if (admission === 'fresh') machine.apply(operation, context)
    return admission
  }

  #admit(operation: IncomingOperation, context: Context): Admission {
    switch (operation.caller.kind) {
      case 'gateway':
        return 'fresh'
      case 'session':
        return this.#admitOfSession(operation, operation.caller.id)
      case 'run':
        return this.#tables.runs.admit(operation, context)
    }
  }

  #admitOfSession(operation: IncomingOperation, session: number): Admission {
    const admission = this.sessions.admit(operation)
    if (admission === 'full') this.settle(operation.caller, operation.number, FULL)
    const kept = admission === 'settled' ? this.sessions.reply(session, operation.number) : undefined
    if (kept !== undefined) this.sink.reply(session, operation.number, kept, this.position)
    return admission
  }

  settle(caller: Caller, number: number, outcome: Outcome): void {
    switch (caller.kind) {
      case 'gateway':
        return
      case 'session':
        if (this.sessions.settle(caller.id, number, outcome)) this.sink.reply(caller.id, number, outcome, this.position)
        return
      case 'run':
        return this.#settleIn(this.#tables.runs, caller.id, number, outcome)
      case 'member':
        return this.#settleIn(this.#tables.members, caller.id, number, outcome)
    }
  }

  #settleIn(table: ReplyTable, caller: number, number: number, outcome: Outcome): void {
    table.settle(caller, number, outcome, this.#context(table))
  }

  schedule(deadlineMs: number, machine: Machine, token: number, time: LogTime): void {
    this.#deadlines.add(time, deadlineMs, machine.name, token)
  }

  withdraw(caller: Caller, number: number): boolean {
    return this.#machines.some((machine) => machine.withdraw(caller, number))
  }

  perform(operation: Operation): void {
    const machine = this.#owners.get(this.code(operation.name)) as Machine
    machine.apply(operation, this.#context(machine))
  }

  ended(caller: Caller, how: Ended): void {
    for (const machine of this.#machines) machine.ended(caller, this.#context(machine), how)
  }

  reopened(): void {
    for (const machine of this.#machines) machine.reopened?.(this.#context(machine))
  }

  /** Answers a question about the state as of `position`. */
  query(machineName: string, question: string, args: readonly unknown[]): unknown {
    const answer = this.#byName.get(machineName)?.query(question, args)
    if (answer !== undefined) return answer
    throw new PerdureError('PERDURE_E_PROTOCOL', `Nobody can answer the question ${machineName}.${question}.`)
  }

  /** What somebody wants to hear of, and what there is of it now. */
  interest(machineName: string, args: readonly unknown[]): Interest {
    const interest = this.#byName.get(machineName)?.interest?.(args)
    if (interest !== undefined) return interest
    throw new PerdureError('PERDURE_E_PROTOCOL', `Nobody can tell of changes of ${machineName} with these arguments.`)
  }

  /** What can be said about the state at once. */
  census(): Census {
    const { position, wallMs, serviceMs } = this
    const own = { position, wallMs, serviceMs, deadlines: this.#deadlines.count }
    const ofMachines = this.#machines.flatMap((machine) =>
      Object.entries(machine.census?.() ?? {}).map(([what, count]) => [`${machine.name}.${what}`, count] as const),
    )
    return { ...own, ...Object.fromEntries(ofMachines) }
  }

  /** The whole state, part by part; nothing may be applied before the last one has been taken. Equal states give equal parts. */
  *snapshot(): Generator<SnapshotPart> {
    const { order, deadlines } = this.#deadlines.saved()
    yield [REPLICA, ['time', { position: this.position, wallMs: this.wallMs, serviceMs: this.serviceMs, order }]]
    for (const part of inParts('deadlines', deadlines)) yield [REPLICA, part]
    for (const machine of this.#machines) for (const part of machine.snapshot()) yield [machine.name, part]
  }

  /** Takes the parts of a snapshot, in order, into a fresh replica. */
  restore(parts: Iterable<SnapshotPart>): void {
    for (const part of parts) this.restorePart(part)
  }

  restorePart([section, part]: SnapshotPart): void {
    if (section === REPLICA) this.#restoreOwn(part as OwnPart)
    else this.#machine(section).restore(part)
  }

  #restoreOwn(part: OwnPart): void {
    if (part[0] === 'deadlines') return this.#deadlines.restore(part[1])
    const { order, ...time } = part[1]
    invariant(this.position === 0, 'a snapshot was restored into a replica in use')
    Object.assign(this, time)
    this.#deadlines.restoreOrder(order)
  }

  #machine(name: string): Machine {
    const machine = this.#byName.get(name)
    invariant(machine !== undefined, `no machine is named ${name}`)
    return machine
  }

  contextOf(machine: Machine): Context {
    return this.#context(machine)
  }

  #context(machine: Machine): MachineContext {
    return this.#contexts.get(machine) as MachineContext
  }
}

type OwnPart =
  | readonly ['time', { readonly position: number; readonly wallMs: number; readonly serviceMs: number; readonly order: number }]
  | readonly ['deadlines', readonly SavedDeadline[]]

/** What one machine sees of the replica. */
class MachineContext implements Context {
  readonly #replica: Replica
  readonly #machine: Machine

  constructor(replica: Replica, machine: Machine) {
    this.#replica = replica
    this.#machine = machine
  }

  get position(): number {
    return this.#replica.position
  }

  get wallMs(): number {
    return this.#replica.wallMs
  }

  get serviceMs(): number {
    return this.#replica.serviceMs
  }

  reply(caller: Caller, number: number, outcome: Outcome): void {
    this.#replica.settle(caller, number, outcome)
  }

  schedule(deadlineMs: number, token: number, time: LogTime = 'wall'): void {
    this.#replica.schedule(deadlineMs, this.#machine, token, time)
  }

  withdraw(caller: Caller, number: number): boolean {
    return this.#replica.withdraw(caller, number)
  }

  perform(operation: Operation): void {
    this.#replica.perform(operation)
  }

  of(machine: Machine): Context {
    return this.#replica.contextOf(machine)
  }

  ended(caller: Caller, how: Ended): void {
    this.#replica.ended(caller, how)
  }

  reopened(): void {
    this.#replica.reopened()
  }

  note(session: number, body: readonly unknown[]): void {
    this.#replica.sink.note(session, body, this.#replica.position)
  }

  changed(topic: string, kind: string, value: unknown): void {
    this.#replica.changes?.(topic, kind, value)
  }
}
