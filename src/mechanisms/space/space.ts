/**
 * A tuple space as a program sees it: put tuples, take or read those that match a template, wait for those that are not there.
 *
 *     const jobs = await space(site, 'jobs')
 *     await jobs.out(['resize', 7, 'cat.png'])
 *     const [, id, file] = await jobs.in(['resize', Number, String])
 *
 * Boundary: checks what the program wrote, encodes templates, and hands operations to an issuer. It holds no tuple.
 */
import { PerdureError } from '../../errors.ts'
import type { Changes } from '../../log/watch/stream.ts'
import { ActiveField, checkName } from '../../support/definition.ts'
import { type Checked, encodeTemplate, type TupleOf } from '../../support/template.ts'
import { type CheckedGroup, encodeGroup, type GroupElement, type MatchedBy } from './group.ts'
import type { Issuer } from './issuer.ts'
import {
  type BulkOptions,
  bulkTerms,
  checkOptions,
  checkPassive,
  checkTuple,
  type HoldOptions,
  type OutOptions,
  outTerms,
  quotaTerms,
  type SpaceOptions,
  usage,
  type WaitOptions,
  waitTerms,
} from './options.ts'
import { type Source, type SpaceChange, SpaceWatching, type WatchOptions } from './watch.ts'

// biome-ignore lint/performance/noBarrelFile: this file is what `perdure/space` exports, and templates are written with these.
export {
  AnyField,
  any,
  between,
  type Formal,
  gt,
  gte,
  lt,
  lte,
  Operator,
  type Ordered,
  oneOf,
  prefix,
  type TupleOf,
} from '../../support/template.ts'
export { type GroupElement, type MatchedBy, Ref, ref } from './group.ts'
export type { Quota } from './machine/quota.ts'
export type { BulkOptions, HoldOptions, OutOptions, SpaceOptions, WaitOptions } from './options.ts'
export type { Changes, Issuer, SpaceChange, WatchOptions }

/** A tuple that was taken to be held. Data besides its two methods: the `id` may go to whoever does the work. */
export interface Held<T> {
  readonly tuple: T
  readonly id: number
  /** Which time this is that the tuple was handed out, from 1. */
  readonly deliveries: number
  /** The work is done: the tuple is gone. `PERDURE_E_HOLD_LOST` when it is not held any more. */
  ack(): Promise<void>
  /** Gives the tuple back to its old place. `PERDURE_E_HOLD_LOST` when it is not held any more. */
  release(): Promise<void>
}

export interface LookOptions {
  /**
   * Answers without an entry in the log, as of a position that is at least what this program has seen: its own acknowledged
   * operations are in it, what others did at the same time may not be. Not in a run.
   */
  readonly local?: boolean | undefined
}

export interface Space extends AsyncDisposable {
  readonly name: string
  /** Puts a tuple; resolves when it is durable (in a run: when it is numbered). */
  out(tuple: readonly unknown[], options?: OutOptions): Promise<void>
  /** As below, but the tuple comes back by itself, to its old place, unless its work is acknowledged. */
  in<const T extends readonly unknown[]>(
    template: T & Checked<T>,
    options: WaitOptions & { readonly hold: HoldOptions },
  ): Promise<Held<TupleOf<T>>>
  /** Takes the oldest tuple that matches, and waits for one if need be. */
  in<const T extends readonly unknown[]>(template: T & Checked<T>, options?: WaitOptions): Promise<TupleOf<T>>
  /** As `in`, but leaves the tuple where it is. */
  rd<const T extends readonly unknown[]>(template: T & Checked<T>, options?: WaitOptions): Promise<TupleOf<T>>
  inp<const T extends readonly unknown[]>(
    template: T & Checked<T>,
    options: { readonly hold: HoldOptions },
  ): Promise<Held<TupleOf<T>> | null>
  /** Takes the oldest tuple that matches; null when, at this position of the log, there is none. */
  inp<const T extends readonly unknown[]>(template: T & Checked<T>): Promise<TupleOf<T> | null>
  /** As `inp`, but leaves the tuple where it is. */
  rdp<const T extends readonly unknown[]>(template: T & Checked<T>, options?: LookOptions): Promise<TupleOf<T> | null>
  /** How many tuples match. */
  count<const T extends readonly unknown[]>(template: T & Checked<T>): Promise<number>
  /** Starts a run for every `active(…)` field; when all have ended, the tuple appears with their results. */
  eval(tuple: readonly unknown[]): Promise<void>
  /** Moves the oldest tuples that match to another space, in order; resolves with their number. */
  collect<const T extends readonly unknown[]>(
    template: T & Checked<T>,
    options: BulkOptions & { readonly into: string },
  ): Promise<number>
  /** Takes the oldest tuples that match: at most `limit`, and fewer when they would have more than 512 kB together. */
  collect<const T extends readonly unknown[]>(template: T & Checked<T>, options?: BulkOptions): Promise<TupleOf<T>[]>
  /** As `collect`, but leaves the tuples where they are. */
  copyCollect<const T extends readonly unknown[]>(
    template: T & Checked<T>,
    options: BulkOptions & { readonly into: string },
  ): Promise<number>
  copyCollect<const T extends readonly unknown[]>(template: T & Checked<T>, options?: BulkOptions): Promise<TupleOf<T>[]>
  /**
   * Carries out several operations in one entry of the log, or none of them: waits until all `in` and `rd` match at one position,
   * each seeing the effects of those before it. Resolves with the tuples they matched.
   */
  atomic<const E extends readonly GroupElement[]>(elements: E & CheckedGroup<E>, options?: WaitOptions): Promise<MatchedBy<E>>
  /** The work on a held tuple is done, whoever held it. */
  ack(id: number): Promise<void>
  /** Gives a held tuple back. */
  release(id: number): Promise<void>
  /**
   * Leaves a tuple that appears when this program's session is lost: it died, or could not be reached for too long. One for each
   * space; null takes it back. A program that closes its site leaves none. Not in a run, which is never lost.
   */
  failureTuple(tuple: readonly unknown[] | null): Promise<void>
  /** What happens to tuples that match, in the order of the log and once it is durable; from the call on. Not in a run. */
  watch<const T extends readonly unknown[]>(template: T & Checked<T>, options?: WatchOptions): Changes<SpaceChange<TupleOf<T>>>
  /** Gives up what still waits through this object; the tuples stay. Idempotent. */
  close(): Promise<void>
}

