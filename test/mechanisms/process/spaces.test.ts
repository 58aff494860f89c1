/** What a run does in spaces: holds, groups and collections are numbered and journaled as everything else, and repeat. */
import { type RunContext, resilient, start } from 'perdure'
import { ref, space } from 'perdure/space'
import { describe, expect, test } from 'vitest'
import { codeOf, rehost, staged } from './stage.ts'

const hold = { leaseMs: 1_000 }

describe('a run', () => {
  test('that is killed at any time keeps what it holds, and a late ack is an error that repeats', async () => {
    const seen: unknown[][] = []
    const body = resilient('holder', async (p: RunContext) => {
      const trace: unknown[] = []
      seen.push(trace)
      const jobs = p.space('jobs')
      void jobs.out(['job', 1])
      void jobs.out(['job', 2], { leaseMs: 60_000 })
      const held = await jobs.in(['job', Number], { hold })
      trace.push([held.tuple, held.deliveries])
      await p.sleep(500)
      await held.ack()
      const late = await jobs.in(['job', Number], { hold: { leaseMs: 10 } })
      await p.sleep(100)
      trace.push(await codeOf(late.ack()))
      const { key, value } = await p.race({ job: jobs.in(['job', Number], { hold }), late: p.sleep(5_000) })
      trace.push(key, key === 'job' && [value.tuple, value.deliveries])
      if (key === 'job') await value.ack()
      await p.sleep(100)
      return jobs.count(['job', Number])
    })
    const { stage, node } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    await stage.clock.advance(200)
    await rehost(stage, node, body)
    await stage.clock.advance(450)
    await stage.clock.advance(300)
    expect(await stage.settle(handle.result())).toBe(0)
    expect(seen).toHaveLength(2)
    const whole = [[['job', 1], 1], 'PERDURE_E_HOLD_LOST', 'job', [['job', 2], 2]]
    expect(seen[1]).toEqual(whole)
    expect(whole.slice(0, seen[0]?.length)).toEqual(seen[0])
  })

  test('gives back what it holds when it ends', async () => {
    const body = resilient('holder', async (p: RunContext) => {
      await p.space('jobs').out(['job', 1])
      await p.space('jobs').in(['job', Number], { hold: { leaseMs: 1e9 } })
      return 'left it'
    })
    const { stage } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    expect(await stage.settle(handle.result())).toBe('left it')
    expect(await stage.settle((await space(stage.site, 'jobs')).count(['job', Number]))).toBe(1)
  })

  test('carries out groups and collections, alone and in a race', async () => {
    const body = resilient('groups', async (p: RunContext) => {
      const box = p.space('box')
      for (const n of [1, 2, 3]) void box.out(['n', n])
      const [[, first]] = await box.atomic([{ in: ['n', Number] }, { out: ['sum', ref(0, 1)] }])
      const raced = await p.race({ group: box.atomic([{ in: ['sum', Number] }]), never: box.in(['never']) })
      const none = await p.race({ group: box.atomic([{ in: ['never'] }]), late: p.sleep(5) })
      return [
        first,
        raced,
        none.key,
        await box.collect(['n', Number], { limit: 1 }),
        await box.collect(['n', Number], { into: 'other' }),
      ]
    })
    const { stage } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    await stage.clock.advance(10)
    expect(await stage.settle(handle.result())).toEqual([1, { key: 'group', value: [['sum', 1]] }, 'late', [['n', 2]], 1])
  })

  test('that is cancelled waits no longer for a group or a tuple to hold', async () => {
    const codes: unknown[] = []
    const body = resilient('waiter', async (p: RunContext) => {
      const box = p.space('box')
      const waits = [codeOf(box.atomic([{ in: ['never'] }])), codeOf(box.in(['never'], { hold }))]
      codes.push(...(await Promise.all(waits)))
    })
    const { stage } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    await stage.clock.idle()
    await stage.settle(handle.cancel('enough'))
    await stage.clock.idle()
    expect(codes).toEqual(['PERDURE_E_CANCELLED', 'PERDURE_E_CANCELLED'])
    const box = await space(stage.site, 'box')
    await stage.settle(box.out(['never']))
    expect(await stage.settle(box.count(['never']))).toBe(1)
  })

  test('whose out is refused for lack of room fails with that error', async () => {
    const body = resilient('full', async (p: RunContext) => {
      for (const n of [1, 2, 3]) await p.space('box').out(['n', n])
      await p.sleep(1)
    })
    const { stage } = await staged(body)
    await stage.settle(space(stage.site, 'box', { quota: { tuples: 2 } }))
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    expect(await stage.settle(codeOf(handle.result()))).toBe('PERDURE_E_QUOTA')
  })
})
