/** Chandy and Lamport's marker rules (notes 2.7), Lai and Yang's colours, and both on a seeded network that a brute force judges. */
import { describe, expect, test } from 'vitest'
import {
  ChandyLamport,
  type Coloured,
  LaiYang,
  type Marked,
  type SnapshotAction,
} from '../../../src/mechanisms/checkpoint/chandy-lamport.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'

const TRACES = Number(process.env.PERDURE_SNAPSHOT_TRACES ?? 150)

const marker = { kind: 'marker', snapshot: 1 } as const
const message = (payload: string) => ({ kind: 'application', payload }) as const

describe('the marker rules', () => {
  test('who begins records its state, then sends a marker on every channel before anything else', () => {
    const a = new ChandyLamport<string>('a', ['b', 'c'])
    expect(a.start()).toEqual([
      { do: 'record', snapshot: 1 },
      { do: 'send', to: 'b', message: marker },
      { do: 'send', to: 'c', message: marker },
    ])
  })

  test('the first marker: record, that channel is empty, send markers', () => {
    const a = new ChandyLamport<string>('a', ['b', 'c'])
    a.receive('b', message('before'))
    expect(a.receive('b', marker)).toEqual([
      { do: 'record', snapshot: 1 },
      { do: 'send', to: 'b', message: marker },
      { do: 'send', to: 'c', message: marker },
    ])
    expect(a.receive('c', marker)).toEqual([{ do: 'complete', snapshot: 1, channels: { b: [], c: [] } }])
  })

  test('other channels: what arrives until their marker was on its way; it is delivered all the same', () => {
    const a = new ChandyLamport<string>('a', ['b', 'c'])
    a.receive('b', marker)
    expect(a.receive('c', message('on its way'))).toEqual([{ do: 'deliver', from: 'c', payload: 'on its way' }])
    a.receive('b', message('later'))
    expect(a.receive('c', marker)).toEqual([{ do: 'complete', snapshot: 1, channels: { b: [], c: ['on its way'] } }])
  })

  test('a member that is alone has its snapshot at once', () => {
    expect(new ChandyLamport<string>('a', []).start()).toEqual([
      { do: 'record', snapshot: 1 },
      { do: 'complete', snapshot: 1, channels: {} },
    ])
  })

  test('a marker that FIFO channels cannot bring is refused', () => {
    const a = new ChandyLamport<string>('a', ['b'])
    expect(() => a.receive('b', { kind: 'marker', snapshot: 2 })).toThrow(expect.objectContaining({ code: 'PERDURE_E_STALE' }))
  })

  test('snapshots that are never complete are bounded', () => {
    const a = new ChandyLamport<string>('a', ['b'])
    for (let k = 0; k < 64; k++) a.start()
    expect(() => a.start()).toThrow(expect.objectContaining({ code: 'PERDURE_E_BUSY' }))
  })

  test('more messages than anybody looks at end the snapshot, not the messages', () => {
    const a = new ChandyLamport<number>('a', ['b'])
    a.start()
    const actions = Array.from({ length: 65_537 }, (_, payload) => a.receive('b', { kind: 'application', payload })).flat()
    expect(actions.filter((action) => action.do === 'deliver').length).toBe(65_537)
    expect(actions.filter((action) => action.do === 'give-up')).toEqual([{ do: 'give-up', snapshot: 1 }])
    expect(a.receive('b', marker)).toEqual([])
  })

  test('a name that is no other member is refused', () => {
    const a = new ChandyLamport<string>('a', ['b'])
    expect(() => a.send('x', 'm')).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
    expect(() => new LaiYang('a', ['a'])).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
  })
})

describe('colours', () => {
  test('a message that was sent after its sender recorded makes the receiver record before it is delivered', () => {
    const a = new LaiYang<string>('a', ['b'])
    expect(a.receive('b', { kind: 'application', payload: 'red', colour: 1 }).map((action) => action.do)).toEqual([
      'record',
      'send',
      'deliver',
    ])
  })

  test('a channel is recorded when as many messages have come as the marker says went before it', () => {
    const a = new LaiYang<string>('a', ['b'])
    a.receive('b', { kind: 'marker', snapshot: 1, sent: 2 })
    a.receive('b', { kind: 'application', payload: 'red', colour: 1 })
    a.receive('b', { kind: 'application', payload: 'first', colour: 0 })
    const [, complete] = a.receive('b', { kind: 'application', payload: 'second', colour: 0 })
    expect(complete).toEqual({ do: 'complete', snapshot: 1, channels: { b: ['first', 'second'] } })
  })
})

