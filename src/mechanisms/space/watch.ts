/**
 * Changes of a space as a program sees them.
 *
 *     for await (const { kind, tuple, position } of jobs.watch(['resize', Number, any])) …
 *
 * A tuple comes as `out` when it appears, also when somebody who waits takes it at once; it goes as `in` when it is taken, and as
 * `expired` when its lease has ended. A held take is an `in`; if the tuple comes back, that is another `out`. Changes come in the
 * order of the log, once they are durable, and from the call of `watch` on, unless told otherwise.
 *
 * Boundary: checks what the program wrote; who keeps the changes and how many is `log/watch/watch.ts`.
 */
import { PerdureError } from '../../errors.ts'
import { decode, encode } from '../../log/codec/codec.ts'
import type { ChangeStream, Changes, Watchers } from '../../log/watch/stream.ts'
import { encodeTemplate } from '../../support/template.ts'

export interface WatchOptions {
  /** The first position of interest: everything from there on is told again from the log. */
  readonly from?: number | undefined
  /** Tells first what is there, as `out` with the positions at which it came. */
  readonly initial?: boolean | undefined
  /** Ends the iteration; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** What has happened to a tuple. */
export interface SpaceChange<T> {
  readonly kind: 'out' | 'in' | 'expired'
  readonly tuple: T
  /** In the log, where this happened. Several changes may have the same. */
  readonly position: number
}

/** What a site answers without an entry in its log. */
export interface Source {
  readonly watchers: Watchers
  query(machine: string, question: string, args: readonly unknown[]): Promise<unknown>
}

/** The changes of one space that a program watches, so that closing it ends them. */
export class SpaceWatching {
  readonly #source: Source | undefined
  readonly #space: string
  readonly #open = new Set<ChangeStream<SpaceChange<unknown>>>()

  constructor(source: Source | undefined, space: string) {
    this.#source = source
    this.#space = space
  }

  /** `closed` is what is wrong with the space, if something is. */
  watch(closed: PerdureError | undefined, template: unknown, options: WatchOptions = {}): Changes<SpaceChange<unknown>> {
    try {
      if (closed !== undefined) throw closed
      checkOptions(options)
      const { watchers } = this.#found('watch')
      return watchers.watch<SpaceChange<unknown>>({
        ...options,
        machine: 'space',
        args: [this.#space, travelling(template)],
        shape: (kind, position, tuple) => ({ kind, tuple, position }) as SpaceChange<unknown>,
        begun: (stream) => this.#open.add(stream),
        ended: (stream) => this.#open.delete(stream),
      })
    } catch (error) {
      return failed(error)
    }
  }

  /** `rdp` at a position that is at least what this program has seen. */
  look(template: unknown): Promise<unknown> {
    return this.#found('rdp with { local: true }').query('space', 'rdp', [this.#space, travelling(template)])
  }

  end(reason: PerdureError): void {
    for (const stream of this.#open) stream.end(reason)
  }

  #found(what: string): Source {
    if (this.#source !== undefined) return this.#source
    throw new PerdureError(
      'PERDURE_E_USAGE',
      `A run cannot use ${what}: what it gives is not in the run's journal, so a repetition could see something else. Use in, rd, inp, rdp or count there, and ${what} in a plain program.`,
    )
  }
}

/** A copy, as the site would get it over a socket: `PERDURE_E_VALUE` for what cannot travel. */
function travelling(template: unknown): unknown {
  return decode(encode(encodeTemplate(template)))
}

function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) throw usage('The options of watch must be an object.')
  const { from, initial, signal, ...others } = options as Record<string, unknown>
  const [other] = Object.entries(others).find(([, value]) => value !== undefined) ?? []
  if (other !== undefined) throw usage(`watch has no option ${other}. It has from, initial and signal.`)
  if (from !== undefined && !(Number.isSafeInteger(from) && (from as number) >= 0))
    throw usage(`from of watch is ${String(from)}: expected a position, a whole number from 0 on.`)
  if (initial !== undefined && typeof initial !== 'boolean') throw usage('initial of watch must be true or false.')
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw usage('signal of watch must be an AbortSignal.')
  if (from !== undefined && initial === true)
    throw usage(
      'watch was given both from and initial. What was there at a position follows from what happened before: give one.',
    )
}

/** What is wrong with the call rejects, as with every other. */
function failed(error: unknown): Changes<SpaceChange<unknown>> {
  return {
    next: () => Promise.reject(error),
    return: async () => ({ done: true, value: undefined }),
    [Symbol.asyncIterator]() {
      return this
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

function usage(message: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', message)
}
