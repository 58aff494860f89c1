/** What the package hands out under its names, as the build has it: `npm test` builds first. */
import { execFileSync } from 'node:child_process'
import { type EngineUnderTest, logContract } from 'perdure/testing'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { memoryLog } from '../src/log/engines/memory.ts'

/** What a program of these lines prints, run beside the built package. */
function printed(program: string): unknown {
  const words = ['--input-type=module', '-e', program]
  return JSON.parse(execFileSync(process.execPath, words, { cwd: import.meta.dirname, encoding: 'utf8' }))
}

describe('a subpath', () => {
  test('has what the contract says, and nothing is named like the global process', () => {
    const names = printed(`
      const names = {}
      for (const path of ['', '/log', '/space', '/process', '/testing']) names[path] = Object.keys(await import('perdure' + path))
      console.log(JSON.stringify(names))`) as Record<string, string[]>
    const operators = ['any', 'between', 'gt', 'gte', 'lt', 'lte', 'oneOf', 'prefix', 'ref']
    const processes = ['active', 'host', 'resilient', 'run', 'start']
    expect(names['']).toEqual(expect.arrayContaining(['open', 'space', 'PerdureError', ...processes, ...operators]))
    expect(names['/space']).toEqual(expect.arrayContaining(['space', ...operators]))
    expect(names['/process']).toEqual(expect.arrayContaining(processes))
    expect(names['/testing']).toEqual(expect.arrayContaining(['crashAt', 'logContract', 'simulate', 'virtualClock']))
    expect(Object.values(names).flat()).not.toContain('process')
  })

  test('perdure/space loads neither HTTP nor anything else of the network', () => {
    const loaded = printed(`
      const before = new Set(process.moduleLoadList)
      await import('perdure/space')
      console.log(JSON.stringify(process.moduleLoadList.filter((name) => !before.has(name))))`) as string[]
    expect(loaded.filter((name) => /NativeModule (_?http|https|http2|net|tls|dgram)/.test(name))).toEqual([])
  })
})

describe('logContract', () => {
  const engine = async (): Promise<EngineUnderTest> => ({
    open: async () => memoryLog(systemClock),
    crash: async () => undefined,
    failNext: () => undefined,
    dispose: async () => undefined,
  })

  /** A runner that nobody has seen before: it keeps what it is given. */
  function collected(make: () => Promise<EngineUnderTest>): ReadonlyMap<string, () => Promise<void>> {
    const tests = new Map<string, () => Promise<void>>()
    const note = (title: string, body: () => Promise<void>) => void tests.set(title, body)
    const runner = { describe: (_: string, body: () => void) => body(), test: Object.assign(note, { skip: () => undefined }) }
    logContract('mine', make, { runner, exceptions: { forgets: 'it does', cannotFail: 'it cannot' } })
    return tests
  }

  test('registers its suite with any runner that has describe and test', async () => {
    const tests = collected(engine)
    expect(tests.size).toBeGreaterThan(8)
    for (const body of tests.values()) await body()
  })

  test('finds an engine that breaks its contract', async () => {
    const forgetful = async (): Promise<EngineUnderTest> => {
      const good = await engine()
      return {
        ...good,
        open: async () => {
          const log = await good.open()
          const append = log.append.bind(log)
          log.append = (bytes) => append(bytes.subarray(0, Math.max(0, bytes.length - 1)))
          return log
        },
      }
    }
    const failed = await Promise.allSettled([...collected(forgetful).values()].map((body) => body()))
    expect(failed.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0)
  })
})
