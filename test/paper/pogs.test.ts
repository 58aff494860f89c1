/**
 * What the paper says of a service for groups of persistent objects: M. Zweiacker, "Fault-tolerant CORBA, using checkpointing and
 * recovery", Comtec 75 (1997) no. 8. Its section on robustness is in `pogs-robustness.test.ts`; its other sentences are
 * shown where the protocols, the machine and the proxies are tested. docs/acceptance.md has them all.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { space } from 'perdure'
import { checkpointGroup, type External, external, recoveryLine, type Self, type TraceEvent } from 'perdure/checkpoint'
import { afterAll, describe, expect, test } from 'vitest'
import { eventually, Notebook, Scene, Shelf } from '../mechanisms/checkpoint/site/scene.ts'

const folder = mkdtempSync(join(tmpdir(), 'perdure-pogs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

/** Nobody is asked to save because of what it holds back. */
const NO_LAG = { lag: { undoneMs: 1e9, undoneMessages: 1e6, logBytes: 2 ** 30 } } as const

const refusalOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'not refused',
    (error: unknown) => (error as { readonly code?: unknown }).code,
  )

const checkpointsOf = (events: readonly TraceEvent[], object: string) =>
  events.flatMap((event) => (event.kind === 'checkpoint' && event.object === object ? [event.forced ? 'forced' : 'basic'] : []))

/** `rounds` times: b sends, a receives, saves and sends, b receives. Without forced checkpoints every one of them is useless. */
async function dominoes(scene: Scene, rounds: number): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    await scene.member('b').send('a', { text: `m${round}` })
    await eventually(() => scene.lines('a')).toContain(`m${round}`)
    await scene.member('a').checkpoint()
    await scene.member('a').send('b', { text: `n${round}` })
    await eventually(() => scene.lines('b')).toContain(`n${round}`)
  }
}

/** Numbers below a bound, the same for the same seed. */
function numbers(seed: number): (below: number) => number {
  let last = seed
  return (below) => {
    last = (last * 48_271) % 2_147_483_647
    return last % below
  }
}

interface Payment {
  readonly amount: number
  /** So many payments follow from it. */
  readonly left: number
}

/** Pays some of its hundred on whenever it is paid, to whom it likes, and saves when it likes: executed again it does something else. */
const account = (names: readonly string[], random: (below: number) => number) => (self: Self) => {
  let balance = 100
  return {
    save: () => balance,
    restore: (saved: number) => {
      balance = saved
    },
    receive: (message: unknown) => {
      const { amount, left } = message as Payment
      balance += amount
      if (left === 0) return
      const payment: Payment = { amount: random(20), left: left - 1 }
      balance -= payment.amount
      void self.send(names[random(names.length)] as string, payment)
      if (random(3) === 0) void self.checkpoint()
    },
  }
}

/** All money that accounts have, and that is on its way. */
async function total(scene: Scene): Promise<number> {
  const { states, channels } = await scene.group.snapshot()
  const onTheirWay = channels.flatMap(({ messages }) => messages as readonly Payment[])
  const amounts = [...(Object.values(states) as number[]), ...onTheirWay.map(({ amount }) => amount)]
  return amounts.reduce((sum, amount) => sum + amount)
}

describe('fault tolerance through persistence', () => {
  test('"a new object is created and then initialized with the latest state of the object found on stable storage" (Fig. 1)', async () => {
    await using scene = await Scene.open(NO_LAG, join(folder, 'figure-1'))
    await scene.join('o')
    for (const text of ['one', 'two']) {
      await scene.group.send('o', { text })
      await eventually(() => scene.lines('o')).toContain(text)
      await scene.member('o').checkpoint()
    }
    const failed = scene.shelf('o').last
    await scene.group.recover(['o'])
    await eventually(() => scene.shelf('o').all.length).toBe(2)
    await eventually(() => scene.lines('o')).toEqual(['one', 'two'])
    expect(scene.shelf('o').last).not.toBe(failed)
    expect(failed.self.signal.aborted).toBe(true)
    await scene.group.send('o', { text: 'three' })
    await eventually(() => scene.lines('o')).toEqual(['one', 'two', 'three'])
    expect(failed.lines).toEqual(['one', 'two'])
  })

  test('"the only work lost is the activity that took place after the last checkpoint had been taken"', async () => {
    await using scene = await Scene.open(NO_LAG)
    await scene.join('editor')
    scene.shelf('editor').last.lines.push('typed before the auto-save')
    await scene.member('editor').checkpoint()
    scene.shelf('editor').last.lines.push('typed after it')
    await scene.group.recover(['editor'])
    await eventually(() => scene.shelf('editor').all.length).toBe(2)
    await scene.member('editor').checkpoint()
    expect(scene.lines('editor')).toEqual(['typed before the auto-save'])
  })
})

