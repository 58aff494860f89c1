/**
 * Groups in which everything happens at random: members that work, that ask a space and call a group, that are slow to read what they are
 * told, that die, fail, hang, leave and come back, recoveries during recoveries, restarts of everything, and a machine that is
 * replaced by its snapshot again and again.
 */
import { describe, expect, test } from 'vitest'
import { recoveryLine } from '../../../../src/mechanisms/checkpoint/line.ts'
import type { GroupProtocol } from '../../../../src/mechanisms/checkpoint/machine/protocol.ts'
import type { TracePage } from '../../../../src/mechanisms/checkpoint/machine/queries.ts'
import { encodeTemplate } from '../../../../src/support/template.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { greatestLine } from '../judge.ts'
import type { SimulatedProxy } from './simulated-proxy.ts'
import { GroupStage } from './stage.ts'

const SEEDS = Number(process.env.PERDURE_SEEDS ?? 12)
const STEPS = 400
const JOB = ['job', Number] as const
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
    tuples: 0,
    requests: 0,
    calls: 0,
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
    else if (die < 0.75) this.#send(proxy)
    else if (die < 0.82) this.#checkpoint(proxy)
    else if (die < 0.83) this.#output(proxy)
    else if (die < 0.84) this.#put()
    else if (die < 0.87) this.#request(proxy)
    else if (die < 0.875) this.#call(proxy)
    else if (die < 0.88) this.#post()
    else if (die < 0.9) this.#hurt(proxy)
    else if (die < 0.93) this.#join()
    else if (die < 0.95) stage.advance(random.between(1, 3_000))
    else if (die < 0.96) this.#restore()
    else if (die < 0.965) this.#ask()
    else if (die < 0.967) this.#reopen()
    else if (die < 0.972 && proxy?.canWork && this.living.length > 2) this.#leave(proxy)
    else if (die < 0.98) this.#answer()
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

  /** One tuple, or several in one entry. */
  #put(): void {
    const { stage, random } = this
    for (let more = random.between(1, 3); more > 0; more--) {
      this.counts.tuples++
      stage.ask('space.out', random.chance(0.5) ? 'jobs' : 'pool', ['job', this.counts.tuples])
    }
    if (random.chance(0.3)) stage.ask('space.collect', 'pool', encodeTemplate(JOB), { into: 'jobs' })
  }

  #request(proxy: SimulatedProxy | undefined): void {
    if (!proxy?.canWork) return
    const kind = this.random.pick(['in', 'in', 'inp', 'rd', 'rdp'])
    const options = kind === 'in' && this.random.chance(0.2) ? { timeoutMs: 1_000 } : null
    if (typeof proxy.ask(kind, 'jobs', JOB, options) === 'number') this.counts.requests++
  }

  #call(proxy: SimulatedProxy | undefined): void {
    if (!proxy?.canWork) return
    this.counts.calls++
    proxy.call(this.random.pick(['now', 'later']), this.counts.calls)
  }

  #answer(): void {
    const { stage, random } = this
    if (stage.groups.waiting.length > 0) stage.answerCall({ value: 0 }, random.below(stage.groups.waiting.length))
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

  /** Messages that it was not given are gone with it, and so would tuples be. */
  #leave(proxy: SimulatedProxy): void {
    const { requests, waiting } = this.stage.listed().find(({ name }) => name === proxy.name)!
    if (requests > 0 || waiting > 0 || proxy.memory.answers.length < proxy.memory.asked.length + proxy.memory.called.length)
      return
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
    for (let round = 0; round < 6; round++) {
      for (const proxy of this.living) if (proxy.canWork) proxy.checkpoint()
      while (stage.groups.waiting.length > 0) this.#answer()
      stage.settle()
      stage.advance(10)
      stage.settle()
    }
  }

  judge(): void {
    const { stage } = this
    expect(stage.truth.useless).toEqual([])
    this.#judgeLines()
    this.#judgeOutputs()
    this.#judgeRequests()
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

  /** No tuple is lost or there twice, no call is lost or made twice, every request that counts has one answer or still waits. */
  #judgeRequests(): void {
    const { stage } = this
    const counting = stage.proxies.filter(({ state, over }) => state === 'working' || over === 'left')
    const taken: number[] = []
    for (const { name, memory, over } of counting) {
      const { asked, called, answers, takes } = memory
      const replies = answers.map(({ reply }) => reply)
      expect(new Set(replies).size, `answers of ${name} are different`).toBe(replies.length)
      const mine = [...asked, ...called.map(([position]) => position)]
      expect(
        replies.filter((reply) => !mine.includes(reply)),
        `answers that ${name} has not asked for`,
      ).toEqual([])
      const waiting = over === 'left' ? 0 : stage.listed().find((member) => member.name === name)!.requests
      expect(mine.length - replies.length, `requests of ${name} that wait`).toBe(waiting)
      for (const answer of answers)
        if (takes.includes(answer.reply) && 'value' in answer && answer.value !== null) taken.push((answer.value as number[])[1]!)
    }
    const left = [...stage.tuples('jobs'), ...stage.tuples('pool')].map((tuple) => (tuple as number[])[1]!)
    const all = Array.from({ length: this.counts.tuples }, (_, i) => i + 1)
    expect(
      [...taken, ...left].sort((a, b) => a - b),
      'tuples',
    ).toEqual(all)
    const called = counting.flatMap(({ memory }) => memory.called.map(([, argument]) => argument as number))
    const made = stage.groups.calls.map(([, , , args]) => (args as number[])[0]!)
    expect(
      made.sort((a, b) => a - b),
      'calls',
    ).toEqual(called.sort((a, b) => a - b))
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
    '%s: lines are the greatest, no checkpoint is useless, every message and answer that counts is delivered once, no tuple is lost or doubled',
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
