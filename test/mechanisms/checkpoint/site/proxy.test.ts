/** The duties of a proxy, each at the moment at which it matters. */
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../../src/clock.ts'
import { PerdureError } from '../../../../src/errors.ts'
import { encode } from '../../../../src/log/codec/codec.ts'
import { HEARD_EVERY } from '../../../../src/mechanisms/checkpoint/machine/protocol.ts'
import { JoinedMember, type MemberHome } from '../../../../src/mechanisms/checkpoint/site/member.ts'
import type { ObjectFactory, Self } from '../../../../src/mechanisms/checkpoint/site/member-object.ts'
import { Diary, mailOf, type ScriptedOptions, ScriptedService, sentBy, turns } from './scripted-service.ts'

/** A proxy whose object is built, and its diary. */
async function begin(options: ScriptedOptions = {}, change: (diary: Diary) => void = () => undefined) {
  const lines: unknown[] = []
  const service = new ScriptedService((self) => {
    const diary = new Diary(self, lines)
    change(diary)
    return diary
  }, options)
  await turns()
  return { service, lines }
}

const ROLLBACK = { group: 1, place: 0, position: 200, rule: null, delivered: 10, replayTo: 10, names: ['a', 'b', 'c'] }

describe('delivery', () => {
  test('waits until the position of the message is durable', async () => {
    const { service, lines } = await begin()
    await service.note(['mail', [mailOf(20, 'm20'), mailOf(21, 'm21')]])
    expect(lines).toEqual(['restore state 4'])
    await service.durable(20)
    expect(lines).toEqual(['restore state 4', 'm20'])
    await service.durable(21)
    expect(lines).toEqual(['restore state 4', 'm20', 'm21'])
  })

  test('of one message ends before the next one begins, and before a save', async () => {
    const ends: (() => void)[] = []
    const { service, lines } = await begin({}, (diary) => {
      diary.receive = async (message) => {
        lines.push(`begin ${String(message)}`)
        await new Promise<void>((resolve) => ends.push(resolve))
        lines.push(`end ${String(message)}`)
      }
    })
    await service.durable(30)
    await service.note(['mail', [mailOf(20, 'm20'), mailOf(21, 'm21')]])
    await service.note(['please'])
    ends[0]?.()
    await turns()
    await service.answer('save', true)
    expect(lines.slice(1)).toEqual(['begin m20', 'end m20', 'save', 'begin m21'])
  })

  test('is told every so often, where nothing else tells it', async () => {
    const { service } = await begin()
    const mail = Array.from({ length: HEARD_EVERY + 1 }, (_, n) => mailOf(20 + n, n))
    await service.durable(1_000)
    await service.note(['mail', mail])
    expect(service.said).toEqual([['heard', 3, 20 + HEARD_EVERY - 1]])
  })

  test('without a question, where nothing was sent in this interval or the interval of the sender is known', async () => {
    const { service, lines } = await begin()
    await service.durable(30)
    await service.note(['mail', [mailOf(20, 'm20', 5)]])
    void service.self?.send('b', 'x')
    await service.note(['mail', [mailOf(21, 'm21', 5)]])
    expect(lines.slice(1)).toEqual(['m20', 'm21'])
    expect(service.said.map(([name]) => name)).toEqual(['send'])
  })

  test('after a question: at once if the answer is no, and after a checkpoint that is stable if it is yes', async () => {
    const { service, lines } = await begin()
    await service.durable(30)
    void service.self?.send('b', 'x')
    await service.note(['mail', [mailOf(20, 'm20', 5), mailOf(21, 'm21', 6)]])
    expect(service.said.at(-1)).toEqual(['check', 3, 4, 20])
    expect(lines.slice(1)).toEqual([])
    await service.answer('check', false)
    expect(lines.slice(1)).toEqual(['m20'])
    expect(service.said.at(-1)).toEqual(['check', 3, 4, 21])
    await service.answer('check', true)
    expect(service.said.at(-1)?.slice(0, 5)).toEqual(['save', 3, 5, 20, 'forced'])
    expect(lines.slice(1)).toEqual(['m20', 'save'])
    await service.answer('save', true)
    expect(lines.slice(1)).toEqual(['m20', 'save', 'm21'])
  })

  test('forced to save first: nothing is sent between the checkpoint and the delivery', async () => {
    const { service } = await begin()
    await service.durable(30)
    void service.self?.send('b', 'before')
    await service.note(['mail', [mailOf(20, 'm20', 5)]])
    await service.answer('check', true)
    void service.self?.send('b', 'between')
    await turns()
    expect(sentBy(service)).toEqual(['before'])
    await service.answer('save', true)
    expect(sentBy(service)).toEqual(['before', 'between'])
    expect(service.said.at(-1)?.slice(0, 5)).toEqual(['send', 3, 5, 20, 'b'])
  })
})

