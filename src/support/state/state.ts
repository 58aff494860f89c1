/**
 * The state of an object as something that can be kept, put back and tried out on a copy.
 *
 * An async function cannot be stopped: whoever gives up an attempt has to make sure that it can do no harm when it wakes up. So an
 * attempt works on a *fork*, an object of its own with a copy of the state. To accept an attempt is to make its fork the object;
 * to reject it is to forget the fork. Nothing has to be undone, and an attempt costs one copy. That is the recovery cache of the
 * recovery block (Horning et al. 1974) turned round: what changes is not the state but who has it.
 *
 * What the state is, a class says with `[checkpoint]` and `[restore]`; of a data object, whose fields are all there is, it is the
 * fields. A class that keeps something where copies cannot see it and has neither method is refused.
 *
 * Boundary: pure. The functions of an object literal are its code; a class's methods are; fields of an instance are state.
 *   F1  Nothing that an attempt can reach from its fork can be changed through the object, nor the other way round.
 *   F2  `save` and what is given to `load` share nothing with the object.
 *   F3  The state that holds can be copied: an attempt that has put into it what cannot be is not accepted, and changes nothing.
 */
import { PerdureError } from '../../errors.ts'
import { Copier, type CopyOptions, type Instances } from './copy.ts'
import { asData, refill, shapeOf, twinOf } from './data-object.ts'
import { hiddenState } from './hidden-state.ts'
import { baseKindOf } from './kind.ts'
import { classOf } from './obstacle.ts'

/** Of a method without arguments that returns the state of its object as data; it changes nothing. */
export const checkpoint: unique symbol = Symbol.for('perdure.checkpoint')

/** Of a method that gives its object a state that `[checkpoint]` of this class, or of a variant of it, has returned. It may keep it. */
export const restore: unique symbol = Symbol.for('perdure.restore')

/** What a class implements whose fields are not its state, or not all of it. */
export interface Checkpointed<S = unknown> {
  [checkpoint](): S
  [restore](state: S): void
}

/** What a state can be asked of: the object, or one attempt's copy of it. */
export interface Stateful {
  readonly object: object
  /** A deep copy of the state as data. */
  save(): unknown
  /** The same for an acceptance test to look at: deeply frozen, but for Maps, Sets, dates and bytes, which are copies only. */
  view(): unknown
}

/** One attempt's own object, `this` of the attempt: of the same class, with a state of its own. */
export type Fork = Stateful

export interface StateHolder extends Stateful {
  /** The object with the state that holds now; another one after `install`, if the holder was told how to make objects. */
  readonly object: object
  /** Attempts have to work on the object itself: `save` before and `load` to undo. That is safe only where nothing is asynchronous. */
  readonly inPlace: boolean
  /** What the state consists of: states may go from holder to holder only where this is equal. */
  readonly shape: string
  /** Gives the object this state, of which it keeps nothing. */
  load(state: unknown): void
  /** A copy of the object with this state; without one, with its own. `PERDURE_E_STATE` for a holder that is `inPlace`. */
  fork(state?: unknown): Fork
  /** Accepts an attempt on one of this holder's own forks: its state is now the object's. `PERDURE_E_STATE` if that cannot be copied. */
  install(fork: Fork): void
}

/**
 * The state of this object. `rebuild` makes another object of the same class (`() => new Stack(...args)`); with it the object is
 * the holder's own and may be replaced by a fork, without it the state always comes back into the very object.
 *
 * `PERDURE_E_STATE` when the state can neither be seen nor asked for, or when a field holds what cannot be copied.
 */
export function holderOf(object: object, rebuild?: () => object): StateHolder {
  const prototype: object | null = Object.getPrototypeOf(object)
  if (prototype !== null && requireState(prototype)) return new CheckpointedHolder(object as Checkpointed, rebuild)
  return new DataHolder(object, rebuild)
}

/**
 * Called with the prototype of a class when it becomes a variant: whether it has both methods. `PERDURE_E_STATE` when it has
 * only one of them, or neither and hides state.
 */
export function requireState(prototype: object): boolean {
  const { [checkpoint]: saves, [restore]: loads } = prototype as Partial<Checkpointed>
  if (typeof saves === 'function' && typeof loads === 'function') return true
  const name = classNamed(prototype)
  if (saves !== undefined || loads !== undefined) {
    const [has, lacks] = loads === undefined ? ['[checkpoint]', '[restore]'] : ['[restore]', '[checkpoint]']
    throw refused(`${name} has a method ${has} but no ${lacks}: expected both, or neither in a class whose fields are its state.`)
  }
  const hidden = hiddenState(prototype)
  if (hidden === undefined) return false
  throw refused(`An object of ${name} has ${hidden}, which a copy of its fields would lack. ${EXPLANATION}`)
}

/** For members that share one state. `PERDURE_E_STATE` when the state of one cannot be given to another. */
export function requireOneShape(holders: readonly StateHolder[]): void {
  const [first] = holders
  for (const holder of holders) {
    if (first === undefined || holder.shape === first.shape) continue
    const [a, b] = [classOf(first.object), classOf(holder.object)]
    throw refused(
      `${a} and ${b} are alternates with one state, but that of ${a} is ${first.shape} and that of ${b} is ${holder.shape}. ${EXPLANATION} Diverse classes agree on what [checkpoint] returns.`,
    )
  }
}

/**
 * The arguments for one attempt: what it does to them, nobody else sees. Functions, instances of classes, streams, signals and
 * whatever else cannot be copied are the very ones; an object that comes twice comes twice.
 */
export function copyArguments(args: readonly unknown[]): readonly unknown[] {
  return args.every(isPrimitive) ? args : (new Copier(SHARING).copy(args) as unknown[])
}

