/** Koo and Toueg, sentence by sentence (notes 2.6), and whole groups on a seeded network that a brute force judges. */
import { PerdureError } from 'perdure'
import { describe, expect, test } from 'vitest'
import { type Action, KooToueg } from '../../../src/mechanisms/checkpoint/koo-toueg.ts'
import { MAX_LOGGED } from '../../../src/mechanisms/checkpoint/koo-toueg-books.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { expectEverythingGivenOnce, mustGoBack, mustSave, Network, orphans } from './koo-toueg-network.ts'

const TRACES = Number(process.env.PERDURE_KOO_TOUEG_TRACES ?? 250)

const verbs = (actions: readonly Action<string>[]) =>
  actions.map((action) => {
    if (action.do !== 'send') return action.do
    const { message, to } = action
    if (message.kind === 'answer') return `${message.willing} to ${to}`
    if (message.kind === 'decision') return `${message.decision} to ${to}`
    return message.kind === 'application'
      ? `${message.payload}/${message.label} to ${to}`
      : `${message.kind} ${message.label} to ${to}`
  })

const instance = (initiator: string, number: number) => ({ initiator, number })

const application = (label: number, payload = `m${label}`) => ({ kind: 'application', label, payload }) as const

describe('checkpoint', () => {
  test('labels grow over all messages of a sender', () => {
    const a = new KooToueg<string>('a', ['b', 'c'])
    expect([...a.send('b', 'x'), ...a.send('c', 'y'), ...a.send('b', 'z')].map((each) => verbs([each])[0])).toEqual([
      'x/1 to b',
      'y/2 to c',
      'z/3 to b',
    ])
  })

  test('the initiator takes a tentative checkpoint and asks those it has been given something by, with the last label', () => {
    const a = new KooToueg<string>('a', ['b', 'c', 'd'])
    a.receive('b', application(2))
    a.receive('b', application(5))
    a.receive('d', application(1))
    expect(verbs(a.checkpoint())).toEqual(['take', 'take 5 to b', 'take 1 to d'])
  })

  test.each([
    ['label >= first_smsg > 0: it takes one', 1, ['take', 'yes to q']],
    ['label < first_smsg: it does not, and answers its willingness', 0, ['yes to q']],
  ])('a member that is asked, %s', (_, asked, expected) => {
    const p = new KooToueg<string>('p', ['q'])
    p.send('q', 'm')
    expect(verbs(p.receive('q', { kind: 'take', instance: instance('q', 1), label: asked }))).toEqual(expected)
  })

  test('a member that has sent nothing since its last checkpoint takes none, whatever label it is asked with', () => {
    const p = new KooToueg<string>('p', ['q'])
    p.send('q', 'm')
    p.checkpoint()
    expect(verbs(p.receive('q', { kind: 'take', instance: instance('q', 1), label: 1 }))).toEqual(['yes to q'])
  })

  test('who takes one asks its own cohort likewise and answers yes if and only if all of them do', () => {
    const run = (willing: 'yes' | 'no') => {
      const p = new KooToueg<string>('p', ['q', 'r', 's'])
      p.receive('r', application(4))
      p.receive('s', application(7))
      p.send('q', 'm')
      const asked = verbs(p.receive('q', { kind: 'take', instance: instance('q', 1), label: 1 }))
      const first = verbs(p.receive('r', { kind: 'answer', instance: instance('q', 1), willing: 'yes' }))
      return [asked, first, verbs(p.receive('s', { kind: 'answer', instance: instance('q', 1), willing }))]
    }
    expect(run('yes')).toEqual([['take', 'take 4 to r', 'take 7 to s'], [], ['yes to q']])
    expect(run('no')).toEqual([['take', 'take 4 to r', 'take 7 to s'], [], ['no to q']])
  })

  test('who has a tentative checkpoint of this instance takes no second one', () => {
    const p = new KooToueg<string>('p', ['q', 'r'])
    p.send('q', 'm')
    p.send('r', 'n')
    p.receive('q', { kind: 'take', instance: instance('q', 1), label: 1 })
    expect(verbs(p.receive('r', { kind: 'take', instance: instance('q', 1), label: 2 }))).toEqual(['yes to r'])
  })

  test('who is not willing answers no and saves nothing', () => {
    const p = new KooToueg<string>('p', ['q'])
    p.unwilling.add('checkpoint')
    p.send('q', 'm')
    expect(verbs(p.receive('q', { kind: 'take', instance: instance('q', 1), label: 1 }))).toEqual(['no to q'])
  })

  test('all yes: commit; else undo; the decision follows the same tree', () => {
    const run = (willing: 'yes' | 'no') => {
      const network = new Network(3)
      network.send('c', 'b')
      network.drain(new SeededRandom(1))
      network.send('b', 'a')
      network.drain(new SeededRandom(1))
      if (willing === 'no') network.member('c').protocol.unwilling.add('checkpoint')
      network.checkpoint('a')
      network.drain(new SeededRandom(1))
      return [network.taken, network.members.map((m) => m.permanent.length)]
    }
    expect(run('yes')).toEqual([
      ['a', 'b', 'c'],
      [1, 2, 1],
    ])
    expect(run('no')).toEqual([
      ['a', 'b'],
      [0, 0, 0],
    ])
  })

  test('between the tentative checkpoint and the decision no application message is sent; it may receive', () => {
    const p = new KooToueg<string>('p', ['q', 'r'])
    p.send('q', 'm')
    p.receive('q', { kind: 'take', instance: instance('q', 1), label: 1 })
    expect(p.send('r', 'held')).toEqual([])
    expect(verbs(p.receive('r', application(1)))).toEqual(['deliver'])
    expect(verbs(p.receive('q', { kind: 'decision', instance: instance('q', 1), decision: 'commit' }))).toEqual([
      'make-permanent',
      'held/2 to r',
    ])
  })

  test('an undone checkpoint was none: the next one asks for all that the undone one would have saved', () => {
    const a = new KooToueg<string>('a', ['b', 'c'])
    a.receive('b', application(3))
    a.checkpoint()
    a.receive('c', application(1))
    expect(verbs(a.receive('b', { kind: 'answer', instance: instance('a', 1), willing: 'no' }))).toEqual(['abort to b', 'undo'])
    expect(verbs(a.checkpoint())).toEqual(['take', 'take 3 to b', 'take 1 to c'])
  })

  test('one instance at a time: a second initiator is refused, and so is another instance that asks', () => {
    const a = new KooToueg<string>('a', ['b'])
    a.receive('b', application(1))
    a.checkpoint()
    expect(() => a.checkpoint()).toThrow(PerdureError)
    expect(() => a.rollback()).toThrow(expect.objectContaining({ code: 'PERDURE_E_BUSY' }))
    expect(verbs(a.receive('b', { kind: 'take', instance: instance('b', 1), label: 0 }))).toEqual(['no to b'])
    expect(verbs(a.receive('b', { kind: 'prepare', instance: instance('b', 2), label: 0 }))).toEqual(['no to b'])
  })

  test('who has heard the decision does not join this instance again, so that every instance ends', () => {
    const p = new KooToueg<string>('p', ['q', 'r'])
    p.send('r', 'm')
    p.receive('q', { kind: 'decision', instance: instance('q', 1), decision: 'abort' })
    expect(verbs(p.receive('r', { kind: 'take', instance: instance('q', 1), label: 1 }))).toEqual(['no to r'])
    expect(verbs(p.receive('r', { kind: 'take', instance: instance('q', 2), label: 1 }))).toEqual(['take', 'yes to r'])
  })

  test('exactly the minimal set saves', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed)
      const network = traffic(random)
      network.drain(random)
      const initiator = random.pick(network.members).name
      const expected = mustSave(network, initiator)
      network.taken.length = 0
      network.checkpoint(initiator)
      network.drain(random)
      expect(new Set(network.taken), `seed ${seed}`).toEqual(expected)
      expect(network.taken.length).toBe(expected.size)
    }
  })
})