/** What a space needs of a site. */
export interface SpaceSite {
  readonly issuer: Issuer
  readonly link?: { readonly main: Source } | undefined
}

/** Opens the space of this name; a space exists as soon as something is in it. */
export async function space(site: SpaceSite, name: string, options: SpaceOptions = {}): Promise<Space> {
  const opened = new IssuedSpace(site.issuer, name, site.link?.main)
  const { quota } = checkOptions('space', options, ['quota'])
  if (quota !== undefined) await site.issuer.issue('space.quota', [opened.name, quotaTerms(quota)])
  return opened
}

/** The same over any issuer. */
export function spaceOver(issuer: Issuer, name: string): Space {
  return new IssuedSpace(issuer, name)
}

class IssuedSpace implements Space {
  readonly name: string
  readonly #issuer: Issuer
  readonly #watching: SpaceWatching
  #closed = false

  constructor(issuer: Issuer, name: string, source?: Source) {
    this.name = checkName(name, 'a space')
    this.#issuer = issuer
    this.#watching = new SpaceWatching(source, this.name)
  }

  out(tuple: readonly unknown[], options?: OutOptions): Promise<void> {
    return issued(() => {
      this.#checkOpen()
      const terms = outTerms(options)
      checkPassive('out', tuple)
      return this.#issuer.issue('space.out', argsOf(this.name, tuple, terms))
    }) as Promise<void>
  }

