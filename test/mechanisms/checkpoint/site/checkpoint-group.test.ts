/** What programs call, one by one. */
import { open } from 'perdure'
import { type CheckpointedObject, checkpointGroup, type Self } from 'perdure/checkpoint'
import { describe, expect, test } from 'vitest'
import { WINDOW } from '../../../../src/mechanisms/checkpoint/machine/protocol.ts'
import { eventually, Scene, Shelf } from './scene.ts'

/** In which checkpoints are taken alone, at markers, and together. */
const PROTOCOLS = ['exact', 'cut', 'koo-toueg'] as const

const codeOf = (error: unknown) => (error as { readonly code?: unknown }).code

/** The code with which it is refused. */
const refusalOf = (promise: Promise<unknown>) => promise.then(() => 'not refused', codeOf)

describe('messages', () => {
  test('go from one member to the other, with the name of the sender, in the order of the calls', async () => {
    await using scene = await Scene.open()
    await scene.join('a', 'b')
    const sent = ['one', 'two', 'three'].map((text) => scene.member('a').send('b', { text }))
    const ids = await Promise.all(sent)
    expect(ids).toEqual([...ids].sort((one, other) => one - other))
    await eventually(() => scene.shelf('b').last.given).toEqual([
      ['one', 'a'],
      ['two', 'a'],
      ['three', 'a'],
    ])
  })

  test('from outside the group come from @outside', async () => {
    await using scene = await Scene.open()
    await scene.join('a')
    await scene.group.send('a', { text: 'hello' })
    await eventually(() => scene.shelf('a').last.given).toEqual([['hello', '@outside']])
  })

  test('that an object sends while it receives arrive, to itself too', async () => {
    await using scene = await Scene.open()
    await scene.join('a', 'b')
    const reply = { text: 'reply', tell: [['b', { text: 'own' }]] as const }
    await scene.group.send('b', { text: 'ask', tell: [['a', { text: 'question', tell: [['b', reply]] }]] })
    await scene.knows({ a: ['question'], b: ['ask', 'reply', 'own'] })
  })

  test('for nobody, of no name, or of no value are refused, and nothing is lost by it', async () => {
    await using scene = await Scene.open()
    await scene.join('a', 'b')
    const a = scene.member('a')
    const refused = [
      a.send('stranger', { text: 'x' }),
      a.send('b', () => 1),
      a.send(undefined as unknown as string, 1),
      a.send('b', 'x'.repeat(130_000)),
      scene.group.send('stranger', 1),
      scene.group.send('b', new Map([[1, Symbol('no')]])),
    ]
    expect(await Promise.all(refused.map(refusalOf))).toEqual([
      'PERDURE_E_UNKNOWN_MEMBER',
      'PERDURE_E_VALUE',
      'PERDURE_E_USAGE',
      'PERDURE_E_VALUE',
      'PERDURE_E_UNKNOWN_MEMBER',
      'PERDURE_E_VALUE',
    ])
    await a.send('b', { text: 'after' })
    await scene.knows({ b: ['after'] })
  })

  test('of an object with the handle of the group are refused: nobody could undo them', async () => {
    await using scene = await Scene.open()
    const codes: unknown[] = []
    await scene.group.join('a', () => ({
      save: () => null,
      restore: () => undefined,
      receive: async () => void codes.push(await refusalOf(scene.group.send('a', 1))),
    }))
    await scene.group.send('a', 0)
    await eventually(() => codes).toEqual(['PERDURE_E_USAGE'])
  })
})

