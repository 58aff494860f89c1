/**
 * Which uses of a group's client are calls to the group, and whether all members can answer them.
 *
 * The class fixes the interface. All its methods are calls, unless somebody has chosen: by `methods`, or by `@reflect` in the class.
 * A group must be able to ask all its members, so each of them must have what is chosen.
 *
 * Boundary: looks at classes and objects, makes none.
 */
import type { PerdureError } from '../../errors.ts'
import type { AnyClass, Interception } from '../../support/interception.ts'
import { checkChoice, commonOffer, GETTING, methodsOf, type Offer, offerOf, SETTING } from '../../support/offer.ts'
import { warnOnce } from '../../support/warning.ts'
import type { Strategy, VariantClass } from './strategy.ts'
import { usage } from './strategy-options.ts'

export interface Candidate {
  readonly id: string
  readonly offer: Offer
  /** Given where the object does not exist yet: what will be in its fields is seen in the source of its class only. */
  readonly variant?: VariantClass
  /** Of an object that exists: its fields. */
  readonly fields?: ReadonlySet<string | symbol>
}

export interface Choosing {
  readonly strategy: Strategy
  readonly methods: readonly string[] | undefined
  /** Some members are asked through messages: they are in workers, or on other nodes. */
  readonly isElsewhere: boolean
}

/** What clients of a class have: what the class has, and what all its variants have. Errors: `PERDURE_E_USAGE`. */
export function choiceOfClass(base: AnyClass, candidates: readonly Candidate[], choosing: Choosing): Interception {
  const own = offerOf(base.prototype as object)
  const reflected = [...own].filter(([, descriptor]) => isReflected(descriptor)).map(([name]) => name as string)
  const methods = choosing.methods ?? (reflected.length > 0 ? reflected : undefined)
  const offer = new Map([...commonOffer(candidates.map((candidate) => candidate.offer)), ...own])
  return interceptionOf(offer, candidates, { ...choosing, methods })
}

/** What clients of ready objects have: what all of them have. Errors: `PERDURE_E_USAGE`. */
export function choiceOfObjects(candidates: readonly Candidate[], choosing: Choosing): Interception {
  const offer = commonOffer(candidates.map((candidate) => candidate.offer))
  const [first, ...others] = candidates
  const fields = [...(first?.fields ?? [])].filter((field) => others.every((other) => other.fields?.has(field)))
  return { ...interceptionOf(offer, candidates, choosing), fields: new Set(fields) }
}

/** Has the strategy check that it can work with these members, and tells the author what it warns of. Errors: `PERDURE_E_USAGE`. */
export function checkNumber(name: string, strategy: Strategy, ids: readonly string[]): void {
  const polls = Object.values(strategy.options.operations ?? { all: ids })
  for (const members of polls) {
    const warnings = strategy.check?.(members.length, (member) => members[member] ?? `member ${member}`) ?? []
    for (const warning of warnings) warnOnce(`${name}: ${warning}`)
  }
}

function interceptionOf(offer: Offer, candidates: readonly Candidate[], choosing: Choosing): Interception {
  const { methods, strategy } = choosing
  const operations = new Map(Object.entries(strategy.options.operations ?? {}))
  const calls = new Set([...(methods ?? methodsOf(offer)), ...operations.keys()].map(checkChoice))
  for (const name of calls) {
    const executed = operations.get(name) ?? [name]
    for (const method of executed) for (const candidate of candidates) requireMember(candidate, method)
  }
  const functionFields = methods === undefined ? 'call' : 'primary'
  return {
    offer: withOperations(offer, operations),
    calls,
    functionFields,
    own: isOfGroup,
    promised: promisedOf(calls, candidates, choosing),
  }
}

/** The name of an operation need not be that of a method; its stub is modelled on the first alternative. */
function withOperations(offer: Offer, operations: ReadonlyMap<string, readonly string[]>): Offer {
  const all = new Map(offer)
  for (const [name, [first]] of operations) {
    const model = all.get(name) ?? offer.get(first as string)
    if (model !== undefined) all.set(name, model)
  }
  return all
}

function requireMember({ id, offer, variant, fields }: Candidate, name: string): void {
  if (offer.has(name) || fields?.has(name) || (variant !== undefined && mayHaveField(variant, name))) return
  throw usage(
    `${id} has no ${name}: every member of a group must have all methods that are intercepted. Add it, or name the methods that all have, as in { methods: ['…'] }.`,
  )
}

/** Whether the source of a class speaks of something by this name. */
function mayHaveField(variant: VariantClass, name: string): boolean {
  for (let at: unknown = variant; typeof at === 'function' && at !== Function.prototype; at = Object.getPrototypeOf(at)) {
    const source = Function.prototype.toString.call(at)
    if (new RegExp(`(?<![\\w$#])${name.replace(/\W/g, '\\$&')}(?![\\w$(])`).test(source)) return true
  }
  return false
}

/** Codes of what a group says about its members; all other errors are those of members. */
const OF_GROUP: ReadonlySet<unknown> = new Set<PerdureError['code']>([
  'PERDURE_E_DISAGREEMENT',
  'PERDURE_E_GROUP_EXHAUSTED',
  'PERDURE_E_NO_QUORUM',
  'PERDURE_E_RECOVERY_BLOCK',
  'PERDURE_E_TIE',
  'PERDURE_E_TIMEOUT',
])

function isOfGroup(error: unknown): boolean {
  return OF_GROUP.has((error as Partial<PerdureError>).code)
}

/** Methods of which one variant, or whose test, is declared `async`: they give promises also of what was decided without it. */
function promisedOf(calls: ReadonlySet<string>, candidates: readonly Candidate[], choosing: Choosing): ReadonlySet<string> {
  const { options } = choosing.strategy
  // As it was given: the strategy may have wrapped it.
  const all = choosing.isElsewhere || ('accept' in options && isAsync(options.accept))
  const promised = new Set<string>()
  for (const name of calls) {
    const executed = options.operations?.[name] ?? [name]
    const some = candidates.some(({ offer }) => executed.some((method) => isAsync(offer.get(method)?.value)))
    if (all || some) promised.add(name)
    if (all) promised.add(GETTING + name).add(SETTING + name)
  }
  return promised
}

function isAsync(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object AsyncFunction]'
}

/** Functions that `@reflect` stands before. `Symbol.metadata` would be the place for it, but Node 20 has none. */
const reflectedFunctions = new WeakSet<object>()

export function markReflected(member: object): void {
  reflectedFunctions.add(member)
}

function isReflected({ value, get, set }: PropertyDescriptor): boolean {
  return [value, get, set].some((member: unknown) => typeof member === 'function' && reflectedFunctions.has(member))
}
