/** All machines together: snapshots, duplicates, fences, time. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, encode } from '../../src/log/codec/codec.ts'
import type { Outcome } from '../../src/log/machine.ts'
import { encodeOperation, type Issuer } from '../../src/log/operation.ts'
import type { Replica, SnapshotPart } from '../../src/log/replica.ts'
import { composeReplica } from '../../src/node/compose.ts'
import { encodeTemplate } from '../../src/support/template.ts'

/** A replica fed by hand, that writes down what leaves it. */
class Fed {
  readonly replica: Replica = composeReplica()
  readonly heard: unknown[] = []
  readonly numbers = new Map<number, number>()
  gatewayNumber = 0

  constructor() {
    this.replica.sink = {
      reply: (session: number, number: number, outcome: Outcome, position: number) =>
        this.heard.push(['reply', session, number, outcome, position]),
      note: (session: number, body: readonly unknown[], position: number) => this.heard.push(['note', session, body, position]),
    }
  }

  own(name: string, ...args: unknown[]): void {
    this.apply({ kind: 'gateway' }, ++this.gatewayNumber, name, args)
  }

  enter(): number {
    this.own('site.enter', 'x')
    return this.replica.position
  }

  issue(session: number, name: string, ...args: unknown[]): string {
    const number = (this.numbers.get(session) ?? 0) + 1
    this.numbers.set(session, number)
    return this.apply({ kind: 'session', id: session }, number, name, args)
  }

  apply(
    caller: Issuer,
    number: number,
    name: string,
    args: readonly unknown[],
    fence = 0,
    received: [number, number][] = [],
  ): string {
    const bytes = encodeOperation({ caller, number, code: this.replica.code(name), fence, received }, args)
    return this.replica.apply(bytes, 0, bytes.length)
  }

  pass(ms: number): void {
    this.replica.advance(this.replica.wallMs + ms, this.replica.serviceMs + ms)
  }

  /** The placement of a run, from the notes. */
  fenceOf(run: number): number {
    const notes = this.heard.filter((line) => (line as [string])[0] === 'note') as [string, number, [string, number, number]][]
    const attempts = notes.filter(([, , [kind, id]]) => kind === 'attempt' && id === run)
    return attempts.at(-1)?.[2][2] ?? 0
  }
}

const OPTIONS = { layer: 'journal', maxTurnMs: 1_000, retainMs: 5_000 }

/** One thing that happens; sessions and runs are chosen by index, so that every choice means something. */
const happening = fc.oneof(
  fc.record({ kind: fc.constantFrom('out' as const), who: fc.integer({ min: 0, max: 2 }), n: fc.integer({ min: 0, max: 2 }) }),
  fc.record({
    kind: fc.constantFrom('in' as const, 'rd' as const, 'inp' as const),
    who: fc.integer({ min: 0, max: 2 }),
    n: fc.integer({ min: 0, max: 3 }),
  }),
  fc.record({
    kind: fc.constantFrom('start' as const, 'result' as const, 'cancel' as const, 'eval' as const),
    who: fc.integer({ min: 0, max: 2 }),
    n: fc.integer({ min: 0, max: 4 }),
  }),
  fc.record({
    kind: fc.constantFrom('node' as const, 'exited' as const, 'suspect' as const),
    who: fc.integer({ min: 0, max: 2 }),
    n: fc.integer({ min: 0, max: 1 }),
  }),
  fc.record({
    kind: fc.constantFrom(
      'r.out' as const,
      'r.in' as const,
      'r.sleep' as const,
      'r.step' as const,
      'r.race' as const,
      'r.checkpoint' as const,
      'r.end' as const,
      'r.retry' as const,
      'r.diverged' as const,
    ),
    who: fc.integer({ min: 1, max: 4 }),
    n: fc.integer({ min: 0, max: 2 }),
  }),
  fc.record({
    kind: fc.constantFrom('pass' as const, 'leave' as const, 'reopen' as const),
    who: fc.integer({ min: 0, max: 9 }),
    n: fc.integer({ min: 0, max: 4 }),
  }),
)

type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never

class World {
  readonly fed = new Fed()
  readonly sessions: number[] = []
  readonly runNumbers = new Map<string, number>()
  boots = 0
  readonly lastBoot = new Map<string, string>()