describe('a group', () => {
  test('of the same name and options is the same, of other options refused', async () => {
    await using scene = await Scene.open({ protocol: 'bcs', lag: {} })
    await scene.join('a')
    const same = await checkpointGroup(scene.site, 'bank', { protocol: 'bcs' })
    await same.send('a', { text: 'x' })
    await scene.knows({ a: ['x'] })
    expect(await refusalOf(checkpointGroup(scene.site, 'bank'))).toBe('PERDURE_E_KEY_TAKEN')
  })

  test.each([
    ['a name that is none', '../x', {}, 'PERDURE_E_NAME'],
    ['the unsafe protocol', 'bank', { protocol: 'bare' }, 'PERDURE_E_USAGE'],
    ['a protocol nobody knows', 'bank', { protocol: 'paxos' }, 'PERDURE_E_USAGE'],
    ['a lag of no option', 'bank', { lag: { seconds: 1 } }, 'PERDURE_E_USAGE'],
    ['a lag of nothing', 'bank', { lag: { undoneMs: 0 } }, 'PERDURE_E_USAGE'],
    ['a lag that is a number', 'bank', { lag: 5_000 }, 'PERDURE_E_USAGE'],
    ['a lag that is null', 'bank', { lag: null }, 'PERDURE_E_USAGE'],
    ['options that are null', 'bank', null, 'PERDURE_E_USAGE'],
    ['options that are a word', 'bank', 'bcs', 'PERDURE_E_USAGE'],
  ])('with %s is refused', async (_, name, options, code) => {
    await using site = await open('memory:')
    expect(await refusalOf(checkpointGroup(site, name, options as never))).toBe(code)
  })

  test('that was deleted has no members any more, and its name is free', async () => {
    await using scene = await Scene.open()
    await scene.join('a')
    await scene.group.delete()
    await eventually(() => scene.shelf('a').last.self.signal.aborted).toBe(true)
    expect(await refusalOf(scene.member('a').checkpoint())).toBe('PERDURE_E_UNKNOWN_GROUP')
    expect(await refusalOf(scene.group.send('a', 1))).toBe('PERDURE_E_UNKNOWN_GROUP')
    expect(await refusalOf(scene.group.trace())).toBe('PERDURE_E_UNKNOWN_GROUP')
    await checkpointGroup(scene.site, 'bank', { protocol: 'hmnr' })
  })
})

describe('join', () => {
  test.each([
    ['no name', '', () => ({}), 'PERDURE_E_NAME'],
    ['no factory', 'a', { save: 1 }, 'PERDURE_E_USAGE'],
  ])('with %s is refused', async (_, name, factory, code) => {
    await using scene = await Scene.open()
    expect(await refusalOf(scene.group.join(name, factory as never))).toBe(code)
  })

  test('of an object whose output is no method is refused, as it was before anything is put out', async () => {
    await using site = await open('memory:', { hear: () => undefined })
    const group = await checkpointGroup(site, 'bank')
    const object = { save: () => 1, restore: () => undefined, receive: () => undefined, output: 'printer' }
    const joining = group.join('a', () => object as never)
    await expect(joining).rejects.toMatchObject({ message: expect.stringContaining('whose output is no method') })
  })

  test('of a member that lives is refused', async () => {
    await using scene = await Scene.open()
    await scene.join('a')
    expect(await refusalOf(scene.group.join('a', new Shelf().factory))).toBe('PERDURE_E_MEMBER_TAKEN')
    await scene.group.send('a', { text: 'still here' })
    await scene.knows({ a: ['still here'] })
  })

  test('in a group that is not there any more is refused', async () => {
    await using scene = await Scene.open()
    await scene.group.delete()
    expect(await refusalOf(scene.group.join('a', new Shelf().factory))).toBe('PERDURE_E_UNKNOWN_GROUP')
  })

  test('with a factory that makes no member says what is missing, and the name stays free', async () => {
    await using scene = await Scene.open()
    const wrong = () => ({ save: () => 1 }) as unknown as CheckpointedObject
    const error = await scene.group.join('a', wrong).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ code: 'PERDURE_E_WEDGED', message: expect.stringContaining('restore, receive') })
  })

  test('resolves when the state is restored and what was delivered after it is delivered again', async () => {
    await using scene = await Scene.open()
    await scene.join('a', 'b')
    await scene.group.send('a', { text: 'saved' })
    await scene.knows({ a: ['saved'] })
    await scene.member('a').checkpoint()
    for (const text of ['one', 'two']) await scene.group.send('a', { text })
    await scene.knows({ a: ['saved', 'one', 'two'] })
    await scene.member('a').close()
    const again = new Shelf()
    await scene.joinAs('a', again)
    expect(again.all).toHaveLength(1)
    expect(again.last.diary).toEqual(['restore', 'one', 'two'])
    expect(again.last.lines).toEqual(['saved', 'one', 'two'])
  })

  test('given up by its signal, or for its time, is no join: the name is free', async () => {
    await using scene = await Scene.open()
    const never = () => new Promise<never>(() => undefined)
    const controller = new AbortController()
    const aborted = scene.group.join('a', never, { signal: controller.signal }).catch((error: unknown) => error)
    controller.abort('no more patience')
    expect(await aborted).toBe('no more patience')
    expect(await refusalOf(scene.group.join('a', never, { timeoutMs: 20 }))).toBe('PERDURE_E_TIMEOUT')
    await scene.join('a')
    await scene.group.send('a', { text: 'x' })
    await scene.knows({ a: ['x'] })
  })

  test('waits for messages that were sent before the first object was there', async () => {
    await using scene = await Scene.open()
    let build = () => {}
    const ready = new Promise<void>((resolve) => {
      build = resolve
    })
    const shelf = new Shelf()
    const joining = scene.group.join('a', async (self) => {
      await ready
      return shelf.factory(self)
    })
    await eventually(() => refusalOf(scene.group.send('a', { text: 'early' }))).toBe('not refused')
    build()
    await joining
    await eventually(() => shelf.last.lines.length).toBeGreaterThan(0)
  })
})

