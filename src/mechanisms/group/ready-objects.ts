/**
 * A group of objects that exist already: `objectGroup({ newton, bisection, table }, strategy)`.
 *
 * Boundary: the facade. Its client has what all the objects have; their names are the ids of the members.
 */
import type { Site } from '../../log/site.ts'
import { interceptObject } from '../../support/interception.ts'
import { offerOf } from '../../support/offer.ts'
import { checkNumber, choiceOfObjects } from './choice.ts'
import { checkStrategy } from './dependable.ts'
import { localMember } from './member.ts'
import { type GroupOptions, ObjectGroup } from './object-group.ts'
import type { Strategy } from './strategy.ts'
import { MAX_MEMBERS, usage } from './strategy-options.ts'
import type { Common, Known } from './transparency.ts'

export interface ObjectGroupOptions<K extends string = string> extends GroupOptions {
  /** The methods, accessors and fields whose use is a call to the group. Default: all methods that all objects have. */
  readonly methods?: readonly K[]
  /** A site whose log keeps the faults of this group, beside the channel. The members stay here. */
  readonly site?: Site
}

/**
 * The client of a group of these objects, in the order of their priority. It has the methods, accessors and fields that all of them
 * have; fields, symbols and methods that are not chosen are answered by the first. From now on the objects belong to the group:
 * whoever calls one directly is not seen by the others. Errors: `PERDURE_E_USAGE`.
 */
export function objectGroup<
  M extends Readonly<Record<string, object>>,
  const O,
  const P extends Pick<ObjectGroupOptions<keyof M[keyof M] & string>, 'methods'> = Record<never, never>,
>(objects: M, strategy: Strategy<O>, options?: P & ObjectGroupOptions<keyof M[keyof M] & string>): Common<M, Known<O> & P> {
  checkStrategy(strategy)
  checkObjects(objects, strategy)
  const { name = 'group', methods }: ObjectGroupOptions = options ?? {}
  const candidates = Object.entries(objects).map(([id, object]) => ({
    id,
    offer: offerOf(object),
    fields: new Set(Reflect.ownKeys(object)),
  }))
  checkNumber(name, strategy, Object.keys(objects))
  const choice = choiceOfObjects(candidates, { strategy, methods, isElsewhere: false })
  if (choice.calls.size === 0)
    throw usage(
      `No method is common to ${Object.keys(objects).join(', ')}: a group needs one that all its members have. Give them one name.`,
    )
  const members = Object.entries(objects).map(([id, object]) => localMember(id, object))
  const group = new ObjectGroup({ name, strategy, members, options: loggedIn(options ?? {}) })
  return interceptObject(commonPrototype(Object.values(objects)), group, choice) as Common<M, Known<O> & P>
}

function checkObjects(objects: unknown, { kind, options }: Strategy): asserts objects is Readonly<Record<string, object>> {
  const entries = Object.entries(typeof objects === 'object' && objects !== null ? objects : {}) as [string, unknown][]
  if (entries.length === 0 || entries.length > MAX_MEMBERS)
    throw usage(
      `The objects of the group are ${entries.length}: expected 1 to ${MAX_MEMBERS} by name, as in objectGroup({ newton, bisection }, strategy).`,
    )
  const odd = entries.find(([, object]) => typeof object !== 'object' || object === null)
  if (odd !== undefined)
    throw usage(`${odd[0]} is no object, and a member of a group must be one. A function becomes one as { call: ${odd[0]} }.`)
  if (new Set(entries.map(([, object]) => object)).size < entries.length)
    throw usage(
      'The same object is in the group twice: it would execute every call twice, and agree with itself. Make another object.',
    )
  if (options.variants !== undefined)
    throw usage(`${kind} has variants, but the members of this group are the objects given. Leave the variants out.`)
  if (options.isolate !== undefined)
    throw usage(
      `${kind} has the option isolate, but objects that exist already cannot move to a worker. Use dependable, which makes them there.`,
    )
}

/** The nearest prototype that all have in common, so that a client is an instance of what all of them are. */
function commonPrototype(objects: readonly object[]): object | null {
  const [first, ...others] = objects
  let at = Object.getPrototypeOf(first) as object | null
  while (at !== null && !others.every((other) => Object.prototype.isPrototypeOf.call(at as object, other))) {
    at = Object.getPrototypeOf(at) as object | null
  }
  return at
}

/** A fault that cannot be written has been published all the same. */
function loggedIn({ site, ...options }: ObjectGroupOptions): GroupOptions {
  if (site === undefined) return options
  const { report } = options
  return {
    ...options,
    report(fault) {
      site.issuer.issue('fault.report', [fault]).catch(() => undefined)
      report?.(fault)
    },
  }
}