describe('consistency criteria for distributed checkpoints', () => {
  test('"the reloaded state of the entire group is one that could have occurred in the past": no money is made or lost', async () => {
    for (const seed of [1, 7, 31, 39, 47, 55, 63, 71]) {
      await using scene = await Scene.open()
      const names = ['a', 'b', 'c', 'd']
      const random = numbers(seed)
      for (const name of names) await scene.group.join(name, account(names, random))
      for (const name of names) await scene.group.send(name, { amount: 0, left: 40 })
      for (let round = 0; round < 6; round++) await scene.group.recover([names[random(4)] as string])
      expect(await total(scene)).toBe(400)
      await scene.group.recover(names)
      expect(await total(scene)).toBe(400)
    }
  })

  test('"a missing message can be dealt with by a logging mechanism": O2 reads from its log what was sent by C1 and received after C2 (Fig. 2, left)', async () => {
    await using scene = await Scene.open(NO_LAG)
    await scene.join('o1', 'o2')
    await scene.member('o2').checkpoint()
    await scene.member('o1').send('o2', { text: 'm' })
    await scene.member('o1').checkpoint()
    await scene.knows({ o2: ['m'] })
    expect(await scene.group.recover(['o1', 'o2'])).toEqual({ o1: 1, o2: 1 })
    await eventually(() => scene.shelf('o2').all.length).toBe(2)
    await scene.knows({ o2: ['m'] })
    expect(scene.shelf('o2').last.given).toEqual([['m', 'o1']])
  })

  test('"orphan messages make two checkpoints useless in their combination": C1 and C2 are in no line together (Fig. 2, right)', async () => {
    await using scene = await Scene.open(NO_LAG)
    await scene.join('o1', 'o2')
    await scene.member('o1').checkpoint()
    await scene.member('o1').send('o2', { text: 'm’' })
    await scene.knows({ o2: ['m’'] })
    await scene.member('o2').checkpoint()
    expect(await scene.group.recoveryLine(['o2'])).toEqual({ o1: 'current', o2: 1 })
    expect(await scene.group.recover(['o1'])).toEqual({ o1: 1, o2: 0 })
    await eventually(() => scene.shelf('o2').all.length).toBe(2)
    await scene.member('o2').checkpoint()
    expect(scene.lines('o2')).toEqual([])
  })

  test('"a coordinator must be introduced that avoids the domino effect": forced checkpoints keep the line at the last ones', async () => {
    await using scene = await Scene.open(NO_LAG)
    await scene.join('a', 'b', 'idle')
    // It never saves, and both depend on it: so the trace reaches back to the beginning.
    for (const name of ['a', 'b']) await scene.member('idle').send(name, { text: 'hello' })
    await scene.knows({ a: ['hello'], b: ['hello'] })
    await dominoes(scene, 6)
    const { objects, events } = await scene.group.trace()
    expect(checkpointsOf(events, 'a')).toEqual(new Array(6).fill('basic'))
    expect(checkpointsOf(events, 'b')).toEqual(new Array(6).fill('forced'))
    expect(await scene.group.recoveryLine(['a'])).toEqual({ a: 6, b: 6, idle: 'current' })
    const alone = events.filter((event) => !(event.kind === 'checkpoint' && event.forced))
    expect(recoveryLine({ objects, events: alone }, ['a'])).toEqual({ a: 0, b: 0, idle: 'current' })
  })

  test('"the second solution allows interrupt-free operation": while one object takes a checkpoint the others send, receive and save', async () => {
    await using scene = await Scene.open(NO_LAG)
    await scene.join('a', 'b')
    let finish = () => {}
    let saving = false
    const slow = await scene.group.join('slow', () => ({
      save: () => {
        if (!saving) return null
        return new Promise<null>((resolve) => {
          finish = () => resolve(null)
        })
      },
      restore: () => undefined,
      receive: () => undefined,
    }))
    saving = true
    const saved = slow.checkpoint()
    await scene.member('a').send('b', { text: 'one', tell: [['a', { text: 'of one' }]] })
    await scene.knows({ a: ['of one'], b: ['one'] })
    await scene.member('a').checkpoint()
    saving = false
    finish()
    await saved
  })
})

