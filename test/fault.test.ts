/** The channel on which every level says what has gone wrong. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, describe, expect, test } from 'vitest'
import { FAULT_CHANNEL, FAULTS, type Fault, publishFault } from '../src/fault.ts'

const MINORITY: Fault = {
  detector: 'nVersion',
  entity: { kind: 'member', name: 'roots/newton' },
  code: 'minority-vote',
  atMs: 1_767_225_600_000,
  data: { method: 'solve', answer: 7 },
}

const subscribed: (() => void)[] = []

function listen(told: (fault: unknown, channel: string | symbol) => void): void {
  subscribe(FAULT_CHANNEL, told)
  subscribed.push(() => void unsubscribe(FAULT_CHANNEL, told))
}

afterEach(() => {
  for (const stop of subscribed.splice(0)) stop()
})

describe('publishing a fault', () => {
  test('tells every subscriber of the channel perdure:fault, before it returns, in the order of publishing', () => {
    const first: unknown[] = []
    const second: unknown[] = []
    listen((fault, name) => first.push(name === 'perdure:fault' ? fault : name))
    listen((fault) => second.push(fault))
    publishFault(MINORITY)
    publishFault({ ...MINORITY, code: 'member-late' })
    expect(first).toEqual([MINORITY, { ...MINORITY, code: 'member-late' }])
    expect(second).toEqual(first)
  })

  test('without subscribers does not so much as look at the fault', () => {
    const untouchable = new Proxy(MINORITY, {
      get: () => {
        throw new Error('looked at')
      },
    })
    expect(() => publishFault(untouchable)).not.toThrow()
  })

  test('a subscriber that has unsubscribed is told nothing more', () => {
    const told: unknown[] = []
    listen((fault) => told.push(fault))
    publishFault(MINORITY)
    for (const stop of subscribed.splice(0)) stop()
    publishFault(MINORITY)
    expect(told).toHaveLength(1)
  })

  test('a subscriber that throws disturbs neither the publisher nor the other subscribers', async () => {
    const thrown = new Promise<unknown>((resolve) => {
      const before = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.once('uncaughtException', (error) => {
        for (const listener of before) process.on('uncaughtException', listener)
        resolve(error)
      })
    })
    const told: unknown[] = []
    listen(() => {
      throw new Error('of the subscriber')
    })
    listen((fault) => told.push(fault))
    expect(() => publishFault(MINORITY)).not.toThrow()
    expect(told).toEqual([MINORITY])
    expect(await thrown).toEqual(new Error('of the subscriber'))
  })
})

test('codes are short kebab words, in order, each with its meaning', () => {
  const codes = Object.keys(FAULTS)
  expect(codes).toEqual([...codes].sort())
  for (const [code, meaning] of Object.entries(FAULTS)) {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)?$/)
    expect(meaning.length).toBeGreaterThan(20)
  }
})
