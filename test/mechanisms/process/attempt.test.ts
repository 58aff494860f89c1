/** What a body may do, and what it sees: turns, races, time, randomness, values. */
import { type RunContext, resilient, start } from 'perdure'
import { space } from 'perdure/space'
import { describe, expect, test } from 'vitest'
import { Stage, type StageNode } from './stage.ts'

type Body = (p: RunContext) => Promise<unknown>

/** Executes a body once; what it returns. */
async function once(body: Body, stage?: Stage): Promise<unknown> {
  const on = stage ?? (await Stage.open())
  const definition = resilient('once', body)
  await on.node('a', [definition])
  const handle = await on.settle(start(on.site, definition, 'k', []))
  return on.settle(handle.result())
}

/** Executes a body with its node killed after every `every` positions, so that it is re-executed again and again. */
async function disturbed(body: Body, every: number): Promise<{ result: unknown; stage: Stage }> {
  const stage = await Stage.open()
  const definition = resilient('once', body)
  let node: StageNode = await stage.node('a', [definition])
  let next = stage.gateway.replica.position + every
  let coming = false
  const again = async () => {
    node = await stage.node('a', [definition])
    next = stage.gateway.replica.position + every
    coming = false
  }
  stage.afterEach((at) => {
    if (at < next || coming) return
    coming = true
    node.kill()
    stage.clock.hop(() => void again())
  })
  const handle = await stage.settle(start(stage.site, definition, 'k', []))
  return { result: await stage.settle(handle.result()), stage }
}

const rejected = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ value }),
    (error: { code?: string; name: string }) => error.code ?? error.name,
  )

describe('turns', () => {
  test('Promise.all, helper functions and concurrent loops repeat exactly under re-execution', async () => {
    const orders: string[][] = []
    const body: Body = async (p) => {
      const order: string[] = []
      orders.push(order)
      const box = p.space('box')
      const worker = async (name: string, n: number) => {
        for (let i = 0; i < n; i++) {
          await p.sleep((i * 7 + n) % 5)
          order.push(`${name}${i}`)
          await box.out([name, i])
          order.push(`${name}${i} of ${await box.count([name, Number])}`)
        }
      }
      await Promise.all([worker('a', 4), worker('b', 5), worker('c', 3)])
      return order
    }
    const whole = await once(body)
    expect((whole as string[]).length).toBe(24)
    const { result } = await disturbed(body, 23)
    expect((result as string[]).length).toBe(24)
    expect(orders.length).toBeGreaterThan(2)
    const [, ...killed] = orders
    for (const [i, order] of killed.entries()) {
      const later = killed[i + 1]
      if (later) expect(later.slice(0, order.length)).toEqual(order)
    }
  })

  test('replies to several operations come one in a turn, with all microtasks in between', async () => {
    const body: Body = async (p) => {
      const order: string[] = []
      const chain = async (name: string, first: Promise<unknown>) => {
        await first
        order.push(name)
        for (let i = 0; i < 20; i++) await Promise.resolve()
        order.push(`${name} drained`)
      }
      await Promise.all([chain('a', p.sleep(1)), chain('b', p.sleep(1)), chain('c', p.sleep(1))])
      return order
    }
    expect(await once(body)).toEqual(['a', 'a drained', 'b', 'b drained', 'c', 'c drained'])
  })

  test('an operation after a foreign await is refused on the first run while others are outstanding', async () => {
    const body: Body = async (p) => {
      const sleeping = p.sleep(1_000)
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
      const refused = await rejected(p.space('box').count(['x']))
      await sleeping
      return refused
    }
    expect(await once(body)).toBe('PERDURE_E_FOREIGN_AWAIT')
  })

  test('an abort after a foreign await fails the run at once, since nobody awaits an abort', async () => {
    const body: Body = async (p) => {
      const giveUp = new AbortController()
      setImmediate(() => setImmediate(() => giveUp.abort()))
      await p.space('box').in(['never'], { signal: giveUp.signal })
    }
    await expect(once(body)).rejects.toMatchObject({ code: 'PERDURE_E_FOREIGN_AWAIT' })
  })

  test('a foreign await with nothing outstanding is allowed', async () => {
    const body: Body = async (p) => {
      await p.sleep(1)
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
      return p.space('box').count(['x'])
    }
    expect(await once(body)).toBe(0)
  })

  test('strict refuses every operation outside a turn', async () => {
    const stage = await Stage.open()
    const strict = resilient(
      'strict',
      async (p) => {
        await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
        return rejected(p.sleep(1))
      },
      { strict: true },
    )
    await stage.node('a', [strict])
    const handle = await stage.settle(start(stage.site, strict, 'k', []))
    expect(await stage.settle(handle.result())).toBe('PERDURE_E_FOREIGN_AWAIT')
  })

  test('an acknowledged out is never outstanding: a foreign await after it is allowed, and a checkpoint too', async () => {
    const body: Body = async (p) => {
      void p.space('box').out(['x'])
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
      void p.space('box').out(['y'])
      await p.checkpoint(null)
      return p.space('box').count([String])
    }
    expect(await once(body)).toBe(2)
  })

  test('p inside a step is refused', async () => {
    const body: Body = (p) => p.step('s', () => rejected(p.sleep(1)))
    expect(await once(body)).toBe('PERDURE_E_IN_STEP')
  })

  test('a checkpoint while operations are outstanding is refused and says which', async () => {
    const body: Body = async (p) => {
      const sleeping = p.sleep(10)
      const error = await p.checkpoint(1).then(
        () => undefined,
        (refused: { code: string; message: string }) => [refused.code, refused.message.includes('process.sleep')],
      )
      await sleeping
      return error
    }
    expect(await once(body)).toEqual(['PERDURE_E_OUTSTANDING', true])
  })
})