describe('a member', () => {
  test('that is closed is dead, its messages wait, and who joins it is given them', async () => {
    await using scene = await Scene.open()
    await scene.join('a', 'b')
    const a = scene.member('a')
    await a.close()
    await a.close()
    expect(scene.shelf('a').last.self.signal.aborted).toBe(true)
    expect(await refusalOf(a.send('b', 1))).toBe('PERDURE_E_CLOSED')
    await scene.member('b').send('a', { text: 'for later' })
    await scene.joinAs('a', new Shelf())
    await scene.knows({ a: ['for later'] })
  })

  test('that has left is unknown, and its name may join anew', async () => {
    await using scene = await Scene.open()
    await scene.join('a', 'b')
    await scene.member('a').send('b', { text: 'bye', tell: [['a', { text: 'see you' }]] })
    await scene.knows({ a: ['see you'], b: ['bye'] })
    await scene.member('a').leave({ timeoutMs: 20_000 })
    expect(await refusalOf(scene.member('a').send('b', 1))).toBe('PERDURE_E_CLOSED')
    expect(await refusalOf(scene.group.send('a', 1))).toBe('PERDURE_E_UNKNOWN_MEMBER')
    await scene.joinAs('a', new Shelf())
    await scene.group.send('a', { text: 'a new one' })
    await scene.knows({ a: ['a new one'], b: ['bye'] })
  })

  test.each(PROTOCOLS)('(%s) is given what was sent to it before it leaves, however much', async (protocol) => {
    await using scene = await Scene.open({ protocol })
    await scene.join('a')
    const given: unknown[] = []
    const object = { save: () => given.length, restore: () => undefined, receive: (message: unknown) => void given.push(message) }
    const leaver = await scene.group.join('leaver', () => object)
    const sent = Array.from({ length: WINDOW + 3 }, (_, n) => n)
    await Promise.all(sent.map((n) => scene.member('a').send('leaver', n)))
    await leaver.leave()
    expect(given).toEqual(sent)
  })

  test.each(PROTOCOLS)(
    '(%s) whose object is thrown away before a checkpoint is taken takes it with the next one',
    async (protocol) => {
      await using scene = await Scene.open({ protocol })
      let hangs = true
      const object = () => ({
        save: () => 1,
        restore: () => undefined,
        receive() {
          if (!hangs) return undefined
          hangs = false
          return new Promise<void>(() => undefined)
        },
      })
      const member = await scene.group.join('a', object)
      for (const n of [1, 2]) await scene.group.send('a', n)
      await eventually(() => hangs).toBe(false)
      const saving = member.checkpoint()
      // It is asked for in an entry, or a note; then the object goes.
      await scene.group.recoveryLine(['a'])
      await scene.group.recover(['a'])
      await saving
      const closing = member.checkpoint()
      await member.close()
      await closing.catch((error) => expect(error).toMatchObject({ code: 'PERDURE_E_CLOSED' }))
    },
  )

  test('checkpoint() inside its own receive does not wait for itself', async () => {
    await using scene = await Scene.open()
    let inside: Promise<void> | undefined
    const object = (self: Self) => ({
      saves: 0,
      save() {
        this.saves += 1
        return this.saves
      },
      restore: () => undefined,
      async receive() {
        inside = self.checkpoint()
        await inside
      },
    })
    await scene.group.join('a', object)
    await scene.group.send('a', 1)
    await eventually(async () => (await scene.group.recoveryLine(['a'])).a).toBe(1)
    await inside
  })

  test('leave() right after a recovery waits until what was delivered before is delivered again', async () => {
    await using site = await open('memory:')
    const group = await checkpointGroup(site, 'g')
    for (let round = 0; round < 5; round++) {
      const given: unknown[] = []
      const object = { save: () => null, restore: () => undefined, receive: (message: unknown) => void given.push(message) }
      const member = await group.join(`a${round}`, () => object)
      await group.send(`a${round}`, round)
      await eventually(() => given).toEqual([round])
      await group.recover([`a${round}`])
      await member.leave()
      expect(given).toEqual([round, round])
    }
  })

  test('leave() inside its own receive is refused, for it would wait for itself', async () => {
    await using scene = await Scene.open()
    const codes: unknown[] = []
    const a = await scene.group.join('a', () => ({
      save: () => null,
      restore: () => undefined,
      receive: async () => void codes.push(await refusalOf(a.leave())),
    }))
    await scene.group.send('a', 1)
    await eventually(() => codes).toEqual(['PERDURE_E_USAGE'])
  })

  test('and the site it lives in end together', async () => {
    const scene = await Scene.open()
    await scene.join('a', 'b')
    await scene.site.close()
    expect(await refusalOf(scene.member('a').send('b', 1))).toBe('PERDURE_E_CLOSED')
    await eventually(() => scene.shelf('a').last.self.signal.aborted).toBe(true)
  })
})

