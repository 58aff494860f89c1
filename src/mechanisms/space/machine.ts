/**
 * Tuple spaces as a deterministic function of the log.
 *
 * A tuple that appears goes to those who wait for one like it, or into its space; an operation that asks for a tuple takes the
 * oldest that matches, or waits. Everything else here is book-keeping: who waits, until when, and which tuples are still being
 * computed (`eval`).
 *
 * Boundary: a machine of the log. It starts runs through a port and is told of their end through `complete`; it knows nothing
 * else about them.
 *   S1  No tuple in a space matches a template that waits there.
 *   S2  A tuple is given to all matching waiting `rd`, in order of arrival, then to the matching `in` that has waited longest.
 *   S3  An operation is refused by its reply, never by a throw, and identically on every replica.
 *   S4  A tuple belongs to the machine until an `in` or `inp` gives it away; whoever reads gets a copy.
 */
import { invariant } from '../../errors.ts'
import { copyValue, decode, encode } from '../../log/codec/codec.ts'
import { type Caller, type Context, inParts, type Machine, type Operation, type Outcome } from '../../log/machine.ts'
import { refusal } from '../../log/outcome.ts'
import { type EvalPort, type Placeholder, Placeholders, readEval } from './eval.ts'
import { decodeTemplate, type Kind, kindsOf, type Template } from './match.ts'
import { listSpaces, listTuples, listWaiting, type SpaceState } from './questions.ts'
import { DEFAULT_INDEXING, type Indexing, type Stored as StoredTuple, TupleStore } from './store.ts'
import { MAX_FIELDS } from './template.ts'
import { type Waiter, WaitingTemplates } from './waiting.ts'
import { isSpaceName, readTimeout } from './wire.ts'

/** Empty spaces kept with their indexes; more are a sign of names used once, as for replies. */
const MAX_SPACES_KEPT = 1_000

const NOTHING: Outcome = { value: undefined }

export class SpaceMachine implements Machine {
  readonly name = 'space'
  readonly operations = {
    'space.out': 20,
    'space.in': 21,
    'space.rd': 22,
    'space.inp': 23,
    'space.rdp': 24,
    'space.count': 25,
    'space.eval': 26,
  }
  readonly #port: EvalPort
  readonly #indexing: Indexing
  readonly #spaces = new Map<string, SpaceState>()
  /** By caller, then by number. */
  readonly #waiters = new Map<number, Map<number, Waiter>>()
  readonly #deadlines = new Map<number, Waiter>()
  readonly #placeholders = new Placeholders()
  /** Of the last tuple or waiter. One position may bring several, so positions alone do not order them. */
  #order = 0

  constructor(port: EvalPort, indexing: Indexing = DEFAULT_INDEXING) {
    this.#port = port
    this.#indexing = indexing
  }

  apply(operation: Operation, context: Context): void {
    const { caller, number, name, args } = operation
    const space = args[0]
    if (typeof space !== 'string' || !(this.#spaces.has(space) || isSpaceName(space))) {
      return context.reply(caller, number, malformed(name, 'its first argument is no name of a space'))
    }
    const refused = this.#apply(operation, space, context)
    if (refused !== undefined) context.reply(caller, number, malformed(name, refused))
  }

  /** Answers, or waits, or says why not. */
  #apply(operation: Operation, space: string, context: Context): string | undefined {
    const { args } = operation
    switch (operation.name) {
      case 'space.out':
        // A third argument only asks for an acknowledgement; every `out` is answered here, and whoever asked waits for it.
        return args.length === 2 || isAcknowledged(args)
          ? this.#out(operation, space, args[1], context)
          : 'it takes a space and a tuple'
      case 'space.eval':
        return this.#eval(operation, space, context)
      case 'space.in':
      case 'space.rd':
        return args.length <= 3 ? this.#await(operation, space, context) : 'it takes a space, a template and options'
    }
    const template = args.length === 2 ? decodeTemplate(args[1]) : undefined
    if (template === undefined) return 'it takes a space and a template'
    context.reply(operation.caller, operation.number, { value: this.#ask(operation.name, space, template) })
    return undefined
  }

  #out({ caller, number }: Operation, space: string, fields: unknown, context: Context): string | undefined {
    if (!Array.isArray(fields) || fields.length > MAX_FIELDS) return `a tuple is an array of at most ${MAX_FIELDS} fields`
    this.#appear(space, fields, context)
    context.reply(caller, number, NOTHING)
    return undefined
  }

  /** The operations that answer at once. */
  #ask(operation: string, space: string, template: Template): unknown {
    const state = this.#spaces.get(space)
    if (operation === 'space.count') return state?.store.count(template) ?? 0
    const found = state?.store.find(template)
    if (state === undefined || found === undefined) return null
    if (operation === 'space.rdp') return copyValue(found.fields)
    invariant(operation === 'space.inp', `the space machine was given the operation ${operation}`)
    state.store.remove(found)
    this.#forgetEmpty(state)
    return found.fields
  }

