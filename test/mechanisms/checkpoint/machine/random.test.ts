/**
 * Groups in which everything happens at random: members that work, that are slow to read what they are told, that die, fail, hang, leave and
 * come back, recoveries during recoveries, restarts of everything, and a machine that is replaced by its snapshot again and again.
 */
import { describe, expect, test } from 'vitest'
import { recoveryLine } from '../../../../src/mechanisms/checkpoint/line.ts'
import type { GroupProtocol } from '../../../../src/mechanisms/checkpoint/machine/protocol.ts'
import type { TracePage } from '../../../../src/mechanisms/checkpoint/machine/queries.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { greatestLine } from '../judge.ts'
import type { SimulatedProxy } from './simulated-proxy.ts'
import { GroupStage } from './stage.ts'

const SEEDS = Number(process.env.PERDURE_SEEDS ?? 12)
const STEPS = 400
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']

class Play {
  readonly stage: GroupStage
  readonly random: SeededRandom
  readonly counts = {
    sends: 0,
    posts: 0,
    losses: 0,
    fails: 0,
    late: 0,
    recoveries: 0,
    left: 0,
    reopened: 0,
    restored: 0,
    outputs: 0,
  }
  /** Positions of messages from outside. */
  readonly posts: { readonly position: number; readonly place: number }[] = []

  constructor(protocol: GroupProtocol, seed: number) {
    this.random = new SeededRandom(seed)
    this.stage = new GroupStage(protocol, { undoneMs: 3_000 })
    this.stage.members(...NAMES.slice(0, this.random.between(2, 4)))
  }

  run(steps: number): this {
    for (let step = 0; step < steps; step++) this.#step()
    return this
  }

  get living(): SimulatedProxy[] {
    return this.stage.proxies.filter(({ state }) => state !== 'over' && state !== 'dead')
  }

