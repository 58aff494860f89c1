/**
 * `p`: what the body of a process holds in its hand.
 *
 * Everything here either writes nothing and repeats by itself (`now`, `random`, `uuid`, `restored`, `key`), or is a numbered
 * operation whose reply is kept in the journal (all that return promises).
 *
 * Boundary: arguments are checked and defaults filled in; the turns are `attempt.ts`, the steps `steps.ts`.
 */
import { PerdureError } from '../../../errors.ts'
import { encode } from '../../../log/codec/codec.ts'
import { MAX_VALUE } from '../../../log/log.ts'
import type { Definition } from '../../../support/definition.ts'
import {
  type ArgumentsOf,
  type CheckpointGroupReference,
  checkpointGroupOf,
  type MethodOf,
  referenceOf,
} from '../../../support/reference.ts'
import type { IssueOptions, Issuer } from '../../space/issuer.ts'
import { type Space, spaceOver } from '../../space/space.ts'
import { checkKey, checkStart, optionsOf, usage } from '../checks.ts'
import type { Attempt } from './attempt.ts'
import { RepeatableRandom } from './random.ts'
import { DEFAULT_RETRY, type RetryOptions, type StepInfo } from './steps.ts'
import { store } from './storing.ts'

/** Of a message to a member, encoded: an operation is a value, and has more in it. */
const MAX_MESSAGE: number = MAX_VALUE - 16 * 1024

/** Of a version gate: a name, not a text. */
const MAX_GATE_NAME = 128

export interface StepOptions {
  /** Default: 3 tries, waits of 100 ms, 200 ms, … up to 10 s. `false` tries once. */
  readonly retry?: RetryOptions | false
  /** Of each try; afterwards it counts as failed. Default: no limit. */
  readonly timeoutMs?: number
}

export interface ChildOptions {
  readonly retainMs?: number
  /** Cancelled together with this run. Default: false. */
  readonly attached?: boolean
}

/** A run that was started by a run. */
export interface ChildRun<R> {
  readonly key: string
  /** What it returned; rejects with what it threw. */
  result(): Promise<R>
  /** True if this call cancelled it. */
  cancel(reason: string): Promise<boolean>
}

type AnyDefinition<I extends readonly unknown[], R> = Definition<RunContext, I, R>

/** The winner of a race: which key, and what it was answered. */
export type RaceWinner<A> = { [K in keyof A]: { readonly key: K; readonly value: Awaited<A[K]> } }[keyof A]

export type ResultOf<F> = F extends (...args: never) => infer R ? Awaited<R> : never