  in(template: readonly unknown[], options?: WaitOptions & { readonly hold?: HoldOptions }): Promise<never> {
    return issued(() => this.#wait('in', template, checkOptions('in', options, ['signal', 'timeoutMs', 'hold'])))
  }

  rd(template: readonly unknown[], options?: WaitOptions): Promise<never> {
    return issued(() => this.#wait('rd', template, checkOptions('rd', options, ['signal', 'timeoutMs'])))
  }

  inp(template: readonly unknown[], options?: { readonly hold?: HoldOptions }): Promise<never> {
    return issued(() => {
      const { hold } = checkOptions('inp', options, ['hold'])
      if (hold === undefined) return this.#ask('inp', template)
      this.#checkOpen()
      const args = argsOf(this.name, encodeTemplate(template), waitTerms('inp', { hold }))
      return this.#issuer.issue('space.inp', args, { present: this.#held })
    })
  }

  rdp<const T extends readonly unknown[]>(template: T & Checked<T>, options?: unknown): Promise<TupleOf<T> | null> {
    return issued(() => {
      if (!isLocal(options)) return this.#ask('rdp', template)
      this.#checkOpen()
      return this.#watching.look(template)
    }) as Promise<TupleOf<T> | null>
  }

  count<const T extends readonly unknown[]>(template: T & Checked<T>): Promise<number> {
    return issued(() => this.#ask('count', template)) as Promise<number>
  }

  eval(tuple: readonly unknown[]): Promise<void> {
    return issued(() => this.#eval(tuple)) as Promise<void>
  }

  #eval(tuple: readonly unknown[]): Promise<unknown> {
    this.#checkOpen()
    checkTuple('eval', tuple)
    const fields = [...tuple]
    const actives: unknown[] = []
    for (const [index, field] of tuple.entries()) {
      if (!(field instanceof ActiveField)) continue
      const { name, layer, replicas, retainMs, maxTurnMs } = field.definition
      const options = { layer, ...(replicas !== undefined && { replicas }), retainMs, maxTurnMs }
      fields[index] = null
      actives.push([index, { definition: name, ...options }, field.input])
    }
    return this.#issuer.issue('space.eval', [this.name, fields, actives])
  }

  collect(template: readonly unknown[], options?: BulkOptions & { readonly into?: string }): Promise<never> {
    return issued(() => this.#collect('collect', template, options))
  }

  copyCollect(template: readonly unknown[], options?: BulkOptions & { readonly into?: string }): Promise<never> {
    return issued(() => this.#collect('copyCollect', template, options))
  }

  #collect(operation: string, template: unknown, options: unknown): Promise<unknown> {
    this.#checkOpen()
    const terms = bulkTerms(operation, options, this.name)
    return this.#issuer.issue(`space.${operation}`, argsOf(this.name, encodeTemplate(template), terms))
  }

  atomic(elements: readonly unknown[], options?: WaitOptions): Promise<never> {
    return issued(() => {
      this.#checkOpen()
      const { signal, timeoutMs } = checkOptions('atomic', options, ['signal', 'timeoutMs']) as WaitOptions
      const args = argsOf(this.name, encodeGroup(elements), waitTerms('atomic', { timeoutMs }))
      signal?.throwIfAborted()
      return this.#issuer.issue('space.atomic', args, { signal, owner: this })
    })
  }

  ack(id: number): Promise<void> {
    return issued(() => this.#endHold('ack', id)) as Promise<void>
  }

  release(id: number): Promise<void> {
    return issued(() => this.#endHold('release', id)) as Promise<void>
  }

  #endHold(operation: 'ack' | 'release', id: unknown): Promise<unknown> {
    this.#checkOpen()
    if (typeof id !== 'number') throw usage(`${operation} was given ${String(id)}: expected the id of a held tuple.`)
    return this.#issuer.issue(`space.${operation}`, [this.name, id])
  }

  failureTuple(tuple: readonly unknown[] | null): Promise<void> {
    return issued(() => {
      this.#checkOpen()
      if (tuple !== null) checkPassive('failureTuple', tuple)
      return this.#issuer.issue('space.failure', [this.name, tuple])
    }) as Promise<void>
  }

  watch<const T extends readonly unknown[]>(template: T & Checked<T>, options?: WatchOptions): Changes<SpaceChange<TupleOf<T>>> {
    return this.#watching.watch(this.#closed ? closed(this.name) : undefined, template, options) as Changes<
      SpaceChange<TupleOf<T>>
    >
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#issuer.withdraw(this, closed(this.name))
    this.#watching.end(closed(this.name))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #ask(operation: 'inp' | 'rdp' | 'count', template: unknown): Promise<unknown> {
    this.#checkOpen()
    return this.#issuer.issue(`space.${operation}`, [this.name, encodeTemplate(template)])
  }

  #wait(operation: 'in' | 'rd', template: unknown, options: Readonly<Record<string, unknown>>): Promise<unknown> {
    this.#checkOpen()
    const { signal, hold } = options as { signal?: AbortSignal; hold?: unknown }
    const args = argsOf(this.name, encodeTemplate(template), waitTerms(operation, options))
    signal?.throwIfAborted()
    const present = hold === undefined ? undefined : this.#held
    return this.#issuer.issue(`space.${operation}`, args, { signal, owner: this, present })
  }

  readonly #held = (answer: unknown): unknown => {
    if (answer === null) return null
    const { id, tuple, deliveries } = answer as Pick<Held<unknown>, 'id' | 'tuple' | 'deliveries'>
    return { tuple, id, deliveries, ack: () => this.ack(id), release: () => this.release(id) }
  }

  #checkOpen(): void {
    if (this.#closed) throw closed(this.name)
  }
}

/** The issuer's own promise, by which a run recognises the operation in `p.race`; what is wrong with the call rejects. */
function issued(call: () => Promise<unknown>): Promise<never> {
  try {
    return call() as Promise<never>
  } catch (error) {
    return Promise.reject(error)
  }
}

function argsOf(name: string, body: unknown, terms: object | undefined): readonly unknown[] {
  return terms === undefined ? [name, body] : [name, body, terms]
}

function isLocal(options: unknown): boolean {
  const { local } = checkOptions('rdp', options, ['local'])
  if (local !== undefined && typeof local !== 'boolean') throw usage('local of rdp must be true or false.')
  return local === true
}

function closed(name: string): PerdureError {
  return new PerdureError(
    'PERDURE_E_CLOSED',
    `This object for the space ${name} was closed. Open another with space(site, '${name}').`,
  )
}
