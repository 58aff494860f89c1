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
import { ActiveField, checkName } from '../../support/definition.ts'
import type { Issuer } from './issuer.ts'
import { type Checked, encodeTemplate, MAX_FIELDS, type TupleOf } from './template.ts'
import { isDuration } from './wire.ts'

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
} from './template.ts'
export type { Issuer }

export interface WaitOptions {
  /** Gives up waiting; the promise rejects with the signal's reason, unless the log says that a tuple came first. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds of log time after which the promise rejects with `PERDURE_E_TIMEOUT`. Default: waits for ever. */
  readonly timeoutMs?: number | undefined
}

export interface Space extends AsyncDisposable {
  readonly name: string
  /** Puts a tuple; resolves when it is durable (in a run: when it is numbered). */
  out(tuple: readonly unknown[]): Promise<void>
  /** Takes the oldest tuple that matches, and waits for one if need be. */
  in<const T extends readonly unknown[]>(template: T & Checked<T>, options?: WaitOptions): Promise<TupleOf<T>>
  /** As `in`, but leaves the tuple where it is. */
  rd<const T extends readonly unknown[]>(template: T & Checked<T>, options?: WaitOptions): Promise<TupleOf<T>>
  /** Takes the oldest tuple that matches; null when, at this position of the log, there is none. */
  inp<const T extends readonly unknown[]>(template: T & Checked<T>): Promise<TupleOf<T> | null>
  /** As `inp`, but leaves the tuple where it is. */
  rdp<const T extends readonly unknown[]>(template: T & Checked<T>): Promise<TupleOf<T> | null>
  /** How many tuples match. */
  count<const T extends readonly unknown[]>(template: T & Checked<T>): Promise<number>
  /** Starts a run for every `active(…)` field; when all have ended, the tuple appears with their results. */
  eval(tuple: readonly unknown[]): Promise<void>
  /** Not built yet. */
  collect(...args: readonly unknown[]): Promise<never>
  /** Not built yet. */
  copyCollect(...args: readonly unknown[]): Promise<never>
  /** Not built yet. */
  atomic(...args: readonly unknown[]): Promise<never>
  /** Not built yet. */
  ack(...args: readonly unknown[]): Promise<never>
  /** Not built yet. */
  watch(...args: readonly unknown[]): AsyncIterable<never>
  /** Gives up what still waits through this object; the tuples stay. Idempotent. */
  close(): Promise<void>
}

/** Opens the space of this name; a space exists as soon as something is in it. */
export async function space(site: { readonly issuer: Issuer }, name: string): Promise<Space> {
  return new IssuedSpace(site.issuer, name)
}

/** The same over any issuer. */
export function spaceOver(issuer: Issuer, name: string): Space {
  return new IssuedSpace(issuer, name)
}

class IssuedSpace implements Space {
  readonly name: string
  readonly #issuer: Issuer
  #closed = false

  constructor(issuer: Issuer, name: string) {
    this.name = checkName(name, 'a space')
    this.#issuer = issuer
  }

  out(tuple: readonly unknown[], options?: unknown): Promise<void> {
    return issued(() => {
      this.#checkOpen()
      checkOptions('out', options, { later: ['leaseMs', 'notBeforeMs'] })
      checkTuple('out', tuple)
      for (let index = 0; index < tuple.length; index++) {
        if (tuple[index] instanceof ActiveField)
          throw usage(`Field ${index} of a tuple given to out is active. Give the tuple to eval.`)
      }
      return this.#issuer.issue('space.out', [this.name, tuple])
    }) as Promise<void>
  }

