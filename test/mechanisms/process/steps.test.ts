/** Steps: when they are called, how often, with what. */
import { PerdureError, type RunContext, resilient, type StepInfo, start } from 'perdure'
import { describe, expect, test } from 'vitest'
import { Stage } from './stage.ts'

type Body = (p: RunContext, stage: Stage) => Promise<unknown>

async function started(body: Body, durability: 'at once' | 'by hand' = 'at once') {
  const stage = await Stage.open()
  const definition = resilient('s', (p) => body(p, stage))
  const node = await stage.node('a', [definition])
  const handle = await stage.settle(start(stage.site, definition, 'k', []))
  stage.log.durability = durability
  return { stage, definition, node, handle }
}

async function once(body: Body): Promise<unknown> {
  const { stage, handle } = await started(body)
  return stage.settle(handle.result())
}

describe('a step', () => {
  test('is tried three times by default, after 100 and 200 ms, with one idempotency key', async () => {
    const tries: (StepInfo & { atMs: number })[] = []
    const { stage, handle } = await started((p, on) =>
      p.step('s', (info) => {
        tries.push({ ...info, atMs: on.clock.monotonicMs() })
        throw new Error(`try ${info.attempt}`)
      }),
    )
    await expect(stage.settle(handle.result())).rejects.toThrow('try 3')
    expect(tries.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    expect(new Set(tries.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1)
    expect(tries.map(({ atMs }) => atMs - (tries[0]?.atMs ?? 0))).toEqual([0, 100, 300])
  })

  test('waits no longer than maxDelayMs between tries', async () => {
    const at: number[] = []
    const { stage, handle } = await started((p, on) =>
      p.step(
        's',
        () => {
          at.push(on.clock.monotonicMs())
          throw new Error('no')
        },
        { retry: { attempts: 5, delayMs: 10, factor: 10, maxDelayMs: 50 } },
      ),
    )
    await expect(stage.settle(handle.result())).rejects.toThrow('no')
    expect(at.map((ms) => ms - (at[0] as number))).toEqual([0, 10, 60, 110, 160])
  })

  test('is tried once with retry: false', async () => {
    let tries = 0
    const result = await once((p) =>
      p.step('s', () => Promise.reject(new Error(`no ${++tries}`)), { retry: false }).catch((error: Error) => error.message),
    )
    expect(result).toBe('no 1')
  })

  test('that fails once and then succeeds gives its result', async () => {
    expect(
      await once((p) =>
        p.step('s', ({ attempt }) => {
          if (attempt === 1) throw new Error('no')
          return `at try ${attempt}`
        }),
      ),
    ).toBe('at try 2')
  })

  test('counts its tries over crashes', async () => {
    const attempts: number[] = []
    const keys = new Set<string>()
    const fences: number[] = []
    const { stage, definition, node, handle } = await started((p) =>
      p.step(
        's',
        ({ attempt, idempotencyKey, fence }) => {
          attempts.push(attempt)
          keys.add(idempotencyKey)
          fences.push(fence)
          throw new Error(`try ${attempt}`)
        },
        { retry: { attempts: 4, delayMs: 1_000, factor: 1 } },
      ),
    )
    await stage.clock.advance(1_500)
    expect(attempts).toEqual([1, 2])
    node.kill()
    await stage.node('a', [definition])
    await expect(stage.settle(handle.result())).rejects.toThrow('try 4')
    expect(attempts).toEqual([1, 2, 3, 4])
    expect(keys.size).toBe(1)
    expect(fences[3]).toBeGreaterThan(fences[0] as number)
  })

  test('has a key that no other step, run or checkpointed continuation has', async () => {
    const keys: string[] = []
    const stage = await Stage.open()
    const definition = resilient('s', async (p) => {
      for (let i = 0; i < 2; i++) {
        await p.step('same name', ({ idempotencyKey }) => void keys.push(idempotencyKey))
        await p.checkpoint(i)
      }
    })
    await stage.node('a', [definition])
    for (const key of ['1', '2']) await stage.settle((await stage.settle(start(stage.site, definition, key, []))).result())
    expect(new Set(keys).size).toBe(4)
    for (const key of keys) expect(key.startsWith(stage.log.id)).toBe(true)
  })

  test('is called only when everything delivered to its run is durable', async () => {
    let called = 0
    const { stage, handle } = await started(async (p) => {
      await p.sleep(1)
      const n = await p.space('box').count([])
      return p.step('s', () => {
        called += 1
        return n
      })
    }, 'by hand')
    stage.log.sync()
    await stage.clock.advance(10)
    expect(called).toBe(0)
    for (let i = 0; i < 10 && called === 0; i++) {
      stage.log.sync()
      await stage.clock.idle()
    }
    expect(called).toBe(1)
    stage.log.durability = 'at once'
    stage.log.sync()
    expect(await stage.settle(handle.result())).toBe(0)
  })

  test('writes no entry before it is called: its one entry has its result', async () => {
    const { stage, handle } = await started((p) => p.step('s', () => 7))
    await stage.settle(handle.result())
    const entries = stage.applied.filter(({ caller }) => caller.startsWith('run'))
    expect(entries.map(({ name }) => name)).toEqual(['process.step', 'process.end'])
    expect(entries[0]?.args).toEqual(['s', { value: 7 }])
  })

  test('that takes longer than timeoutMs counts as failed, and its signal aborts', async () => {
    const aborted: string[] = []
    const result = await once((p) =>
      p
        .step(
          'slow',
          ({ signal, attempt }) => {
            signal.addEventListener('abort', () => aborted.push(`${attempt} ${(signal.reason as PerdureError).code}`))
            return new Promise(() => undefined)
          },
          { timeoutMs: 20, retry: { attempts: 2, delayMs: 1 } },
        )
        .catch((error: PerdureError) => error.code),
    )
    expect(result).toBe('PERDURE_E_TIMEOUT')
    expect(aborted).toEqual(['1 PERDURE_E_TIMEOUT', '2 PERDURE_E_TIMEOUT'])
  })

  test('several run at the same time', async () => {
    let under = 0
    let everyoneHere = () => {}
    const together = new Promise<void>((resolve) => {
      everyoneHere = resolve
    })
    const result = await once((p) =>
      Promise.all(
        [1, 2, 3].map((n) =>
          p.step(`s${n}`, async () => {
            under += 1
            if (under === 3) everyoneHere()
            await together
            return n
          }),
        ),
      ),
    )
    expect(result).toEqual([1, 2, 3])
  })

  test('that was recorded is never called again', async () => {
    let calls = 0
    const { stage, definition, node, handle } = await started(async (p) => {
      const n = await p.step('s', () => ++calls)
      await p.space('box').in(['go'])
      return n
    })
    await stage.clock.idle()
    node.kill()
    const again = await stage.node('b', [definition])
    await stage.clock.idle()
    again.kill()
    await stage.node('c', [definition])
    await stage.settle(stage.site.issuer.issue('space.out', ['box', ['go']]))
    expect(await stage.settle(handle.result())).toBe(1)
    expect(calls).toBe(1)
  })

  test('is not called by an execution that was stopped meanwhile, and its late result counts for nothing', async () => {
    const finish: ((value: string) => void)[] = []
    const { stage, definition, node, handle } = await started((p) =>
      p.step('s', () => new Promise((resolve) => finish.push(resolve))),
    )
    await stage.clock.idle()
    node.kill()
    await stage.node('b', [definition])
    await stage.clock.idle()
    expect(finish.length).toBe(2)
    finish[0]?.('too late')
    await stage.clock.idle()
    finish[1]?.('in time')
    expect(await stage.settle(handle.result())).toBe('in time')
    expect(stage.count('process.step')).toBe(1)
  })

  test('a result outside the value domain fails at once, with its path', async () => {
    let calls = 0
    const result = await once((p) =>
      p
        .step('s', () => {
          calls += 1
          return { deep: [() => 1] }
        })
        .catch((error: PerdureError) => [error.code, error.message.includes('deep')]),
    )
    expect(result).toEqual(['PERDURE_E_VALUE', true])
    expect(calls).toBe(1)
  })

  test('an error keeps name, message, code, data and cause, and is a PerdureError when its code is one of ours', async () => {
    const result = await once(async (p) => {
      const thrown = await p
        .step(
          's',
          () => {
            const cause = Object.assign(new TypeError('inner'), { code: 'E_INNER' })
            throw Object.assign(new RangeError('outer', { cause }), { code: 'E_OUTER', data: { n: 1n } })
          },
          { retry: false },
        )
        .catch((error: unknown) => error as RangeError & { code: string; data: unknown })
      const { name, message, code, data } = thrown
      const cause = thrown.cause as Error & { code: string }
      const ours = await p
        .step('t', () => Promise.reject(new PerdureError('PERDURE_E_USAGE', 'ours')), { retry: false })
        .catch((error: unknown) => error instanceof PerdureError)
      return [
        name,
        message,
        code,
        data,
        cause.name,
        cause.message,
        cause.code,
        thrown instanceof RangeError,
        thrown instanceof Error,
        ours,
      ]
    })
    expect(result).toEqual(['RangeError', 'outer', 'E_OUTER', { n: 1n }, 'TypeError', 'inner', 'E_INNER', false, true, true])
  })

  test('a thrown thing that is no Error becomes one', async () => {
    const result = await once((p) =>
      p
        // biome-ignore lint/complexity/useLiteralKeys: a throw of anything
        .step('s', () => Promise.reject({ ['odd']: true }), { retry: false })
        .catch((error: Error & { data: unknown }) => [error instanceof Error, error.data]),
    )
    expect(result).toEqual([true, { odd: true }])
  })

  test('a huge error message fails the step with an error that can travel', async () => {
    const result = await once((p) =>
      p
        .step('s', () => Promise.reject(new Error('x'.repeat(2_000_000))), { retry: false })
        .catch((error: Error) => error.message.length > 0),
    )
    expect(result).toBe(true)
  })
})

describe('a step of a run that is cancelled', () => {
  test('gets its signal aborted, rejects in the body, and is not tried again', async () => {
    const calls: string[] = []
    const { stage, handle } = await started(async (p) => {
      const waiting = p.step('waits', ({ signal }) => {
        calls.push('waits')
        signal.addEventListener('abort', () => calls.push('aborted'))
        return new Promise(() => undefined)
      })
      const retried = p.step(
        'fails',
        () => {
          calls.push('fails')
          throw new Error('no')
        },
        { retry: { attempts: 10, delayMs: 50, factor: 1 } },
      )
      const codes = await Promise.all([waiting, retried].map((step) => step.catch((error: PerdureError) => error.code)))
      calls.push(...codes.map(String))
      await p.sleep(1_000)
    })
    await stage.clock.advance(10)
    expect(calls).toEqual(['waits', 'fails'])
    await stage.settle(handle.cancel('enough'))
    await stage.clock.advance(500)
    expect(calls).toEqual(['waits', 'fails', 'aborted', 'PERDURE_E_CANCELLED', 'PERDURE_E_CANCELLED'])
    await expect(stage.settle(handle.result())).rejects.toMatchObject({ code: 'PERDURE_E_CANCELLED' })
  })

  test('whose host is stopped is not tried again', async () => {
    let calls = 0
    const { stage, node } = await started((p) =>
      p.step(
        's',
        () => {
          calls += 1
          throw new Error('no')
        },
        { retry: { attempts: 10, delayMs: 50 } },
      ),
    )
    await stage.clock.advance(10)
    node.kill()
    await stage.clock.advance(5_000)
    expect(calls).toBe(1)
  })
})