describe('channels', () => {
  test.each([
    ['smaller than the last', 4],
    ['the last once more', 5],
    ['no label at all', Number.NaN],
  ])('are FIFO: a message with a label that is %s is refused, and changes nothing', (_, label) => {
    const a = new KooToueg<string>('a', ['b'])
    a.receive('b', application(5))
    expect(() => a.receive('b', application(label))).toThrow(expect.objectContaining({ code: 'PERDURE_E_STALE' }))
    expect(a.logged).toBe(1)
    expect(verbs(a.receive('b', application(6)))).toEqual(['deliver'])
  })

  test('lead to members only', () => {
    const a = new KooToueg<string>('a', ['b'])
    expect(() => a.send('x', 'm')).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
    expect(() => a.receive('a', application(1))).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
    expect(() => new KooToueg('a', ['b', 'a'])).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
  })

  test('are logged up to a bound, which a checkpoint lifts', () => {
    const a = new KooToueg<string>('a', ['b'])
    for (let label = 1; label <= MAX_LOGGED; label++) a.receive('b', application(label))
    expect(() => a.receive('b', application(MAX_LOGGED + 1))).toThrow(expect.objectContaining({ code: 'PERDURE_E_BUSY' }))
    a.checkpoint()
    a.receive('b', { kind: 'answer', instance: instance('a', 1), willing: 'yes' })
    expect(verbs(a.receive('b', application(MAX_LOGGED + 1)))).toEqual(['deliver'])
    expect(a.logged).toBe(1)
  })
})

