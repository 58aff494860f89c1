/** One hosted member over a port that remembers what was said. */
import { describe, expect, test } from 'vitest'
import type { Failure, Outcome } from '../../../../src/log/machine.ts'
import { attempt, choose } from '../../../../src/mechanisms/group/attempt.ts'
import type { Cast, Order } from '../../../../src/mechanisms/group/site/execution.ts'
import { HostedMember, type MemberPort, type Placement } from '../../../../src/mechanisms/group/site/hosted-member.ts'
import type { VariantClass } from '../../../../src/mechanisms/group/strategy.ts'
import { virtualClock } from '../../../../src/testing/virtual-clock.ts'

class Register {
  value: number
  constructor(value = 0) {
    this.value = value
  }
  add(n: number): number {
    this.value += n
    return this.value
  }
  async addLater(n: number): Promise<number> {
    await new Promise<void>((resolve) => {
      open = resolve
    })
    return this.add(n)
  }
  refuse(): never {
    throw new RangeError('not here')
  }
  link(): unknown {
    return new WeakMap()
  }
  async wait(n: number): Promise<number> {
    await Promise.resolve()
    return this.add(n)
  }
  async hang(): Promise<never> {
    return new Promise(() => undefined)
  }
  async dice(): Promise<number> {
    return choose(() => ++thrown)
  }
  tell(n: number): void {
    attempt().space('told').out(['told', n])
    attempt().borderline()
  }
}

let thrown = 0

/** Lets `addLater` go on. */
let open: () => void = () => undefined

interface Stage {
  readonly member: HostedMember
  readonly ready: (Failure | null)[]
  readonly casts: [call: number, cast: Cast][]
  readonly donated: [afterCall: number, state: Outcome][]
  run(order: Partial<Order> & Pick<Order, 'call' | 'method'>): void
}

function stage(placement: Partial<Placement> = {}, variant: VariantClass = Register, choices: unknown[] = []): Stage {
  const ready: (Failure | null)[] = []
  const casts: [number, Cast][] = []
  const donated: [number, Outcome][] = []
  const port: MemberPort = {
    clock: virtualClock(),
    ready: (failure) => void ready.push(failure),
    cast: ({ call }, cast) => void casts.push([call, cast]),
    choose: async (_call, n, value) => (choices[n] ??= value),
    donate: (afterCall, state) => void donated.push([afterCall, state]),
  }
  const member = new HostedMember(
    variant,
    { member: 'm', epoch: 1, args: [], mode: 'own', base: null, calls: [], ...placement },
    port,
  )
  const run: Stage['run'] = (order) => {
    member.run({ attempt: 1, args: [], role: 'member', wantHash: false, choices: [], ...order })
    member.pump()
  }
  return { member, ready, casts, donated, run }
}

const turns = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a member is built', () => {
  test('with the arguments of its group, and says so', () => {
    const { ready, casts, run } = stage({ args: [5] })
    run({ call: 1, method: 'add', args: [1] })
    expect(ready).toEqual([null])
    expect(casts).toEqual([[1, { kind: 'value', answer: { value: 6 }, ms: 0, extra: {} }]])
  })

  test('from the base and the calls since, which nobody hears of, before it executes anything else', async () => {
    const { ready, casts, run } = stage({
      base: { afterCall: 7, state: { value: 100 } },
      calls: [
        [8, 'add', [10], []],
        [9, 'wait', [20], []],
      ],
    })
    run({ call: 10, method: 'add', args: [1] })
    expect(casts).toEqual([])
    await turns()
    expect(ready).toEqual([null])
    expect(casts.map(([call, { answer }]) => [call, answer])).toEqual([[10, { value: 131 }]])
  })

  test('with the choices that were made in the calls that it repeats', async () => {
    const { casts, run } = stage({ calls: [[1, 'dice', [], [{ value: 66 }]]] })
    run({ call: 2, method: 'dice', role: 'follower', choices: [{ value: 77 }] })
    await turns()
    expect(casts.map(([, { answer }]) => answer)).toEqual([{ value: 77 }])
  })

  test('or not, and then says why, and has no vote', () => {
    class Broken {
      constructor() {
        throw new RangeError('no such disk')
      }
    }
    const { ready, casts, run } = stage({}, Broken)
    run({ call: 1, method: 'add' })
    expect(ready).toMatchObject([{ name: 'RangeError', message: 'no such disk' }])
    expect(casts).toMatchObject([[1, { kind: 'error', answer: { error: { message: 'no such disk' } } }]])
  })
})

