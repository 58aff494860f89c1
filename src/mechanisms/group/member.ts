/**
 * Members of a group, as the engine sees them: something that executes a method and answers, wherever it lives.
 *
 * Boundary: the interface, and the members that are objects of this thread. Others are in `isolated-member.ts` (a worker thread) and
 * `site/` (nodes of a site).
 */
import { PerdureError } from '../../errors.ts'
import { invoke } from '../../support/offer.ts'
import { holderOf, requireOneShape, type Stateful, type StateHolder } from '../../support/state/state.ts'
import type { AttemptCell } from './attempt.ts'
import { nestedHolder } from './nested-group.ts'
import { isThenable } from './thenable.ts'

/** Whose state an attempt begins with. */
export interface Base {
  /** The state as data, to be given to another member; a promise where the member is elsewhere. */
  save(): unknown
  /** The state for a test to look at, frozen. */
  view(): unknown
}

export interface Member extends Base {
  readonly id: string
  /** Where it lived is gone, and the state that it had of its own with it. Absent: it lives as long as its group. */
  readonly isLost?: boolean
  /** Executes on the state the member has. May return a promise, may throw. */
  invoke(method: string, args: readonly unknown[], cell: AttemptCell): unknown
  /** Begins an attempt on a copy that is in the state of `base`: a member of the same group, or what it was. */
  trial(base: Base): Trial
  /** Attempts work on the very object: whatever begins with its state has to take it before they do. */
  readonly inPlace?: boolean
  /** Makes this state, of another member, its own. */
  load(state: unknown): unknown
  /** Leaves what it has, as it hangs or is not to be trusted, and begins again in this state; undefined: as at its beginning. */
  renew(state: unknown): unknown
  /** Ends what belongs to it. */
  close?(): void
}

/** An attempt under way on a copy. */
export interface Trial {
  invoke(method: string, args: readonly unknown[], cell: AttemptCell): unknown
  /** States before and after, frozen; of members elsewhere known once the attempt has answered. */
  before(): unknown
  after(): unknown
  /** Makes the copy the member's own state. */
  accept(): void
  /** The attempt was refused or is not needed: nobody will ask for the copy. */
  drop(): void
}

/** A member that is an object of this thread. `rebuild` makes another one of the same class, as it was at its beginning. */
export function localMember(id: string, object: object, rebuild?: () => object): Member {
  return new LocalMember(id, object, rebuild)
}

export class LocalMember implements Member {
  readonly id: string
  object: object
  readonly #rebuild: (() => object) | undefined
  #holder: StateHolder | undefined

  constructor(id: string, object: object, rebuild: (() => object) | undefined) {
    this.id = id
    this.object = object
    this.#rebuild = rebuild
  }

  /** Whoever never copies anything needs no class that can be copied. */
  get holder(): StateHolder {
    this.#holder ??= nestedHolder(this.object, this.#rebuild) ?? holderOf(this.object, this.#rebuild)
    return this.#holder
  }

  get inPlace(): boolean {
    return this.holder.inPlace
  }

  invoke(method: string, args: readonly unknown[]): unknown {
    return invoke(this.object, method, args)
  }

  trial(base: Base): Trial {
    return this.holder.inPlace ? new InPlaceTrial(this, base) : new LocalTrial(this, base)
  }

  save(): unknown {
    return this.holder.save()
  }

  view(): unknown {
    return this.holder.view()
  }

  renew(state: unknown): void {
    this.object = state === undefined && this.#rebuild !== undefined ? this.#rebuild() : this.holder.fork(state).object
    this.#holder = undefined
  }

  load(state: unknown): void {
    this.holder.load(state)
    this.object = this.holder.object
  }
}

class LocalTrial implements Trial {
  readonly #member: LocalMember
  readonly #base: Base
  readonly #fork: Stateful

  constructor(member: LocalMember, base: Base) {
    this.#member = member
    this.#base = base
    this.#fork = base === member ? member.holder.fork() : member.holder.fork(base.save())
  }

  invoke(method: string, args: readonly unknown[]): unknown {
    return invoke(this.#fork.object, method, args)
  }

  before(): unknown {
    return this.#base.view()
  }

  after(): unknown {
    return this.#fork.view()
  }

  accept(): void {
    this.#member.holder.install(this.#fork)
    this.#member.object = this.#member.holder.object
  }

  drop(): void {
    // A copy that nobody refers to is gone.
  }
}

/** An attempt on the object itself, since no copy of it can be made: its old state is kept and put back. Never asynchronous. */
class InPlaceTrial implements Trial {
  readonly #member: LocalMember
  readonly #old: unknown
  readonly #before: unknown
  #isOver = false

  constructor(member: LocalMember, base: Base) {
    this.#member = member
    this.#old = member.holder.save()
    this.#before = base.view()
    if (base !== member) member.holder.load(base.save())
  }

  invoke(method: string, args: readonly unknown[]): unknown {
    const result = invoke(this.#member.object, method, args)
    if (!isThenable(result)) return result
    Promise.resolve(result).catch(() => undefined)
    throw new PerdureError(
      'PERDURE_E_STATE',
      `${this.#member.id} is a ready object with private state, of which no copy can be made, and ${method} is asynchronous: an attempt that is given up could still change it. Give the class to dependable, which can make others.`,
    )
  }

  before(): unknown {
    return this.#before
  }

  after(): unknown {
    return this.#member.view()
  }

  accept(): void {
    this.#isOver = true
  }

  drop(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#member.load(this.#old)
  }
}

/** What the state of this member is before a call, as others begin with it. */
export function baseOf(member: Member): Base {
  if (member.inPlace !== true) return member
  const [state, view] = [member.save(), member.view()]
  return { save: () => state, view: () => view }
}

/** Of members that are to have one state. Errors: `PERDURE_E_STATE`. */
export function requireCommonState(members: readonly Member[]): void {
  requireOneShape(members.filter((member) => member instanceof LocalMember).map(({ holder }) => holder))
}