  begin(): void {
    this.fed.pass(1_000)
    this.fed.own('site.opened', 1)
    for (let i = 0; i < 3; i++) this.sessions.push(this.fed.enter())
    this.do({ kind: 'node', who: 0, n: 0 })
    for (const n of [0, 1, 3]) this.do({ kind: 'start', who: 1, n })
  }

  /** What it knows beside the replica goes on in the copy. */
  copyOf(other: World): void {
    this.sessions.push(...other.sessions)
    for (const [key, value] of other.fed.numbers) this.fed.numbers.set(key, value)
    for (const [key, value] of other.runNumbers) this.runNumbers.set(key, value)
    for (const [key, value] of other.lastBoot) this.lastBoot.set(key, value)
    this.boots = other.boots
    this.fed.gatewayNumber = other.fed.gatewayNumber
    this.fences = new Map(other.fences)
  }

  fences = new Map<number, number>()

  do({ kind, who, n }: Happening): void {
    const { fed } = this
    if (kind.startsWith('r.')) this.ofRun(kind, who, n)
    else if (kind === 'pass') fed.pass(who * 100 * (n + 1))
    else if (kind === 'reopen') {
      if (who > 0 || n > 1) return
      fed.own('site.opened', n + 2)
      for (let i = 0; i < 3; i++) this.sessions[i] = fed.enter()
    } else if (kind === 'leave') {
      fed.own('site.leave', this.sessions[who % 3])
      this.sessions[who % 3] = fed.enter()
    } else this.ofSession(kind, this.sessions[who] as number, n)
    for (let run = 1; run < 12; run++) {
      const fence = fed.fenceOf(run)
      if (fence > 0) this.fences.set(run, fence)
    }
  }

  ofSession(kind: string, session: number, n: number): void {
    const { fed } = this
    const template = n === 3 ? ['t', Number] : ['t', n]
    switch (kind) {
      case 'out':
        return void fed.issue(session, 'space.out', 'box', ['t', n])
      case 'in':
      case 'rd':
        return void fed.issue(session, `space.${kind}`, 'box', encodeTemplate(template), { timeoutMs: 700 })
      case 'inp':
        return void fed.issue(session, 'space.inp', 'box', encodeTemplate(template))
      case 'start':
        return void fed.issue(session, 'process.start', n < 3 ? 'd' : 'e', `k${n}`, { value: [n] }, OPTIONS)
      case 'result':
        return void fed.issue(session, 'process.result', n < 3 ? 'd' : 'e', `k${n}`)
      case 'cancel':
        return void fed.issue(session, 'process.cancel', 'd', `k${n}`, 'why')
      case 'eval':
        return void fed.issue(
          session,
          'space.eval',
          'box',
          ['t', null],
          [[1, { definition: 'd', layer: 'journal', retainMs: 100, maxTurnMs: 5 }, [n]]],
        )
      case 'node': {
        const boot = `boot ${++this.boots}`
        this.lastBoot.set(`n${n}`, boot)
        return void fed.issue(
          session,
          'process.node',
          `n${n}`,
          null,
          0,
          boot,
          1,
          [
            ['d', 'h'],
            ['e', `h${n}`],
          ],
          2,
        )
      }
      default:
        return void fed.issue(session, `process.${kind}`, `n${n}`, this.lastBoot.get(`n${n}`) ?? 'none')
    }
  }

  ofRun(kind: string, run: number, n: number): void {
    const fence = this.fences.get(run) ?? 0
    const key = `${run}:${fence}`
    const next = (this.runNumbers.get(`${run}`) ?? 0) + 1
    const caller: Issuer = { kind: 'run', id: run }
    const [name, args, own] = this.runOperation(kind, n, next)
    const number = own ? 0 : kind === 'r.race' ? next + 2 : next
    if (this.fed.apply(caller, number, name, args, fence) === 'fresh' && number > 0) this.runNumbers.set(`${run}`, number)
    this.runNumbers.set(key, number)
  }

  runOperation(kind: string, n: number, next: number): [string, unknown[], boolean] {
    switch (kind) {
      case 'r.out':
        return ['space.out', ['box', ['t', n]], false]
      case 'r.in':
        return ['space.in', ['box', encodeTemplate(['t', n])], false]
      case 'r.sleep':
        return ['process.sleep', [n * 300], false]
      case 'r.step':
        return ['process.step', ['s', { value: n }], false]
      case 'r.race':
        return [
          'process.race',
          [
            [
              ['a', next, 'space.in', ['box', encodeTemplate(['t', n])]],
              ['b', next + 1, 'process.sleep', [200]],
            ],
          ],
          false,
        ]
      case 'r.checkpoint':
        return ['process.checkpoint', [{ value: n }, n], false]
      case 'r.retry':
        return ['process.retry', [next, n], true]
      case 'r.diverged':
        return ['process.diverged', [{ name: 'E', message: 'm' }], true]
      default:
        return ['process.end', [{ value: n }], false]
    }
  }
}

