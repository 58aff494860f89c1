/** Classes whose members live in threads: this module is imported by the test and by every thread. */
import { setTimeout } from 'node:timers/promises'
import { attempt, checkpoint, dependable, fallback, majority, nVersion, recoveryBlock, restore } from 'perdure/group'

export class Adder {
  #sum = 0

  /** @param {number} n */
  add(n) {
    this.#sum += n
    return this.#sum
  }

  [checkpoint]() {
    return this.#sum
  }

  /** @param {number} sum */
  [restore](sum) {
    this.#sum = sum
  }
}

/** Somebody else is welcome to the processor meanwhile. */
const napping = new Int32Array(new SharedArrayBuffer(4))

/** Loops for ever, holding its thread, when it is given a number below zero. */
export class Looping extends Adder {
  /** @override @param {number} n */
  add(n) {
    while (n < 0) Atomics.wait(napping, 0, 0, 10)
    return super.add(n)
  }
}

/** Ends its thread. */
export class Dying extends Adder {
  /** @override @param {number} n */
  add(n) {
    if (n < 0) process.exit(3)
    return super.add(n)
  }
}

/** Uses up its memory. */
export class Greedy extends Adder {
  /** @override @param {number} n */
  add(n) {
    const kept = []
    while (n < 0) kept.push(new Array(1_000_000).fill(n))
    return super.add(n)
  }
}

export class Hanging extends Adder {
  /** @param {number} n */
  // @ts-expect-error: another type on purpose
  async add(n) {
    if (n < 0) await new Promise((resolve) => attempt().signal.addEventListener('abort', resolve))
    return super.add(n)
  }
}

export class Talking extends Adder {
  /** @override @returns {number} */
  add() {
    return /** @type {never} */ (() => 'a function cannot leave its thread')
  }
}

export class Failing extends Adder {
  /** @override @returns {number} */
  add() {
    throw Object.assign(new Error('not today'), { name: 'NotToday', code: 'E_TODAY', data: { day: 7 } })
  }
}

const isolate = /** @type {const} */ ('worker')
const voting = { adjudicator: majority(), timeoutMs: 10_000, stragglerMs: 3_000, isolate, declared: ['NotToday'] }

export const Three = dependable(Adder, nVersion({ variants: [Adder, Adder, Adder], ...voting }))
export const WithLooping = dependable(Adder, nVersion({ variants: [Adder, Adder, Looping], ...voting }))
export const WithDying = dependable(Adder, nVersion({ variants: [Adder, Adder, Dying], ...voting }))
export const WithGreedy = dependable(Adder, nVersion({ variants: [Adder, Adder, Greedy], ...voting }))
export const WithHanging = dependable(Adder, nVersion({ variants: [Adder, Adder, Hanging], ...voting }))
export const AllFailing = dependable(Adder, nVersion({ variants: [Failing, Failing, Failing], ...voting }))
export const AllTalking = dependable(Adder, nVersion({ variants: [Talking, Talking, Talking], ...voting }))
export const Block = dependable(
  Adder,
  recoveryBlock({ variants: [Looping, Adder], accept: (sum, { before }) => sum !== before, attemptMs: 3_000, isolate }),
)
export const OnlyDying = dependable(Adder, nVersion({ variants: [Dying], adjudicator: majority(), isolate }))
export const Providers = dependable(Adder, fallback({ variants: [Dying, Adder], isolate }))

/** Defined too late for a thread to find it. */
export async function later() {
  await setTimeout(1)
  return dependable(Adder, nVersion({ variants: [Adder], adjudicator: majority(), isolate }))
}