export interface RunContext {
  /** The key of this run. */
  readonly key: string
  /** What the last `checkpoint` was given; undefined when there was none. Everything before the loop of a body that checkpoints must be guarded by it. */
  readonly restored: unknown
  /** Aborts when the run is cancelled. */
  readonly signal: AbortSignal
  /**
   * Executes `fn` and keeps what it returns: the only place for effects on the outside. At least once: after a crash between
   * effect and record it is called again, with the same `idempotencyKey`. Rejects with what the last try threw.
   */
  step<R>(name: string, fn: (info: StepInfo) => Promise<R> | R, options?: StepOptions): Promise<R>
  /** Resolves after `ms` of log time, also when everything was down meanwhile. */
  sleep(ms: number): Promise<void>
  /** Milliseconds since 1970 at the last reply; repeats. */
  now(): number
  /** As `Math.random`, but repeats; not for secrets. */
  random(): number
  /** As `crypto.randomUUID`, but repeats; not for secrets. */
  uuid(): string
  /** The first of several operations issued in this call; the others are withdrawn. Ties go to the order of the keys. */
  race<const A extends Readonly<Record<string, Promise<unknown>>>>(alternatives: A): Promise<RaceWinner<A>>
  /** The tuple space of this name. */
  space(name: string): Space
  /** Starts another run; the same definition and key is the same run. */
  start<I extends readonly unknown[], R>(
    definition: AnyDefinition<I, R>,
    key: string,
    input: I,
    options?: ChildOptions,
  ): Promise<ChildRun<R>>
  /**
   * Gates a change of this body. Answers the version of the change that this run goes by: `latest`, the one this code knows last,
   * if no earlier execution has been beyond this place; 0, the code as it was before the gate, if one has. The answer is fixed for
   * the run, over crashes, checkpoints and builds; a gate takes no number, so bodies may gain and lose them.
   */
  version(name: string, latest: number): number
  /**
   * A folder of this run for the files of its steps (layer `files`): after a crash it holds what the recorded steps have left, at
   * another path. To be asked for in the step, and not to be given to operations.
   */
  readonly workDir: string
  /** Cuts the journal: after a crash the body starts at its top with `restored` set to this. Nothing may be outstanding. */
  checkpoint(state: unknown): Promise<void>
  /**
   * Calls a method of an object group that lives in the site: once, however often this run is re-executed. Its result, or what its
   * members threw, is kept in the journal. Waits as long as the group does.
   */
  call<T extends object, M extends MethodOf<T>>(group: T, method: M, ...args: ArgumentsOf<T[M]>): Promise<ResultOf<T[M]>>
  /**
   * Sends a message to a member of a checkpoint group: once, however often this run is re-executed. It comes from
   * `@definition/key`, and nothing undoes it. Resolves with its id; rejects with `PERDURE_E_UNKNOWN_GROUP`, `_UNKNOWN_MEMBER`, or
   * `_BUSY` where too much waits for the member.
   */
  send(group: CheckpointGroupReference, member: string, message: unknown): Promise<number>
  /** A line for people, on the output of its node, at most once: not repeated when the body is re-executed, and lost with a crash in its turn. */
  log(...parts: readonly unknown[]): void
}

/** The context of one attempt. */
export function contextOf(attempt: Attempt, restored: unknown, randoms: number): RunContext {
  return new AttemptContext(attempt, restored, randoms)
}

class AttemptContext implements RunContext, Issuer {
  readonly key: string
  readonly restored: unknown
  readonly #attempt: Attempt
  readonly #random: RepeatableRandom
  readonly #spaces = new Map<string, Space>()

  constructor(attempt: Attempt, restored: unknown, randoms: number) {
    const { run, incarnation, key } = attempt.identity
    this.key = key
    this.restored = restored
    this.#attempt = attempt
    this.#random = new RepeatableRandom(`${attempt.port.logId}:${run}:${incarnation}`, randoms)
  }

  get signal(): AbortSignal {
    return this.#attempt.abort.signal
  }

  step<R>(name: string, fn: (info: StepInfo) => Promise<R> | R, options: StepOptions = {}): Promise<R> {
    if (typeof name !== 'string' || typeof fn !== 'function')
      return refuse('p.step(name, fn) needs a name and a function, as in p.step("charge", () => charge(order)).')
    const { timeoutMs } = options
    if (timeoutMs !== undefined && !isDuration(timeoutMs))
      return refuse(`timeoutMs of the step "${name}" is ${String(timeoutMs)}: expected milliseconds, 0 or more.`)
    const retry = options.retry === false ? { ...DEFAULT_RETRY, attempts: 1 } : { ...DEFAULT_RETRY, ...options.retry }
    return this.#attempt.step(name, { fn, retry, timeoutMs }) as Promise<R>
  }

  sleep(ms: number): Promise<void> {
    if (!isDuration(ms)) return refuse(`p.sleep was given ${String(ms)}: expected milliseconds, 0 or more.`)
    return this.#attempt.issue('process.sleep', [ms]) as Promise<void>
  }

  now(): number {
    return this.#attempt.nowMs
  }

  random(): number {
    return this.#random.next()
  }

  uuid(): string {
    return this.#random.uuid()
  }

  race<const A extends Readonly<Record<string, Promise<unknown>>>>(alternatives: A): Promise<RaceWinner<A>> {
    return this.#attempt.race(alternatives) as Promise<RaceWinner<A>>
  }

