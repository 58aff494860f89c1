/**
 * Tuple spaces as one would first write them: a list of tuples, a list of waiters, walked from the front. What the real machine
 * does with indexes is compared with this.
 */
import { isDeepStrictEqual } from 'node:util'
import { AnyField, Operator } from '../../../src/mechanisms/space/template.ts'

export type Answer = readonly [caller: number, number: number, value: unknown]

interface Waiter {
  readonly caller: number
  readonly number: number
  readonly mode: 'in' | 'rd'
  readonly space: string
  readonly template: readonly unknown[]
  readonly deadlineMs: number
}

export const TIMED_OUT = 'timed out'

export class NaiveSpaces {
  tuples: { readonly space: string; readonly tuple: readonly unknown[] }[] = []
  waiters: Waiter[] = []
  answers: Answer[] = []

  out(space: string, tuple: readonly unknown[]): void {
    const mine = this.waiters.filter((waiter) => waiter.space === space && naiveMatch(waiter.template, tuple))
    const served = mine.filter(({ mode }) => mode === 'rd')
    const taker = mine.find(({ mode }) => mode === 'in')
    if (taker === undefined) this.tuples.push({ space, tuple })
    else served.push(taker)
    this.waiters = this.waiters.filter((waiter) => !served.includes(waiter))
    for (const { caller, number } of served) this.answers.push([caller, number, tuple])
  }

  ask(mode: 'in' | 'rd', space: string, template: readonly unknown[]): readonly unknown[] | null {
    const index = this.tuples.findIndex((stored) => stored.space === space && naiveMatch(template, stored.tuple))
    const found = this.tuples[index]
    if (found === undefined) return null
    if (mode === 'in') this.tuples.splice(index, 1)
    return found.tuple
  }

  wait(waiter: Waiter): void {
    const found = this.ask(waiter.mode, waiter.space, waiter.template)
    if (found === null) this.waiters.push(waiter)
    else this.answers.push([waiter.caller, waiter.number, found])
  }

  count(space: string, template: readonly unknown[]): number {
    return this.tuples.filter((stored) => stored.space === space && naiveMatch(template, stored.tuple)).length
  }

  withdraw(caller: number, number: number): boolean {
    const before = this.waiters.length
    this.waiters = this.waiters.filter((waiter) => waiter.caller !== caller || waiter.number !== number)
    return this.waiters.length < before
  }

  ended(caller: number): void {
    this.waiters = this.waiters.filter((waiter) => waiter.caller !== caller)
  }

  expire(nowMs: number): void {
    const due = this.waiters.filter(({ deadlineMs }) => deadlineMs <= nowMs)
    this.waiters = this.waiters.filter((waiter) => !due.includes(waiter))
    for (const { caller, number } of due.sort((a, b) => a.deadlineMs - b.deadlineMs))
      this.answers.push([caller, number, TIMED_OUT])
  }
}

export function naiveMatch(template: readonly unknown[], tuple: readonly unknown[]): boolean {
  return template.length === tuple.length && template.every((field, i) => naiveField(field, tuple[i]))
}

function naiveField(field: unknown, value: unknown): boolean {
  if (field instanceof AnyField) return true
  if (field === String) return typeof value === 'string'
  if (field === Number) return typeof value === 'number'
  if (field === Boolean) return typeof value === 'boolean'
  if (field === BigInt) return typeof value === 'bigint'
  if (field === Date) return value instanceof Date
  if (field === Uint8Array) return value instanceof Uint8Array
  if (field === Array) return Array.isArray(value)
  if (field === Object) return Object.prototype.toString.call(value) === '[object Object]'
  if (field instanceof Operator) return naiveOperator(field, value)
  return isEqual(field, value)
}

function naiveOperator({ name, operands }: Operator<unknown>, value: unknown): boolean {
  if (name !== 'oneOf' && typeof value !== typeof operands[0]) return false
  const [low, high] = operands as readonly number[]
  const given = value as number
  switch (name) {
    case 'oneOf':
      return operands.some((operand) => isEqual(operand, value))
    case 'gt':
      return given > (low as number)
    case 'gte':
      return given >= (low as number)
    case 'lt':
      return given < (low as number)
    case 'lte':
      return given <= (low as number)
    case 'between':
      return given >= (low as number) && given <= (high as number)
    case 'prefix':
      return String(value).indexOf(String(operands[0])) === 0
  }
}

function isEqual(a: unknown, b: unknown): boolean {
  return !Number.isNaN(a) && isDeepStrictEqual(a, b)
}
