/**
 * The faults of a site, on its log: what every mechanism has noticed, masked or given up, in one list.
 *
 * Machines report through `report`, which the composition hands them; everybody else with the operation `fault.report`. The list is
 * short on purpose: whoever needs all faults for ever watches the topic, or reads the log.
 *
 * Boundary: a machine of the log. What a fault means, and what to do about it, is the business of those who read it.
 *   F1  Faults are numbered 1, 2, 3, … in the order of their entries; the latest MAX_FAULTS are kept.
 */
import { FAULTS, type Fault, type FaultCode } from '../fault.ts'
import { copyValue } from '../log/codec/codec.ts'
import { type Context, type Interest, inParts, type Machine, type Operation } from '../log/machine.ts'
import { refusal } from '../log/outcome.ts'
import { weightOf } from '../log/weight.ts'

/** A few megabytes: more than anybody reads, and enough to see what led to a failure. */
export const MAX_FAULTS = 10_000

/** Of one fault; data beyond it is left out, so that ten thousand stay some megabytes. */
const MAX_FAULT_WEIGHT = 2_000

/** A fault that weighs no more leaves room for others in a frame of 1 MiB. */
const MAX_LISTED = 250

/** No name of a space: topics of spaces are their names. */
export const FAULT_TOPIC = 'fault:site'

/** As machines report: the time is that of the entry. */
export type FaultPort = (fault: Omit<Fault, 'atMs'>, context: Context) => void

/** A fault with its place in the list. */
export interface ListedFault extends Fault {
  readonly number: number
  readonly position: number
}

export interface FaultPage {
  /** In order. */
  readonly faults: readonly ListedFault[]
  /** Of all that were ever reported. */
  readonly total: number
}

export class FaultMachine implements Machine {
  readonly name = 'fault'
  readonly operations = { 'fault.report': 100 }
  /** A ring once it is full: fault n is at (n - 1) % MAX_FAULTS. */
  readonly #faults: ListedFault[] = []
  #total = 0

  /** Keeps a fault; called by other machines with their own context. */
  report(fault: Omit<Fault, 'atMs'>, context: Context): void {
    const { position, wallMs: atMs } = context
    this.#keep({ ...fault, atMs }, position, context)
  }

  apply({ caller, number, args }: Operation, context: Context): void {
    const fault = args.length === 1 ? readFault(args[0]) : undefined
    if (fault === undefined) return context.reply(caller, number, MALFORMED)
    this.#keep(fault, context.position, context)
    context.reply(caller, number, { value: this.#total })
  }

  #keep(fault: Fault, position: number, context: Context): void {
    this.#total += 1
    const { data, ...rest } = fault
    const kept = data !== undefined && weightOf(fault) <= MAX_FAULT_WEIGHT ? fault : rest
    const listed: ListedFault = { ...kept, number: this.#total, position }
    this.#faults[(this.#total - 1) % MAX_FAULTS] = listed
    context.of(this).changed(FAULT_TOPIC, 'fault', listed)
  }

  /** `recent`, [after, limit]: faults with numbers above `after`, the latest `limit` of them; both may be left out. */
  query(question: string, args: readonly unknown[]): unknown {
    if (question !== 'recent') return undefined
    const [after = 0, limit = MAX_LISTED] = args
    if (!isCount(after ?? 0) || !isCount(limit ?? 0)) return undefined
    return { faults: this.#recent(Number(after ?? 0), Math.min(Number(limit ?? MAX_LISTED), MAX_LISTED)), total: this.#total }
  }

  #recent(after: number, limit: number): ListedFault[] {
    const first = Math.max(after, this.#total - this.#faults.length, this.#total - limit)
    const listed: ListedFault[] = []
    for (let n = first; n < this.#total; n++) listed.push(copyValue(this.#faults[n % MAX_FAULTS] as ListedFault))
    return listed
  }

  /** `[]`: every fault that is reported from now on. */
  interest(args: readonly unknown[]): Interest | undefined {
    return args.length === 0 ? { topic: FAULT_TOPIC, wants: () => true, present: () => [] } : undefined
  }

  expire(): void {}

  ended(): void {}

  withdraw(): boolean {
    return false
  }

  census(): Record<string, number> {
    return { faults: this.#total }
  }

  *snapshot(): Generator<Part> {
    const first = this.#total - this.#faults.length
    yield ['total', first]
    const inOrder = this.#faults.map((_, i) => copyValue(this.#faults[(first + i) % MAX_FAULTS] as ListedFault))
    yield* inParts('faults', inOrder) as Generator<Part>
  }

  restore(part: unknown): void {
    const saved = part as Part
    if (saved[0] === 'total') {
      this.#total = saved[1]
      return
    }
    for (const fault of saved[1]) {
      this.#faults[this.#total % MAX_FAULTS] = fault
      this.#total += 1
    }
  }
}

type Part = readonly ['total', before: number] | readonly ['faults', readonly ListedFault[]]

const MALFORMED = refusal(
  'PERDURE_E_USAGE',
  `A fault was reported that is none: expected { detector, entity: { kind, name }, code, atMs, data? } with one of the codes ${Object.keys(FAULTS).join(', ')}.`,
)

function readFault(given: unknown): Fault | undefined {
  if (typeof given !== 'object' || given === null) return undefined
  const { detector, entity, code, atMs, data, ...others } = given as Record<string, unknown>
  if (Object.keys(others).length > 0 || typeof detector !== 'string' || typeof entity !== 'object' || entity === null)
    return undefined
  const { kind, name } = entity as Record<string, unknown>
  if (!isKind(kind) || typeof name !== 'string' || typeof code !== 'string' || !Object.hasOwn(FAULTS, code)) return undefined
  if (typeof atMs !== 'number' || !(data === undefined || (typeof data === 'object' && data !== null))) return undefined
  const said = data === undefined ? {} : { data: data as Readonly<Record<string, unknown>> }
  return { detector, entity: { kind, name }, code: code as FaultCode, atMs, ...said }
}

function isKind(kind: unknown): kind is Fault['entity']['kind'] {
  return typeof kind === 'string' && KINDS.has(kind)
}

const KINDS: ReadonlySet<string> = new Set(['site', 'node', 'worker', 'run', 'group', 'member', 'action', 'participant'])

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
}
