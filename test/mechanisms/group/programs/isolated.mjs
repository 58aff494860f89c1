/** Classes whose members live in threads: this module is imported by the test and by every thread. */
import { setTimeout } from 'node:timers/promises'
import { attempt, checkpoint, dependable, fallback, majority, nVersion, recoveryBlock, restore } from 'perdure/group'
import { virtualClock } from '../../../../src/testing/virtual-clock.ts'

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

/** Limits pass when the test says so: a busy machine takes seconds to start a thread. */
export const clock = virtualClock()
/** How long a member that is late may go on when the others have decided, and how long the primary may take. */
export const LIMIT_MS = 3_000

const isolate = /** @type {const} */ ('worker')
const voting = { adjudicator: majority(), timeoutMs: 10_000, stragglerMs: LIMIT_MS, isolate, declared: ['NotToday'] }

export const Three = dependable(Adder, nVersion({ variants: [Adder, Adder, Adder], ...voting }), { clock })
export const WithLooping = dependable(Adder, nVersion({ variants: [Adder, Adder, Looping], ...voting }), { clock })
export const WithDying = dependable(Adder, nVersion({ variants: [Adder, Adder, Dying], ...voting }), { clock })
export const WithGreedy = dependable(Adder, nVersion({ variants: [Adder, Adder, Greedy], ...voting }), { clock })
export const WithHanging = dependable(Adder, nVersion({ variants: [Adder, Adder, Hanging], ...voting }), { clock })
export const AllFailing = dependable(Adder, nVersion({ variants: [Failing, Failing, Failing], ...voting }), { clock })
export const AllTalking = dependable(Adder, nVersion({ variants: [Talking, Talking, Talking], ...voting }), { clock })
export const Block = dependable(
  Adder,
  recoveryBlock({ variants: [Looping, Adder], accept: (sum, { before }) => sum !== before, attemptMs: LIMIT_MS, isolate }),
  { clock },
)
export const OnlyDying = dependable(Adder, nVersion({ variants: [Dying], adjudicator: majority(), isolate }), { clock })
export const Providers = dependable(Adder, fallback({ variants: [Dying, Adder], isolate }), { clock })

/** Defined too late for a thread to find it. */
export async function later() {
  await setTimeout(1)
  return dependable(Adder, nVersion({ variants: [Adder], adjudicator: majority(), isolate }))
}
