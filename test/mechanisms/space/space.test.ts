import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../src/errors.ts'
import { errorOf } from '../../../src/log/outcome.ts'
import type { IssueOptions, Issuer } from '../../../src/mechanisms/space/issuer.ts'
import type { EvalRun } from '../../../src/mechanisms/space/machine/eval.ts'
import { SpaceMachine } from '../../../src/mechanisms/space/machine/machine.ts'
import { gt, ref, type Space, space, spaceOver } from '../../../src/mechanisms/space/space.ts'
import { active, type Definition } from '../../../src/support/definition.ts'
import { MachineDriver, type Reply, session } from '../machine-driver.ts'

interface Pending {
  readonly owner: object | undefined
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** A site without a log: a machine, and promises for those who wait for its replies. */
class DirectIssuer implements Issuer {
  readonly issued: string[] = []
  readonly promises: Promise<unknown>[] = []
  readonly started: EvalRun[] = []
  readonly machine = new SpaceMachine({ start: (run) => this.started.push(run) })
  readonly driver = new MachineDriver([this.machine])
  readonly #caller = session(1)
  readonly #pending = new Map<number, Pending>()
  #number = 0

  issue(name: string, args: readonly unknown[], { signal, owner, present }: IssueOptions = {}): Promise<unknown> {
    this.#number += 1
    const number = this.#number
    const promise = new Promise((resolve, reject) => {
      const given = present === undefined ? resolve : (answer: unknown) => resolve(present(answer))
      this.#pending.set(number, { owner, resolve: given, reject })
      signal?.addEventListener('abort', () => this.#withdraw(number, signal.reason))
      this.#settle(this.driver.apply(this.#caller, number, name, ...args))
    })
    this.issued.push(name)
    this.promises.push(promise)
    return promise
  }

  withdraw(owner: object, reason: Error): void {
    for (const [number, pending] of this.#pending) {
      if (pending.owner === owner) this.#withdraw(number, reason)
    }
  }

  advance(ms: number): void {
    this.#settle(this.driver.advance(ms))
  }

  #withdraw(number: number, reason: unknown): void {
    if (this.driver.withdraw(this.#caller, number)) this.#pending.get(number)?.reject(reason)
  }

  #settle(replies: readonly Reply[]): void {
    for (const { number, outcome } of replies) {
      const pending = this.#pending.get(number)
      if ('value' in outcome) pending?.resolve(outcome.value)
      else pending?.reject(errorOf(outcome.error))
    }
  }
}

async function openJobs(): Promise<{ issuer: DirectIssuer; jobs: Space }> {
  const issuer = new DirectIssuer()
  return { issuer, jobs: await space({ issuer }, 'jobs') }
}

async function codeOf(work: () => unknown): Promise<string | undefined> {
  try {
    await work()
  } catch (error) {
    if (error instanceof PerdureError) return error.code
    throw error
  }
  return undefined
}

/** As a program without types would call it. */
interface Untyped {
  readonly [operation: string]: (...args: readonly unknown[]) => Promise<unknown>
}

function untyped(jobs: Space): Untyped {
  return jobs as unknown as Untyped
}

describe('a space', () => {
  test('gives back what was put', async () => {
    const { jobs } = await openJobs()
    await jobs.out(['resize', 7, 'cat.png'])
    expect(await jobs.rd(['resize', gt(6), String])).toEqual(['resize', 7, 'cat.png'])
    expect(await jobs.rdp(['resize', 8, String])).toBeNull()
    expect(await jobs.count(['resize', Number, String])).toBe(1)
    expect(await jobs.in(['resize', Number, String])).toEqual(['resize', 7, 'cat.png'])
    expect(await jobs.inp(['resize', Number, String])).toBeNull()
  })

  test('lets in wait for a tuple', async () => {
    const { jobs } = await openJobs()
    const taken = jobs.in(['resize', Number])
    await jobs.out(['resize', 7])
    expect(await taken).toEqual(['resize', 7])
  })

  test('issues an operation before its call returns, and returns the promise of its issuer', async () => {
    const { issuer, jobs } = await openJobs()
    const calls = [
      ...[jobs.out(['a']), jobs.rd(['a']), jobs.in(['a']), jobs.count(['a'])],
      ...[jobs.inp(['a']), jobs.rdp(['a']), jobs.eval(['a'])],
    ]
    expect(issuer.issued).toEqual(['out', 'rd', 'in', 'count', 'inp', 'rdp', 'eval'].map((name) => `space.${name}`))
    expect(calls).toHaveLength(issuer.promises.length)
    for (const [index, promise] of issuer.promises.entries()) expect(calls[index] === promise).toBe(true)
    await Promise.all(calls)
  })

  test('of the same name over another issuer is the same space', async () => {
    const { issuer, jobs } = await openJobs()
    await jobs.out(['a'])
    expect(await spaceOver(issuer, 'jobs').inp(['a'])).toEqual(['a'])
    await jobs.out(['a'])
    expect(await spaceOver(issuer, 'other').inp(['a'])).toBeNull()
  })

  test('becomes a tuple of eval when its runs have ended', async () => {
    const { issuer, jobs } = await openJobs()
    const fib: Definition<never, readonly [number], number> = {
      ...{
        name: 'fib',
        body: (_p: never, n: number) => n,
        layer: 'journal',
        maxTurnMs: 9,
        retainMs: 8,
        strict: false,
        module: undefined,
      },
    }
    await jobs.eval(['fib', 30, active(fib, [30])])
    expect(issuer.started).toEqual([
      { definition: 'fib', layer: 'journal', retainMs: 8, maxTurnMs: 9, input: [30], key: 'eval:1:2', placeholder: 1, field: 2 },
    ])
    expect(await jobs.inp(['fib', Number, Number])).toBeNull()
    issuer.driver.entry(issuer.machine, (context) => issuer.machine.complete(1, 2, { value: 832_040 }, context))
    expect(await jobs.inp(['fib', Number, Number])).toEqual(['fib', 30, 832_040])
    expect(await codeOf(() => jobs.out(['fib', active(fib, [30])]))).toBe('PERDURE_E_USAGE')
  })
})

describe('giving up', () => {
  test('rejects with the reason of the signal, and takes nothing', async () => {
    const { jobs } = await openJobs()
    const controller = new AbortController()
    const taken = jobs.in(['a'], { signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(taken).rejects.toBe(reason)
    await jobs.out(['a'])
    expect(await jobs.count(['a'])).toBe(1)
  })

  test('before the call issues nothing', async () => {
    const { issuer, jobs } = await openJobs()
    const reason = new Error('enough')
    await expect(jobs.rd(['a'], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(issuer.issued).toEqual([])
  })

  test('rejects after the time allowed', async () => {
    const { issuer, jobs } = await openJobs()
    const taken = jobs.in(['a'], { timeoutMs: 100 })
    const code = codeOf(() => taken)
    issuer.advance(100)
    expect(await code).toBe('PERDURE_E_TIMEOUT')
  })

  test('by closing rejects what waits, and everything later', async () => {
    const { issuer, jobs } = await openJobs()
    const other = await space({ issuer }, 'jobs')
    const mine = [codeOf(() => jobs.in(['a'])), codeOf(() => jobs.rd(['a'], { signal: new AbortController().signal }))]
    const others = other.in(['a'])
    await jobs.close()
    await jobs.close()
    expect(await Promise.all(mine)).toEqual(['PERDURE_E_CLOSED', 'PERDURE_E_CLOSED'])
    expect(await codeOf(() => jobs.out(['a']))).toBe('PERDURE_E_CLOSED')
    expect(await codeOf(() => jobs.count(['a']))).toBe('PERDURE_E_CLOSED')
    await other.out(['a'])
    expect(await others).toEqual(['a'])
  })

  test('happens at the end of its block', async () => {
    const issuer = new DirectIssuer()
    let waiting: Promise<string | undefined>
    {
      await using jobs = await space({ issuer }, 'jobs')
      waiting = codeOf(() => jobs.in(['a']))
    }
    expect(await waiting).toBe('PERDURE_E_CLOSED')
  })
})

describe('what does not fit is refused in the call, and nothing is issued', () => {
  const cases: readonly (readonly [code: string, operation: string, ...args: unknown[]])[] = [
    ['PERDURE_E_USAGE', 'out', 'resize'],
    ['PERDURE_E_USAGE', 'out', new Array(65).fill(0)],
    ['PERDURE_E_USAGE', 'out', ['a'], 7],
    ['PERDURE_E_USAGE', 'out', ['a'], { lease: 5 }],
    ['PERDURE_E_USAGE', 'out', ['a'], { leaseMs: 0 }],
    ['PERDURE_E_USAGE', 'out', ['a'], { notBeforeMs: -1 }],
    ['PERDURE_E_USAGE', 'out', ['a'], { leaseMs: '5' }],
    ['PERDURE_E_USAGE', 'in', ['a'], { hold: {} }],
    ['PERDURE_E_USAGE', 'in', ['a'], { hold: 5 }],
    ['PERDURE_E_USAGE', 'in', ['a'], { hold: { leaseMs: 5, maxDeliveries: 0 } }],
    ['PERDURE_E_USAGE', 'in', ['a'], { hold: { leaseMs: 5, max: 1 } }],
    ['PERDURE_E_NAME', 'in', ['a'], { hold: { leaseMs: 5, deadLetter: '.dead' } }],
    ['PERDURE_E_USAGE', 'rd', ['a'], { hold: { leaseMs: 5 } }],
    ['PERDURE_E_USAGE', 'inp', ['a'], { timeoutMs: 5 }],
    ['PERDURE_E_USAGE', 'collect', ['a'], { limit: 0 }],
    ['PERDURE_E_USAGE', 'collect', ['a'], { limit: 10_001 }],
    ['PERDURE_E_USAGE', 'collect', ['a'], { into: 'jobs' }],
    ['PERDURE_E_NAME', 'copyCollect', ['a'], { into: 'a/b' }],
    ['PERDURE_E_TEMPLATE', 'copyCollect', 'a'],
    ['PERDURE_E_USAGE', 'atomic', []],
    ['PERDURE_E_USAGE', 'atomic', new Array(65).fill({ out: ['a'] })],
    ['PERDURE_E_USAGE', 'atomic', [{ inp: ['a'] }]],
    ['PERDURE_E_USAGE', 'atomic', [{ in: ['a'], out: ['b'] }]],
    ['PERDURE_E_USAGE', 'atomic', [{ out: ['a', ref(0, 0)] }]],
    ['PERDURE_E_USAGE', 'atomic', [{ in: ['a'] }, { out: ['a', ref(0, 1)] }]],
    ['PERDURE_E_USAGE', 'atomic', [{ out: ['a'] }, { in: [ref(0, 0)] }]],
    ['PERDURE_E_TEMPLATE', 'atomic', [{ in: [() => true] }]],
    ['PERDURE_E_USAGE', 'atomic', [{ in: ['a'] }], { hold: { leaseMs: 1 } }],
    ['PERDURE_E_USAGE', 'ack', '1'],
    ['PERDURE_E_USAGE', 'release', undefined],
    ['PERDURE_E_USAGE', 'failureTuple', 'gone'],
    ['PERDURE_E_USAGE', 'eval', { 0: 'a' }],
    ['PERDURE_E_TEMPLATE', 'in', 'resize'],
    ['PERDURE_E_TEMPLATE', 'rd', [() => true]],
    ['PERDURE_E_TEMPLATE', 'inp', [Symbol]],
    ['PERDURE_E_TEMPLATE', 'rdp', undefined],
    ['PERDURE_E_TEMPLATE', 'count', null],
    ['PERDURE_E_USAGE', 'in', ['a'], { timeoutMs: -1 }],
    ['PERDURE_E_USAGE', 'in', ['a'], { timeoutMs: Number.POSITIVE_INFINITY }],
    ['PERDURE_E_USAGE', 'rd', ['a'], { timeoutMs: '5' }],
    ['PERDURE_E_USAGE', 'rd', ['a'], { timeoutMS: 5 }],
  ]
  for (const [code, operation, ...args] of cases) {
    test(`${operation} ${JSON.stringify(args)?.slice(0, 50)}: ${code}`, async () => {
      const { issuer, jobs } = await openJobs()
      expect(await codeOf(() => untyped(jobs)[operation]?.(...args))).toBe(code)
      expect(issuer.issued).toEqual([])
    })
  }

  test('names with odd characters name no space', async () => {
    for (const name of ['', '.jobs', 'a/b', 'ä', 'x'.repeat(65), undefined]) {
      expect(await codeOf(() => space({ issuer: new DirectIssuer() }, name as string))).toBe('PERDURE_E_NAME')
    }
  })

  test('values that cannot travel are refused by whoever issues', async () => {
    const { jobs } = await openJobs()
    const cyclic: unknown[] = []
    cyclic.push(cyclic)
    const hostile: readonly unknown[] = [
      () => 1,
      Number,
      cyclic,
      Symbol('x'),
      JSON.parse('{"__proto__": 1}'),
      new (class Own {})(),
      gt(3),
    ]
    for (const value of hostile) {
      expect(await codeOf(() => jobs.out(['a', value]))).toBe('PERDURE_E_VALUE')
    }
    expect(await jobs.count(['a', Number])).toBe(0)
  })
})