  /** `in` and `rd`: as the p forms, but without a match they wait. */
  #await({ caller, number, name, args }: Operation, space: string, context: Context): string | undefined {
    const template = decodeTemplate(args[1])
    const timeoutMs = readTimeout(args[2])
    if (template === undefined || timeoutMs === 'malformed') return 'it takes a space, a template and { timeoutMs }'
    const mode = name === 'space.in' ? 'in' : 'rd'
    const found = this.#ask(mode === 'in' ? 'space.inp' : 'space.rdp', space, template)
    if (found !== null) {
      context.reply(caller, number, { value: found })
      return undefined
    }
    const deadlineMs = timeoutMs === undefined ? undefined : context.wallMs + timeoutMs
    this.#order += 1
    const { position } = context
    const encoded = args[1] as readonly unknown[]
    this.#wait({ order: this.#order, position, mode, caller, number, space, encoded, template, deadlineMs })
    if (deadlineMs !== undefined) context.schedule(deadlineMs, this.#order)
    return undefined
  }

  #eval({ caller, number, args }: Operation, space: string, context: Context): string | undefined {
    const request = readEval(args)
    if (typeof request === 'string') return request
    const { fields, actives } = request
    const { position } = context
    if (this.#placeholders.has(position)) {
      context.reply(caller, number, refusal('PERDURE_E_USAGE', 'A race can hold one eval. Issue the others by themselves.'))
      return undefined
    }
    if (actives.length === 0) this.#appear(space, fields, context)
    else {
      this.#placeholders.add({ id: position, space, fields, pending: new Set(actives.map(({ field }) => field)) })
      for (const { field, run } of actives) {
        this.#port.start({ ...run, key: `eval:${position}:${field}`, placeholder: position, field }, context)
      }
    }
    context.reply(caller, number, NOTHING)
    return undefined
  }

  /**
   * The run of an active field has ended; with the last one the tuple appears, at this position. Outcomes of fields that have
   * one are ignored. Of the context only replies and the position are used, so any machine's will do.
   */
  complete(placeholder: number, field: number, outcome: Outcome, context: Context): void {
    const finished = this.#placeholders.complete(placeholder, field, outcome)
    if (finished !== undefined) this.#appear(finished.space, finished.fields, context)
  }

  /**
   * A tuple comes into being: S2, then S1. An answer may have consequences at once, such as others who wait being withdrawn (a
   * race that is decided) or another tuple appearing, so after each of them the state is looked at anew.
   */
  #appear(space: string, fields: readonly unknown[], context: Context): void {
    const kinds: Kind[] = kindsOf(fields)
    let readers = this.#readers(space, fields, kinds)
    while (readers.length > 0) {
      for (const reader of readers) {
        if (this.#waits(reader)) this.#answer(reader, { value: copyValue(fields) }, context)
      }
      readers = this.#readers(space, fields, kinds)
    }
    const taker = this.#spaces.get(space)?.waiting.taker(fields, kinds)
    if (taker !== undefined) return this.#answer(taker, { value: fields }, context)
    this.#order += 1
    this.#state(space).store.put(this.#order, context.position, fields, kinds)
  }

  #readers(space: string, fields: readonly unknown[], kinds: readonly Kind[]): readonly Waiter[] {
    return this.#spaces.get(space)?.waiting.readers(fields, kinds) ?? []
  }

  #answer(waiter: Waiter, outcome: Outcome, context: Context): void {
    this.#forget(waiter)
    context.reply(waiter.caller, waiter.number, outcome)
  }

  expire(token: number, context: Context): void {
    const waiter = this.#deadlines.get(token)
    if (waiter === undefined) return
    const { space } = waiter
    const message = `No tuple that matches appeared in the space ${space} in the time allowed. Wait longer, or see who was to put one.`
    this.#answer(waiter, refusal('PERDURE_E_TIMEOUT', message, { space }), context)
  }

  ended(caller: Caller): void {
    for (const waiter of [...(this.#waiters.get(callerKey(caller))?.values() ?? [])]) this.#forget(waiter)
  }

  withdraw(caller: Caller, number: number): boolean {
    const waiter = this.#waiters.get(callerKey(caller))?.get(number)
    if (waiter !== undefined) this.#forget(waiter)
    return waiter !== undefined
  }

  query(question: string, args: readonly unknown[]): unknown {
    switch (question) {
      case 'tuples':
        return listTuples(this.#spaces, args)
      case 'spaces':
        return listSpaces(this.#spaces, this.#placeholders)
      case 'waiting':
        return listWaiting(this.#spaces, args)
      default:
        return undefined
    }
  }

  /** Tuples and templates are in it as bytes: nothing is shared with the machine, and no depth is added to deep values. */
  *snapshot(): Generator<Part> {
    yield ['order', this.#order]
    // By name: which space was used first is no part of the state.
    const states = [...this.#spaces.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const { name, store } of states) {
      const tuples = store.first(Number.POSITIVE_INFINITY)
      for (const part of inParts('tuples', savedTuples(tuples), name)) yield part as Part
    }
    const waiters = states.flatMap(({ waiting }) => waiting.all()).sort((a, b) => a.order - b.order)
    for (const { template: _, encoded, ...data } of waiters) yield ['waiter', { ...data, encoded: bytesOf(encoded) }]
    for (const { fields, pending, ...data } of this.#placeholders.all()) {
      yield ['placeholder', { ...data, fields: bytesOf(fields), pending: [...pending] }]
    }
  }

  restore(part: unknown): void {
    const saved = part as Part
    switch (saved[0]) {
      case 'order':
        invariant(this.#order === 0, 'a snapshot was restored into a space machine in use')
        this.#order = saved[1]
        return
      case 'tuples': {
        const { store } = this.#state(saved[1])
        for (const [order, position, fields] of saved[2]) store.put(order, position, decode(fields) as unknown[])
        return
      }
      case 'waiter': {
        const encoded = decode(saved[1].encoded) as unknown[]
        const template = decodeTemplate(encoded)
        invariant(template !== undefined, 'a snapshot has a template that is none')
        return this.#wait({ ...saved[1], encoded, template })
      }
      case 'placeholder': {
        const { fields, pending, ...data } = saved[1]
        this.#placeholders.add({ ...data, fields: decode(fields) as unknown[], pending: new Set(pending) })
      }
    }
  }

  #state(name: string): SpaceState {
    let state = this.#spaces.get(name)
    if (state === undefined) {
      state = { name, store: new TupleStore(this.#indexing), waiting: new WaitingTemplates() }
      this.#spaces.set(name, state)
    }
    return state
  }

  #wait(waiter: Waiter): void {
    const key = callerKey(waiter.caller)
    let ofCaller = this.#waiters.get(key)
    if (ofCaller === undefined) {
      ofCaller = new Map()
      this.#waiters.set(key, ofCaller)
    }
    invariant(!ofCaller.has(waiter.number), `operation ${waiter.number} of a ${waiter.caller.kind} waits twice`)
    ofCaller.set(waiter.number, waiter)
    if (waiter.deadlineMs !== undefined) this.#deadlines.set(waiter.order, waiter)
    this.#state(waiter.space).waiting.add(waiter)
  }

  /** The waiter has its answer, or nobody to give it to. */
  #forget(waiter: Waiter): void {
    const key = callerKey(waiter.caller)
    const ofCaller = this.#waiters.get(key)
    ofCaller?.delete(waiter.number)
    if (ofCaller?.size === 0) this.#waiters.delete(key)
    if (waiter.deadlineMs !== undefined) this.#deadlines.delete(waiter.order)
    const state = this.#state(waiter.space)
    state.waiting.remove(waiter)
    this.#forgetEmpty(state)
  }

  #waits({ caller, number, order }: Waiter): boolean {
    return this.#waiters.get(callerKey(caller))?.get(number)?.order === order
  }

  #forgetEmpty({ name, store, waiting }: SpaceState): void {
    if (this.#spaces.size > MAX_SPACES_KEPT && store.size === 0 && waiting.size === 0) this.#spaces.delete(name)
  }
}

type Part =
  | readonly ['order', number]
  | readonly ['tuples', space: string, readonly SavedTuple[]]
  | readonly ['waiter', Omit<Waiter, 'encoded' | 'template'> & { readonly encoded: Uint8Array }]
  | readonly [
      'placeholder',
      Pick<Placeholder, 'id' | 'space'> & { readonly fields: Uint8Array; readonly pending: readonly number[] },
    ]

type SavedTuple = readonly [order: number, position: number, fields: Uint8Array]

function* savedTuples(tuples: Iterable<StoredTuple>): Generator<SavedTuple> {
  for (const { order, position, fields } of tuples) yield [order, position, bytesOf(fields)]
}

function bytesOf(value: unknown): Uint8Array {
  return encode(value, Number.POSITIVE_INFINITY)
}

/** One number for each caller: ids of sessions and of runs are above 0. */
function callerKey(caller: Caller): number {
  if (caller.kind === 'gateway') return 0
  return caller.kind === 'session' ? caller.id : -caller.id
}

function isAcknowledged(args: readonly unknown[]): boolean {
  const options = args[2]
  return (
    args.length === 3 &&
    typeof options === 'object' &&
    options !== null &&
    (options as { acknowledge?: unknown }).acknowledge === true
  )
}

function malformed(operation: string, what: string): Outcome {
  return refusal(
    'PERDURE_E_PROTOCOL',
    `Malformed operation ${operation}: ${what}. Both sides must run the same version of perdure.`,
  )
}
