/** What objects give away: their states, and what goes to the outside. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { space } from 'perdure'
import { type CheckpointedObject, External, external, type Self } from 'perdure/checkpoint'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { INLINE_BYTES } from '../../../../src/mechanisms/checkpoint/site/states.ts'
import { eventually, Scene } from './scene.ts'

const codeOf = (error: unknown) => (error as { readonly code?: unknown }).code

const folder = mkdtempSync(join(tmpdir(), 'perdure-states-'))
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

/** An object that is nothing but a state, and keeps what it was restored to. */
class Box implements CheckpointedObject {
  state: unknown
  restored: unknown

  constructor(state: unknown) {
    this.state = state
  }

  save(): unknown {
    return this.state
  }

  restore(state: unknown): void {
    this.restored = state
    this.state = state
  }

  receive(message: unknown): void {
    this.state = message
  }
}

describe('a state', () => {
  test.each([
    ['a small value', { balance: 7, seen: new Set(['x']), at: new Date(0) }],
    ['nothing', undefined],
    ['more than an entry may hold', new Uint8Array(400_000).fill(7)],
    ['a promise of a value', Promise.resolve('later')],
  ])('(%s) is what restore is given', async (_, state) => {
    await using scene = await Scene.open()
    const boxes: Box[] = []
    const a = await scene.group.join('a', () => {
      boxes.push(new Box('new'))
      return boxes.at(-1) as Box
    })
    ;(boxes[0] as Box).state = state
    await a.checkpoint()
    await scene.group.recover(['a'])
    await eventually(() => boxes.length).toBe(2)
    await a.checkpoint()
    expect(boxes[1]?.restored).toEqual(await state)
  })

  test('is stored beside the log when it is large, and only when it has changed', async () => {
    const url = join(folder, 'large')
    await using scene = await Scene.open({}, url)
    const box = new Box(new Uint8Array(INLINE_BYTES * 2).fill(1))
    const a = await scene.group.join('a', () => box)
    for (let n = 0; n < 3; n++) await a.checkpoint()
    const blobs = () => readdirSync(join(url, 'blobs')).length
    expect(blobs()).toBe(1)
    box.state = new Uint8Array(INLINE_BYTES * 2).fill(2)
    await a.checkpoint()
    expect(blobs()).toBe(2)
  })

  test('that has not changed is not sent again, and a recovery finds it all the same', async () => {
    await using scene = await Scene.open()
    const boxes: Box[] = []
    const a = await scene.group.join('a', () => {
      boxes.push(new Box('as ever'))
      return boxes.at(-1) as Box
    })
    for (let n = 0; n < 3; n++) await a.checkpoint()
    expect(await scene.group.recover(['a'])).toEqual({ a: 3 })
    await eventually(() => boxes[1]?.restored).toBe('as ever')
    await a.checkpoint()
    await scene.group.recover(['a'])
    await eventually(() => boxes[2]?.restored).toBe('as ever')
    const { entries } = (await scene.site.link.main.query('log', 'entries', [1, 1_000])) as Entries
    const saves = entries.filter(({ operation }) => operation === 'checkpoint.save').map(({ preview }) => preview)
    expect(saves.map((text) => text.includes('inline'))).toEqual([true, false, false, false, false])
  })

  test('stored by the object itself comes back as its reference, and the reference is discarded when nobody needs it', async () => {
    await using scene = await Scene.open()
    const discarded: unknown[] = []
    let stored = 0
    let restored: unknown
    const make = (): CheckpointedObject => ({
      save: () => external({ file: `state-${++stored}` }),
      restore: (state) => {
        restored = state
      },
      receive: () => undefined,
      discard: (ref) => void discarded.push(ref),
    })
    const a = await scene.group.join('a', make)
    await a.checkpoint()
    await a.checkpoint()
    await scene.group.recover(['a'])
    await eventually(() => restored).toEqual(new External({ file: 'state-3' }))
    await eventually(() => discarded).toEqual([{ file: 'state-1' }, { file: 'state-2' }])
  })

  test('that is no value breaks the object, and says so', async () => {
    await using scene = await Scene.open()
    const joining = scene.group.join('a', () => new Box(() => 1))
    expect(await joining.catch(codeOf)).toBe('PERDURE_E_WEDGED')
  })
})

describe('a checkpoint', () => {
  test('belongs to the moment between two messages, and what is sent while the state is saved comes after it', async () => {
    await using scene = await Scene.open()
    await scene.join('b')
    let release = () => {}
    const saving: string[] = []
    let hold = false
    const object = (_: Self): CheckpointedObject => ({
      save: async () => {
        if (!hold) return 0
        saving.push('begins')
        await new Promise<void>((resolve) => {
          release = resolve
        })
        saving.push('ends')
        return 1
      },
      restore: () => undefined,
      receive: (message) => void saving.push(message as string),
    })
    const a = await scene.group.join('a', object)
    await a.send('b', { text: 'before' })
    hold = true
    const saved = a.checkpoint()
    await eventually(() => saving).toEqual(['begins'])
    const sent = a.send('b', { text: 'during' })
    await scene.group.send('a', 'message')
    await scene.group.send('b', { text: 'from outside' })
    await scene.knows({ b: ['before', 'from outside'] })
    release()
    await Promise.all([saved, sent])
    await scene.knows({ b: ['before', 'from outside', 'during'] })
    await eventually(() => saving).toEqual(['begins', 'ends', 'message'])
    const { events } = await scene.group.trace()
    const kinds = events.filter(({ object: who }) => who === 'a').map(({ kind }) => kind)
    expect(kinds).toEqual(['checkpoint', 'send', 'receive'])
  })
})