  #step(): void {
    const { random, stage } = this
    const proxy = this.living.length === 0 ? undefined : random.pick(this.living)
    const die = random.next()
    if (die < 0.3) for (let count = random.between(1, 3); count > 0; count--) proxy?.read()
    else if (die < 0.55) proxy?.deliver()
    else if (die < 0.78) this.#send(proxy)
    else if (die < 0.85) this.#checkpoint(proxy)
    else if (die < 0.87) this.#output(proxy)
    else if (die < 0.88) this.#post()
    else if (die < 0.9) this.#hurt(proxy)
    else if (die < 0.93) this.#join()
    else if (die < 0.95) stage.advance(random.between(1, 3_000))
    else if (die < 0.96) this.#restore()
    else if (die < 0.965) this.#ask()
    else if (die < 0.967) this.#reopen()
    else if (die < 0.972 && proxy?.canWork && this.living.length > 2) this.#leave(proxy)
  }

  #send(proxy: SimulatedProxy | undefined): void {
    if (!proxy?.canWork) return
    const to = this.random.pick(this.living).name
    if (typeof proxy.send(to) === 'number') this.counts.sends++
  }

  #checkpoint(proxy: SimulatedProxy | undefined): void {
    if (proxy?.canWork) proxy.checkpoint()
  }

  #output(proxy: SimulatedProxy | undefined): void {
    if (proxy?.canWork && typeof proxy.output() === 'number') this.counts.outputs++
  }

  #post(): void {
    const to = this.random.pick(NAMES)
    const position = this.stage.ask('checkpoint.post', 'g', to, '@outside', new Uint8Array(1))
    if (typeof position !== 'number') return
    this.posts.push({ position, place: this.stage.memberPlace(to) })
    this.counts.posts++
  }

  #hurt(proxy: SimulatedProxy | undefined): void {
    if (proxy === undefined) return
    const die = this.random.next()
    if (die < 0.5) {
      this.counts.losses++
      this.stage.end(proxy.session)
    } else if (die < 0.8 && proxy.canWork) {
      this.counts.fails++
      this.stage.truth.failed.add(proxy.place)
      // Refused if the proxy has not read yet that the group has gone back.
      if (proxy.fail() !== true) this.stage.truth.failed.delete(proxy.place)
    } else if (die < 0.9) {
      this.counts.late++
      this.stage.advance(6_000)
    } else this.#recover(proxy.name)
  }

  #recover(name: string): void {
    if (this.stage.memberPlace(name) < 0) return
    this.counts.recoveries++
    this.stage.recover(name)
  }

  #join(): void {
    const name = this.random.pick(NAMES)
    if (this.living.some((proxy) => proxy.name === name)) return
    this.stage.join(name)
  }

  #leave(proxy: SimulatedProxy): void {
    this.counts.left++
    proxy.leave()
  }

  #ask(): void {
    this.stage.begin('checkpoint.line', 'g', [])
    this.stage.begin('checkpoint.snapshot', 'g')
  }

  #reopen(): void {
    this.counts.reopened++
    this.stage.reopen()
  }

  #restore(): void {
    this.counts.restored++
    const [before, after] = this.stage.restore()
    expect(after).toEqual(before)
  }

  /** Everybody is there and has time; nothing is left to do. */
  finish(): void {
    const { stage } = this
    for (let round = 0; round < 6; round++) {
      for (const { name, wedged } of stage.listed()) {
        if (wedged) stage.recover(name)
        if (!this.living.some((proxy) => proxy.name === name)) stage.join(name)
      }
      stage.settle()
      stage.advance(6_000)
      stage.settle()
    }
    for (let round = 0; round < 3; round++) {
      for (const proxy of this.living) if (proxy.canWork) proxy.checkpoint()
      stage.settle()
    }
  }

  judge(): void {
    const { stage } = this
    expect(stage.truth.useless).toEqual([])
    this.#judgeLines()
    this.#judgeOutputs()
    const working = this.living.filter(({ canWork }) => canWork)
    expect(working.map(({ name }) => name).sort()).toEqual(
      stage
        .listed()
        .map(({ name }) => name)
        .sort(),
    )
    for (const proxy of working) {
      const sent = stage.truth.alive.filter(({ to }) => to === proxy.place).map(({ position }) => position)
      const posted = this.posts.filter(({ place }) => place === proxy.place).map(({ position }) => position)
      expect(proxy.memory.received, `what ${proxy.name} has been given`).toEqual([...sent, ...posted].sort((a, b) => a - b))
      const counted = stage.truth.alive.filter(({ from }) => from === proxy.place).map(({ position }) => position)
      expect(proxy.memory.sent, `what ${proxy.name} knows to have sent`).toEqual(counted)
    }
  }

  /** What the machine says, what follows from its trace, and what is so. */
  #judgeLines(): void {
    const { stage, random } = this
    const places = stage.listed()
    for (const proxy of this.living) {
      if (random.chance(0.7)) proxy.checkpoint()
      proxy.send(random.pick(this.living).name)
      stage.settle()
    }
    for (const { name, place } of places) {
      const line = stage.begin('checkpoint.line', 'g', [name])
      stage.settle()
      const ends = stage.truth.last.map((last, k) => (k === place ? last : last + 1))
      const cut = greatestLine(stage.truth.alive, ends)
      const truth = Object.fromEntries(
        places.map((each) => [each.name, cut[each.place]! > stage.truth.last[each.place]! ? 'current' : cut[each.place]!]),
      )
      expect(line.value, `the line if ${name} fails`).toEqual(truth)
      const trace = stage.query('trace', 'g') as TracePage
      expect(recoveryLine(trace, [name]), `the line by the trace if ${name} fails`).toEqual(truth)
    }
    for (let round = 0; round < 3; round++) {
      for (const proxy of this.living) proxy.checkpoint()
      stage.settle()
    }
  }

  /** None lost, none from an undone future. */
  #judgeOutputs(): void {
    const { stage } = this
    const counting = stage.proxies.filter(({ state, over }) => state === 'working' || over === 'left')
    const outputs = counting.flatMap(({ memory }) => memory.outputs)
    expect([...stage.truth.given].sort((a, b) => a - b)).toEqual(outputs.sort((a, b) => a - b))
  }
}

describe('groups in which everything happens at random', () => {
  test.each(['exact', 'bcs', 'fdas', 'hmnr', 'cut', 'koo-toueg'] as const)(
    '%s: lines are the greatest, no checkpoint is useless, every message that counts is delivered once and in order',
    (protocol) => {
      const sum: Record<string, number> = {}
      for (let seed = 1; seed <= SEEDS; seed++) {
        const play = new Play(protocol, seed)
        try {
          play.run(STEPS).finish()
          play.judge()
        } catch (error) {
          throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
        }
        for (const [what, count] of Object.entries({
          ...play.counts,
          lines: play.stage.truth.lines,
          undone: play.stage.truth.undone,
        }))
          sum[what] = (sum[what] ?? 0) + count
      }
      for (const [what, count] of Object.entries(sum)) expect(count, what).toBeGreaterThan(0)
    },
  )
})
