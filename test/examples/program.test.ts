/**
 * The program of the demo, in one process: what it answers, and that it does not wait for ever when a worker fails for good.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { host, open, type Site, space, start } from 'perdure'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { EXPECTED } from '../../examples/farthest/expected.ts'
import farthest, { worker } from '../../examples/farthest/farthest.ts'
import { readTrace, TRACE_VARIABLE } from '../../examples/farthest/trace.ts'

const folder = mkdtempSync(join(tmpdir(), 'perdure-program-test-'))
let site: Site

beforeAll(async () => {
  site = await open('memory:', { hear: () => undefined })
  await host(site, 'here', [farthest, worker])
})
afterAll(async () => {
  await site.close()
  rmSync(folder, { recursive: true, force: true })
})
afterEach(() => {
  delete process.env[TRACE_VARIABLE]
})

describe('the program of the demo', () => {
  test('answers the expected pairs whatever the number of workers and tasks', async () => {
    const expected = EXPECTED[2_000]!.map(({ rows: [i, j], metres }) => ({ i, j, metres }))
    for (const [workers, tasks] of [
      [1, 1],
      [3, 50],
      [9, 7],
    ] as const) {
      const handle = await start(site, farthest, `${workers} and ${tasks}`, [{ towns: 2_000, workers, tasks }])
      const answer = await handle.result()
      expect(answer.farthest.map(({ i, j, metres }) => ({ i, j, metres: Number(metres.toFixed(3)) }))).toEqual(expected)
      expect(answer.doubled).toBe(0)
      expect(answer.votes).toMatchObject({ lengths: 4_570, gaveUp: { karney: 0, haversine: 0 } })
      expect(answer.votes.gaveUp.vincenty).toBeGreaterThan(20)
    }
  })

  test('leaves a trace of every execution of a step where it is told to, and none else', async () => {
    const path = join(folder, 'trace')
    await (await start(site, farthest, 'untraced', [{ towns: 2_000, tasks: 5 }])).result()
    expect(readTrace(path)).toEqual([])
    process.env[TRACE_VARIABLE] = path
    await (await start(site, farthest, 'traced', [{ towns: 2_000, tasks: 20 }])).result()
    const executions = readTrace(path)
    expect(executions.map(({ task }) => task).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, task) => task))
    expect(new Set(executions.map(({ pid }) => pid))).toEqual(new Set([process.pid]))
  })

  test('fails with the reason when a worker fails for good, and leaves no task for the others', async () => {
    process.env[TRACE_VARIABLE] = join(folder, 'no such folder', 'trace')
    const handle = await start(site, farthest, 'failing', [{ towns: 2_000, tasks: 20 }])
    await expect(handle.result()).rejects.toThrow(/a worker failed: .*ENOENT/)
    expect((await handle.status()).state).toBe('failed')
    const towns = await space(site, 'towns')
    expect(await towns.count(['task', 'failing', Number, Number, Number])).toBe(0)
  })

  test('refuses a job that makes no sense', async () => {
    const handle = await start(site, farthest, 'senseless', [{ towns: 2_000, tasks: 0.5 }])
    await expect(handle.result()).rejects.toThrow(/expected whole numbers from 1/)
  })
})
