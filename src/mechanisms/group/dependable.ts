/**
 * An ordinary class becomes dependable: `new` builds a group, and a call reaches its members (Buzato, Rubira and Lisboa, section 5.2).
 *
 *     const SafeStack = dependable(Stack, nVersion({ variants: [ArrayStack, ListStack, Stack], adjudicator: majority() }))
 *     const stack = new SafeStack(16)      // three objects
 *     stack.push(1)                        // in all of them; what most of them answer
 *
 * Boundary: births and interception. What happens to a call is the engine's (`object-group.ts`), which decides also whether it is
 * answered at once.
 *   T1  A client is an instance of the class; text that uses the class needs no change while all members are synchronous and here.
 *   T2  All that can be known about variants when the class is defined is checked then.
 */

import { systemClock } from '../../clock.ts'
import type { Site } from '../../log/site.ts'
import { callingModule } from '../../support/calling-module.ts'
import {
  type AnyClass,
  type Constructor,
  type Interception,
  interceptClass,
  type Metaobject,
  metaobjectOf,
} from '../../support/interception.ts'
import { offerOf } from '../../support/offer.ts'
import { refer } from '../../support/reference.ts'
import { requireState } from '../../support/state/state.ts'
import { checkNumber, choiceOfClass } from './choice.ts'
import { refuseInThreadImport } from './isolation/importing.ts'
import type { Source } from './isolation/protocol.ts'
import { register } from './isolation/registry.ts'
import { type GroupHandle, type GroupOptions, ObjectGroup } from './object-group.ts'
import { SiteGroup, siteGroup } from './site/site-group.ts'
import type { SiteGroupOptions } from './site/specification.ts'
import type { Strategy } from './strategy.ts'
import { usage } from './strategy-options.ts'
import type { DependableClass, Known, SiteIdentity, Suits } from './transparency.ts'
import { isBehind, isolatedMemberOf, memberOf, type NamedVariant, variantsOf } from './variants.ts'

export interface DependableOptions<T extends object = object> extends GroupOptions, Pick<SiteGroupOptions, 'memberMs'> {
  /** The methods, accessors and fields whose use is a call to the group. Default: those with `@reflect`, else all methods. */
  readonly methods?: readonly (keyof T & string)[]
  /** Where the group lives, under its name and a key, with the members that are placed on nodes. Default: in this process only. */
  readonly site?: Site
}

/**
 * The class whose objects are groups. The class that is given fixes the interface; it is a member only if it is listed, or if no
 * variants are. Fields, symbols and methods that are not chosen are answered by the first member. A constructor that throws fails
 * the birth of the group, with its error. Errors: `PERDURE_E_USAGE`.
 */
export function dependable<
  C extends AnyClass,
  const O,
  const P extends Pick<DependableOptions<InstanceType<C>>, 'site' | 'methods'> = Record<never, never>,
>(
  base: C,
  strategy: Strategy<O> & Suits<C, Known<O>>,
  options?: P & DependableOptions<InstanceType<C>>,
): DependableClass<C, Known<O> & P> {
  if (typeof base !== 'function' || typeof base.prototype !== 'object')
    throw usage(
      'The first argument is no class: expected one, as in dependable(Stack, nVersion({ … })). Objects that exist already become a group by objectGroup.',
    )
  checkStrategy(strategy)
  return new Definition(base, strategy, options as DependableOptions | undefined).intercepted as unknown as DependableClass<
    C,
    Known<O> & P
  >
}

/** The group behind a client: its view, its members, its end. Errors: `PERDURE_E_USAGE` for what is no client of a group. */
export function groupOf(client: object): GroupHandle {
  const group = metaobjectOf(client)
  if (group instanceof ObjectGroup || group instanceof SiteGroup) return group.handle
  throw usage(
    'This is no client of a group: expected what objectGroup or new of a dependable class has given. Give groupOf that.',
  )
}

export function checkStrategy(strategy: Strategy): void {
  if (typeof strategy?.begin !== 'function')
    throw usage(
      'The second argument is no strategy: expected what nVersion({ … }) or another one gives. Call the strategy with its options.',
    )
}