describe('snapshots', () => {
  test('restored into a fresh replica: the same continuation gives the same replies, notes and snapshots', () => {
    let notes = 0
    let replies = 0
    fc.assert(
      fc.property(
        fc.array(happening, { minLength: 5, maxLength: 60, size: 'max' }),
        fc.array(happening, { minLength: 10, maxLength: 40, size: 'max' }),
        (before, after) => {
          const world = new World()
          world.begin()
          for (const one of before) world.do(one)
          const snapshot = [...world.fed.replica.snapshot()]
          const bytes = encode(snapshot, Number.POSITIVE_INFINITY)
          const copy = new World()
          copy.copyOf(world)
          copy.fed.replica.restore(decode(bytes) as SnapshotPart[])
          expect(Buffer.compare(encode([...copy.fed.replica.snapshot()], Number.POSITIVE_INFINITY), bytes)).toBe(0)
          expect(copy.fed.replica.nextDeadlineMs('wall')).toBe(world.fed.replica.nextDeadlineMs('wall'))
          expect(copy.fed.replica.nextDeadlineMs('service')).toBe(world.fed.replica.nextDeadlineMs('service'))
          const from = world.fed.heard.length
          for (const one of after) {
            world.do(one)
            copy.do(one)
          }
          expect(copy.fed.heard).toEqual(world.fed.heard.slice(from))
          expect([...copy.fed.replica.snapshot()]).toEqual([...world.fed.replica.snapshot()])
          notes += copy.fed.heard.filter((line) => (line as string[])[0] === 'note').length
          replies += copy.fed.heard.length
        },
      ),
      { numRuns: 200 },
    )
    expect(notes).toBeGreaterThan(100)
    expect(replies).toBeGreaterThan(1_000)
  })

  test('are data of their own: what happens later does not change them', () => {
    const world = new World()
    world.begin()
    const some: Happening[] = [
      { kind: 'node', who: 0, n: 0 },
      { kind: 'start', who: 0, n: 1 },
      { kind: 'in', who: 1, n: 1 },
      { kind: 'r.in', who: 1, n: 2 },
    ]
    for (const one of some) world.do(one)
    const snapshot = [...world.fed.replica.snapshot()]
    const bytes = encode(snapshot, Number.POSITIVE_INFINITY)
    for (const one of [
      { kind: 'out', who: 0, n: 1 },
      { kind: 'out', who: 0, n: 2 },
      { kind: 'r.end', who: 1, n: 0 },
      { kind: 'pass', who: 9, n: 4 },
    ] as Happening[])
      world.do(one)
    expect(encode(snapshot, Number.POSITIVE_INFINITY)).toEqual(bytes)
  })
})