describe('a checkpoint', () => {
  test('has the state of the moment of the call, and what is sent from then on is of the next interval', async () => {
    let state: string[] = ['old']
    const { service } = await begin({}, (diary) => {
      diary.save = () => {
        queueMicrotask(() => {
          state.push('new')
          void diary.self.send('b', 'of the new')
        })
        return state
      }
    })
    state = ['old']
    void service.self?.checkpoint()
    await turns()
    expect(service.said.map(([name, , index]) => [name, index])).toEqual([
      ['save', 5],
      ['send', 5],
    ])
    expect(service.said[0]?.[5]).toEqual({ kind: 'inline', bytes: encode(['old']) })
  })

  test('resolves when it is stable, one for all who asked for it before it began', async () => {
    const { service } = await begin()
    const resolved: string[] = []
    for (const who of ['one', 'two']) void service.self?.checkpoint().then(() => resolved.push(who))
    await turns()
    expect(service.said).toHaveLength(1)
    expect(resolved).toEqual([])
    await service.answer('save', true)
    expect(resolved).toEqual(['one', 'two'])
  })

  test('of a new member is index 0, before it is given anything', async () => {
    const { service, lines } = await begin({ grant: { index: -1, state: null, delivered: 0, replayTo: 0 } })
    await service.durable(30)
    await service.note(['mail', [mailOf(20, 'm20')]])
    expect(service.said.map((said) => said.slice(0, 5))).toEqual([['save', 3, 0, 0, 'basic']])
    expect(lines).toEqual(['save'])
    expect(service.arrivals).toBe(0)
    await service.answer('save', true)
    expect(lines).toEqual(['save', 'm20'])
    expect(service.arrivals).toBe(1)
  })

  test('(koo-toueg) holds back messages and sends until it is decided, and one that was undone is taken again', async () => {
    const { service, lines } = await begin({ protocol: 'koo-toueg' })
    await service.durable(30)
    await service.note(['tentative'], ['tentative'])
    void service.self?.send('b', 'x')
    await service.note(['mail', [mailOf(20, 'm20')]])
    expect(service.said.map(([name, , index]) => [name, index])).toEqual([['save', 5]])
    await service.answer('save', false)
    expect(service.said.map(([name, , index]) => [name, index])).toEqual([
      ['save', 5],
      ['send', 4],
      ['save', 5],
    ])
    expect(lines.slice(1)).toEqual(['save', 'save'])
    await service.answer('save', true)
    expect(lines.slice(1)).toEqual(['save', 'save', 'm20'])
  })

  test('(cut) comes before the first message behind the marker', async () => {
    const { service, lines } = await begin({ protocol: 'cut' })
    await service.durable(30)
    await service.note(['mail', [mailOf(20, 'm20')]], ['marker', 21], ['mail', [mailOf(22, 'm22')]])
    await service.answer('save', true)
    expect(lines.slice(1)).toEqual(['m20', 'save', 'm22'])
  })

  test('(cut) is asked for by a marker of its own, and is stable when it resolves', async () => {
    const { service } = await begin({ protocol: 'cut' })
    let stable = false
    void service.self?.checkpoint().then(() => {
      stable = true
    })
    await turns()
    await service.note(['marker', 40])
    await service.answer('mark', true)
    expect(stable).toBe(false)
    await service.answer('save', true)
    expect(stable).toBe(true)
  })
})

describe('a snapshot', () => {
  test('has the state after everything up to its position, and before anything behind it', async () => {
    const { service, lines } = await begin()
    await service.durable(30)
    await service.note(['mail', [mailOf(20, 'm20')]], ['record', 21, 21], ['mail', [mailOf(22, 'm22')]])
    expect(lines.slice(1)).toEqual(['m20', 'save', 'm22'])
    expect(service.said).toEqual([['recorded', 3, 21, encode(['inline', encode(3)])]])
  })
})