class Definition {
  readonly intercepted: Constructor
  readonly #base: AnyClass
  readonly #strategy: Strategy
  readonly #options: DependableOptions
  #variants: readonly NamedVariant[] | undefined
  #interception: Interception | undefined
  /** Where threads find it. */
  readonly #isolated: Pick<Source, 'module' | 'definition'> | undefined
  /** A group in a site that is there, and is just being given its client. */
  #newborn: SiteGroup | undefined

  constructor(base: AnyClass, strategy: Strategy, options: DependableOptions = {}) {
    this.#base = base
    this.#strategy = strategy
    this.#options = options
    // Variants that extend the class exist only after it: a function that gives them is asked at the first birth. T2
    const isLate = typeof strategy.options.variants === 'function'
    const choice = (): Interception => this.#choice()
    this.intercepted = interceptClass(base, (args, born) => this.#birth(args, born), isLate ? choice : choice())
    this.#addCreate()
    if (strategy.options.isolate !== undefined && options.site === undefined)
      this.#isolated = register(callingModule(), { variants: () => this.#named() })
  }

  #birth(args: readonly unknown[], born: AnyClass): Metaobject | undefined {
    const newborn = this.#newborn
    this.#newborn = undefined
    if (newborn !== undefined) return newborn
    const variants = this.#named()
    if (isBehind(born, this.intercepted, variants)) return undefined
    const { name = this.#base.name, site } = this.#options
    refuseInThreadImport(name)
    if (site !== undefined)
      throw usage(
        `new ${name} was asked of a class that lives in a site, where birth takes time. Write await ${name}.create({ key }).`,
      )
    const members = variants.map((variant, place) =>
      this.#isolated === undefined
        ? memberOf(variant, args)
        : isolatedMemberOf(
            { ...this.#isolated, place, id: variant.id },
            this.#strategy,
            args,
            this.#options.clock ?? systemClock,
          ),
    )
    return new ObjectGroup({ name, strategy: this.#strategy, members, options: this.#options })
  }

  /** Finds or makes the group of this key in the site. */
  #birthInSite(site: Site, { key, args = [] }: SiteIdentity): Promise<SiteGroup> {
    const { name = this.#base.name } = this.#options
    return siteGroup({ ...this.#options, site, name, key, args, strategy: this.#strategy, variants: this.#named() })
  }

  #named(): readonly NamedVariant[] {
    this.#variants ??= variantsOf(this.#base, this.#strategy)
    return this.#variants
  }

  #choice(): Interception {
    this.#interception ??= this.#choose()
    return this.#interception
  }

  #choose(): Interception {
    const { methods, site } = this.#options
    const variants = this.#named()
    checkNumber(
      this.#options.name ?? this.#base.name,
      this.#strategy,
      variants.map(({ id }) => id),
    )
    if (this.#strategy.state === 'common') for (const { variant } of variants) requireState(variant.prototype as object)
    const candidates = variants.map(({ id, variant }) => ({ id, variant, offer: offerOf(variant.prototype as object) }))
    const isHere =
      site === undefined && this.#strategy.options.isolate === undefined && variants.every(({ node }) => node === undefined)
    return choiceOfClass(this.#base, candidates, { strategy: this.#strategy, methods, isElsewhere: !isHere })
  }

  /** Outside of a site a `create` of the class itself stays: `new this()` in it makes a group. */
  #addCreate(): void {
    const { intercepted } = this
    const { site } = this.#options
    if (site === undefined && 'create' in this.#base) return
    const here = async function (this: unknown, ...args: unknown[]): Promise<object> {
      return new (typeof this === 'function' ? (this as Constructor) : intercepted)(...args)
    }
    const inSite = async (identity: SiteIdentity): Promise<object> => {
      const group = await this.#birthInSite(site as Site, identity)
      this.#newborn = group
      const client = new intercepted()
      refer(client, group.reference)
      return client
    }
    const value = site === undefined ? here : inSite
    Object.defineProperty(intercepted, 'create', { value, writable: true, configurable: true })
  }
}
