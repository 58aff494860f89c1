/**
 * The position in the log as a witness: what concurrent programs were told, compared with the naive spaces operation by operation
 * in the order of the log, and that order compared with the order in which things happened.
 *
 *   Every answer is that of the model at its position; and whatever was answered before a call was made took effect before it.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Log } from '../../../src/log/log.ts'
import type { IncomingOperation } from '../../../src/log/operation.ts'
import { readRecord } from '../../../src/log/record.ts'
import type { Replica } from '../../../src/log/replica.ts'
import { type NaiveElement, type NaiveHold, NaiveSpaces, TIMED_OUT } from './naive-space.ts'

export type Asked =
  | { readonly op: 'out'; readonly tuple: readonly unknown[]; readonly leaseMs?: number; readonly notBeforeMs?: number }
  | { readonly op: 'in' | 'rd'; readonly template: readonly unknown[]; readonly timeoutMs: number; readonly hold?: NaiveHold }
  | { readonly op: 'inp' | 'rdp' | 'count'; readonly template: readonly unknown[] }
  | {
      readonly op: 'collect' | 'copyCollect'
      readonly template: readonly unknown[]
      readonly limit: number
      readonly into?: string
    }
  | { readonly op: 'atomic'; readonly elements: readonly NaiveElement[]; readonly timeoutMs: number }
  | { readonly op: 'ack' | 'release'; readonly id: number }

/** One call of a program, and what came of it. */
export interface Call {
  readonly session: number
  readonly space: string
  readonly asked: Asked
  /** Counts what happened to any program, so that before and after can be told. */
  readonly invokedAt: number
  answeredAt?: number
  answer?: unknown
}

export const ABORTED = 'aborted'

interface Effect {
  readonly position: number
  readonly value: unknown
}

export class Witness {
  readonly #model = new NaiveSpaces()
  readonly #replica: Replica
  readonly #calls: ReadonlyMap<number, readonly Call[]>
  readonly #next = new Map<number, number>()
  /** By session and number. */
  readonly #numbered = new Map<string, Call>()
  readonly #positions = new Map<Call, number>()
  readonly #effects = new Map<Call, Effect>()
  /** The model's own ids of holds, by those of the log. */
  readonly #holds = new Map<number, number>()
  #position = 0

  constructor(replica: Replica, calls: readonly Call[]) {
    this.#replica = replica
    this.#calls = groupBySession(calls)
  }

