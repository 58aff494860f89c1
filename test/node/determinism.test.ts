/** Bodies that ask the machine for what does not repeat: what is said, to whom, and who is left in peace. */
import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { host, open, type PerdureError, type RunContext, resilient, start } from 'perdure'
import { space } from 'perdure/space'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Workshop } from './cli-driver.ts'

const HERE = /determinism\.test\.ts:\d+:\d+/

let said: string[] = []

beforeEach(() => {
  said = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said.push(String(text))
    return true
  })
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** What the body comes to, hosted in this process. */
async function outcomeOf(body: (p: RunContext) => unknown, strictness: 'strict' | 'lenient'): Promise<unknown> {
  const definition = resilient('asks', async (p) => body(p), { strict: strictness === 'strict' })
  await using site = await open('memory:')
  await using _node = await host(site, 'here', [definition])
  return await (await start(site, definition, 'k', [])).result().catch((error: PerdureError) => error)
}

/** Everything that is watched, by what people call it; each call is a place of its own. */
const ASKED: Readonly<Record<string, { ask: () => unknown; instead: string }>> = {
  'Date.now()': { ask: () => Date.now(), instead: 'p.now()' },
  'performance.now()': { ask: () => performance.now(), instead: 'p.now()' },
  'Math.random()': { ask: () => Math.random(), instead: 'p.random()' },
  'setTimeout()': { ask: () => clearTimeout(setTimeout(() => undefined, 1)), instead: 'p.sleep(ms)' },
  'setInterval()': { ask: () => clearInterval(setInterval(() => undefined, 1)), instead: 'p.sleep(ms)' },
  'setImmediate()': { ask: () => clearImmediate(setImmediate(() => undefined)), instead: 'p.sleep(ms)' },
  'AbortSignal.timeout()': { ask: () => AbortSignal.timeout(10).aborted, instead: 'p.race' },
  'fetch()': { ask: () => fetch('data:,hello').then((answer) => answer.text()), instead: 'p.step' },
  'crypto.randomUUID()': { ask: () => crypto.randomUUID(), instead: 'p.uuid()' },
  'crypto.getRandomValues()': { ask: () => crypto.getRandomValues(new Uint8Array(4)).length, instead: 'p.random()' },
  'crypto.randomInt()': { ask: () => randomInt(9), instead: 'p.random()' },
  'crypto.randomBytes()': { ask: () => randomBytes(9).length, instead: 'p.random()' },
}

describe('a body that asks for', () => {
  test.each(Object.entries(ASKED))('%s: a warning with the place and what to use instead', async (called, { ask, instead }) => {
    expect(await outcomeOf(async () => void (await ask()), 'lenient')).toBeUndefined()
    expect(said).toEqual([expect.stringContaining(`The body of the process "asks" used ${called} at `)])
    expect(said[0]).toMatch(HERE)
    expect(said[0]).toContain(instead)
  })

  test.each(Object.entries(ASKED))('%s: an error with strict', async (called, { ask, instead }) => {
    const error = (await outcomeOf(async () => void (await ask()), 'strict')) as PerdureError
    expect(error).toMatchObject({ code: 'PERDURE_E_NONDETERMINISTIC', data: { definition: 'asks', called } })
    expect(error.message).toMatch(HERE)
    expect(error.message).toContain(instead)
    expect(said).toEqual([])
  })

  test.each([
    ['new Date()', () => new Date().getFullYear()],
    ['Date()', () => Date().length],
  ])('%s: an error with strict', async (_, ask) => {
    expect(await outcomeOf(ask, 'strict')).toMatchObject({ code: 'PERDURE_E_NONDETERMINISTIC' })
  })

  test('a timer of node:timers/promises: an error with strict, as the rejection of what it returns', async () => {
    const seen = await outcomeOf(async () => {
      const paused = pause(1)
      return paused.catch((error: PerdureError) => error.code)
    }, 'strict')
    expect(seen).toBe('PERDURE_E_NONDETERMINISTIC')
  })

  test('the same at the same place again: one warning', async () => {
    const ask = () => Math.random() < 2
    expect(await outcomeOf(() => [1, 2, 3].map(ask), 'lenient')).toEqual([true, true, true])
    expect(await outcomeOf(ask, 'lenient')).toBe(true)
    expect(said.length).toBe(1)
    expect(await outcomeOf(() => Math.random() < 2, 'lenient')).toBe(true)
    expect(said.length).toBe(2)
  })

  test('it in a later turn, or when it is cancelled: noticed like in the first', async () => {
    const body = resilient(
      'asks',
      async (p) => {
        await p.sleep(1)
        await Promise.resolve()
        return Date.now()
      },
      { strict: true },
    )
    const cancelled: unknown[] = []
    const listens = resilient(
      'listens',
      async (p) => {
        p.signal.addEventListener('abort', () => {
          try {
            cancelled.push(Math.random())
          } catch (error) {
            cancelled.push((error as PerdureError).code)
          }
        })
        await p.space('box').in(['never'])
      },
      { strict: true },
    )
    await using site = await open('memory:')
    await using _node = await host(site, 'here', [body, listens])
    await expect((await start(site, body, 'k', [])).result()).rejects.toMatchObject({ code: 'PERDURE_E_NONDETERMINISTIC' })
    const handle = await start(site, listens, 'k', [])
    await handle.cancel('enough')
    await handle.result().catch(() => undefined)
    expect(cancelled).toEqual(['PERDURE_E_NONDETERMINISTIC'])
  })
})