describe('snapshot', () => {
  test('is the states of all members and what is on its way between them', async () => {
    await using scene = await Scene.open()
    await scene.join('a', 'b')
    await scene.group.send('a', { text: 'one' })
    await scene.knows({ a: ['one'] })
    const { states, channels } = await scene.group.snapshot({ timeoutMs: 20_000 })
    expect(states).toEqual({ a: ['one'], b: [] })
    expect(channels.flatMap(({ messages }) => messages)).toEqual([])
  })

  test('shows a state that is too large for an entry', async () => {
    await using scene = await Scene.open()
    await scene.group.join('a', () => ({ save: () => 'x'.repeat(300_000), restore: () => undefined, receive: () => undefined }))
    const { states } = await scene.group.snapshot({ timeoutMs: 20_000 })
    expect(states).toEqual({ a: 'x'.repeat(300_000) })
  })
})

describe('trace', () => {
  test('has what every member has sent, received and saved, in its own order', async () => {
    await using scene = await Scene.open()
    await scene.join('a', 'b')
    const id = await scene.member('a').send('b', { text: 'x' })
    await scene.knows({ b: ['x'] })
    const msg = String(id)
    expect(await scene.group.trace()).toEqual({
      objects: ['a', 'b'],
      events: [
        { object: 'a', kind: 'send', msg, to: 'b' },
        { object: 'b', kind: 'receive', msg, from: 'a' },
      ],
    })
  })
})
