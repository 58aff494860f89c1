/**
 * Coordinated atomic actions, with bodies, objects and time: every outcome in every way into it.
 *
 * Longer than other files, because outcomes times ways is a table, and all of it is played on the same stage.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../../src/errors.ts'
import { FAULT_CHANNEL, type Fault } from '../../../../src/fault.ts'
import { type ActionOptions, action } from '../../../../src/mechanisms/group/action/action.ts'
import { checkpoint, restore } from '../../../../src/support/state/state.ts'
import { type VirtualClock, virtualClock } from '../../../../src/testing/virtual-clock.ts'

class Account {
  balance: number

  constructor(balance: number) {
    this.balance = balance
  }

  add(amount: number): void {
    this.balance += amount
  }
}

const EXCEPTIONS = { Failed: { NoFunds: {}, Closed: {} }, Busy: {} } as const
const SIGNALS = { NoFunds: 'undo', Busy: 'commit' } as const
const never = new Promise<never>(() => undefined)

function bank(more: { readonly clock?: VirtualClock; readonly entryMs?: number; readonly bodyMs?: number } = {}) {
  const clock = more.clock ?? virtualClock()
  const objects = { giro: new Account(100), savings: new Account(0) }
  const options = {
    name: 'transfer',
    exceptions: EXCEPTIONS,
    objects,
    signals: SIGNALS,
    stopMs: 100,
    handlerMs: 500,
    ...more,
    clock,
  }
  const transfer = action(['from', 'to'], options)
  const balances = () => [objects.giro.balance, objects.savings.balance]
  return { clock, objects, options, transfer, balances }
}

type Bank = ReturnType<typeof bank>

/** What came of a promise, as one word: `value` or the code. */
async function ending(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    (value) => `value ${String(value)}`,
    (error: { code?: string }) => error.code ?? String(error),
  )
}

describe('an action in which nothing goes wrong', () => {
  test('starts nobody before all roles are filled; all leave together, each with what its body has returned', async () => {
    const { transfer, balances } = bank()
    const log: string[] = []
    let finish: (() => void) | undefined
    const slow = new Promise<void>((resolve) => {
      finish = resolve
    })
    const from = transfer.enter('from', (context) => {
      log.push('from works')
      context.objects.giro.add(-30)
      return 'paid'
    })
    void from.then(() => log.push('from left'))
    await Promise.resolve()
    expect(log).toEqual([])
    const to = transfer.enter('to', async (context) => {
      await slow
      context.objects.savings.add(30)
      log.push('to done')
      return 'received'
    })
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect(log).toEqual(['from works'])
    expect(balances()).toEqual([100, 0])
    finish?.()
    expect(await Promise.all([from, to])).toEqual(['paid', 'received'])
    expect(log).toEqual(['from works', 'to done', 'from left'])
    expect(balances()).toEqual([70, 30])
  })

  test('can be performed again, and performances that share objects take turns', async () => {
    const { transfer, balances } = bank()
    const rounds = Array.from({ length: 5 }, () => [
      transfer.enter('from', async (context) => {
        const { balance } = context.objects.giro
        await Promise.resolve()
        context.objects.giro.balance = balance - 10
      }),
      transfer.enter('to', (context) => context.objects.savings.add(10)),
    ])
    await Promise.all(rounds.flat())
    expect(balances()).toEqual([50, 50])
  })

  test('has participants that see each other work on the same copies', async () => {
    const { transfer } = bank()
    const from = transfer.enter('from', (context) => context.objects.giro.add(-1))
    const to = transfer.enter('to', async (context) => {
      await Promise.resolve()
      return context.objects.giro.balance
    })
    await from
    expect(await to).toBe(99)
  })
})

/** The ways in which handlers can end, and what must come of them. */
const OUTCOMES = [
  { outcome: 'normal', ends: 'value repaired', kept: true },
  { outcome: 'signalled, commit', ends: 'PERDURE_E_ACTION_SIGNALLED', kept: true },
  { outcome: 'signalled, undo', ends: 'PERDURE_E_ACTION_SIGNALLED', kept: false },
  { outcome: 'abort', ends: 'PERDURE_E_ACTION_ABORTED', kept: false },
  { outcome: 'failure', ends: 'PERDURE_E_ACTION_FAILED', kept: false },
] as const