describe('races', () => {
  test('the winner is returned with its key, and the losers are withdrawn in the same entry', async () => {
    const stage = await Stage.open()
    const body: Body = async (p) => {
      const box = p.space('box')
      const winner = await p.race({ a: box.in(['a']), b: box.in(['b']), late: p.sleep(100) })
      await p.sleep(200)
      return winner
    }
    const definition = resilient('race', body)
    await stage.node('n', [definition])
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    const box = await space(stage.site, 'box')
    await stage.settle(box.out(['b']))
    await stage.settle(box.out(['a']))
    expect(await stage.settle(handle.result())).toEqual({ key: 'b', value: ['b'] })
    expect(await stage.settle(box.count(['a']))).toBe(1)
  })

  test('ties go to the order of the keys', async () => {
    const body: Body = async (p) => {
      const box = p.space('box')
      await box.out(['z'])
      await box.out(['a'])
      const first = await p.race({ z: box.in([String]), a: box.in([String]) })
      const second = await p.race({ second: p.sleep(5), first: p.sleep(5) })
      return [first, second, await box.count([String])]
    }
    expect(await once(body)).toEqual([{ key: 'z', value: ['z'] }, { key: 'second', value: undefined }, 1])
  })

  test('an alternative that fails decides the race with its error', async () => {
    const body: Body = (p) => rejected(p.race({ timeout: p.space('box').in(['x'], { timeoutMs: 5 }), late: p.sleep(100) }))
    expect(await once(body)).toBe('PERDURE_E_TIMEOUT')
  })

  test.each([
    ['a foreign promise', (_p: RunContext): Record<string, Promise<unknown>> => ({ a: Promise.resolve(1) })],
    ['a step', (p: RunContext) => ({ a: p.step('s', () => 1) })],
    ['nothing', () => ({})],
  ])('p.race of %s is refused', async (_what, alternatives) => {
    expect(await once((p) => rejected(p.race(alternatives(p))))).toBe('PERDURE_E_VALUE')
  })

  test('p.race of an operation that was sent in an earlier turn is refused', async () => {
    const body: Body = async (p) => {
      const sleeping = p.sleep(5)
      await p.sleep(1)
      return rejected(p.race({ sleeping }))
    }
    expect(await once(body)).toBe('PERDURE_E_VALUE')
  })

  test('Promise.race leaves its losers outstanding; they are withdrawn when the run ends', async () => {
    const stage = await Stage.open()
    const result = await once(async (p) => {
      const box = p.space('box')
      await Promise.race([p.sleep(1), box.in(['never'])])
      return 'ended'
    }, stage)
    expect(result).toBe('ended')
    const box = await space(stage.site, 'box')
    await stage.settle(box.out(['never']))
    expect(await stage.settle(box.count(['never']))).toBe(1)
  })
})