/** For acceptance tests: a deeply frozen copy, as of arguments; Maps, Sets, dates and bytes in it are copies only. */
export function frozen<T>(value: T): T {
  return isPrimitive(value) ? value : (new Copier(FROZEN).copy(value) as T)
}

const EXPLANATION =
  'Say what the state is with two methods: class Stack { #items = []; [checkpoint]() { return [...this.#items] } [restore](items) { this.#items = items } }, with checkpoint and restore imported from perdure/group.'

/** An instance in a field is made anew by `new` without arguments, then given the state of the other. */
export const INSTANCES: Instances = {
  blank(instance) {
    const { [checkpoint]: saves, [restore]: loads, constructor: made } = instance as Partial<Checkpointed> & object
    const copyable = typeof saves === 'function' && typeof loads === 'function' && made.length === 0
    return copyable ? Reflect.construct(made, []) : undefined
  },
  fill(from, to, copyOf) {
    give(to as Checkpointed, copyOf((from as Checkpointed)[checkpoint]()))
  },
}

const SHARING: CopyOptions = { uncopyable: 'share', name: 'value' }
const FROZEN: CopyOptions = { uncopyable: 'share', name: 'value', frozen: true }
const DATA: CopyOptions = { uncopyable: 'refuse', name: 'this', instances: INSTANCES }
const DATA_FROZEN: CopyOptions = { ...DATA, frozen: true }
const GIVEN: CopyOptions = { ...DATA, name: '[checkpoint]()' }
const GIVEN_FROZEN: CopyOptions = { ...GIVEN, frozen: true }

export const CHECKPOINTED = 'what [checkpoint] returns'

class CheckpointedHolder implements StateHolder {
  object: object
  readonly inPlace: boolean
  readonly shape: string = CHECKPOINTED
  readonly #rebuild: (() => object) | undefined

  constructor(object: Checkpointed, rebuild: (() => object) | undefined) {
    this.object = object
    this.#rebuild = rebuild
    this.inPlace = rebuild === undefined && !fieldsAreAll(object)
  }

  save(): unknown {
    return new Copier(GIVEN).copy((this.object as Checkpointed)[checkpoint]())
  }

  view(): unknown {
    return new Copier(GIVEN_FROZEN).copy((this.object as Checkpointed)[checkpoint]())
  }

  load(state: unknown): void {
    give(this.object as Checkpointed, new Copier(GIVEN).copy(state))
  }

  fork(state: unknown = (this.object as Checkpointed)[checkpoint]()): Fork {
    const holder = new CheckpointedHolder(this.#another() as Checkpointed, this.#rebuild)
    holder.load(state)
    return holder
  }

  install(fork: Fork): void {
    const state = fork.save()
    if (this.#rebuild === undefined) give(this.object as Checkpointed, state)
    else this.object = fork.object
  }

  #another(): object {
    if (this.inPlace) {
      throw refused(
        `No copy of this ${classOf(this.object)} can be made for an attempt that may take time, because it was given ready-made. Give the class to dependable, which can make others, or use it for synchronous methods only.`,
      )
    }
    return this.#rebuild?.() ?? twinOf(this.object, this.object, DATA)
  }
}

class DataHolder implements StateHolder {
  object: object
  readonly inPlace = false
  readonly #owned: boolean

  constructor(object: object, rebuild: (() => object) | undefined) {
    this.object = object
    this.#owned = rebuild !== undefined
    if (baseKindOf(object) === undefined)
      throw refused(`An object of ${classOf(object)} has parts of which no copy can be made. ${EXPLANATION}`)
    this.save()
  }

  get shape(): string {
    return shapeOf(this.object)
  }

  save(): unknown {
    return asData(this.object, DATA)
  }

  view(): unknown {
    return asData(this.object, DATA_FROZEN)
  }

  load(state: unknown): void {
    const data = likeState(state, this.object)
    if (!refill(this.object, data, DATA)) this.object = twinOf(this.object, data, DATA)
  }

  fork(state?: unknown): Fork {
    return new DataFork(twinOf(this.object, state === undefined ? this.object : likeState(state, this.object), DATA))
  }

  install(fork: Fork): void {
    // Also where the fork becomes the object: a state of which no copy can be made would end all further attempts.
    const data = fork.save() as object
    if (this.#owned || !refill(this.object, data, DATA)) this.object = fork.object
  }
}

class DataFork implements Fork {
  readonly object: object

  constructor(object: object) {
    this.object = object
  }

  save(): unknown {
    return asData(this.object, DATA)
  }

  view(): unknown {
    return asData(this.object, DATA_FROZEN)
  }
}

/** A ready object with both methods can be copied all the same if nothing but its fields would have to be. */
function fieldsAreAll(object: object): boolean {
  if (hiddenState(Object.getPrototypeOf(object)) !== undefined || baseKindOf(object) === undefined) return false
  try {
    asData(object, DATA)
    return true
  } catch {
    return false
  }
}

function give(object: Checkpointed, state: unknown): void {
  const result: unknown = object[restore](state)
  if (result instanceof Promise)
    throw refused(`[restore] of ${classOf(object)} returned a promise: expected it to have restored the state when it returns.`)
}

function likeState(state: unknown, object: object): object {
  if (typeof state === 'object' && state !== null && baseKindOf(state) === baseKindOf(object)) return state
  throw refused(
    `The state given to an object of ${classOf(object)} is none that an object of this class has saved: expected the value that save returned.`,
  )
}

function isPrimitive(value: unknown): boolean {
  return typeof value !== 'object' || value === null
}

function classNamed(prototype: object): string {
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  return typeof made === 'function' && made.name !== '' ? made.name : 'a class without a name'
}

function refused(message: string): PerdureError {
  return new PerdureError('PERDURE_E_STATE', message)
}