type OutcomeName = (typeof OUTCOMES)[number]['outcome']

/** Ends as asked for, whatever exception it is for; writes down which that is. */
function handlersFor(outcome: OutcomeName, seen: string[]) {
  const handle = (context: {
    readonly exception: string
    readonly objects: Bank['objects']
    leaveWith(name: 'NoFunds' | 'Busy'): never
    abort(): never
    fail(): never
  }): string => {
    seen.push(context.exception)
    context.objects.savings.add(1)
    if (outcome === 'signalled, commit') context.leaveWith('Busy')
    if (outcome === 'signalled, undo') context.leaveWith('NoFunds')
    if (outcome === 'abort') context.abort()
    if (outcome === 'failure') context.fail()
    return 'repaired'
  }
  return { handlers: { UniversalException: handle } }
}

describe.each(OUTCOMES)('handlers that end in: $outcome', ({ outcome, ends, kept }) => {
  const expected = (added: number) => (kept ? [100, added] : [100, 0])

  test('after one exception, which is raised in all participants', async () => {
    const { transfer, balances } = bank()
    const seen: string[] = []
    const options = handlersFor(outcome, seen)
    const from = transfer.enter('from', (context) => context.raise('Closed'), options)
    const to = transfer.enter('to', () => 'done already', options)
    expect(await Promise.all([ending(from), ending(to)])).toEqual([ends, ends])
    expect(seen).toEqual(['Closed', 'Closed'])
    expect(balances()).toEqual(expected(2))
  })

  test('after concurrent exceptions, as the least exception that covers them', async () => {
    const { transfer, balances } = bank()
    const seen: string[] = []
    const options = handlersFor(outcome, seen)
    const from = transfer.enter('from', (context) => context.raise('Closed'), options)
    const to = transfer.enter('to', () => Promise.reject(Object.assign(new Error('empty'), { code: 'NoFunds' })), options)
    expect(await Promise.all([ending(from), ending(to)])).toEqual([ends, ends])
    expect(seen).toEqual(['Failed', 'Failed'])
    expect(balances()).toEqual(expected(2))
  })

  test('after an exception around a nested action, which is aborted before the handlers begin', async () => {
    const { transfer, balances, objects, clock } = bank()
    const inner = action(['only'], { objects: { savings: objects.savings }, clock })
    const seen: string[] = []
    const options = handlersFor(outcome, seen)
    const aborted: number[] = []
    const inside = new Promise<void>((entered) => {
      void ending(
        transfer.enter(
          'from',
          (context) =>
            context.enter(inner, 'only', (nested) => {
              nested.objects.savings.add(1000)
              nested.signal.addEventListener('abort', () => aborted.push(seen.length))
              entered()
              // Deaf to its signal: the outer action does not wait for it.
              return never
            }),
          options,
        ),
      ).then((word) => seen.push(word))
    })
    const to = transfer.enter(
      'to',
      async (context) => {
        await inside
        return context.raise('Closed')
      },
      options,
    )
    expect(await ending(to)).toBe(ends)
    expect(seen).toEqual(['Closed', 'Closed', ends])
    expect(aborted).toEqual([0])
    expect(balances()).toEqual(expected(2))
  })

  test('after a participant was lost', async () => {
    const { transfer, balances, clock } = bank()
    const seen: string[] = []
    const options = handlersFor(outcome, seen)
    const crash = new AbortController()
    const from = transfer.enter('from', () => never, { ...options, signal: crash.signal })
    const to = transfer.enter('to', (context) => context.until(never), options)
    const both = Promise.all([ending(from), ending(to)])
    await clock.advance(1)
    crash.abort()
    expect(await both).toEqual([outcome === 'normal' ? 'PERDURE_E_REVOKED' : ends, ends])
    expect(seen).toEqual(['ParticipantLost'])
    expect(balances()).toEqual(expected(1))
  })

  test('after the entry deadline, in those who have come', async () => {
    const { transfer, balances, clock } = bank({ entryMs: 50 })
    const seen: string[] = []
    const from = ending(transfer.enter('from', () => 'not to be', handlersFor(outcome, seen)))
    await clock.advance(49)
    expect(seen).toEqual([])
    await clock.advance(1)
    expect(await from).toBe(ends)
    expect(seen).toEqual(['ParticipantLost'])
    expect(balances()).toEqual(expected(1))
  })
})