describe('a member executes', () => {
  test('its calls one after the other where it has a state, also while one waits', async () => {
    const { casts, run } = stage()
    run({ call: 1, method: 'addLater', args: [1] })
    run({ call: 2, method: 'add', args: [1] })
    await turns()
    expect(casts).toEqual([])
    open()
    await turns()
    expect(casts.map(([call, { answer }]) => [call, answer])).toEqual([
      [1, { value: 1 }],
      [2, { value: 2 }],
    ])
  })

  test('its calls side by side where it has none', async () => {
    const { casts, run } = stage({ mode: 'none' })
    run({ call: 1, method: 'hang' })
    run({ call: 2, method: 'add', args: [1] })
    await turns()
    expect(casts.map(([call]) => call)).toEqual([2])
  })

  test('and an error that it throws is an answer, one that cannot travel is none', () => {
    const { casts, run } = stage()
    run({ call: 1, method: 'refuse' })
    run({ call: 2, method: 'link' })
    expect(casts.map(([, { kind, answer }]) => [kind, (answer as { error: Failure }).error.name])).toEqual([
      ['exception', 'RangeError'],
      ['error', 'PerdureError'],
    ])
  })

  test('on a copy where the state is common, until the log says whose state is the new one', () => {
    const { casts, run, member } = stage({ mode: 'common' })
    run({ call: 1, method: 'add', args: [5] })
    run({ call: 1, method: 'add', args: [5], attempt: 2 })
    expect(casts.map(([, { answer, extra }]) => [answer, extra])).toEqual([
      [{ value: 5 }, { before: { value: 0 }, after: { value: 5 } }],
      [{ value: 5 }, { before: { value: 0 }, after: { value: 5 } }],
    ])
    member.end(1, 'other', [{ value: 40 }])
    run({ call: 2, method: 'add', args: [1] })
    expect(casts.at(-1)?.[1].answer).toEqual({ value: 41 })
  })

  test('and an attempt on a copy that hangs is given up when its call is decided', async () => {
    const { casts, run, member } = stage({ mode: 'common' })
    run({ call: 1, method: 'hang' })
    run({ call: 2, method: 'add', args: [1] })
    await turns()
    expect(casts).toEqual([])
    member.end(1, null, null)
    await turns()
    expect(casts.map(([call]) => call)).toEqual([2])
  })

  test('as primary, and its state goes with the answer; what it is told of its own calls does not set it back', () => {
    const { casts, run, member } = stage()
    run({ call: 1, method: 'add', args: [1], role: 'primary' })
    run({ call: 2, method: 'add', args: [1], role: 'primary' })
    member.end(1, 'm', [{ value: 1 }])
    run({ call: 3, method: 'add', args: [1], role: 'primary' })
    expect(casts.map(([, { extra }]) => extra.after)).toEqual([{ value: 1 }, { value: 2 }, { value: 3 }])
  })

  test('as backup, and takes over the state of the primary', () => {
    const { casts, run, member } = stage()
    member.end(1, 'primary', [{ value: 70 }])
    run({ call: 2, method: 'add', args: [1], role: 'primary' })
    expect(casts[0]?.[1]).toMatchObject({ answer: { value: 71 }, extra: { after: { value: 71 } } })
  })

  test('as leader, whose choice is written down before it goes on; the one that was there before counts', async () => {
    const { casts, run } = stage({}, Register, [undefined, { value: 'from the log' }])
    thrown = 0
    run({ call: 1, method: 'dice', role: 'leader' })
    await turns()
    expect(casts).toMatchObject([[1, { answer: { value: 1 }, extra: { choices: 1 } }]])
    const again = stage({}, Register, [{ value: 'from the log' }])
    again.run({ call: 1, method: 'dice', role: 'leader' })
    await turns()
    expect(again.casts).toMatchObject([[1, { answer: { value: 'from the log' } }]])
  })

  test('as follower, and has no vote when it asks for a choice that the leader did not make', async () => {
    const { casts, run } = stage()
    run({ call: 1, method: 'dice', role: 'follower' })
    await turns()
    expect(casts).toMatchObject([[1, { kind: 'error', answer: { error: { code: 'PERDURE_E_DIVERGED' } } }]])
  })

  test('and what it wants to leave in a space goes with its ballot', () => {
    const { casts, run } = stage()
    run({ call: 1, method: 'tell', args: [3] })
    expect(casts[0]?.[1].extra).toEqual({ outs: [['told', ['told', 3]]], borderline: true })
  })
})

describe('a member shows its state', () => {
  test('as a digest where one is wanted, the same for equal states', () => {
    const [a, b, c] = [stage(), stage(), stage()]
    a.run({ call: 1, method: 'add', args: [2], wantHash: true })
    b.run({ call: 1, method: 'add', args: [2], wantHash: true })
    c.run({ call: 1, method: 'add', args: [3], wantHash: true })
    const [one, two, three] = [a, b, c].map(({ casts }) => casts[0]?.[1].extra.hash)
    expect(one).toBe(two)
    expect(one).toMatch(/./)
    expect(one).not.toBe(three)
  })

  test('as it was after the call that it is asked for', () => {
    const { donated, run, member } = stage()
    run({ call: 1, method: 'add', args: [2] })
    member.donate(1)
    run({ call: 2, method: 'add', args: [2] })
    expect(donated).toEqual([[1, { value: { value: 2 } }]])
  })

  test('or says why it cannot', () => {
    class Secret {
      #n = 0
      add(): number {
        this.#n += 1
        return this.#n
      }
    }
    const { donated, run, member } = stage({}, Secret)
    run({ call: 1, method: 'add' })
    member.donate(1)
    member.pump()
    expect(donated).toMatchObject([[1, { error: { code: 'PERDURE_E_STATE' } }]])
  })
})

test('a member that is destroyed says nothing any more', async () => {
  const { casts, run, member } = stage()
  run({ call: 1, method: 'wait', args: [1] })
  member.destroy()
  await turns()
  expect(casts).toEqual([])
})
