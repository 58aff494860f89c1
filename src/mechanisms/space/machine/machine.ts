/**
 * Tuple spaces as a deterministic function of the log.
 *
 * Here is what the operations mean: what they ask for, what they are answered, and when they wait. Who is given a tuple that
 * appears is decided in `serving.ts`; everything either of them knows is in `state.ts`.
 *
 * Boundary: a machine of the log. It starts runs through a port and is told of their end through `complete`; it knows nothing
 * else about them.
 *   S3  An operation is refused by its reply, never by a throw, and identically on every replica.
 *   S1, S2, S4, S5  as in `serving.ts`
 */
import { copyValue } from '../../../log/codec/codec.ts'
import type { Caller, Context, Ended, Failure, Interest, Machine, Operation, Outcome } from '../../../log/machine.ts'
import { refusal } from '../../../log/outcome.ts'
import { weightOf } from '../../../log/weight.ts'
import { MAX_FIELDS } from '../../../support/template.ts'
import { type BlockedPlan, readGroup } from './atomic.ts'
import { gather, MAX_REPLY_BYTES, readBulk } from './bulk.ts'
import { type EvalPort, readEval } from './eval.ts'
import { readHold } from './holds.ts'
import { readOutTerms } from './leases.ts'
import { decodeTemplate } from './match.ts'
import { listDelayed, listHolds, listSpaces, listTuples, listWaiting } from './questions.ts'
import { MAX_QUOTAS, readQuota } from './quota.ts'
import { type ChangeKind, Serving } from './serving.ts'
import { restoreInto, snapshotOf } from './snapshot.ts'
import { SpacesState } from './state.ts'
import { DEFAULT_INDEXING, type Indexing } from './tuple-class.ts'
import type { Waiter } from './waiting.ts'
import { interestIn, lookFor } from './watched.ts'
import { isSpaceName, readWait, type WaitTerms } from './wire.ts'

const NOTHING: Outcome = { value: undefined }