describe('an exception', () => {
  test('goes to the handler of the nearest exception above it; without any, the action aborts and says what was raised', async () => {
    const { transfer, balances } = bank()
    const seen: string[] = []
    const from = transfer.enter('from', (context) => context.raise('Closed'), {
      handlers: {
        Failed: (context) => void seen.push(`Failed for ${context.exception}`),
        UniversalException: () => void seen.push('root'),
      },
    })
    const to = transfer.enter('to', (context) => context.objects.savings.add(1))
    const [, error] = await Promise.all([ending(from), to.catch((thrown: PerdureError) => thrown)])
    expect(seen).toEqual(['Failed for Closed'])
    expect(error).toMatchObject({
      code: 'PERDURE_E_ACTION_ABORTED',
      data: { action: 'transfer', exception: 'Closed', raised: [{ role: 'from', exception: 'Closed' }] },
      cause: { name: 'Closed' },
    })
    expect(balances()).toEqual([100, 0])
  })

  test('that nobody declared is the universal one; handlers see who raised what', async () => {
    const { transfer } = bank()
    const bug = new TypeError('a bug')
    const raised: unknown[] = []
    const handlers = { UniversalException: (context: { raised: unknown }) => void raised.push(context.raised) }
    const to = transfer.enter('to', () => undefined, { handlers })
    await transfer.enter('from', () => Promise.reject(bug), { handlers })
    await to
    expect(raised).toEqual(new Array(2).fill([{ role: 'from', exception: 'UniversalException', error: bug }]))
  })

  test('aborts the signal and rejects the waits of the other participants, for whom that is none of their own', async () => {
    const { transfer } = bank()
    const seen: unknown[] = []
    let itWaits: (() => void) | undefined
    const waits = new Promise<void>((resolve) => {
      itWaits = resolve
    })
    const handlers = { Failed: (context: { raised: readonly unknown[] }) => void seen.push(context.raised.length) }
    const to = transfer.enter(
      'to',
      async (context) => {
        context.signal.addEventListener('abort', () => seen.push('aborted'))
        itWaits?.()
        await context.until(never).catch((error: unknown) => {
          seen.push(PerdureError.is(error, 'PERDURE_E_INTERRUPTED'))
          throw error
        })
      },
      { handlers },
    )
    const from = transfer.enter('from', (context) => waits.then(() => context.raise('NoFunds')), { handlers })
    await Promise.all([from, to])
    expect(seen).toEqual(['aborted', true, 1, 1])
  })

  test('thrown by a handler, and none that the action may signal, aborts the action', async () => {
    const { transfer, balances } = bank()
    const options = { handlers: { Failed: () => Promise.reject(new Error('in the handler')) } }
    const both = [transfer.enter('from', (context) => context.raise('Closed'), options), transfer.enter('to', () => 1, options)]
    expect(await Promise.all(both.map(ending))).toEqual(['PERDURE_E_ACTION_ABORTED', 'PERDURE_E_ACTION_ABORTED'])
    expect(balances()).toEqual([100, 0])
  })
})

