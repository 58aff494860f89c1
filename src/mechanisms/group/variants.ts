/**
 * The members of a group of a class: which classes they come from, what they are called, how one is made.
 *
 * Boundary: classes in, members out. Members in workers and on other nodes are made by those who know these places.
 */

import type { Clock } from '../../clock.ts'
import type { AnyClass } from '../../support/interception.ts'
import { copyArguments } from '../../support/state/state.ts'
import { timeoutsOf } from '../../support/timeouts.ts'
import { ISOLATED_LIMIT_MS, IsolatedMember } from './isolation/isolated-member.ts'
import type { Source } from './isolation/protocol.ts'
import { startThread } from './isolation/thread.ts'
import { localMember, type Member } from './member.ts'
import type { Placed, Strategy, Variant, VariantClass } from './strategy.ts'
import { MAX_MEMBERS, usage } from './strategy-options.ts'

export interface NamedVariant {
  /** The name of the class; the second of a name is `ListStack-2`. */
  readonly id: string
  readonly variant: VariantClass
  /** Where it lives; undefined: here. */
  readonly node: string | undefined
}

/** The variants of a strategy, checked; the class itself when there are none. Errors: `PERDURE_E_USAGE`. */
export function variantsOf(base: AnyClass, { kind, options }: Strategy): readonly NamedVariant[] {
  const itself = base as unknown as VariantClass
  const { variants = [itself] } = options
  const listed = typeof variants === 'function' ? variants(itself) : variants
  if (!Array.isArray(listed) || listed.length === 0 || listed.length > MAX_MEMBERS)
    throw usage(
      `The variants of ${kind} for ${base.name} are no array of 1 to ${MAX_MEMBERS} classes. Return one, as in variants: () => [ArrayStack, ListStack].`,
    )
  const taken = new Set<string>()
  return listed.map((each: Variant, place) => {
    const { variant, node } = isPlaced(each) ? each : { variant: each, node: undefined }
    if (typeof variant !== 'function' || typeof variant.prototype !== 'object')
      throw usage(`Variant ${place} of ${kind} for ${base.name} is ${String(variant)}: expected a class, or on('node', Class).`)
    const id = unusedId(variant.name || `variant-${place}`, taken)
    taken.add(id)
    return { id, variant, node }
  })
}

/** A new object of the variant, made with copies of the arguments: variants share nothing. Errors: those of its constructor. */
export function memberOf({ id, variant, node }: NamedVariant, args: readonly unknown[]): Member {
  if (node !== undefined)
    throw usage(
      `${id} is placed on ${node}, and only a site has nodes. Give the group one, as in { site }, or let the variant live here.`,
    )
  const build = (): object => new (variant as new (...args: readonly unknown[]) => object)(...copyArguments(kept))
  const kept = copyArguments(args)
  return localMember(id, build(), build)
}

/** The same in a thread of its own, which starts with the first call. */
export function isolatedMemberOf(source: Source, strategy: Strategy, args: readonly unknown[], clock: Clock): Member {
  const { timeoutMs, attemptMs } = strategy
  const limitMs = Math.min(
    timeoutMs === Number.POSITIVE_INFINITY ? ISOLATED_LIMIT_MS : timeoutMs + strategy.stragglerMs,
    attemptMs,
  )
  const port = { timeouts: timeoutsOf(clock), start: startThread }
  return new IsolatedMember(source, copyArguments(args), port, limitMs)
}

/** Whether what is being born stands behind a group: its class is a variant, or extends one, below the intercepted class. */
export function isBehind(born: AnyClass, intercepted: AnyClass, variants: readonly NamedVariant[]): boolean {
  for (let at: unknown = born; typeof at === 'function' && at !== intercepted; at = Object.getPrototypeOf(at)) {
    if (variants.some(({ variant }) => variant === at)) return true
  }
  return false
}

function isPlaced(variant: Variant): variant is Placed {
  return typeof variant === 'object' && variant !== null && 'node' in variant
}

function unusedId(name: string, taken: ReadonlySet<string>): string {
  let id = name
  for (let count = 2; taken.has(id); count += 1) id = `${name}-${count}`
  return id
}