describe('what repeats and writes nothing', () => {
  test('now, random and uuid are the same under re-execution, and are no entries', async () => {
    const seen: unknown[][] = []
    const body: Body = async (p) => {
      const mine: unknown[] = []
      seen.push(mine)
      for (let i = 0; i < 10; i++) {
        mine.push([p.now(), p.random(), p.uuid()])
        await p.sleep(i)
      }
      return mine
    }
    const { stage } = await disturbed(body, 9)
    expect(seen.length).toBeGreaterThan(2)
    for (const mine of seen) expect(seen.at(-1)?.slice(0, mine.length)).toEqual(mine)
    expect(new Set(seen.at(-1)?.map((row) => JSON.stringify(row))).size).toBe(10)
    expect(stage.count('process.sleep')).toBe(10)
    const own = stage.applied.filter(({ caller, number, admission }) => caller === 'run 1' && number > 0 && admission === 'fresh')
    expect(own.map(({ name }) => name)).toEqual([...Array<string>(10).fill('process.sleep'), 'process.end'])
  })

  test('now is the log time of the last reply', async () => {
    const body: Body = async (p) => {
      const before = p.now()
      await p.sleep(250)
      const after = p.now()
      await new Promise((resolve) => setImmediate(resolve))
      return [after - before, p.now() - after]
    }
    expect(await once(body)).toEqual([250, 0])
  })

  test('uuids have the form of version 4, randoms lie in [0, 1), and other runs have others', async () => {
    const stage = await Stage.open()
    const definition = resilient('r', async (p) => [p.uuid(), p.random()])
    await stage.node('n', [definition])
    const seen = []
    for (const key of ['1', '2', '3']) {
      const handle = await stage.settle(start(stage.site, definition, key, []))
      seen.push((await stage.settle(handle.result())) as [string, number])
    }
    for (const [uuid, random] of seen) {
      expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(random).toBeGreaterThanOrEqual(0)
      expect(random).toBeLessThan(1)
    }
    expect(new Set(seen.map(String)).size).toBe(3)
  })

  test('a line of p.log is printed once, however often the body is re-executed', async () => {
    const { stage } = await disturbed(async (p) => {
      for (let i = 0; i < 12; i++) {
        p.log('line', i)
        await p.sleep(1)
      }
    }, 15)
    expect(stage.events.length).toBeGreaterThan(0)
    const lines = stage.lines
    expect(new Set(lines).size).toBe(lines.length)
  })

  test('a line of p.log in front of the first operation is printed too', async () => {
    const { stage } = await disturbed(async (p) => {
      p.log('begins')
      await p.sleep(1)
    }, 1_000)
    expect(stage.lines).toEqual([expect.stringContaining('begins')])
  })
})

describe('values', () => {
  test('the body owns what it is given: changing it changes neither the journal nor other executions', async () => {
    const seen: unknown[] = []
    const body: Body = async (p) => {
      const box = p.space('box')
      await box.out(['list', [1, 2]])
      const tuple = (await box.rd(['list', Array])) as unknown as [string, unknown[]]
      const step = await p.step('s', () => ({ deep: { n: 1 } }))
      seen.push(structuredClone([tuple, step]))
      tuple[1].push('changed')
      step.deep.n = 2
      await p.sleep(1)
      await p.sleep(1)
      return box.rd(['list', Array])
    }
    const { result } = await disturbed(body, 14)
    expect(result).toEqual(['list', [1, 2]])
    expect(seen.length).toBeGreaterThan(1)
    for (const one of seen) expect(one).toEqual([['list', [1, 2]], { deep: { n: 1 } }])
  })

  test('arguments are taken inside the call: changing them afterwards changes nothing', async () => {
    const body: Body = async (p) => {
      const box = p.space('box')
      const tuple = ['x', { n: 1 }]
      const put = box.out(tuple)
      ;(tuple[1] as { n: number }).n = 2
      await put
      return box.in(['x', Object])
    }
    expect(await once(body)).toEqual(['x', { n: 1 }])
  })

  test('a step that returns an object gives a copy of it, live too', async () => {
    const made = { n: 1, when: new Date(5) }
    const body: Body = async (p) => (await p.step('s', () => made)) !== made
    expect(await once(body)).toBe(true)
  })

  test('a value that cannot travel rejects its operation and takes no number', async () => {
    const stage = await Stage.open()
    const result = await once(async (p) => {
      const first = await rejected(p.space('box').out([() => 1]))
      const second = await rejected(p.step('s', () => () => 1))
      return [first, second, await p.step('t', () => 3)]
    }, stage)
    expect(result).toEqual(['PERDURE_E_VALUE', 'PERDURE_E_VALUE', 3])
    expect(
      stage.applied.filter(({ name, admission }) => name === 'process.step' && admission === 'fresh').map(({ number }) => number),
    ).toEqual([1, 2])
  })
})