describe('a participant that does not come back', () => {
  test('is fenced after stopMs: it gets at no object any more, and what it does to its copies is never installed', async () => {
    const { transfer, clock, balances } = bank({ bodyMs: 1000 })
    const handlers = { ParticipantLost: (context: { objects: Bank['objects'] }) => context.objects.savings.add(5) }
    const late: unknown[] = []
    let zombie: Promise<void> | undefined
    const from = transfer.enter(
      'from',
      (context) => {
        const { savings } = context.objects
        zombie = clock.sleep(1150).then(() => {
          savings.add(1_000_000)
          try {
            late.push(context.objects)
          } catch (error) {
            late.push((error as PerdureError).code)
          }
        })
        return zombie
      },
      { handlers },
    )
    const over = clock.sleep(1300)
    const to = transfer.enter('to', () => undefined, {
      handlers: {
        ParticipantLost: async (context) => {
          context.objects.savings.add(5)
          await over
        },
      },
    })
    const both = Promise.all([ending(from), ending(to)])
    await clock.advance(1099)
    expect(late).toEqual([])
    await clock.advance(400)
    expect(await both).toEqual(['PERDURE_E_REVOKED', 'value undefined'])
    await zombie
    expect(late).toEqual(['PERDURE_E_REVOKED'])
    expect(balances()).toEqual([100, 5])
  })

  test('from its handler within handlerMs aborts the action', async () => {
    const { transfer, clock, balances } = bank()
    const from = ending(transfer.enter('from', (context) => context.raise('Busy'), { handlers: { Busy: () => never } }))
    const to = ending(transfer.enter('to', () => undefined, { handlers: { Busy: (context) => context.objects.savings.add(1) } }))
    await clock.advance(500)
    expect(await Promise.all([from, to])).toEqual(['PERDURE_E_ACTION_ABORTED', 'PERDURE_E_ACTION_ABORTED'])
    expect(balances()).toEqual([100, 0])
  })

  test('before the start takes its entry back, and another may have its role', async () => {
    const { transfer, balances } = bank()
    const patience = new AbortController()
    const gone = ending(transfer.enter('from', () => 1, { signal: patience.signal }))
    patience.abort()
    expect(await gone).toBe('PERDURE_E_ABORTED')
    const to = transfer.enter('to', () => 'to')
    expect(await transfer.enter('from', () => 'from')).toBe('from')
    expect(await to).toBe('to')
    expect(balances()).toEqual([100, 0])
  })
})

/** Of a class that hides its state; its restoring fails on demand. */
class Vault {
  #gold = 7
  refuse: (gold: number) => boolean = () => false

  get gold(): number {
    return this.#gold
  }

  spend(): void {
    this.#gold -= 1
  }

  [checkpoint](): number {
    return this.#gold
  }

  [restore](gold: number): void {
    if (this.refuse(gold)) throw new Error(`no ${gold}`)
    this.#gold = gold
  }
}

describe('objects are all new or all old', () => {
  const setting = () => {
    const objects = { account: new Account(1), vault: new Vault() }
    const both = action(['one'], { objects, rebuild: { vault: () => new Vault() } })
    const spend = () =>
      ending(
        both.enter('one', (context) => {
          context.objects.account.add(1)
          context.objects.vault.spend()
        }),
      )
    return { objects, spend }
  }

  test('when all take their new state', async () => {
    const { objects, spend } = setting()
    expect(await spend()).toBe('value undefined')
    expect([objects.account.balance, objects.vault.gold]).toEqual([2, 6])
  })

  test('when one refuses its new state: all have the old one, and the action is aborted', async () => {
    const { objects, spend } = setting()
    objects.vault.refuse = (gold) => gold === 6
    expect(await spend()).toBe('PERDURE_E_ACTION_ABORTED')
    expect([objects.account.balance, objects.vault.gold]).toEqual([1, 7])
  })

  test('when one takes neither: that is a failure, and reported as one', async () => {
    const { objects, spend } = setting()
    objects.vault.refuse = () => true
    expect(await spend()).toBe('PERDURE_E_ACTION_FAILED')
  })

  test('when no copy can be made: nobody starts', async () => {
    const started: string[] = []
    const hidden = action(['one'], { objects: { vault: new Vault() } })
    const error = await hidden.enter('one', () => void started.push('one')).catch((thrown: PerdureError) => thrown)
    expect(error).toMatchObject({ code: 'PERDURE_E_ACTION_ABORTED', cause: { code: 'PERDURE_E_STATE' } })
    expect(started).toEqual([])
  })
})