interface Recorder {
  start(): SnapshotAction<Wire, string>[]
  send(to: string, payload: string): SnapshotAction<Wire, string>[]
  receive(from: string, message: Wire): SnapshotAction<Wire, string>[]
}
type Wire = Marked<string> | Coloured<string>

/** What every object did, in its own order, and what the recorders say: the state is the number of events that had happened. */
class Run {
  readonly names: string[]
  readonly events = new Map<string, string[]>()
  readonly states = new Map<number, Map<string, number>>()
  readonly channels = new Map<number, Map<string, readonly string[]>>()
  readonly recorders = new Map<string, Recorder>()
  readonly wires: { from: string; to: string; message: Wire }[] = []
  readonly #order: 'fifo' | 'any'
  #messages = 0

  constructor(size: number, order: 'fifo' | 'any') {
    this.#order = order
    this.names = Array.from({ length: size }, (_, k) => `o${k}`)
    for (const name of this.names) {
      const peers = this.names.filter((other) => other !== name)
      this.events.set(name, [])
      this.recorders.set(
        name,
        (order === 'fifo' ? new ChandyLamport<string>(name, peers) : new LaiYang<string>(name, peers)) as Recorder,
      )
    }
  }

  send(from: string, to: string): void {
    this.#messages += 1
    const id = `m${this.#messages} ${from} ${to}`
    this.events.get(from)!.push(`sent ${id}`)
    this.#do(from, this.recorders.get(from)!.send(to, id))
  }

  start(name: string): void {
    this.#do(name, this.recorders.get(name)!.start())
  }

  arrive(random: SeededRandom): void {
    const { from, to } = random.pick(this.wires)
    const candidates = this.wires.filter((wire) => wire.from === from && wire.to === to)
    const wire = this.#order === 'fifo' ? candidates[0]! : random.pick(candidates)
    this.wires.splice(this.wires.indexOf(wire), 1)
    this.#do(to, this.recorders.get(to)!.receive(from, wire.message))
  }

  #do(name: string, actions: readonly SnapshotAction<Wire, string>[]): void {
    for (const action of actions) {
      if (action.do === 'send') this.wires.push({ from: name, to: action.to, message: action.message })
      if (action.do === 'deliver') this.events.get(name)!.push(`received ${action.payload}`)
      if (action.do === 'record') of(this.states, action.snapshot).set(name, this.events.get(name)!.length)
      if (action.do === 'complete')
        for (const [from, messages] of Object.entries(action.channels))
          of(this.channels, action.snapshot).set(`${from} ${name}`, messages)
    }
  }
}

function of<T>(maps: Map<number, Map<string, T>>, snapshot: number): Map<string, T> {
  const known = maps.get(snapshot) ?? new Map<string, T>()
  maps.set(snapshot, known)
  return known
}

test.each(['fifo', 'any'] as const)(
  `in ${TRACES} random runs (%s order) states are a consistent cut, and channels exactly what is missing at it`,
  (order) => {
    let onTheirWay = 0
    for (let seed = 1; seed <= TRACES; seed++) {
      const random = new SeededRandom(seed)
      const run = new Run(random.between(2, 8), order)
      for (let step = random.between(50, 150); step > 0; step--) {
        const from = random.pick(run.names)
        if (random.chance(0.03)) run.start(from)
        else if (random.chance(0.55)) run.send(from, random.pick(run.names.filter((other) => other !== from)))
        else if (run.wires.length > 0) run.arrive(random)
      }
      while (run.wires.length > 0) run.arrive(random)
      for (const [snapshot, states] of run.states) {
        expect([...states.keys()].sort(), `seed ${seed}`).toEqual(run.names)
        const past = run.names.flatMap((name) => run.events.get(name)!.slice(0, states.get(name)))
        const sent = past.filter((event) => event.startsWith('sent ')).map((event) => event.slice(5))
        const received = past.filter((event) => event.startsWith('received ')).map((event) => event.slice(9))
        const [sentSet, receivedSet] = [new Set(sent), new Set(received)]
        expect(
          received.filter((id) => !sentSet.has(id)),
          `seed ${seed}`,
        ).toEqual([])
        for (const from of run.names)
          for (const to of run.names) {
            if (from === to) continue
            const missing = sent.filter((id) => id.endsWith(` ${from} ${to}`) && !receivedSet.has(id))
            const recorded = run.channels.get(snapshot)?.get(`${from} ${to}`)
            onTheirWay += missing.length
            if (order === 'fifo') expect(recorded, `seed ${seed}`).toEqual(missing)
            else expect(new Set(recorded), `seed ${seed}`).toEqual(new Set(missing))
            expect(recorded!.length).toBe(missing.length)
          }
      }
    }
    expect(onTheirWay).toBeGreaterThan(TRACES)
  },
)
