/**
 * What the log is told about a group: the part of a definition that is data.
 *
 * Two programs that define the same group say the same here, or the second is refused: functions cannot be compared, but who the
 * members are, how many must agree and how long is waited can.
 *
 * Boundary: pure.
 */

import { checkpoint, requireState, restore } from '../../../support/state/state.ts'
import type { GroupSpec } from '../machine/protocol.ts'
import type { SuspicionRule } from '../membership.ts'
import type { Strategy, VariantClass } from '../strategy.ts'
import { duration, usage } from '../strategy-options.ts'
import type { NamedVariant } from '../variants.ts'

/** As long as one turn of a run may take: a member that needs longer hangs. */
const MEMBER_MS = 30_000

/** A digest costs about as much as a call; so it is a small part of the work, and a divergence is known within so many calls. */
const HASH_EVERY = 64

/** One fault may be chance, and three of ten are none; ten calls in the shadow show as much. */
const SUSPICION: SuspicionRule = { faults: 3, calls: 10, shadowCalls: 10, ejectMs: 10_000 }

/** What only groups in a site may be told besides; part of the options of `dependable`. */
export interface SiteGroupOptions {
  /** What one member may take for one call before it counts as hung, in milliseconds of the site's service time. Default 30,000. */
  readonly memberMs?: number
  /** When a member is suspected, and how it comes back. Default: 3 faults in 10 calls; 10 calls in the shadow; first after 10 s. */
  readonly suspicion?: Partial<SuspicionRule>
}

export function specificationOf(
  strategy: Strategy,
  variants: readonly NamedVariant[],
  args: readonly unknown[],
  options: SiteGroupOptions = {},
): GroupSpec {
  const { replication, options: given } = strategy
  if (given.operations !== undefined || given.isolate !== undefined)
    throw usage(`${strategy.kind} in a site has operations or isolate: expected variants, which live in the hosts of the site.`)
  const style = replication?.style ?? 'vote'
  const state = style === 'vote' ? strategy.state : 'own'
  for (const { variant, id } of variants) {
    if (variant.name === '') throw usage(`${id} is a class without a name, and hosts know classes by their names. Give it one.`)
    if (state === 'common' || style === 'passive') requireState(variant.prototype as object)
  }
  if (state === 'common') checkExchange(strategy.kind, variants)
  return {
    style,
    args,
    members: variants.map(({ id, variant, node }) => ({ id, label: variant.name, node: node ?? null })),
    state,
    agree: replication?.agree ?? 1,
    timeoutMs: Number.isFinite(strategy.timeoutMs) ? strategy.timeoutMs : null,
    memberMs: duration(strategy.kind, 'memberMs', options.memberMs, MEMBER_MS),
    hashEvery: style === 'active' || style === 'leader' ? HASH_EVERY : 0,
    suspicion: { ...SUSPICION, ...options.suspicion },
    minimum: strategy.minimum(variants.length),
  }
}

/** A state goes from one member to the others as data: all say how, or all have the fields of one class and what extends it. */
function checkExchange(kind: string, variants: readonly NamedVariant[]): void {
  const classes = [...new Set(variants.map(({ variant }) => variant))]
  const speaks = ({ prototype }: VariantClass) => checkpoint in prototype && restore in prototype
  const root = classes.find((each) => classes.every((other) => other === each || other.prototype instanceof each))
  if (root !== undefined || classes.every(speaks)) return
  const silent = classes.find((each) => !speaks(each))?.name
  throw usage(
    `${kind} gives the state of one variant to the others, and ${silent} has no [checkpoint]() and [restore](state). Write both in every variant, so that all speak of their state in the same words.`,
  )
}