/** Replies to a gateway go nowhere. */
const NOBODY: Caller = { kind: 'gateway' }

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
    'space.collect': 27,
    'space.copyCollect': 28,
    'space.atomic': 29,
    'space.ack': 30,
    'space.release': 31,
    'space.failure': 32,
    'space.quota': 33,
  }
  readonly #port: EvalPort
  readonly #state: SpacesState
  readonly #serving: Serving
  /** Of the last `eval`. */
  #evaluated = 0

  constructor(port: EvalPort, indexing: Indexing = DEFAULT_INDEXING) {
    this.#port = port
    this.#state = new SpacesState(indexing)
    this.#serving = new Serving(this.#state, (kind, space, fields, context) => this.#changed(kind, space, fields, context))
  }

  apply(operation: Operation, context: Context): void {
    const { caller, number, name, args } = operation
    const space = args[0]
    if (typeof space !== 'string' || !(this.#state.get(space) !== undefined || isSpaceName(space))) {
      return context.reply(caller, number, malformed(name, 'its first argument is no name of a space'))
    }
    const refused = this.#apply(operation, space, context)
    if (refused !== undefined) {
      context.reply(caller, number, typeof refused === 'string' ? malformed(name, refused) : refused)
    }
    this.#serving.settle(context)
  }

  /** Answers, or waits, or says why not: as a text, when no program of this version could have sent it. */
  #apply(operation: Operation, space: string, context: Context): Outcome | string | undefined {
    switch (operation.name) {
      case 'space.out':
        return this.#out(operation, space, context)
      case 'space.in':
      case 'space.rd':
      case 'space.inp':
        return this.#ask(operation, space, context)
      case 'space.rdp':
      case 'space.count':
        return this.#look(operation, space, context)
      case 'space.collect':
      case 'space.copyCollect':
        return this.#collect(operation, space, context)
      case 'space.atomic':
        return this.#atomic(operation, space, context)
      case 'space.eval':
        return this.#eval(operation, space, context)
      case 'space.ack':
      case 'space.release':
        return this.#endHold(operation, space, context)
      case 'space.failure':
        return this.#promise(operation, space, context)
      case 'space.quota':
        return this.#setQuota(operation, space, context)
      default:
        return 'it is no operation of spaces'
    }
  }

  /**
   * Every change of what a space holds comes through here, at the position at which it happens and in the order in which it does:
   * a tuple has appeared ('out', also when it goes straight to who waits for it), was taken ('in'), or its lease has ended
   * ('expired'). The fields belong to the machine: copy what is kept or handed on.
   */
  #changed(kind: ChangeKind, space: string, fields: readonly unknown[], context: Context): void {
    context.changed(space, kind, fields)
  }

  #out({ caller, number, args }: Operation, space: string, context: Context): Outcome | string | undefined {
    const [, fields, options] = args
    if (!isTuple(fields)) return NO_TUPLE
    const terms = args.length <= 3 ? readOutTerms(options) : undefined
    if (terms === undefined) return 'it takes a space, a tuple and { leaseMs, notBeforeMs }'
    const weight = weightOf(fields)
    const refused = this.#noRoom(space, weight)
    if (refused !== undefined) return refused
    const { leaseMs, notBeforeMs } = terms
    if (notBeforeMs > 0) {
      const order = this.#state.nextOrder()
      const dueMs = context.wallMs + notBeforeMs
      this.#state.leases.delayed.set(order, { order, position: context.position, space, fields, weight, leaseMs, dueMs })
      this.#state.reserve(space, weight)
      context.schedule(dueMs, order)
    } else {
      const expiresMs = leaseMs === undefined ? undefined : context.wallMs + leaseMs
      this.#serving.appear({ space, fields, weight, expiresMs }, context)
    }
    context.reply(caller, number, NOTHING)
    return undefined
  }

  #noRoom(space: string, weight: number): Outcome | undefined {
    const state = this.#state.get(space)
    return state === undefined || state.hasRoomFor(weight) ? undefined : state.refusal({ tuples: 1, bytes: weight })
  }

  /** `in`, `rd` and `inp`: the first two wait when there is nothing. */
  #ask(operation: Operation, space: string, context: Context): Outcome | string | undefined {
    const { caller, number, name, args } = operation
    const template = args.length <= 3 ? decodeTemplate(args[1]) : undefined
    const terms = readWait(args[2])
    const hold = terms?.hold === undefined ? undefined : readHold(terms.hold, space)
    if (template === undefined || terms === undefined || (terms.hold !== undefined && hold === undefined)) return NO_QUESTION
    if (name === 'space.rd' && hold !== undefined) return 'what is only read cannot be held'
    if (name === 'space.inp' && terms.timeoutMs !== undefined) return 'inp does not wait'
    const state = this.#state.get(space)
    const found = state?.store.find(template)
    const refused = hold === undefined ? undefined : state?.refusal({ holds: 1 })
    if (refused !== undefined) return refused
    if (found === undefined) {
      if (name === 'space.inp') context.reply(caller, number, { value: null })
      else return this.#wait(operation, { space, template, terms, mode: name === 'space.in' ? 'in' : 'rd', hold }, context)
    } else if (name === 'space.rd') context.reply(caller, number, { value: copyValue(found.fields) })
    else this.#serving.give({ caller, number, space, hold }, this.#serving.take(found, space, context), context)
    return undefined
  }

  #wait({ caller, number, args }: Operation, wanted: Wanted, context: Context, plan?: BlockedPlan): Outcome | undefined {
    const { terms, ...waiting } = wanted
    const refused = this.#state.get(wanted.space)?.refusal({ waiting: 1 })
    if (refused !== undefined) return refused
    const { position, wallMs } = context
    const deadlineMs = terms.timeoutMs === undefined ? undefined : wallMs + terms.timeoutMs
    const order = this.#state.nextOrder()
    const encoded = args[1] as readonly unknown[]
    this.#serving.wait({ order, position, caller, number, encoded, deadlineMs, ...waiting }, plan)
    if (deadlineMs !== undefined) context.schedule(deadlineMs, order)
    return undefined
  }

  /** What changes nothing. */
  #look({ caller, number, name, args }: Operation, space: string, context: Context): string | undefined {
    const template = args.length === 2 ? decodeTemplate(args[1]) : undefined
    if (template === undefined) return 'it takes a space and a template'
    const store = this.#state.get(space)?.store
    const value = name === 'space.count' ? (store?.count(template) ?? 0) : (copyValue(store?.find(template)?.fields) ?? null)
    context.reply(caller, number, { value })
    return undefined
  }

  /** `collect` and `copyCollect`: many at once, for the caller or into another space. */
  #collect({ caller, number, name, args }: Operation, space: string, context: Context): Outcome | string | undefined {
    const template = args.length <= 3 ? decodeTemplate(args[1]) : undefined
    const options = readBulk(args[2], space)
    if (template === undefined || options === undefined) return 'it takes a space, a template and { limit, into }'
    const { limit, into } = options
    const store = this.#state.get(space)?.store
    const found = store === undefined ? [] : gather(store, template, limit, into === undefined ? MAX_REPLY_BYTES : undefined)
    if (into !== undefined) {
      const bytes = found.reduce((sum, { weight }) => sum + weight, 0)
      const refused = this.#state.get(into)?.refusal({ tuples: found.length, bytes })
      if (refused !== undefined) return refused
    }
    const isTaking = name === 'space.collect'
    if (isTaking) for (const stored of found) this.#serving.take(stored, space, context)
    const tuples = found.map(({ fields }) => (isTaking ? fields : copyValue(fields)))
    if (into !== undefined) {
      // They keep their leases, and nothing else: it is another space.
      for (const [i, { weight, terms }] of found.entries()) {
        this.#serving.appear({ space: into, fields: tuples[i] as unknown[], weight, expiresMs: terms?.expiresMs }, context)
      }
    }
    context.reply(caller, number, { value: into === undefined ? tuples : tuples.length })
    return undefined
  }

  #atomic(operation: Operation, space: string, context: Context): Outcome | string | undefined {
    const { caller, number, args } = operation
    const terms = readWait(args[2])
    if (terms === undefined || terms.hold !== undefined || args.length > 3) return 'it takes a space, elements and { timeoutMs }'
    const group = readGroup(args[1])
    if (typeof group === 'string') return group
    const plan = this.#serving.carryOut(group, { caller, number, space }, context)
    if (plan.kind === 'ready') return undefined
    return this.#wait(operation, { space, template: plan.template, terms, mode: 'atomic', group }, context, plan)
  }

  #eval({ caller, number, args }: Operation, space: string, context: Context): Outcome | string | undefined {
    const request = readEval(args)
    if (typeof request === 'string') return request
    const { fields, actives } = request
    const { position } = context
    const weight = weightOf(fields)
    const refused = this.#noRoom(space, weight)
    if (refused !== undefined) return refused
    if (actives.length === 0) this.#serving.appear({ space, fields, weight }, context)
    else {
      // A race may hold several, all at one position.
      const id = this.#evaluated === position ? -this.#state.nextOrder() : position
      this.#evaluated = position
      this.#state.placeholders.add({ id, space, fields, pending: new Set(actives.map(({ field }) => field)), weight })
      this.#state.reserve(space, weight)
      for (const { field, run } of actives) {
        this.#port.start({ ...run, key: `eval:${id}:${field}`, placeholder: id, field }, context)
      }
    }
    context.reply(caller, number, NOTHING)
    return undefined
  }

  /**
   * The run of an active field has ended; with the last one the tuple appears, at this position. Outcomes of fields that have
   * one are ignored. It is called through a port, with the context of another machine.
   */
  complete(placeholder: number, field: number, outcome: Outcome, context: Context): void {
    const finished = this.#state.placeholders.complete(placeholder, field, outcome)
    if (finished === undefined) return
    const { space, fields, weight } = finished
    this.#state.release(space, weight)
    this.#serving.appear({ space, fields }, context.of(this))
  }

  /**
   * Puts a tuple on behalf of nobody who could be answered; returns why it could not be put. It is called through a port, with the
   * context of another machine.
   */
  deposit(args: readonly unknown[], context: Context): Failure | undefined {
    const own = context.of(this)
    const [space] = args
    if (typeof space !== 'string' || !(this.#state.get(space) !== undefined || isSpaceName(space))) {
      return failureIn(malformed('space.out', 'its first argument is no name of a space'))
    }
    const refused = this.#out({ caller: NOBODY, number: 0, name: 'space.out', args }, space, own)
    this.#serving.settle(own)
    return refused === undefined ? undefined : failureIn(typeof refused === 'string' ? malformed('space.out', refused) : refused)
  }

  #endHold({ caller, number, name, args }: Operation, space: string, context: Context): Outcome | string | undefined {
    const id = args[1]
    if (args.length !== 2 || typeof id !== 'number') return 'it takes a space and the id of a hold'
    const hold = this.#state.holds.get(id)
    if (hold?.space !== space) return holdLost(space, id)
    if (name === 'space.ack') this.#serving.drop(hold)
    else this.#serving.bringBack(hold, context)
    context.reply(caller, number, NOTHING)
    return undefined
  }

  /** A session leaves a tuple for the case of its loss, or takes it back. */
  #promise({ caller, number, args }: Operation, space: string, context: Context): Outcome | string | undefined {
    const fields = args[1]
    if (args.length !== 2 || !(fields === null || isTuple(fields))) return `${NO_TUPLE}, or null`
    if (caller.kind !== 'session') return NOT_A_CLIENT
    const before = this.#state.promised.get(caller.id, space)
    const weight = weightOf(fields)
    const more = { tuples: before === undefined ? 1 : 0, bytes: weight - (before?.weight ?? 0) }
    const refused = fields === null ? undefined : this.#state.get(space)?.refusal(more)
    if (refused !== undefined) return refused
    if (before !== undefined) {
      this.#state.promised.delete(before)
      this.#state.release(space, before.weight)
    }
    if (fields !== null) {
      this.#state.promised.set({ session: caller.id, space, fields, weight })
      this.#state.reserve(space, weight)
    }
    context.reply(caller, number, NOTHING)
    return undefined
  }

  #setQuota({ caller, number, args }: Operation, space: string, context: Context): Outcome | string | undefined {
    const quota = args.length === 2 ? readQuota(args[1]) : 'malformed'
    if (quota === 'malformed') return 'it takes a space and { tuples, bytes, waiting, holds }, or null'
    const state = this.#state.open(space)
    const isNew = quota !== null && state.quota === undefined
    if (isNew && this.#state.quotas >= MAX_QUOTAS) return tooManyQuotas(space)
    this.#state.quotas += Number(quota !== null) - Number(state.quota !== undefined)
    state.quota = quota ?? undefined
    this.#state.forgetEmpty(state)
    context.reply(caller, number, NOTHING)
    return undefined
  }

  expire(token: number, context: Context): void {
    const { leases, deadlines, holds } = this.#state
    const waiter = deadlines.get(token)
    if (waiter !== undefined) return this.#serving.timeOut(waiter, context)
    const hold = holds.get(token)
    if (hold !== undefined) return this.#serving.bringBack(hold, context)
    const leased = leases.leased.get(token)
    if (leased !== undefined) return this.#serving.expire(leased.stored, leased.space, context)
    const delayed = leases.delayed.get(token)
    if (delayed === undefined) return
    const { space, fields, weight, leaseMs } = delayed
    leases.delayed.delete(token)
    this.#state.release(space, weight)
    const expiresMs = leaseMs === undefined ? undefined : context.wallMs + leaseMs
    this.#serving.appear({ space, fields, weight, expiresMs }, context)
  }

  ended(caller: Caller, context: Context, how: Ended): void {
    for (const waiter of this.#state.waitersOf(caller)) this.#serving.forget(waiter)
    for (const hold of this.#state.holds.of(caller)) this.#serving.bringBack(hold, context)
    if (caller.kind !== 'session') return
    for (const promised of this.#state.promised.of(caller.id)) {
      const { space, fields, weight } = promised
      this.#state.promised.delete(promised)
      this.#state.release(space, weight)
      if (how === 'lost') this.#serving.appear({ space, fields, weight }, context)
    }
  }

  withdraw(caller: Caller, number: number): boolean {
    const waiter = this.#state.waiter(caller, number)
    if (waiter !== undefined) this.#serving.forget(waiter)
    return waiter !== undefined
  }

  interest(args: readonly unknown[]): Interest | undefined {
    return interestIn(this.#state, args)
  }

  query(question: string, args: readonly unknown[]): unknown {
    switch (question) {
      case 'tuples':
        return listTuples(this.#state, args)
      case 'spaces':
        return listSpaces(this.#state)
      case 'waiting':
        return listWaiting(this.#state, args)
      case 'rdp':
        return lookFor(this.#state, args)
      case 'holds':
        return listHolds(this.#state, args)
      case 'delayed':
        return listDelayed(this.#state, args)
      default:
        return undefined
    }
  }

  census(): Record<string, number> {
    // A space without tuples may be there or not: that is no part of the state.
    const used = [...this.#state.spaces.values()].filter(({ store }) => store.size > 0)
    return { order: this.#state.order, ...Object.fromEntries(used.map(({ name, store }) => [`tuples in ${name}`, store.size])) }
  }

  snapshot(): Iterable<unknown> {
    return snapshotOf(this.#state)
  }

  restore(part: unknown): void {
    restoreInto(this.#state, this.#serving, part)
  }
}

/** An operation that is to wait. */
interface Wanted extends Pick<Waiter, 'space' | 'template' | 'mode' | 'hold' | 'group'> {
  readonly terms: WaitTerms
}

const NO_TUPLE = `a tuple is an array of at most ${MAX_FIELDS} fields`
const NO_QUESTION = 'it takes a space, a template and { timeoutMs, hold: { leaseMs, maxDeliveries, deadLetter } }'

const NOT_A_CLIENT: Outcome = refusal(
  'PERDURE_E_USAGE',
  'A run has no failure tuple: it is not lost, but goes on elsewhere. Leave one with the space of a plain client.',
)

function isTuple(fields: unknown): fields is unknown[] {
  return Array.isArray(fields) && fields.length <= MAX_FIELDS
}

function holdLost(space: string, id: number): Outcome {
  const message = `Nobody holds a tuple of the space ${space} under the id ${id} any more: it was acknowledged or given back, its lease ended, or its holder did; then the tuple may have gone to somebody else. Hold it for longer, or make the work repeatable.`
  return refusal('PERDURE_E_HOLD_LOST', message, { space, id })
}

function tooManyQuotas(space: string): Outcome {
  const message = `${MAX_QUOTAS} spaces have a quota of their own, and ${space} cannot be one more. Take it from spaces that need none: { quota: null }.`
  return refusal('PERDURE_E_QUOTA', message, { space, what: 'quotas', used: MAX_QUOTAS, limit: MAX_QUOTAS, wanted: 1 })
}

function failureIn(outcome: Outcome): Failure | undefined {
  return 'error' in outcome ? outcome.error : undefined
}

function malformed(operation: string, what: string): Outcome {
  return refusal(
    'PERDURE_E_PROTOCOL',
    `Malformed operation ${operation}: ${what}. Both sides must run the same version of perdure.`,
  )
}
