/**
 * A member in a thread of its own: it may loop for ever, use up its memory or end its thread, and nobody else notices.
 *
 * An attempt that is given up is first asked to stop (its signal aborts); one that does not answer soon after loses its thread. The
 * state that was in it is gone then: of a common state the group has the last accepted one; a member with a state of its own is *lost*
 * and is made anew with the state of another member.
 *
 * Boundary: pure over a `Thread`. Arguments, results and states are copied from thread to thread, so functions and instances of
 * classes do not arrive.
 *   I1  Every call is answered: by the thread, by its end, or by the limit that every call has.
 *   I2  A new thread is another one: answers of the old one are nobody's.
 */
import { PerdureError } from '../../../errors.ts'
import { errorOf } from '../../../log/outcome.ts'
import type { Timeouts } from '../../../support/timeouts.ts'
import type { AttemptCell } from '../attempt.ts'
import type { Base, Member, Trial } from '../member.ts'
import type { Hello, Reply, Request, Source, ThreadData } from './protocol.ts'
import type { Thread, ThreadEars } from './thread.ts'

/** After it has been asked to stop, a thread has so long before it is ended. */
const GRACE_MS = 100

/** Of calls whose strategy gives none: nothing waits for a thread for ever. */
export const ISOLATED_LIMIT_MS = 30_000

/** Importing the module and making the object. */
const START_MS = 30_000

export interface IsolationPort {
  readonly timeouts: Timeouts
  start(data: ThreadData, ears: ThreadEars): Thread
}

interface Asked {
  readonly request: Request
  readonly cell: AttemptCell | undefined
  resolve(reply: Reply): void
  reject(error: unknown): void
}

export class IsolatedMember implements Member {
  readonly id: string
  readonly #source: Source
  readonly #args: readonly unknown[]
  readonly #port: IsolationPort
  readonly #limitMs: number
  readonly #asked = new Map<number, Asked>()
  #thread: Thread | undefined
  #isReady = false
  #n = 0
  #isClosed = false
  #isLost = false
  /** The common state, as it was last accepted; absent: that of the beginning. */
  #state: readonly [state: unknown] | null = null

  constructor(source: Source, args: readonly unknown[], port: IsolationPort, limitMs: number) {
    this.id = source.id
    this.#source = source
    this.#args = args
    this.#port = port
    this.#limitMs = limitMs
  }

  /** Its thread has gone, and with it the state that it had of its own. */
  get isLost(): boolean {
    return this.#isLost
  }

  async invoke(method: string, args: readonly unknown[], cell: AttemptCell): Promise<unknown> {
    const reply = await this.#ask({ do: 'call', n: this.#next(), method, args, number: cell.number }, cell)
    if (reply.borderline) cell.borderline()
    return reply.value
  }

  trial(base: Base): Trial {
    return new IsolatedTrial(this, base)
  }

  /** On a copy in this state. */
  async try(
    method: string,
    args: readonly unknown[],
    cell: AttemptCell,
    state: readonly [state: unknown] | null,
  ): Promise<Reply> {
    const reply = await this.#ask({ do: 'try', n: this.#next(), method, args, number: cell.number, state }, cell)
    if (reply.borderline) cell.borderline()
    return reply
  }

  get common(): readonly [state: unknown] | null {
    return this.#state
  }

  set common(state: readonly [state: unknown] | null) {
    this.#state = state
  }