describe('out', () => {
  test('resolves when numbered, except every 256th since the last reply, which waits for its own', async () => {
    const stage = await Stage.open()
    const before = stage.gateway.replica.position
    const result = await once(async (p) => {
      const box = p.space('box')
      for (let i = 0; i < 600; i++) await box.out(['n', i])
      return box.count(['n', Number])
    }, stage)
    expect(result).toBe(600)
    expect(stage.gateway.replica.position).toBeGreaterThan(before)
    const outs = stage.applied.filter(({ name }) => name === 'space.out')
    expect(outs.filter(({ args }) => args.length === 3).map(({ number }) => number)).toEqual([256, 512])
    expect(outs.map(({ args }) => (args[1] as [string, number])[1])).toEqual(Array.from({ length: 600 }, (_, i) => i))
  })

  test('a loop of outs that is never told to stop yields to others', async () => {
    const stage = await Stage.open()
    const definition = resilient('loop', async (p) => {
      const box = p.space('box')
      for (let n = 0; (await box.count(['stop'])) === 0 && n < 100; n++) for (let i = 0; i < 300; i++) await box.out(['n', i])
      return 'stopped'
    })
    await stage.node('a', [definition])
    const handle = await start(stage.site, definition, 'k', [])
    const box = await space(stage.site, 'box')
    await box.out(['stop'])
    expect(await stage.settle(handle.result())).toBe('stopped')
    expect(await stage.settle(box.count(['n', Number]))).toBeLessThan(30_000)
  })

  test('an error of the machine on an out fails the run', async () => {
    const stage = await Stage.open()
    const definition = resilient('bad', async (p) => {
      // What Space would refuse itself: an issuer of another version may not.
      void (p as unknown as { issue(name: string, args: unknown[]): Promise<unknown> }).issue('space.out', ['box', 'no tuple'])
      await p.sleep(1_000)
    })
    await stage.node('a', [definition])
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    expect(await stage.settle(rejected(handle.result()))).toBe('PERDURE_E_PROTOCOL')
    expect((await stage.settle(handle.status())).state).toBe('failed')
  })
})

describe('waiting with an AbortSignal inside a run', () => {
  test('an abort in a turn withdraws the operation, which rejects with the reason', async () => {
    const stage = await Stage.open()
    const result = await once(async (p) => {
      const controller = new AbortController()
      const waiting = p
        .space('box')
        .in(['x'], { signal: controller.signal })
        .catch((error: Error) => error.message)
      await p.sleep(5)
      controller.abort(new Error('enough'))
      return waiting
    }, stage)
    expect(result).toBe('enough')
    expect(stage.count('process.withdraw')).toBe(1)
  })

  test('an abort of one alternative of a race decides the race with its reason', async () => {
    const result = await once(async (p) => {
      const controller = new AbortController()
      const box = p.space('box')
      const racing = p
        .race({ x: box.in(['x'], { signal: controller.signal }), y: box.in(['y']) })
        .catch((error: Error) => error.message)
      await p.sleep(5)
      controller.abort(new Error('enough'))
      return racing
    })
    expect(result).toBe('enough')
  })

  test('p.signal needs no withdrawal: a cancellation rejects the operation by itself', async () => {
    const stage = await Stage.open()
    const definition = resilient('s', async (p) => {
      await p
        .space('box')
        .in(['x'], { signal: p.signal })
        .catch(() => undefined)
    })
    await stage.node('a', [definition])
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    await stage.clock.idle()
    await stage.settle(handle.cancel('enough'))
    expect(await stage.settle(rejected(handle.result()))).toBe('PERDURE_E_CANCELLED')
    expect(stage.count('process.withdraw')).toBe(0)
  })
})
