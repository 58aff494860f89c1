/** What becomes of objects and messages when something goes wrong. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'perdure'
import { checkpointGroup, type Member, type Self } from 'perdure/checkpoint'
import { afterAll, describe, expect, test } from 'vitest'
import { eventually, Notebook, Scene, Shelf } from './scene.ts'

const codeOf = (error: unknown) => (error as { readonly code?: unknown }).code
const refusalOf = (promise: Promise<unknown>) => promise.then(() => 'not refused', codeOf)

const folder = mkdtempSync(join(tmpdir(), 'perdure-members-'))
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

describe.each([
  ['in memory', () => 'memory:'],
  ['on disk', (name: string) => join(folder, name)],
] as const)('%s', (where, urlOf) => {
  test('a rollback makes a new object, restores its state and replays what it was sent, and nothing else', async () => {
    await using scene = await Scene.open({}, urlOf('rollback'))
    await scene.join('a', 'b')
    await scene.group.send('a', { text: 'one' })
    await scene.knows({ a: ['one'] })
    await scene.member('a').checkpoint()
    await scene.group.send('a', { text: 'two', tell: [['b', { text: 'of two' }]] })
    await scene.knows({ b: ['of two'] })
    await scene.group.send('b', { text: 'apart' })
    await scene.knows({ a: ['one', 'two'], b: ['of two', 'apart'] })
    const [objectA, objectB] = [scene.shelf('a').last, scene.shelf('b').last]
    expect(await scene.group.recoveryLine(['a'])).toEqual({ a: 1, b: 0 })
    expect(scene.shelf('a').all).toHaveLength(1)
    expect(await scene.group.recover(['a'])).toEqual({ a: 1, b: 0 })
    await scene.knows({ a: ['one', 'two'], b: ['apart', 'of two'] })
    expect([objectA, objectB].map(({ self }) => self.signal.aborted)).toEqual([true, true])
    expect(scene.shelf('a').last.diary).toEqual(['restore', 'two'])
    expect(scene.shelf('b').last.diary).toEqual(['restore', 'apart', 'of two'])
  })

  test('who is not concerned goes on with the same object, and keeps what it has been given', async () => {
    await using scene = await Scene.open({}, urlOf('unconcerned'))
    await scene.join('a', 'b', 'c')
    await scene.group.send('c', { text: 'apart' })
    await scene.group.send('b', { text: 'one', tell: [['a', { text: 'of one' }]] })
    await scene.knows({ a: ['of one'], c: ['apart'] })
    expect(await scene.group.recover(['a'])).toEqual({ a: 0, b: 'current', c: 'current' })
    await scene.knows({ a: ['of one'], b: ['one'], c: ['apart'] })
    expect(scene.shelf('b').all).toHaveLength(1)
    expect(scene.shelf('c').all).toHaveLength(1)
    expect(scene.shelf('a').last.diary).toEqual(['restore', 'of one'])
  })

  test('a message whose sending is undone is not delivered, and not replayed', async () => {
    await using scene = await Scene.open({}, urlOf('orphans'))
    let tries = 0
    class Random extends Notebook {
      override receive(message: unknown, from: string): void {
        if ((message as { text: string }).text === 'decide') {
          tries += 1
          void this.self.send('b', { text: `choice ${tries}` })
        }
        super.receive(message, from)
      }
    }
    await scene.joinAs('a', new Shelf((self) => new Random(self)))
    await scene.join('b')
    await scene.group.send('a', { text: 'decide' })
    await scene.knows({ b: ['choice 1'] })
    expect(await scene.group.recover(['a'])).toEqual({ a: 0, b: 0 })
    await scene.knows({ a: ['decide'], b: ['choice 2'] })
    await scene.member('b').checkpoint()
    expect(scene.lines('b')).toEqual(['choice 2'])
  })

  test('a member that is joined anew goes on where the group goes back to', async () => {
    const url = urlOf('joined')
    await using scene = await Scene.open({}, url)
    await scene.join('a', 'b')
    for (const text of ['one', 'two', 'three']) await scene.group.send('a', { text, tell: [['b', { text: `of ${text}` }]] })
    await scene.knows({ b: ['of one', 'of two', 'of three'] })
    await scene.member('a').close()
    await scene.joinAs('a', new Shelf())
    await scene.knows({ a: ['one', 'two', 'three'], b: ['of one', 'of two', 'of three'] })
    expect(scene.shelf('b').all).toHaveLength(2)
  })

  if (where === 'on disk')
    test('after the end of everything each member goes on from the line, whoever joins it, and waits for nobody', async () => {
      const url = urlOf('reopened')
      {
        await using scene = await Scene.open({}, url)
        await scene.join('a', 'b')
        await scene.group.send('a', { text: 'one', tell: [['b', { text: 'of one' }]] })
        await scene.knows({ b: ['of one'] })
        await scene.member('b').checkpoint()
        await scene.group.send('a', { text: 'two', tell: [['b', { text: 'of two' }]] })
        await scene.knows({ b: ['of one', 'of two'] })
      }
      await using scene = await Scene.open({}, url)
      await scene.join('b')
      expect(scene.lines('b')).toEqual([])
      await scene.join('a')
      await scene.knows({ a: ['one', 'two'], b: ['of one', 'of two'] })
    })
})

describe('an object that breaks', () => {
  /** Breaks when told to, so often. */
  class Fragile extends Notebook {
    static breaks = 0

    override receive(message: unknown, from: string): void {
      super.receive(message, from)
      const { text } = message as { text: string }
      if (!text.startsWith('break') || Fragile.breaks === 0) return
      Fragile.breaks -= 1
      if (text === 'break') throw new Error('no more')
      // As a program without types would do it, or one whose method is async.
      const later = text === 'break later' ? Promise.reject(new Error('no more')) : new Promise(() => undefined)
      return later as unknown as undefined
    }
  }

  test.each(['break', 'break later', 'break by hanging'])('(%s) is thrown away and built again', async (text) => {
    Fragile.breaks = 1
    await using scene = await Scene.open()
    await scene.joinAs('a', new Shelf((self) => new Fragile(self)), { maxTurnMs: 100 })
    await scene.group.send('a', { text: 'one' })
    await scene.group.send('a', { text })
    await scene.group.send('a', { text: 'three' })
    await eventually(() => scene.shelf('a').all.length).toBe(2)
    await scene.knows({ a: ['one', text, 'three'] })
    expect(scene.shelf('a').all[0]?.self.signal.aborted).toBe(true)
    expect(scene.shelf('a').all[0]?.diary).toEqual(['save', 'one', text])
  })

  test('at the same message again and again wedges the member, and join says why', async () => {
    Fragile.breaks = 1_000
    await using scene = await Scene.open()
    const shelf = new Shelf((self) => new Fragile(self))
    const a = await scene.joinAs('a', shelf)
    await scene.join('b')
    await scene.group.send('a', { text: 'break' })
    await eventually(() => refusalOf(a.send('b', { text: 'x' }))).toBe('PERDURE_E_WEDGED')
    expect(shelf.all).toHaveLength(5)
    const error = await scene.group.join('a', shelf.factory).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ code: 'PERDURE_E_WEDGED', message: expect.stringContaining('no more') })
    Fragile.breaks = 0
    await scene.group.recover(['a'])
    await scene.joinAs('a', shelf)
    await scene.knows({ a: ['break'] })
  })

  test.each(['save', 'restore'] as const)('in %s is built again', async (method) => {
    await using scene = await Scene.open()
    let breaks = 0
    class Breaking extends Notebook {
      override save(): readonly string[] {
        if (method === 'save' && breaks-- > 0) throw new Error('disk full')
        return super.save()
      }

      override restore(lines: readonly string[]): void {
        if (method === 'restore' && breaks-- > 0) throw new Error('not mine')
        super.restore(lines)
      }
    }
    const a = await scene.joinAs('a', new Shelf((self) => new Breaking(self)))
    await scene.group.send('a', { text: 'one' })
    await scene.knows({ a: ['one'] })
    breaks = 1
    if (method === 'save') await a.checkpoint()
    else await scene.group.recover(['a'])
    await scene.knows({ a: ['one'] })
    expect(breaks).toBeLessThan(1)
    expect(scene.shelf('a').all.length).toBeGreaterThan(1)
  })

  test('is nobody from then on: what it does is refused, through whatever handle, and changes nothing', async () => {
    await using scene = await Scene.open()
    let member: Member | undefined
    const codes: unknown[] = []
    let wake = () => {}
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    const shelf = new Shelf((self) => {
      const book = new Notebook(self)
      book.receive = async (message) => {
        book.lines.push((message as { text: string }).text)
        if (scene.shelf('a').all.length > 1) return
        await woken
        const late = { text: 'late' }
        codes.push(await refusalOf(self.send('b', late)), await refusalOf((member as Member).send('b', late)))
        codes.push(await refusalOf(self.checkpoint()), await refusalOf(self.output(1)))
        codes.push(await refusalOf((member as Member).checkpoint()))
      }
      return book
    })
    member = await scene.joinAs('a', shelf)
    await scene.join('b')
    await scene.group.send('a', { text: 'one' })
    await eventually(() => shelf.all[0]?.lines).toEqual(['one'])
    await scene.group.recover(['a'])
    await scene.knows({ a: ['one'] })
    wake()
    await eventually(() => codes).toEqual(new Array(5).fill('PERDURE_E_REVOKED'))
    await member.send('b', { text: 'of the new one' })
    await scene.knows({ b: ['of the new one'] })
  })

  test('for good does not stop the others', async () => {
    Fragile.breaks = 1_000
    await using scene = await Scene.open()
    await scene.joinAs('a', new Shelf((self) => new Fragile(self)))
    await scene.join('b', 'c')
    await scene.group.send('a', { text: 'break' })
    for (const text of ['one', 'two']) await scene.group.send('b', { text, tell: [['c', { text: `of ${text}` }]] })
    await scene.knows({ b: ['one', 'two'], c: ['of one', 'of two'] })
    await eventually(() => refusalOf(scene.member('a').checkpoint())).toBe('PERDURE_E_WEDGED')
    await scene.group.send('b', { text: 'three', tell: [['c', { text: 'of three' }]] })
    await scene.knows({ c: ['of one', 'of two', 'of three'] })
  })
})