  async save(): Promise<unknown> {
    if (this.#state !== null) return this.#state[0]
    return (await this.#ask({ do: 'save', n: this.#next() }, undefined)).value
  }

  view(): unknown {
    return this.#state?.[0]
  }

  async load(state: unknown): Promise<void> {
    await this.#ask({ do: 'load', n: this.#next(), state }, undefined)
    this.#isLost = false
  }

  async renew(state: unknown): Promise<void> {
    this.#end('It is made anew.')
    this.#isLost = false
    if (state !== undefined) await this.load(state)
  }

  close(): void {
    this.#isClosed = true
    this.#end('The group is closed.')
  }

  #next(): number {
    this.#n += 1
    return this.#n
  }

  #ask(request: Request, cell: AttemptCell | undefined): Promise<Reply> {
    if (this.#isClosed) return Promise.reject(new PerdureError('PERDURE_E_CLOSED', `The member ${this.id} is closed.`))
    return new Promise((resolve, reject) => {
      const { n } = request
      const limit = this.#port.timeouts.background(this.#limitMs, () => this.#giveUp(n))
      const settle = () => {
        limit.cancel()
        this.#asked.delete(n)
        if (this.#asked.size === 0) this.#thread?.hold('idle')
      }
      this.#asked.set(n, {
        request,
        cell,
        resolve: (reply) => {
          settle()
          resolve(reply)
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      })
      cell?.onRevoked(() => this.#stop(n))
      this.#thread ??= this.#start()
      this.#thread.hold('busy')
      if (this.#isReady) this.#post(request)
    })
  }

  #post(request: Request): void {
    try {
      this.#thread?.post(request)
    } catch (cause) {
      const text = `An argument or state for ${this.id} cannot be copied to its thread: ${String(cause)}. Give isolated members data, no functions.`
      this.#asked.get(request.n)?.reject(new PerdureError('PERDURE_E_VALUE', text, { cause }))
    }
  }

  #start(): Thread {
    this.#isReady = false
    const isCurrent = () => this.#thread === thread
    const starting = this.#port.timeouts.background(START_MS, () => {
      if (isCurrent()) this.#end(`It did not start within ${START_MS} ms.`)
    })
    const thread: Thread = this.#port.start(
      { source: this.#source, args: this.#args },
      {
        message: (message) => {
          if (!isCurrent()) return
          if ('ready' in message) {
            starting.cancel()
            this.#heard(message)
          } else this.#answered(message)
        },
        ended: (reason) => {
          starting.cancel()
          if (isCurrent()) this.#end(reason)
        },
      },
    )
    return thread
  }

  #heard(hello: Hello): void {
    if (!hello.ready) return this.#end('It cannot be made.', errorOf(hello.failure))
    this.#isReady = true
    for (const { request } of [...this.#asked.values()]) this.#post(request)
  }

  #answered(reply: Reply): void {
    const asked = this.#asked.get(reply.n)
    if (asked === undefined) return
    if (reply.failure === undefined) asked.resolve(reply)
    else asked.reject(errorOf(reply.failure))
  }

  /** The attempt was given up: it may stop by itself, or its thread is ended. */
  #stop(n: number): void {
    if (!this.#asked.has(n)) return
    if (this.#isReady) this.#post({ do: 'abort', n })
    this.#port.timeouts.background(GRACE_MS, () => this.#giveUp(n))
  }

  #giveUp(n: number): void {
    if (this.#asked.has(n)) this.#end(`It did not answer in time and was ended.`)
  }

  /** I1: whoever waits is told. */
  #end(reason: string, cause?: unknown): void {
    const thread = this.#thread
    this.#thread = undefined
    this.#isReady = false
    if (thread === undefined) return
    thread.terminate()
    this.#isLost = true
    const error = new PerdureError('PERDURE_E_MEMBER_LOST', `The thread of ${this.id} is gone: ${reason}`, { cause })
    for (const asked of [...this.#asked.values()]) asked.reject(error)
  }
}

/** An attempt in a thread, on a copy that lives there and is thrown away there; what comes back are the states. */
class IsolatedTrial implements Trial {
  readonly #member: IsolatedMember
  readonly #base: Base
  #states: { readonly before: unknown; readonly after: unknown } | undefined

  constructor(member: IsolatedMember, base: Base) {
    this.#member = member
    this.#base = base
  }

  async invoke(method: string, args: readonly unknown[], cell: AttemptCell): Promise<unknown> {
    const base = this.#base
    const state = base instanceof IsolatedMember ? base.common : ([await base.save()] as const)
    const reply = await this.#member.try(method, args, cell, state)
    this.#states = reply.states
    return reply.value
  }

  before(): unknown {
    return this.#states?.before
  }

  after(): unknown {
    return this.#states?.after
  }

  accept(): void {
    if (this.#states !== undefined) this.#member.common = [this.#states.after]
  }

  drop(): void {
    // The copy is in the thread, which has thrown it away.
  }
}