  in<const T extends readonly unknown[]>(template: T & Checked<T>, options?: WaitOptions): Promise<TupleOf<T>> {
    return issued(() => this.#wait('in', template, options)) as Promise<TupleOf<T>>
  }

  rd<const T extends readonly unknown[]>(template: T & Checked<T>, options?: WaitOptions): Promise<TupleOf<T>> {
    return issued(() => this.#wait('rd', template, options)) as Promise<TupleOf<T>>
  }

  inp<const T extends readonly unknown[]>(template: T & Checked<T>, options?: unknown): Promise<TupleOf<T> | null> {
    return issued(() => this.#ask('inp', template, options, ['hold'])) as Promise<TupleOf<T> | null>
  }

  rdp<const T extends readonly unknown[]>(template: T & Checked<T>, options?: unknown): Promise<TupleOf<T> | null> {
    return issued(() => this.#ask('rdp', template, options, ['local'])) as Promise<TupleOf<T> | null>
  }

  count<const T extends readonly unknown[]>(template: T & Checked<T>): Promise<number> {
    return issued(() => this.#ask('count', template, undefined, [])) as Promise<number>
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
      const { name, layer, retainMs, maxTurnMs } = field.definition
      fields[index] = null
      actives.push([index, { definition: name, layer, retainMs, maxTurnMs }, field.input])
    }
    return this.#issuer.issue('space.eval', [this.name, fields, actives])
  }

  collect(): Promise<never> {
    return Promise.reject(notYet('collect'))
  }

  copyCollect(): Promise<never> {
    return Promise.reject(notYet('copyCollect'))
  }

  atomic(): Promise<never> {
    return Promise.reject(notYet('atomic'))
  }

  ack(): Promise<never> {
    return Promise.reject(notYet('ack'))
  }

  watch(): AsyncIterable<never> {
    return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(notYet('watch')) }) }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#issuer.withdraw(this, closed(this.name))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #ask(operation: 'inp' | 'rdp' | 'count', template: unknown, options: unknown, later: readonly string[]): Promise<unknown> {
    this.#checkOpen()
    checkOptions(operation, options, { later })
    return this.#issuer.issue(`space.${operation}`, [this.name, encodeTemplate(template)])
  }

  #wait(operation: 'in' | 'rd', template: unknown, options: WaitOptions = {}): Promise<unknown> {
    this.#checkOpen()
    checkOptions(operation, options, { known: ['signal', 'timeoutMs'], later: ['hold'] })
    const { signal, timeoutMs } = options
    if (timeoutMs !== undefined && !isDuration(timeoutMs)) {
      throw usage(`timeoutMs of ${operation} is ${String(timeoutMs)}: expected a finite number of milliseconds, 0 or more.`)
    }
    const encoded = encodeTemplate(template)
    signal?.throwIfAborted()
    const args = timeoutMs === undefined ? [this.name, encoded] : [this.name, encoded, { timeoutMs }]
    return this.#issuer.issue(`space.${operation}`, args, { signal, owner: this })
  }

  #checkOpen(): void {
    if (this.#closed) throw closed(this.name)
  }
}

/** The issuer's own promise, by which a run recognises the operation in `p.race`; what is wrong with the call rejects. */
function issued(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return call()
  } catch (error) {
    return Promise.reject(error)
  }
}

function checkTuple(operation: string, tuple: unknown): void {
  if (!Array.isArray(tuple)) throw usage(`${operation} was given something that is no tuple: expected an array of values.`)
  if (tuple.length > MAX_FIELDS) {
    throw usage(
      `A tuple given to ${operation} has ${tuple.length} fields: at most ${MAX_FIELDS} are possible. Put lists into one field.`,
    )
  }
}

interface OptionNames {
  readonly known?: readonly string[]
  /** In the contract, but not built. */
  readonly later: readonly string[]
}

function checkOptions(operation: string, options: unknown, { known = [], later }: OptionNames): void {
  if (options === undefined) return
  if (typeof options !== 'object' || options === null) throw usage(`The options of ${operation} must be an object.`)
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined || known.includes(option)) continue
    if (later.includes(option)) throw notYet(`the option ${option} of ${operation}`)
    throw usage(`${operation} has no option ${option}.${known.length > 0 ? ` It has ${known.join(' and ')}.` : ''}`)
  }
}

function usage(message: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', message)
}

function notYet(what: string): PerdureError {
  return new PerdureError(
    'PERDURE_E_NOT_YET',
    `Spaces do not have ${what} yet: it belongs to a later version. Do without it for now.`,
  )
}

function closed(name: string): PerdureError {
  return new PerdureError(
    'PERDURE_E_CLOSED',
    `This object for the space ${name} was closed. Open another with space(site, '${name}').`,
  )
}
