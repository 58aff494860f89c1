/**
 * The objects of an action: copied when it starts, installed together when it commits, forgotten when it aborts.
 *
 * Actions that share objects take turns. Whoever wants several objects queues for all of them in one go, so every two actions stand
 * in the same order in every queue that they share, and none can wait for another in a circle.
 *
 * Boundary: pure; who may still touch a copy is the context's business (`action-context.ts`).
 *   W1  The objects of an action are all new or all old, or `install` says that they are neither.
 *   W2  Of two actions that share an object, one has left before the other's copies are made.
 */
import { PerdureError } from '../../../errors.ts'
import { holderOf, type Stateful, type StateHolder } from '../../../support/state/state.ts'

export type Objects = Readonly<Record<string, object>>

/** Makes an empty object of the same class, for classes whose fields are not their state. */
export type Rebuild<O extends Objects> = { readonly [K in keyof O]?: () => O[K] }

interface Entry {
  readonly name: string
  readonly original: object
  readonly holder: StateHolder
  readonly rebuild: (() => object) | undefined
  copy: Stateful
}

/** The copies of one performance. */
export class Workspace {
  readonly #entries: readonly Entry[]

  /** `PERDURE_E_STATE` when the state of one of them cannot be copied. */
  constructor(objects: Objects, rebuild: Rebuild<Objects>) {
    this.#entries = Object.entries(objects).map(([name, original]) => {
      const holder = holderOf(original)
      const made = rebuild[name]
      return { name, original, holder, rebuild: made, copy: copied(holder, made, holder.save()) }
    })
  }

  /** By name, as bodies see them. */
  get copies(): Objects {
    return Object.fromEntries(this.#entries.map((entry) => [entry.name, entry.copy.object]))
  }

  /** Makes copies of the copies: whoever still holds the old ones works on what nobody will install. */
  detach(): void {
    for (const entry of this.#entries) entry.copy = copied(entry.holder, entry.rebuild, entry.copy.save())
  }

  /** The copy that stands for this object; undefined if it is none of them. */
  copyOf(original: object): object | undefined {
    return this.#entries.find((entry) => entry.original === original)?.copy.object
  }

  /** W1. `undone` and `impossible` come with what was thrown. */
  install(): { readonly how: 'committed' } | { readonly how: 'undone' | 'impossible'; readonly cause: unknown } {
    const touched: { readonly holder: StateHolder; readonly before: unknown }[] = []
    try {
      const states = this.#entries.map(({ holder, copy }) => ({ holder, before: holder.save(), after: copy.save() }))
      for (const { holder, before, after } of states) {
        touched.push({ holder, before })
        put(holder, after)
      }
      return { how: 'committed' }
    } catch (cause) {
      return putBack(touched, cause)
    }
  }
}

function putBack(touched: readonly { readonly holder: StateHolder; readonly before: unknown }[], cause: unknown) {
  const failures: unknown[] = []
  for (const { holder, before } of touched) {
    try {
      put(holder, before)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length === 0) return { how: 'undone', cause } as const
  return { how: 'impossible', cause: new AggregateError([cause, ...failures], 'neither the new nor the old state') } as const
}

function put(holder: StateHolder, state: unknown): void {
  const { object } = holder
  holder.load(state)
  if (holder.object === object) return
  const text = 'An object of an action cannot be given a state, because it is frozen or sealed: expected one that can be changed.'
  throw new PerdureError('PERDURE_E_STATE', text)
}

function copied(holder: StateHolder, rebuild: (() => object) | undefined, state: unknown): Stateful {
  if (rebuild === undefined) return holder.fork(state)
  const copy = holderOf(rebuild())
  copy.load(state)
  return copy
}

/** A place in the queues of several objects. */
export interface Ticket {
  /** Gives the place up, before its turn or after. */
  release(): void
}

/** W2: calls `turn` when everyone who came earlier for any of these objects has released them; at once if nobody has. */
export function queueFor(objects: readonly object[], turn: () => void): Ticket {
  const wanted = [...new Set(objects)]
  const place: Place = { wanted, turn, served: false }
  for (const object of wanted) {
    const queue = queues.get(object)
    if (queue === undefined) queues.set(object, [place])
    else queue.push(place)
  }
  serve(place)
  return { release: () => leaveQueues(place) }
}

interface Place {
  readonly wanted: readonly object[]
  readonly turn: () => void
  served: boolean
}

const queues = new WeakMap<object, Place[]>()

function serve(place: Place): void {
  if (place.served || place.wanted.some((object) => queues.get(object)?.[0] !== place)) return
  place.served = true
  place.turn()
}

function leaveQueues(place: Place): void {
  place.served = true
  const next = new Set<Place>()
  for (const object of place.wanted) {
    const queue = (queues.get(object) ?? []).filter((other) => other !== place)
    if (queue.length === 0) queues.delete(object)
    else queues.set(object, queue)
    if (queue[0] !== undefined) next.add(queue[0])
  }
  for (const other of next) serve(other)
}