describe('message tracing and checkpoint reporting', () => {
  test('"it needs to take a checkpoint prior to processing the message which would introduce inconsistency"', async () => {
    await using scene = await Scene.open(NO_LAG)
    await scene.join('a', 'b')
    await dominoes(scene, 1)
    expect(scene.shelf('b').last.diary).toEqual(['save', 'save', 'n1'])
  })

  test('"the objects need to notify the POGS each time they take an unforced checkpoint": the line knows it from then on', async () => {
    await using scene = await Scene.open(NO_LAG)
    await scene.join('a')
    for (const index of [1, 2, 3]) {
      await scene.member('a').checkpoint()
      expect(await scene.group.recoveryLine(['a'])).toEqual({ a: index })
    }
    const { events } = await scene.group.trace()
    expect(events).toContainEqual({ object: 'a', kind: 'checkpoint', index: 3, forced: false })
  })

  test('"they may as well do without" checkpoints of their own: nothing is forced then, and the beginning is a consistent line', async () => {
    await using scene = await Scene.open(NO_LAG)
    await scene.join('a', 'b')
    await scene.group.send('a', { text: 'one', tell: [['b', { text: 'two', tell: [['a', { text: 'three' }]] }]] })
    await scene.knows({ a: ['one', 'three'], b: ['two'] })
    const { events } = await scene.group.trace()
    expect([...checkpointsOf(events, 'a'), ...checkpointsOf(events, 'b')]).toEqual([])
    expect(await scene.group.recover(['a'])).toEqual({ a: 0, b: 0 })
    await scene.knows({ a: ['one', 'three'], b: ['two'] })
  })

  test('"a certain object is never requested to take a checkpoint, simply because it would not introduce inconsistency"', async () => {
    await using scene = await Scene.open(NO_LAG)
    await scene.join('a', 'b', 'idle')
    await scene.member('a').send('idle', { text: 'hello' })
    await dominoes(scene, 4)
    await scene.knows({ idle: ['hello'] })
    expect(await scene.group.recoveryLine(['a', 'b', 'idle'])).toEqual({ a: 4, b: 4, idle: 0 })
  })

  test('so, beyond the paper, a policy asks an object that holds the others back: it is saved without a word of its own', async () => {
    await using scene = await Scene.open({ lag: { ...NO_LAG.lag, undoneMessages: 3 } })
    await scene.join('a', 'idle')
    for (const text of ['one', 'two', 'three', 'four', 'five', 'six']) await scene.member('a').send('idle', { text })
    await eventually(async () => (await scene.group.recoveryLine(['idle'])).idle).toBeGreaterThan(0)
    expect(scene.shelf('idle').all).toHaveLength(1)
  })
})