describe('a halt', () => {
  test('is answered with how far the member is, and holds everything back until resume', async () => {
    const { service, lines } = await begin()
    await service.durable(30)
    await service.note(['mail', [mailOf(20, 'm20')]], ['halt'])
    void service.self?.send('b', 'x')
    void service.self?.checkpoint()
    await turns()
    expect(service.said).toEqual([['halted', 3, 10]])
    expect(lines).toEqual(['restore state 4'])
    await service.note(['resume', 4, [null, null, null]])
    expect(service.said.map(([name, epoch]) => [name, epoch])).toEqual([
      ['halted', 3],
      ['send', 4],
      ['save', 4],
    ])
    await service.answer('save', true)
    expect(lines).toEqual(['restore state 4', 'save', 'm20'])
  })

  test('is answered in the middle of a receive, which counts as delivered', async () => {
    const { service } = await begin({}, (diary) => {
      diary.receive = () => new Promise(() => undefined)
    })
    await service.durable(30)
    await service.note(['mail', [mailOf(20, 'm20')]])
    await service.note(['halt'])
    expect(service.said).toEqual([['halted', 3, 20]])
  })

  test('right behind a resume holds', async () => {
    const { service, lines } = await begin()
    await service.durable(30)
    await service.note(['halt'])
    await service.note(['mail', [mailOf(20, 'm20')]], ['resume', 4, [null, null, null]], ['halt'])
    void service.self?.send('b', 'x')
    await turns()
    expect(service.said).toEqual([
      ['halted', 3, 10],
      ['halted', 4, 10],
    ])
    expect(lines).toEqual(['restore state 4'])
  })

  test('between an answer to a question and the delivery holds the message back', async () => {
    const { service, lines } = await begin()
    await service.durable(30)
    void service.self?.send('b', 'x')
    await service.note(['mail', [mailOf(20, 'm20', 5)]])
    const answered = service.answer('check', false)
    const halted = service.note(['halt'])
    await Promise.all([answered, halted])
    expect(service.said.at(-1)).toEqual(['halted', 3, 10])
    expect(lines).toEqual(['restore state 4'])
  })

  test('during a save: the checkpoint is issued after resume', async () => {
    let saved = (_: unknown) => {}
    const { service } = await begin({}, (diary) => {
      diary.save = () =>
        new Promise((resolve) => {
          saved = resolve
        })
    })
    void service.self?.checkpoint()
    await turns()
    await service.note(['halt'])
    saved('state 5')
    await turns()
    expect(service.said).toEqual([['halted', 3, 10]])
    await service.note(['resume', 4, [null, null, null]])
    expect(service.said.at(-1)?.slice(0, 5)).toEqual(['save', 4, 5, 10, 'basic'])
  })

  test('during which the object breaks: the service hears of it when the member goes on', async () => {
    let fail = (_: Error) => {}
    const { service } = await begin({}, (diary) => {
      diary.receive = () =>
        new Promise((_, reject) => {
          fail = reject
        })
    })
    await service.durable(30)
    await service.note(['mail', [mailOf(20, 'm20')]])
    await service.note(['halt'])
    fail(new Error('no more'))
    await turns()
    expect(service.said).toEqual([['halted', 3, 20]])
    await service.note(['resume', 4, [null, null, null]])
    const reason = 'receive of message 20 from b has thrown: no more'
    expect(service.said.at(-1)).toEqual(['fail', 4, 20, 20, reason])
  })

  test('resume throws away what was sent in intervals that are undone, and nothing else', async () => {
    const { service, lines } = await begin()
    await service.note(['mail', [mailOf(20, 'kept', 5), mailOf(21, 'ghost', 6), mailOf(22, 'outside', 9, -1)]])
    await service.note(['halt'])
    await service.note(['resume', 4, [null, 6, null]], ['mail', [mailOf(23, 'sent again', 6)]])
    await service.durable(30)
    expect(lines.slice(1)).toEqual(['kept', 'outside', 'sent again'])
  })
})