describe('an output', () => {
  class Teller implements CheckpointedObject {
    readonly self: Self
    readonly given: (readonly [payload: unknown, key: string])[]
    fails = 0

    constructor(self: Self, given: (readonly [payload: unknown, key: string])[]) {
      this.self = self
      this.given = given
    }

    save(): null {
      return null
    }

    restore(): void {}

    receive(message: unknown): void {
      void this.self.output(message)
    }

    async output(payload: unknown, { idempotencyKey }: { readonly idempotencyKey: string }): Promise<void> {
      this.given.push([payload, idempotencyKey])
      if (payload === 'twice' && this.given.filter(([given]) => given === 'twice').length === 1) throw new Error('line is busy')
    }
  }

  test('is given to the object once nothing can undo it, and not before', async () => {
    await using scene = await Scene.open({ lag: { undoneMs: 1_000_000 } })
    const given: [unknown, string][] = []
    await scene.join('b')
    const a = await scene.group.join('a', (self) => new Teller(self, given))
    await scene.group.send('b', { text: 'x' })
    const position = await a.output('dispense 5')
    expect(given).toEqual([])
    await a.checkpoint()
    await eventually(() => given).toEqual([['dispense 5', expect.stringMatching(new RegExp(`:${position}$`))]])
  })

  test('of an interval that is undone is never given', async () => {
    await using scene = await Scene.open({ lag: { undoneMs: 1_000_000 } })
    const given: [unknown, string][] = []
    let choice = 0
    const a = await scene.group.join('a', (self) => ({
      save: () => null,
      restore: () => undefined,
      receive: async () => void (await self.output(`choice ${++choice}`)),
      output: (payload, { idempotencyKey }) => void given.push([payload, idempotencyKey]),
    }))
    await scene.group.send('a', 1)
    await eventually(() => choice).toBe(1)
    await scene.group.recover(['a'])
    await eventually(() => choice).toBe(2)
    await a.checkpoint()
    await eventually(() => given.map(([payload]) => payload)).toEqual(['choice 2'])
  })

  test('does not wait for ever for a member that never saves', async () => {
    await using scene = await Scene.open()
    const given: [unknown, string][] = []
    await scene.join('b')
    await scene.group.join('a', (self) => new Teller(self, given))
    await scene.group.send('a', 'dispense')
    await eventually(() => given.map(([payload]) => payload)).toEqual(['dispense'])
  })

  test('that the object could not give is given again, under the same key', async () => {
    await using scene = await Scene.open()
    const given: [unknown, string][] = []
    const a = await scene.group.join('a', (self) => new Teller(self, given))
    await a.output('twice')
    await a.checkpoint()
    await eventually(() => given.map(([payload]) => payload)).toEqual(['twice', 'twice'])
    expect(given[0]?.[1]).toBe(given[1]?.[1])
  })

  test('of a member that was closed is given to who joins it', async () => {
    await using scene = await Scene.open({ lag: { undoneMs: 1_000_000 } })
    const [before, after]: [unknown, string][][] = [[], []]
    const a = await scene.group.join('a', (self) => new Teller(self, before as [unknown, string][]))
    await a.output('dispense')
    await a.close()
    const again = await scene.group.join('a', (self) => new Teller(self, after as [unknown, string][]))
    await again.checkpoint()
    await again.output('after')
    await again.checkpoint()
    await eventually(() => after?.map(([payload]) => payload)).toEqual(['after'])
    expect(before).toEqual([])
  })

  test('into a space appears when it is stable', async () => {
    await using scene = await Scene.open({ lag: { undoneMs: 1_000_000 } })
    const results = await space(scene.site, 'results')
    await scene.join('a')
    await scene.member('a').space('results').out(['sum', 7])
    expect(await results.count(['sum', Number])).toBe(0)
    await scene.member('a').checkpoint()
    expect(await results.in(['sum', Number])).toEqual(['sum', 7])
    expect(
      await scene
        .member('a')
        .space('results')
        .out('no' as never)
        .catch(codeOf),
    ).toBe('PERDURE_E_USAGE')
    expect(() => scene.member('a').space('../x')).toThrow('cannot name a space')
  })

  test('that is no value is refused to the object that awaits it, and breaks the program that does not, as a message does', async () => {
    await using scene = await Scene.open()
    const refusals: unknown[] = []
    const broken: unknown[] = []
    // The runner would take it for a failure of the test.
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', (reason) => void broken.push(codeOf(reason)))
    onTestFinished(() => {
      process.removeAllListeners('unhandledRejection')
      for (const other of others) process.on('unhandledRejection', other)
    })
    await scene.group.join('a', (self) => ({
      save: () => null,
      restore: () => undefined,
      async receive() {
        refusals.push(await self.output(() => 1).catch(codeOf), await self.send('a', () => 1).catch(codeOf))
        void self.output(() => 1)
        void self.send('a', () => 1)
      },
    }))
    await scene.group.send('a', 'go')
    await eventually(() => refusals).toEqual(['PERDURE_E_VALUE', 'PERDURE_E_VALUE'])
    await eventually(() => broken).toEqual(['PERDURE_E_VALUE', 'PERDURE_E_VALUE'])
  })
})

interface Entries {
  readonly entries: readonly { readonly operation: string; readonly preview: string }[]
}