describe('a nested action', () => {
  test('commits to the copies of the outer one, and goes with them when that is aborted', async () => {
    const { transfer, objects, balances, clock } = bank()
    const inner = action(['only'], { objects: { savings: objects.savings }, clock })
    const seen: number[][] = []
    const from = ending(
      transfer.enter('from', async (context) => {
        await context.enter(inner, 'only', (nested) => nested.objects.savings.add(9))
        seen.push([context.objects.savings.balance, objects.savings.balance])
        throw new Error('after all')
      }),
    )
    const to = ending(transfer.enter('to', () => undefined))
    expect(await Promise.all([from, to])).toEqual(['PERDURE_E_ACTION_ABORTED', 'PERDURE_E_ACTION_ABORTED'])
    expect(seen).toEqual([[9, 0]])
    expect(balances()).toEqual([100, 0])
  })

  test('that signals an exception raises it in the outer one', async () => {
    const { transfer, clock } = bank()
    const inner = action(['only'], { exceptions: { NoFunds: {} }, signals: { NoFunds: 'undo' }, clock })
    const seen: string[] = []
    const handlers = { UniversalException: (context: { exception: string }) => void seen.push(context.exception) }
    const options = { handlers: { NoFunds: (context: { leaveWith(name: 'NoFunds'): never }) => context.leaveWith('NoFunds') } }
    const to = transfer.enter('to', () => undefined, { handlers })
    await transfer.enter('from', (context) => context.enter(inner, 'only', (nested) => nested.raise('NoFunds'), options), {
      handlers,
    })
    await to
    expect(seen).toEqual(['NoFunds', 'NoFunds'])
  })

  test('may only have objects of the outer one, so that both can be undone', async () => {
    const { transfer, clock } = bank()
    const inner = action(['only'], { name: 'audit', objects: { other: new Account(0) }, clock })
    const to = ending(transfer.enter('to', () => undefined))
    const error = await transfer
      .enter('from', (context) => context.enter(inner, 'only', () => 1))
      .catch((thrown: Error) => thrown)
    expect(await to).toBe('PERDURE_E_ACTION_ABORTED')
    expect(JSON.stringify(error, ['cause', 'code', 'message'])).toContain('PERDURE_E_USAGE')
  })
})

test('two actions that want the same objects in another order do not wait for each other in a circle', async () => {
  const [a, b] = [new Account(0), new Account(0)]
  const add = (context: { objects: { a: Account; b: Account } }) => {
    context.objects.a.add(1)
    context.objects.b.add(1)
  }
  const first = action(['one'], { objects: { a, b } })
  const second = action(['one'], { objects: { b, a } })
  await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? first : second).enter('one', add)))
  expect([a.balance, b.balance]).toEqual([20, 20])
})

test('an action whose objects are in use for longer than entryMs is aborted', async () => {
  const { transfer, clock, objects } = bank()
  void ending(transfer.enter('from', () => never))
  void ending(transfer.enter('to', () => never))
  const second = action(['one'], { objects, clock, entryMs: 70 })
  const waiting = second.enter('one', () => 1).catch((thrown: PerdureError) => thrown)
  await clock.advance(70)
  expect(await waiting).toMatchObject({ code: 'PERDURE_E_ACTION_ABORTED', cause: { code: 'PERDURE_E_TIMEOUT' } })
})

test('every exception, lost participant and abort is published as a fault', async () => {
  const faults: Fault[] = []
  const told = (fault: unknown) => void faults.push(fault as Fault)
  subscribe(FAULT_CHANNEL, told)
  try {
    const { transfer, clock } = bank()
    const crash = new AbortController()
    const from = ending(transfer.enter('from', () => never, { signal: crash.signal }))
    const to = ending(transfer.enter('to', (context) => context.until(clock.sleep(5)).then(() => context.raise('Busy'))))
    await clock.advance(5)
    crash.abort()
    await Promise.all([from, to])
    const atMs = clock.wallMs()
    expect(faults).toEqual([
      {
        detector: 'action',
        entity: { kind: 'participant', name: 'transfer/to' },
        code: 'exception',
        atMs,
        data: { exception: 'Busy' },
      },
      {
        detector: 'action',
        entity: { kind: 'participant', name: 'transfer/from' },
        code: 'lost',
        atMs,
        data: { exception: 'ParticipantLost' },
      },
      { detector: 'action', entity: { kind: 'action', name: 'transfer' }, code: 'action-aborted', atMs, data: {} },
    ])
  } finally {
    unsubscribe(FAULT_CHANNEL, told)
  }
})