describe('a rollback', () => {
  test('throws the object away, and the next one begins with the state of the checkpoint', async () => {
    const { service, lines } = await begin()
    await service.durable(30)
    await service.note(['mail', [mailOf(20, 'm20')]])
    const old = service.self
    const state = { kind: 'inline', bytes: encode('state 2') }
    await service.note(['rollback', { ...ROLLBACK, epoch: 4, index: 2, state }], ['mail', [mailOf(20, 'm20')]])
    expect(old?.signal.aborted).toBe(true)
    expect(await old?.send('b', 'late').catch((error: { code: unknown }) => error.code)).toBe('PERDURE_E_REVOKED')
    expect(lines).toEqual(['restore state 4', 'm20', 'restore state 2', 'm20'])
    void service.self?.send('b', 'new')
    expect(service.said).toEqual([['send', 4, 2, 20, 'b', encode('new'), null]])
  })

  test('ends a leave that is on its way, also where the object goes before it is known how far it is', async () => {
    const { service } = await begin()
    const settled = service.incarnation?.settle().catch((error: { code: unknown }) => error.code)
    await turns()
    expect(service.said).toEqual([['heard', 3, 10]])
    await service.note(['halt'], ['rollback', { ...ROLLBACK, epoch: 4, index: 2, state: null }])
    await service.answer('heard', true)
    expect(await settled).toBe('PERDURE_E_REVOKED')
  })

  test('in the middle of an operation calls nothing of the program', async () => {
    const { service } = await begin()
    let aborted = false
    service.self?.signal.addEventListener('abort', () => {
      aborted = true
    })
    const noted = service.note(['rollback', { ...ROLLBACK, epoch: 4, index: 2, state: null }])
    expect(aborted).toBe(false)
    await noted
    expect(aborted).toBe(true)
  })
})

describe('a member that has not halted in time', () => {
  test('gets a new proxy, its object is over, and what the program has asked the member meanwhile is done by the next one', async () => {
    const selves: Self[] = []
    const factory: ObjectFactory = (self) => {
      selves.push(self)
      return new Diary(self, [])
    }
    const warnings: string[] = []
    const services: ScriptedService[] = []
    const seat = (grant: NonNullable<ScriptedOptions['grant']>) =>
      void services.push(new ScriptedService(factory, { grant, member }))
    // As the hosting of the site does it.
    const home: MemberHome = {
      clock: systemClock,
      warn: (_, text) => void warnings.push(text),
      close: async () => undefined,
      again: () => services[0]?.proxy.destroy(new PerdureError('PERDURE_E_REVOKED', 'The service has given up on it.')),
    }
    const recipe = { group: 'g', member: 'a', protocol: 'exact', factory, maxTurnMs: 30_000 } as const
    const member: JoinedMember = new JoinedMember(recipe, home)
    seat({})
    await turns()
    await services[0]!.note(['over', 'late', 'it has not halted within 5000 ms'])
    expect(warnings).toEqual([expect.stringMatching(/given up on it \(it has not halted within 5000 ms\); it joins again/)])
    expect(selves[0]!.signal.aborted).toBe(true)
    await expect(selves[0]!.send('b', 'zombie')).rejects.toMatchObject({ code: 'PERDURE_E_REVOKED' })
    const [sending, saving] = [member.send('b', 'hello'), member.checkpoint()]
    await turns()
    expect([services[0]!.issued, member.ended]).toEqual([[], undefined])
    seat({ epoch: 4, index: 2, state: { kind: 'inline', bytes: encode('state 2') } })
    await turns()
    expect(sentBy(services[1]!)).toEqual(['hello'])
    await services[1]!.answer('send', 300)
    await services[1]!.answer('save', true)
    expect([await sending, await saving]).toEqual([300, undefined])
    expect(services[1]!.said.map(([name, epoch]) => [name, epoch])).toEqual([
      ['send', 4],
      ['save', 4],
    ])
  })
})

describe('an output', () => {
  test('is given when its release is durable, and reported once', async () => {
    const { service, lines } = await begin()
    await service.note(['release', [[15, encode('coins')]]])
    expect(lines).toEqual(['restore state 4'])
    await service.durable(101)
    await service.note(['release', [[15, encode('coins')]]])
    await service.durable(200)
    expect(lines.slice(1).filter((line) => line === 'output coins').length).toBeGreaterThan(0)
    expect(service.said[0]).toEqual(['released', 3, [15]])
  })

  test('that is being given when the object is thrown away is given to the next one', async () => {
    const { service, lines } = await begin({}, (diary) => {
      const isFirst = diary.lines.length === 0
      diary.output = (payload) => {
        diary.lines.push(`output ${String(payload)}`)
        return isFirst ? new Promise((_, reject) => diary.self.signal.addEventListener('abort', reject)) : undefined
      }
    })
    await service.durable(300)
    await service.note(['release', [[15, encode('coins')]]])
    const state = { kind: 'inline', bytes: encode('state 2') }
    await service.note(['rollback', { ...ROLLBACK, epoch: 4, index: 2, state }])
    expect(lines).toEqual(['restore state 4', 'output coins', 'restore state 2', 'output coins'])
    expect(service.said).toEqual([['released', 4, [15]]])
  })
})