describe('rollback', () => {
  test('the initiator asks every neighbour with the label of its last message before its permanent checkpoint', () => {
    const q = new KooToueg<string>('q', ['p', 'r'])
    q.send('p', 'kept')
    q.checkpoint()
    q.send('p', 'undone')
    expect(verbs(q.rollback())).toEqual(['prepare 1 to p', 'prepare 0 to r'])
  })

  test('who holds an undone message asks its own neighbours and stops sending; who holds none answers and goes on', () => {
    const p = new KooToueg<string>('p', ['q', 'r'])
    p.receive('q', application(1))
    p.receive('q', application(2))
    expect(verbs(p.receive('q', { kind: 'prepare', instance: instance('q', 1), label: 2 }))).toEqual(['yes to q'])
    expect(verbs(p.send('r', 'on'))).toEqual(['on/1 to r'])
    expect(verbs(p.receive('q', { kind: 'prepare', instance: instance('q', 2), label: 1 }))).toEqual([
      'prepare 0 to q',
      'prepare 0 to r',
    ])
    expect(p.send('r', 'held')).toEqual([])
  })

  test('a message to somebody who was sent nothing before the permanent checkpoint is undone too', () => {
    const network = new Network(2)
    network.send('a', 'b')
    network.drain(new SeededRandom(1))
    network.rollback('a')
    network.drain(new SeededRandom(1))
    expect(new Set(network.restored)).toEqual(new Set(['a', 'b']))
    expect(
      orphans(
        network.members,
        network.members.map((m) => m.history),
      ),
    ).toEqual([])
  })

  test('all yes: everyone asked restarts at its permanent checkpoint; else no one', () => {
    const run = (willing: 'yes' | 'no') => {
      const network = new Network(3)
      network.send('a', 'b')
      network.drain(new SeededRandom(1))
      if (willing === 'no') network.member('c').protocol.unwilling.add('rollback')
      network.rollback('a')
      network.drain(new SeededRandom(1))
      return [...network.restored].sort()
    }
    expect(run('yes')).toEqual(['a', 'b'])
    expect(run('no')).toEqual([])
  })

  test('missing messages are given again, once, in their order; undone ones and those sent while waiting are not', () => {
    const q = new KooToueg<string>('q', ['p', 'r'])
    q.receive('p', application(1, 'before'))
    q.checkpoint()
    q.receive('p', { kind: 'answer', instance: instance('q', 1), willing: 'yes' })
    q.receive('p', application(2, 'missing'))
    q.receive('r', application(1, 'undone'))
    q.post('from outside')
    q.receive('p', application(3, 'missing too'))
    q.rollback()
    q.send('p', 'held')
    q.receive('p', { kind: 'answer', instance: instance('q', 2), willing: 'yes' })
    q.receive('r', { kind: 'prepare', instance: instance('q', 2), label: 0 })
    const actions = q.receive('r', { kind: 'answer', instance: instance('q', 2), willing: 'yes' })
    expect(verbs(actions).slice(0, 3)).toEqual(['commit to p', 'commit to r', 'restore'])
    expect(actions.flatMap((action) => (action.do === 'deliver' ? [action.payload] : []))).toEqual([
      'missing',
      'from outside',
      'missing too',
    ])
    expect(actions.length).toBe(6)
  })

  test('if nobody goes back, what was held back is sent, and then what has waited is given', () => {
    const p = new KooToueg<string>('p', ['q', 'r'])
    p.receive('q', application(1))
    p.receive('q', { kind: 'prepare', instance: instance('q', 1), label: 0 })
    p.send('r', 'held')
    p.receive('r', application(1))
    const actions = p.receive('q', { kind: 'decision', instance: instance('q', 1), decision: 'abort' })
    expect(verbs(actions)).toEqual(['abort to q', 'abort to r', 'resume', 'held/1 to r', 'deliver'])
  })

  test('what comes from one that has gone back before the decision is here is new, and is kept', () => {
    const p = new KooToueg<string>('p', ['q'])
    p.receive('q', application(1, 'undone'))
    p.receive('q', { kind: 'prepare', instance: instance('q', 1), label: 0 })
    expect(p.receive('q', application(2, 'new'))).toEqual([])
    const actions = p.receive('q', { kind: 'decision', instance: instance('q', 1), decision: 'commit' })
    expect(actions).toEqual([
      { do: 'send', to: 'q', message: { kind: 'decision', instance: instance('q', 1), decision: 'commit' } },
      { do: 'restore' },
      { do: 'deliver', from: 'q', payload: 'new' },
    ])
  })

  test('exactly the minimal set goes back', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed)
      const network = traffic(random)
      const initiator = random.pick(network.members).name
      settle(network, random)
      for (let k = 0; k < 5; k++) someMessage(network, random)
      const expected = mustGoBack(network, initiator)
      network.restored.length = 0
      network.rollback(initiator)
      network.drain(random)
      expect(new Set(network.restored), `seed ${seed}`).toEqual(expected)
      expect(network.restored.length).toBe(expected.size)
      expectEverythingGivenOnce(network)
    }
  })
})