test.each<[string, () => unknown]>([
  ['no roles', () => action([])],
  ['a role that is there twice', () => action(['a', 'a'])],
  [
    'a signal that is not in the tree',
    () => action(['a'], { signals: { Unheard: 'undo' } } as ActionOptions<object & Record<string, object>, never>),
  ],
  ['a limit that is no duration', () => action(['a'], { entryMs: -1 })],
  ['a role that does not exist', () => action(['a']).enter('b' as 'a', () => 1)],
  [
    'a handler for what is not in the tree',
    () => action(['a']).enter('a', () => 1, { handlers: { Unheard: () => 1 } as object }),
  ],
])('%s is refused', async (_, wrong) => {
  await expect((async () => wrong())()).rejects.toMatchObject({ code: 'PERDURE_E_USAGE' })
})

/** What a body does: returns, throws, hangs deafly, or waits for ever as it should. Each with a delay. */
const deed = fc.record({
  what: fc.constantFrom('return', 'throw', 'hang', 'wait', 'crash'),
  exception: fc.constantFrom('NoFunds', 'Closed', 'Busy', 'Undeclared'),
  afterMs: fc.nat(3),
  enterMs: fc.nat(40),
  handler: fc.constantFrom('return', 'throw', 'leave', 'abort', 'fail', 'hang', 'none'),
})

test('whatever participants do, and whenever: all leave with one outcome, and the objects are all new or all old', async () => {
  const outcomes = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { minLength: 2, maxLength: 4 }), async (deeds) => {
      const clock = virtualClock()
      const objects = { left: new Account(0), right: new Account(0) }
      const roles = deeds.map((_, role) => `role-${role}`)
      const limits = { entryMs: 30, bodyMs: 50, stopMs: 10, handlerMs: 20 }
      const all = action(roles, { exceptions: EXCEPTIONS, signals: SIGNALS, objects, clock, ...limits })
      const touch = (context: { objects: typeof objects }) => {
        context.objects.left.add(1)
        context.objects.right.add(1)
      }
      // Only those who come before the entry deadline are in the first performance, and only that one is looked at.
      const first = Math.min(...deeds.map(({ enterMs }) => enterMs))
      const taking = deeds.map(async ({ what, exception, afterMs, enterMs, handler }, role) => {
        await clock.sleep(enterMs)
        if (clock.monotonicMs() >= first + limits.entryMs) return undefined
        const crash = new AbortController()
        const handle = async (
          context: Parameters<typeof touch>[0] & { leaveWith(name: 'Busy'): never; abort(): never; fail(): never },
        ) => {
          touch(context)
          await clock.sleep(afterMs)
          if (handler === 'hang') return never
          if (handler === 'throw') throw new Error('handler')
          if (handler === 'leave') context.leaveWith('Busy')
          if (handler === 'abort') context.abort()
          if (handler === 'fail') context.fail()
        }
        const done = all.enter(
          roles[role] as string,
          async (context) => {
            context.objects.left.add(1)
            await clock.sleep(afterMs)
            if (what === 'crash') crash.abort()
            if (what === 'hang' || what === 'crash') return never
            if (what === 'wait') return context.until(never)
            if (what === 'throw') throw Object.assign(new Error('body'), { code: exception })
            context.objects.right.add(1)
          },
          { signal: crash.signal, handlers: handler === 'none' ? {} : { UniversalException: handle } },
        )
        return ending(done)
      })
      const together = Promise.all(taking)
      await clock.advance(200)
      const endings = (await together).filter((word) => word !== undefined && word !== 'PERDURE_E_REVOKED')
      expect(new Set(endings).size).toBeLessThan(2)
      for (const word of endings) outcomes.add(word as string)
      if (!['value undefined', 'PERDURE_E_ACTION_SIGNALLED'].includes(endings[0] ?? '')) {
        expect([objects.left.balance, objects.right.balance]).toEqual([0, 0])
      } else expect(objects.left.balance).toBeGreaterThan(0)
    }),
    { numRuns: 150, seed: 7 },
  )
  expect([...outcomes].sort()).toEqual([
    'PERDURE_E_ACTION_ABORTED',
    'PERDURE_E_ACTION_FAILED',
    'PERDURE_E_ACTION_SIGNALLED',
    'value undefined',
  ])
})