  space(name: string): Space {
    const open = this.#spaces.get(name) ?? spaceOver(this, name)
    this.#spaces.set(name, open)
    return open
  }

  issue(name: string, args: readonly unknown[], options: Pick<IssueOptions, 'signal' | 'present'> = {}): Promise<unknown> {
    return this.#attempt.issue(name, args, options)
  }

  /** A run ends its waits itself. */
  withdraw(): void {}

  start<I extends readonly unknown[], R>(
    definition: AnyDefinition<I, R>,
    key: string,
    input: I,
    options: ChildOptions = {},
  ): Promise<ChildRun<R>> {
    try {
      checkStart(definition, key, input)
      const { stored, upload } = store(input, this.#attempt.port.blobs)
      const args = [definition.name, checkKey(key), stored, optionsOf(definition, options)]
      return this.#attempt.issue('process.start', args, { upload }).then(() => this.#child<R>(definition.name, key))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #child<R>(definition: string, key: string): ChildRun<R> {
    const issue = (name: string, ...more: readonly unknown[]) => this.#attempt.issue(name, [definition, key, ...more])
    return {
      key,
      result: () => issue('process.result') as Promise<R>,
      cancel: (reason) => issue('process.cancel', String(reason)) as Promise<boolean>,
    }
  }

  checkpoint(state: unknown): Promise<void> {
    return this.#attempt.checkpoint(state, this.#random.count) as Promise<void>
  }

  log(...parts: readonly unknown[]): void {
    this.#attempt.log(parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(' '))
  }

  get workDir(): string {
    const { files } = this.#attempt.port
    if (files) return files.path
    throw usage(
      'Only a run of layer files has a p.workDir. Define it with resilient(name, body, { layer: "files" }); a run that was started before keeps its layer.',
    )
  }

  version(name: string, latest: number): number {
    if (typeof name !== 'string' || name.length === 0 || name.length > MAX_GATE_NAME || !name.isWellFormed())
      throw usage(`p.version(name, latest) needs a name of 1 to ${MAX_GATE_NAME} characters, as in p.version("fee", 1).`)
    if (!Number.isSafeInteger(latest) || latest < 1)
      throw usage(
        `p.version("${name}", ${String(latest)}) needs a whole number from 1 on: 0 is the code as it was before the gate.`,
      )
    return this.#attempt.version(name, latest)
  }

  call<T extends object, M extends MethodOf<T>>(group: T, method: M, ...args: ArgumentsOf<T[M]>): Promise<ResultOf<T[M]>> {
    const reference = referenceOf(group)
    if (reference === undefined)
      return refuse(
        'p.call(group, method, ...) was given no group of a site. Pass what await SafeStack.create({ key }) or groupNamed(name, key) gives; a group without a site is called directly, in a step.',
      )
    if (typeof method !== 'string')
      return refuse("p.call(group, method, ...) needs the method's name, as in p.call(stack, 'push', 7).")
    return this.#attempt.issue('group.call', [reference.name, reference.key, method, args, null]) as Promise<ResultOf<T[M]>>
  }

  send(group: object, member: string, message: unknown): Promise<number> {
    const name = checkpointGroupOf(group)
    if (name === undefined)
      return refuse(
        "p.send(group, member, message) was given no checkpoint group: expected what await checkpointGroup(site, 'bank') or checkpointGroupNamed('bank') gives.",
      )
    if (typeof member !== 'string')
      return refuse("p.send(group, member, message) needs the member's name, as in p.send(bank, 'a', 7).")
    const { definition, key } = this.#attempt.identity
    try {
      const args = [name, member, `@${definition}/${key}`, encode(message, MAX_MESSAGE)]
      return this.#attempt.issue('checkpoint.post', args) as Promise<number>
    } catch (error) {
      return Promise.reject(error)
    }
  }
}

function isDuration(ms: unknown): ms is number {
  return typeof ms === 'number' && Number.isFinite(ms) && ms >= 0
}

function refuse(message: string): Promise<never> {
  return Promise.reject(new PerdureError('PERDURE_E_USAGE', message))
}