describe('an operation takes effect once', () => {
  test('sent again by a session it gets the kept reply, and changes nothing', () => {
    const fed = new Fed()
    fed.pass(1)
    const session = fed.enter()
    const caller: Issuer = { kind: 'session', id: session }
    expect(fed.apply(caller, 1, 'space.out', ['box', ['x']])).toBe('fresh')
    expect(fed.apply(caller, 1, 'space.out', ['box', ['x']])).toBe('settled')
    expect(fed.replica.query('space', 'tuples', ['box'])).toMatchObject({ total: 1 })
    expect(fed.heard.map((line) => (line as unknown[]).slice(0, 3))).toEqual([
      ['reply', session, 1],
      ['reply', session, 1],
    ])
  })

  test('one that still waits is not answered by being sent again', () => {
    const fed = new Fed()
    fed.pass(1)
    const session = fed.enter()
    const caller: Issuer = { kind: 'session', id: session }
    fed.apply(caller, 1, 'space.in', ['box', encodeTemplate(['x'])])
    expect(fed.apply(caller, 1, 'space.in', ['box', encodeTemplate(['x'])])).toBe('settled')
    expect(fed.heard).toEqual([])
    fed.apply(caller, 2, 'space.out', ['box', ['x']])
    expect(fed.heard).toHaveLength(2)
  })

  test('a reply that was received is forgotten', () => {
    const fed = new Fed()
    fed.pass(1)
    const session = fed.enter()
    const caller: Issuer = { kind: 'session', id: session }
    fed.apply(caller, 1, 'space.out', ['box', ['x']])
    fed.apply(caller, 2, 'space.out', ['box', ['x']], 0, [[1, 1]])
    fed.apply(caller, 1, 'space.out', ['box', ['x']])
    expect(fed.heard).toHaveLength(2)
  })

  test('a gap in the numbers, an unknown session and one that has left are refused, and change nothing', () => {
    const fed = new Fed()
    fed.pass(1)
    const session = fed.enter()
    const gone = fed.enter()
    fed.own('site.leave', gone)
    for (const [id, number] of [
      [session, 2],
      [gone, 1],
      [99, 1],
    ] as const)
      expect(fed.apply({ kind: 'session', id }, number, 'space.out', ['box', ['x']])).toBe('refused')
    expect(fed.replica.query('space', 'tuples', ['box'])).toMatchObject({ total: 0 })
  })

  test('every operation takes a position, refused and repeated ones too', () => {
    const fed = new Fed()
    fed.pass(1)
    const session = fed.enter()
    const { position } = fed.replica
    fed.apply({ kind: 'session', id: session }, 1, 'space.out', ['box', ['x']])
    fed.apply({ kind: 'session', id: session }, 1, 'space.out', ['box', ['x']])
    fed.apply({ kind: 'session', id: 77 }, 1, 'space.out', ['box', ['x']])
    expect(fed.replica.position).toBe(position + 3)
  })

  test('of a run: the fence is checked before it is looked up, so an old owner is not even answered', () => {
    const fed = new Fed()
    fed.pass(1)
    const session = fed.enter()
    fed.issue(session, 'process.node', 'n', null, 0, 'boot', 1, [['d', 'h']], 1)
    fed.issue(session, 'process.start', 'd', 'k', { value: [] }, OPTIONS)
    const fence = fed.fenceOf(1)
    const run: Issuer = { kind: 'run', id: 1 }
    expect(fed.apply(run, 1, 'space.out', ['box', ['x']], fence)).toBe('fresh')
    expect(fed.apply(run, 1, 'space.out', ['box', ['x']], fence)).toBe('settled')
    expect(fed.apply(run, 1, 'space.out', ['box', ['x']], fence - 1)).toBe('refused')
    expect(fed.apply(run, 2, 'space.out', ['box', ['x']], fence - 1)).toBe('refused')
    expect(fed.replica.query('space', 'tuples', ['box'])).toMatchObject({ total: 1 })
  })
})

test('two replicas fed the same entries are the same after each of them', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 50 }), (all) => {
      const [a, b] = [new World(), new World()]
      a.begin()
      b.begin()
      for (const one of all) {
        a.do(one)
        b.do(one)
        expect(b.fed.heard.length).toBe(a.fed.heard.length)
      }
      expect([...b.fed.replica.snapshot()]).toEqual([...a.fed.replica.snapshot()])
      expect(b.fed.heard).toEqual(a.fed.heard)
    }),
    { numRuns: 50 },
  )
})

test('deadlines fall due with the record that reaches them, ordered by time, ties in order of arrival', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 20 }), (waits) => {
      const fed = new Fed()
      fed.pass(1)
      const session = fed.enter()
      for (const [n] of waits) fed.issue(session, 'space.in', 'box', encodeTemplate(['x']), { timeoutMs: n * 100 })
      fed.pass(1_000)
      const order = fed.heard.map((line) => (line as [string, number, number])[2])
      const expected = waits.map(([n], i) => [n, i + 1] as const).toSorted((a, b) => a[0] - b[0] || a[1] - b[1])
      expect(order).toEqual(expected.map(([, number]) => number))
    }),
    { numRuns: 50 },
  )
})

test('log time that would go back is a broken invariant', () => {
  const fed = new Fed()
  fed.pass(10)
  expect(() => fed.replica.advance(5, 10)).toThrow(expect.objectContaining({ code: 'PERDURE_E_INVARIANT' }))
  expect(() => fed.replica.advance(10, 5)).toThrow(expect.objectContaining({ code: 'PERDURE_E_INVARIANT' }))
})