describe('failures', () => {
  test('a failed member has no part in a checkpoint that it has not promised: it is undone', () => {
    const network = new Network(3)
    network.send('b', 'a')
    network.drain(new SeededRandom(1))
    network.send('c', 'b')
    network.drain(new SeededRandom(1))
    network.checkpoint('a')
    network.arrive('a b')
    network.fail('b')
    network.drain(new SeededRandom(1))
    expect(network.members.map((m) => m.permanent.length)).toEqual([0, 0, 0])
    expect(network.members.map((m) => m.protocol.takesPartIn)).toEqual([undefined, undefined, undefined])
  })

  test('a promise binds: who fails after its yes has the checkpoint if all others agree', () => {
    const p = new KooToueg<string>('p', ['q'])
    p.send('q', 'm')
    expect(verbs(p.receive('q', { kind: 'take', instance: instance('q', 1), label: 1 }))).toEqual(['take', 'yes to q'])
    p.send('q', 'held back, and undone')
    expect(p.fail()).toEqual([])
    expect(verbs(p.receive('q', { kind: 'decision', instance: instance('q', 1), decision: 'commit' }))).toEqual([
      'make-permanent',
    ])
  })

  test('a failed object is given nothing and its sends are none, until it has gone back', () => {
    const p = new KooToueg<string>('p', ['q'])
    p.fail()
    expect(p.send('q', 'ghost')).toEqual([])
    expect(p.receive('q', application(1, 'waits'))).toEqual([])
    expect(() => p.checkpoint()).toThrow(expect.objectContaining({ code: 'PERDURE_E_BUSY' }))
    p.rollback()
    expect(verbs(p.receive('q', { kind: 'answer', instance: instance('p', 1), willing: 'yes' }))).toEqual([
      'commit to q',
      'restore',
      'deliver',
    ])
  })

  test(`in ${TRACES} random runs of 2 to 8 members every committed set is consistent, and in the end everything was given once`, () => {
    const seen = { commits: 0, aborts: 0, restored: 0 }
    for (let seed = 1; seed <= TRACES; seed++) {
      const random = new SeededRandom(seed)
      const network = new Network(random.between(2, 8), 'react')
      for (let step = random.between(40, 200); step > 0; step--) somethingHappens(network, random)
      settle(network, random)
      expect(network.violations, `seed ${seed}`).toEqual([])
      expect(
        orphans(
          network.members,
          network.members.map((m) => m.permanent),
        ),
        `seed ${seed}`,
      ).toEqual([])
      expectEverythingGivenOnce(network)
      seen.commits += network.commits
      seen.aborts += network.aborts
      seen.restored += network.restored.length
    }
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(TRACES)
  })
})

function someMessage(network: Network, random: SeededRandom): void {
  const from = random.pick(network.members)
  network.send(from.name, random.pick(network.members.filter((other) => other !== from)).name)
}

/** Messages and checkpoints, one at a time, with nobody failing. */
function traffic(random: SeededRandom): Network {
  const network = new Network(random.between(2, 8))
  for (let step = random.between(20, 80); step > 0; step--) {
    if (random.chance(0.05)) {
      network.checkpoint(random.pick(network.members).name)
      network.drain(random)
    } else if (random.chance(0.5)) someMessage(network, random)
    else if (network.busy.length > 0) network.arrive(random.pick(network.busy))
  }
  return network
}

function somethingHappens(network: Network, random: SeededRandom): void {
  const { name } = random.pick(network.members)
  const dice = random.next()
  if (dice < 0.02) network.fail(name)
  else if (dice < 0.06) network.rollback(name)
  else if (dice < 0.12) network.checkpoint(name)
  else if (dice < 0.14) network.post(name)
  else if (dice < 0.42) someMessage(network, random)
  else if (network.busy.length > 0) network.arrive(random.pick(network.busy))
}

/** Everything arrives, and who has failed goes back, one after the other. */
function settle(network: Network, random: SeededRandom): void {
  network.drain(random)
  for (const { name, protocol } of network.members) {
    if (!protocol.hasFailed) continue
    network.rollback(name)
    network.drain(random)
  }
  expect(network.members.filter(({ protocol }) => protocol.hasFailed || protocol.takesPartIn !== undefined)).toEqual([])
}