  /** Throws what it finds wrong; how many answers were compared otherwise. */
  async judge(log: Log): Promise<number> {
    for await (const { bytes } of log.read(1, { live: false })) {
      readRecord(
        bytes,
        (from, to) => this.#operation(this.#replica.decode(bytes, from, to)),
        ({ wallMs, serviceMs }) => {
          this.#position += 1
          Object.assign(this.#model, { wallMs, serviceMs })
          this.#model.advance(0)
          this.#note()
        },
      )
    }
    const all = [...this.#calls.values()].flat()
    this.#compareAnswers(all)
    this.#compareTimes(all)
    return all.filter(({ answeredAt }) => answeredAt !== undefined).length
  }

  #operation({ caller, number, name, args }: IncomingOperation): void {
    this.#position += 1
    const session = caller.kind === 'session' ? caller.id : 0
    if (name === 'site.leave') this.#model.ended(Number(args[0]), args[1] === 'lost' ? 'lost' : 'left')
    else if (name === 'site.withdraw' && this.#model.withdraw(session, Number(args[0])))
      this.#model.answers.push([session, Number(args[0]), ABORTED])
    else if (name.startsWith('space.')) this.#apply(session, number, name)
    this.#note()
  }

  #apply(session: number, number: number, name: string): void {
    const index = this.#next.get(session) ?? 0
    const call = this.#calls.get(session)?.[index]
    if (call === undefined || `space.${call.asked.op}` !== name)
      throw new Error(`position ${this.#position} is ${name}; the program called ${call?.asked.op ?? 'nothing'}`)
    this.#next.set(session, index + 1)
    this.#numbered.set(`${session}:${number}`, call)
    this.#positions.set(call, this.#position)
    const value = this.#ask(call, session, number)
    const waits = value === undefined && 'timeoutMs' in call.asked
    if (!waits) this.#model.answers.push([session, number, value])
  }

  #ask({ space, asked }: Call, caller: number, number: number): unknown {
    const model = this.#model
    const none = { caller, number, space }
    switch (asked.op) {
      case 'out':
        return model.out(space, asked.tuple, asked.leaseMs, asked.notBeforeMs)
      case 'count':
        return model.count(space, asked.template)
      case 'inp':
      case 'rdp':
        return model.ask(asked.op === 'inp' ? 'in' : 'rd', { ...none, template: asked.template })
      case 'in':
      case 'rd': {
        const deadlineMs = model.wallMs + asked.timeoutMs
        return model.wait({ ...none, mode: asked.op, template: asked.template, deadlineMs, hold: asked.hold })
      }
      case 'collect':
      case 'copyCollect': {
        const into = asked.into === undefined ? {} : { into: asked.into }
        return model.collect(space, asked.template, asked.limit, { ...into, copy: asked.op === 'copyCollect' })
      }
      case 'atomic': {
        const deadlineMs = model.wallMs + asked.timeoutMs
        const answer = model.wait({ ...none, mode: 'atomic', template: [], elements: asked.elements, deadlineMs })
        model.settle()
        return answer
      }
      case 'ack':
      case 'release':
        return model.endHold(asked.op, space, this.#holds.get(asked.id) ?? -1)
    }
  }

  /** What the model has answered took effect here. */
  #note(): void {
    for (const [session, number, value] of this.#model.answers.splice(0)) {
      const call = this.#numbered.get(`${session}:${number}`)
      if (call === undefined) throw new Error(`the model answered ${session}:${number}, which nobody asked`)
      this.#effects.set(call, { position: this.#position, value })
      const real = call.answer as { readonly id?: number } | null | undefined
      const modelled = value as { readonly id?: number } | null | undefined
      if (real?.id !== undefined && modelled?.id !== undefined) this.#holds.set(real.id, modelled.id)
    }
  }

  #compareAnswers(calls: readonly Call[]): void {
    for (const call of calls) {
      if (call.answeredAt === undefined) continue
      const effect = this.#effects.get(call)
      if (effect && isDeepStrictEqual(withoutId(call.answer), withoutId(effect.value))) continue
      const expected = effect ? JSON.stringify(effect.value) : 'no answer at all'
      throw new Error(
        `${JSON.stringify(call.asked)} at position ${this.#positions.get(call)} was answered ${JSON.stringify(call.answer)}; the model says ${expected} at ${effect?.position}`,
      )
    }
  }

  #compareTimes(calls: readonly Call[]): void {
    const moments = calls.flatMap((call) => {
      const invoked = { at: call.invokedAt, position: this.#positions.get(call), effect: 0 }
      const answered = { at: call.answeredAt, position: undefined, effect: this.#effects.get(call)?.position ?? 0 }
      return call.answeredAt === undefined ? [invoked] : [invoked, answered as typeof invoked & { at: number }]
    })
    let latest = 0
    for (const { position, effect } of moments.sort((a, b) => a.at - b.at)) {
      if (position !== undefined && position <= latest)
        throw new Error(`a call was given position ${position}, though what took effect at ${latest} had been answered before it`)
      latest = Math.max(latest, effect)
    }
  }
}

/** A time-out as the model says it. */
export function answerOf(error: { readonly code?: string }): unknown {
  if (error.code === 'PERDURE_E_TIMEOUT') return TIMED_OUT
  return error.code
}

function withoutId(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return answer
  const { tuple, deliveries } = answer as { tuple?: unknown; deliveries?: unknown }
  return { tuple, deliveries }
}

function groupBySession(calls: readonly Call[]): Map<number, Call[]> {
  const groups = new Map<number, Call[]>()
  for (const call of calls) groups.set(call.session, [...(groups.get(call.session) ?? []), call])
  return groups
}