describe('the service', () => {
  test('"distinct names for object groups allow the POGS to control many groups independently"', async () => {
    await using one = await Scene.open(NO_LAG)
    const two = await checkpointGroup(one.site, 'another', { protocol: 'bcs' })
    const shelf = new Shelf()
    await one.join('a')
    await two.join('a', shelf.factory)
    await one.group.send('a', { text: 'for one' })
    await two.send('a', { text: 'for two' })
    await one.knows({ a: ['for one'] })
    await eventually(() => shelf.last.lines).toEqual(['for two'])
    expect(await one.group.recover(['a'])).toEqual({ a: 0 })
    await one.knows({ a: ['for one'] })
    expect([one.shelf('a').all.length, shelf.all.length]).toEqual([2, 1])
    expect(await refusalOf(one.member('a').send('b', 1))).toBe('PERDURE_E_UNKNOWN_MEMBER')
  })

  test('"being bound to a context is the precondition": who was deregistered can neither send nor be sent to, and is in no line', async () => {
    await using scene = await Scene.open(NO_LAG)
    await scene.join('a', 'b')
    await scene.member('a').send('b', { text: 'one' })
    await scene.knows({ b: ['one'] })
    await scene.member('a').leave()
    expect(await refusalOf(scene.member('a').send('b', { text: 'two' }))).toBe('PERDURE_E_CLOSED')
    expect(await refusalOf(scene.member('b').send('a', { text: 'two' }))).toBe('PERDURE_E_UNKNOWN_MEMBER')
    expect(await refusalOf(scene.group.recover(['a']))).toBe('PERDURE_E_UNKNOWN_MEMBER')
    expect(Object.keys(await scene.group.recover(['b']))).toEqual(['b'])
    await scene.knows({ b: ['one'] })
  })

  test('"the POGS allows any object to initiate the recovery action", in the middle of its work and for another', async () => {
    await using scene = await Scene.open(NO_LAG)
    const group = await checkpointGroup(scene.site, 'bank', NO_LAG)
    const lines: unknown[] = []
    class Suspicious extends Notebook {
      override receive(message: unknown, from: string): void {
        super.receive(message, from)
        if (this.lines.at(-1) === 'b is wrong') void group.recover(['b']).then((line) => lines.push(line))
      }
    }
    await scene.joinAs('a', new Shelf((self) => new Suspicious(self)))
    await scene.join('b')
    await scene.group.send('a', { text: 'b is wrong' })
    await eventually(() => lines).toEqual([{ a: 'current', b: 0 }])
    await eventually(() => scene.shelf('b').all.length).toBe(2)
    expect(scene.shelf('a').all).toHaveLength(1)
  })

  test('"the POGS does not perform fault detection": a wrong state stays wrong until somebody says so', async () => {
    await using scene = await Scene.open(NO_LAG)
    await scene.join('a', 'b')
    await scene.group.send('a', { text: 'one' })
    await scene.knows({ a: ['one'] })
    scene.shelf('a').last.lines[0] = 'damaged'
    await scene.group.send('a', { text: 'two', tell: [['b', { text: 'of two' }]] })
    await scene.knows({ a: ['damaged', 'two'], b: ['of two'] })
    expect(scene.shelf('a').all).toHaveLength(1)
    await scene.group.recover(['a'])
    await scene.knows({ a: ['one', 'two'], b: ['of two'] })
  })

  test('"programmers are free to define what information is relevant": what save leaves out is not kept', async () => {
    await using scene = await Scene.open(NO_LAG)
    const made: { kept: number; cache: number }[] = []
    const a = await scene.group.join('a', () => {
      const fields = { kept: 0, cache: 0 }
      made.push(fields)
      return {
        save: () => fields.kept,
        restore: (kept: number) => {
          fields.kept = kept
        },
        receive: () => undefined,
      }
    })
    Object.assign(made[0] as object, { kept: 7, cache: 9 })
    await a.checkpoint()
    await scene.group.recover(['a'])
    await eventually(() => made[1]).toEqual({ kept: 7, cache: 0 })
  })

  test('"the POGS does not prescribe the choice of a particular checkpointing procedure": here the object writes files of its own', async () => {
    await using scene = await Scene.open(NO_LAG)
    const texts: string[] = []
    let files = 0
    const a = await scene.group.join('a', () => {
      let text = 'empty'
      return {
        save: () => {
          files += 1
          const file = join(folder, `own-${files}.txt`)
          writeFileSync(file, text)
          return external({ file })
        },
        restore: (state: External<{ file: string }>) => {
          text = readFileSync(state.ref.file, 'utf8')
          texts.push(text)
        },
        receive: (message: unknown) => {
          text = String(message)
          texts.push(text)
        },
      }
    })
    await scene.group.send('a', 'a page')
    await eventually(() => texts).toEqual(['a page'])
    await a.checkpoint()
    await scene.group.recover(['a'])
    await eventually(() => texts).toEqual(['a page', 'a page'])
  })

  test('"the only observation a user can do is to notice high availability": requests are answered once each, though the group goes back again and again', async () => {
    await using scene = await Scene.open(NO_LAG)
    const answers = await space(scene.site, 'answers')
    class Server extends Notebook {
      override receive(message: unknown, from: string): void {
        this.lines.push(String(message))
        if (from === '@outside') void this.self.send('back', message)
        else void this.self.space('answers').out(['answer', message, this.lines.length])
        if (this.lines.length % 3 === 0) void this.self.checkpoint()
      }
    }
    for (const name of ['front', 'back']) await scene.joinAs(name, new Shelf((self) => new Server(self)))
    const seen: unknown[] = []
    for (let request = 1; request <= 12; request++) {
      await scene.group.send('front', request)
      if (request % 4 === 0) await scene.group.recover([request % 8 === 0 ? 'front' : 'back'])
      let answer: readonly unknown[] | null = null
      while (answer === null) {
        for (const name of ['front', 'back']) await scene.member(name).checkpoint()
        answer = await answers.inp(['answer', request, Number])
      }
      seen.push(answer[2])
    }
    expect(seen).toEqual(Array.from({ length: 12 }, (_, n) => n + 1))
    expect(await answers.count(['answer', Number, Number])).toBe(0)
  })
})

describe('its sources', () => {
  const CHECKPOINT = join(import.meta.dirname, '../../src/mechanisms/checkpoint')

  test.each(['exact', 'bcs', 'hmnr', 'fdas', 'bhmr', 'cut', 'bare', 'line', 'koo-toueg', 'chandy-lamport'])(
    '%s names the publication that it comes from, with its year',
    (name) => {
      const comment = readFileSync(join(CHECKPOINT, `${name}.ts`), 'utf8').split('*/', 1)[0]
      expect(comment).toMatch(/^ \* Sources?: (?:.|\n)*\b(?:19|20)\d\d\b/m)
    },
  )
})