describe('a recovery', () => {
  test('during a recovery is the same one with more failed members', async () => {
    await using scene = await Scene.open()
    await scene.join('a', 'b', 'c')
    for (const name of ['a', 'b', 'c']) await scene.group.send(name, { text: `for ${name}` })
    await scene.knows({ a: ['for a'], b: ['for b'], c: ['for c'] })
    const lines = await Promise.all([scene.group.recover(['a']), scene.group.recover(['b']), scene.group.recover(['c'])])
    expect(lines.every((line) => line.a === 0)).toBe(true)
    await scene.knows({ a: ['for a'], b: ['for b'], c: ['for c'] })
  })

  test('waits while members are built, and what is sent meanwhile arrives once', async () => {
    await using scene = await Scene.open()
    let delay: Promise<void> = Promise.resolve()
    const slow = (self: Self) => {
      const book = new Notebook(self)
      const restore = async (lines: readonly string[]) => {
        await delay
        book.lines = [...lines]
      }
      return Object.assign(book, { restore })
    }
    let go = () => {}
    await scene.joinAs('a', new Shelf(slow))
    await scene.join('b')
    delay = new Promise((resolve) => {
      go = resolve
    })
    await scene.group.recover(['a'])
    const sent = scene.member('a').send('b', { text: 'from a' })
    await scene.group.send('a', { text: 'for a' })
    await scene.group.recover(['b'])
    go()
    await sent
    await scene.knows({ a: ['for a'], b: ['from a'] })
  })

  test('of a member that nobody has goes on, and the member follows when it is joined', async () => {
    await using scene = await Scene.open()
    await scene.join('a', 'b')
    await scene.group.send('b', { text: 'one', tell: [['a', { text: 'of one' }]] })
    await scene.knows({ a: ['of one'] })
    await scene.member('a').close()
    await scene.group.recover(['b'])
    await scene.knows({ b: ['one'] })
    await scene.join('a')
    await scene.knows({ a: ['of one'] })
  })

  test('names members that are there', async () => {
    await using scene = await Scene.open()
    expect(await refusalOf(scene.group.recover(['x']))).toBe('PERDURE_E_UNKNOWN_MEMBER')
    expect(await refusalOf(scene.group.recover('x' as never))).toBe('PERDURE_E_USAGE')
    expect(await refusalOf(scene.group.recoveryLine([1] as never))).toBe('PERDURE_E_USAGE')
  })
})

test('members whose program has lost the site are joined elsewhere, and messages wait for them', async () => {
  const url = join(folder, 'elsewhere')
  await using owner = await open(url)
  const bank = await checkpointGroup(owner, 'bank')
  const shelves = [new Shelf(), new Shelf()] as const
  {
    await using other = await open(url, { attach: true })
    await (await checkpointGroup(other, 'bank')).join('a', shelves[0].factory)
    await bank.send('a', { text: 'one' })
    await eventually(() => shelves[0].last.lines).toEqual(['one'])
  }
  await bank.send('a', { text: 'two' })
  await eventually(() => refusalOf(bank.join('a', shelves[1].factory))).toBe('not refused')
  await eventually(() => shelves[1].last.lines).toEqual(['one', 'two'])
})
