/**
 * Who waits for the result of which run.
 *
 * Boundary: book-keeping, found by run and by caller alike: runs end, and callers give up, while very many others are there.
 */
import type { Caller } from '../../../log/machine.ts'

export interface Waiter {
  readonly caller: Caller
  readonly number: number
}

export type SavedWaiter = readonly [run: number, caller: Caller, number: number]

export class Waiters {
  /** In order of arrival. */
  readonly #byRun = new Map<number, Set<Waiter>>()
  readonly #byCaller = new Map<string, Map<number, { readonly run: number; readonly waiter: Waiter }>>()

  add(run: number, caller: Caller, number: number): void {
    const waiter = { caller, number }
    const ofRun = this.#byRun.get(run) ?? new Set()
    this.#byRun.set(run, ofRun.add(waiter))
    const ofCaller = this.#byCaller.get(nameOf(caller)) ?? new Map()
    this.#byCaller.set(nameOf(caller), ofCaller.set(number, { run, waiter }))
  }

  /** Takes out all who wait for this run. */
  takeOf(run: number): readonly Waiter[] {
    const waiters = [...(this.#byRun.get(run) ?? [])]
    for (const { caller, number } of waiters) this.drop(caller, number)
    return waiters
  }

  /** False if none waits under this number. */
  drop(caller: Caller, number: number): boolean {
    const ofCaller = this.#byCaller.get(nameOf(caller))
    const found = ofCaller?.get(number)
    if (ofCaller === undefined || found === undefined) return false
    ofCaller.delete(number)
    if (ofCaller.size === 0) this.#byCaller.delete(nameOf(caller))
    const ofRun = this.#byRun.get(found.run)
    ofRun?.delete(found.waiter)
    if (ofRun?.size === 0) this.#byRun.delete(found.run)
    return true
  }

  dropAll(caller: Caller): void {
    for (const number of [...(this.#byCaller.get(nameOf(caller))?.keys() ?? [])]) this.drop(caller, number)
  }

  *saved(): Generator<SavedWaiter> {
    for (const [run, waiters] of this.#byRun) {
      for (const { caller, number } of waiters) yield [run, { ...caller }, number]
    }
  }

  restore(saved: Iterable<SavedWaiter>): void {
    for (const [run, caller, number] of saved) this.add(run, caller, number)
  }
}

function nameOf(caller: Caller): string {
  return caller.kind === 'gateway' ? 'gateway' : `${caller.kind}:${caller.id}`
}