describe('left in peace', () => {
  test('steps, and what they call after their awaits', async () => {
    const found = await outcomeOf(
      (p) =>
        p.step('s', async () => {
          const before = [Date.now(), Math.random(), randomUUID(), new Date()]
          await pause(1)
          return before.length + [Date.now(), Math.random(), crypto.randomUUID(), performance.now()].length
        }),
      'strict',
    )
    expect(found).toBe(8)
    expect(said).toEqual([])
  })

  test('the program around the body, at every moment, also while turns are open', async () => {
    const busy = resilient(
      'busy',
      async (p) => {
        for (let i = 0; i < 300; i++) {
          await p.space('box').out(['x', i])
          await p.space('box').in(['x', i])
        }
        return 'done'
      },
      { strict: true },
    )
    await using site = await open('memory:')
    await using _node = await host(site, 'here', [busy])
    const handles = await Promise.all(['1', '2', '3'].map((key) => start(site, busy, key, [])))
    let over = false
    const asking = (async () => {
      let asked = 0
      const box = await space(site, 'mine')
      for (; !over; asked++) {
        await box.out(['y', Date.now(), Math.random(), new Date()])
        await box.in(['y', Number, Number, Date])
        await new Promise((resolve) => setImmediate(resolve))
        await pause(0)
      }
      return asked
    })()
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(['done', 'done', 'done'])
    over = true
    expect(await asking).toBeGreaterThan(0)
    expect(said).toEqual([])
  })

  test('what repeats: p.now, p.random, p.uuid, p.sleep, dates of known moments', async () => {
    const found = (await outcomeOf(async (p) => {
      await p.sleep(1)
      const date = new Date(p.now())
      class Day extends Date {}
      const day = new Day(0)
      return [date.getTime() === p.now(), day instanceof Day, day instanceof Date, date.constructor === Date, Date.UTC(1970, 0)]
    }, 'strict')) as unknown[]
    expect(found).toEqual([true, true, true, true, 0])
  })

  test('the formal Date of a template means the same', async () => {
    const found = await outcomeOf(async (p) => {
      const box = p.space('box')
      await box.out(['at', new Date(5)])
      return (await box.in(['at', Date]))[1].getTime()
    }, 'strict')
    expect(found).toBe(5)
  })

  test('p.log and whoever hears it', async () => {
    const heard: number[] = []
    const logs = async (p: RunContext) => {
      await p.sleep(1)
      p.log('a line')
    }
    const definition = resilient('logs', logs, { strict: true })
    await using site = await open('memory:', { hear: () => heard.push(Date.now()) })
    await using _node = await host(site, 'here', [definition])
    await (await start(site, definition, 'k', [])).result()
    await expect.poll(() => heard.length).toBe(1)
  })
})

describe('what stands in the place of the globals', () => {
  test('is gone when nobody hosts any more', async () => {
    const globals = () => [Date, Date.now, Math.random, setTimeout, fetch, crypto.randomUUID, Date.prototype.constructor]
    const before = globals()
    const idle = resilient('idle', () => 1, { strict: true })
    await using site = await open('memory:')
    const first = await host(site, 'a', [idle])
    const second = await host(site, 'b', [resilient('other', () => 1)])
    const meanwhile = globals()
    expect(meanwhile.filter((found, n) => found === before[n])).toEqual([])
    await first.close()
    expect(Date).toBe(before[0])
    expect(Date.now).toBe(meanwhile[1])
    await second.close()
    expect(globals()).toEqual(before)
  })

  test('looks like them: names, lengths, and what util.promisify finds', async () => {
    const idle = resilient('idle', () => 1, { strict: true })
    const names = [Date.name, Date.length, setTimeout.name, setTimeout.length, Math.random.name]
    await using site = await open('memory:')
    await using _node = await host(site, 'a', [idle])
    expect([Date.name, Date.length, setTimeout.name, setTimeout.length, Math.random.name]).toEqual(names)
    expect(await promisify(setTimeout)(1, 'value')).toBe('value')
    expect(Date()).toMatch(/^\w{3} \w{3} \d\d/)
  })

  test('goes over what cannot be replaced, and under what somebody put there meanwhile', async () => {
    const { random } = Math
    const now = Object.getOwnPropertyDescriptor(Date, 'now')!
    Object.defineProperty(Date, 'now', { ...now, writable: false, configurable: true })
    const idle = resilient('idle', () => 1)
    await using site = await open('memory:')
    try {
      const node = await host(site, 'a', [idle])
      const ours = Math.random
      const theirs = () => ours()
      Math.random = theirs
      await node.close()
      expect(Math.random).toBe(theirs)
      expect(Math.random()).toBeLessThan(1)
    } finally {
      Math.random = random
      Object.defineProperty(Date, 'now', now)
    }
  })
})

test('worker processes are watched from before their modules are loaded: new Date() is warned of too, in bodies only', async () => {
  await using shop = new Workshop()
  const program = shop.write(
    'asks.mjs',
    `import { resilient } from 'perdure'
const started = new Date()
export default resilient('asks', async (p) => {
  const year = new Date().getFullYear()
  const kept = await p.step('s', () => new Date())
  return [year > 2000, kept instanceof Date, started.constructor === Date, Math.random() < 1]
})`,
  )
  const { stderr, lines } = await shop.run('run', program, '--nodes', '1', '--json')
  expect(lines.at(-1)).toMatchObject({ value: [true, true, true, true] })
  const warnings = stderr.split('\n').filter((line) => line.includes('perdure: warning'))
  expect(warnings).toEqual([
    expect.stringMatching(/used new Date\(\) at .*asks\.mjs:4:16\. .*Use new Date\(p\.now\(\)\)/),
    expect.stringMatching(/used Math\.random\(\) at .*asks\.mjs:6:\d+\. .*Use p\.random\(\)/),
  ])
})
