import { describe, expect, test } from 'vitest'
import { WINDOW } from '../../../../src/mechanisms/checkpoint/machine/protocol.ts'
import { MAX_INBOX } from '../../../../src/mechanisms/checkpoint/machine/refusals.ts'
import { GroupStage } from './stage.ts'

describe('a message', () => {
  test('has its position as id, and comes to its receiver in the order of the log', () => {
    const stage = new GroupStage()
    const [a, b, c] = stage.members('a', 'b', 'c')
    const sent = [a!.send('c'), b!.send('c'), a!.send('c')]
    expect(sent[0]).toBe(stage.driver.position - 2)
    stage.settle()
    expect(c!.memory.received).toEqual(sent)
  })

  test('names its sender, the interval of its sending, payload and stamp', () => {
    const stage = new GroupStage('bcs')
    const [a, b] = stage.members('a', 'b')
    a!.checkpoint()
    const position = a!.send('b', 3)
    expect(b!.notes.at(-1)).toEqual([
      'checkpoint.mail',
      1,
      b!.place,
      [[position, a!.place, 'a', 1, new Uint8Array(3), expect.any(Uint8Array)]],
    ])
  })

  test('from nobody who is a member comes with place -1 and never makes its receiver go back', () => {
    const stage = new GroupStage()
    const [b] = stage.members('b')
    const position = stage.ask('checkpoint.post', 'g', 'b', '@order/17', new Uint8Array(2))
    expect(b!.notes).toEqual([['checkpoint.mail', 1, b!.place, [[position, -1, '@order/17', 0, new Uint8Array(2), null]]]])
    stage.settle()
    expect(b!.memory.received).toEqual([position])
    expect(stage.query('trace', 'g')).toMatchObject({ events: [] })
    b!.heard()
    expect(stage.query('trace', 'g')).toMatchObject({
      events: [{ object: 'b', kind: 'receive', msg: String(position), from: '@order/17' }],
    })
  })

  test('for a member that has not saved what its factory made waits until it has', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const { value } = stage.issue(50, 'checkpoint.join', ['g', 'b']) as { value: { place: number } }
    const position = a!.send('b')
    expect(stage.driver.notes.filter(({ session }) => session === 50)).toEqual([])
    const state = { kind: 'inline', bytes: new Uint8Array(1) }
    stage.issue(50, 'checkpoint.save', [1, value.place, 0, 0, 0, 'basic', state, null])
    expect(stage.driver.notes.filter(({ session }) => session === 50).map(({ body }) => body[0])).toEqual(['checkpoint.mail'])
    expect(typeof position).toBe('number')
  })

  test('for nobody is refused', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    expect(a!.send('z')).toBe('PERDURE_E_UNKNOWN_MEMBER')
    expect(stage.ask('checkpoint.post', 'g', 'z', '@x', new Uint8Array(1))).toBe('PERDURE_E_UNKNOWN_MEMBER')
    expect(stage.ask('checkpoint.post', 'h', 'z', '@x', new Uint8Array(1))).toBe('PERDURE_E_UNKNOWN_GROUP')
  })

  test('is refused when too many wait for its receiver, and taken again when it has caught up', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    const payload = new Uint8Array(1)
    const post = () => stage.ask('checkpoint.post', 'g', 'b', '@x', payload)
    for (let count = 0; count < MAX_INBOX; count++) post()
    expect(post()).toBe('PERDURE_E_BUSY')
    expect(a!.send('b')).toBe('PERDURE_E_BUSY')
    b!.readAll()
    for (let count = 0; count < WINDOW; count++) b!.deliver()
    b!.heard()
    expect(typeof post()).toBe('number')
  })

  test('is refused when a group keeps more bytes than it may, and taken again when members have saved', () => {
    const stage = new GroupStage('exact', { logBytes: 1 })
    const [a, b] = stage.members('a', 'b')
    const big = 120 * 1024
    let count = 0
    while (typeof a!.send('b', big) === 'number') count += 1
    expect(a!.send('b', 1)).toBe('PERDURE_E_BUSY')
    expect(count * big).toBeGreaterThan(60 * 1024 * 1024)
    b!.readAll()
    while (b!.deliver());
    b!.heard()
    stage.advance(1_000)
    stage.settle()
    expect(typeof a!.send('b', 1)).toBe('number')
  })
})

describe('what a proxy is told of messages', () => {
  test('is at most a window, and more as it says how far it is, several in one note', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    for (let count = 0; count < WINDOW + 300; count++) a!.send('b')
    expect(b!.notes).toHaveLength(WINDOW)
    b!.readAll()
    for (let count = 0; count < WINDOW / 2; count++) b!.deliver()
    b!.heard()
    expect(b!.notes).toHaveLength(1)
    stage.settle()
    expect(b!.memory.received).toHaveLength(WINDOW + 300)
  })

  test.each([
    ['goes back', (delivered: number) => delivered - 1],
    ['is more than it was told of', (delivered: number) => delivered + 1],
  ])('a position that %s is refused as malformed', (_, wrong) => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    a!.send('b')
    a!.send('b')
    stage.settle()
    b!.heard()
    const said = stage.issue(b!.session, 'checkpoint.heard', [1, b!.place, 0, wrong(b!.delivered)])
    expect(said).toMatchObject({ error: { code: 'PERDURE_E_USAGE' } })
  })
})

describe('a check', () => {
  /** a and b have each sent the other something in this interval; what b sent after a checkpoint would close a rewinding path. */
  function crossing() {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    const first = a!.send('b')
    stage.settle()
    b!.checkpoint()
    const second = b!.send('a')
    a!.readAll()
    const check = () => stage.issue(a!.session, 'checkpoint.check', [1, a!.place, 0, 0, second]) as { value: unknown }
    return { stage, a: a!, b: b!, first, second, check }
  }

  test('says whether the delivery would close a rewinding path', () => {
    const { check } = crossing()
    expect(check()).toEqual({ value: true })
  })

  test('is answered the same when it is asked again', () => {
    const { check } = crossing()
    expect([check(), check()]).toEqual([{ value: true }, { value: true }])
  })

  test('that was answered no counts as delivered for whoever asks after it', () => {
    const stage = new GroupStage()
    const [a, b, c] = stage.members('a', 'b', 'c')
    b!.send('c')
    stage.settle()
    c!.checkpoint()
    const fromC = c!.send('a')
    const fromA = a!.send('b')
    const ask = (proxy: typeof a, position: unknown) =>
      stage.issue(proxy!.session, 'checkpoint.check', [1, proxy!.place, 0, 0, position])
    // Either alone closes no path; both together lead from c's second interval back into its first.
    expect(ask(a, fromC)).toEqual({ value: false })
    expect(ask(b, fromA)).toEqual({ value: true })
  })

  test('of a message that is not the next one is malformed', () => {
    const { stage, a, second } = crossing()
    const said = stage.issue(a.session, 'checkpoint.check', [1, a.place, 0, 0, Number(second) + 1])
    expect(said).toMatchObject({ error: { code: 'PERDURE_E_USAGE' } })
  })
})
