/** The group machine among the others: what it puts out is in the space, its faults are in the list, a restored site goes on with both. */
import { expect, test } from 'vitest'
import type { Outcome } from '../../../../src/log/machine.ts'
import { encodeOperation, type Issuer } from '../../../../src/log/operation.ts'
import type { Replica } from '../../../../src/log/replica.ts'
import { composeReplica } from '../../../../src/node/compose.ts'
import type { FaultPage } from '../../../../src/support/faults.ts'
import { spec } from './stage.ts'

class Composed {
  replica: Replica = composeReplica()
  readonly answers: Outcome[] = []
  #numbers = new Map<number, number>()

  constructor() {
    this.listen()
  }

  listen(): void {
    this.replica.sink = { reply: (_, __, outcome) => this.answers.push(outcome), note: () => undefined }
  }

  enter(): number {
    this.#apply({ kind: 'gateway' }, 1, 'site.enter', ['x'])
    return this.replica.position
  }

  issue(session: number, name: string, ...args: readonly unknown[]): Outcome | undefined {
    const number = (this.#numbers.get(session) ?? 0) + 1
    this.#numbers.set(session, number)
    this.#apply({ kind: 'session', id: session }, number, name, args)
    return this.answers.at(-1)
  }

  #apply(caller: Issuer, number: number, name: string, args: readonly unknown[]): void {
    const bytes = encodeOperation({ caller, number, code: this.replica.code(name), fence: 0, received: [] }, args)
    this.replica.apply(bytes, 0, bytes.length)
  }

  /** From here on with what a snapshot says. */
  restore(): void {
    const other = composeReplica()
    other.restore([...this.replica.snapshot()])
    this.replica = other
    this.listen()
  }

  faults(): FaultPage {
    return this.replica.query('fault', 'recent', []) as FaultPage
  }
}

/** A group of one member, called once; its host has not answered. */
function called(): { site: Composed; host: number } {
  const site = new Composed()
  const [client, host] = [site.enter(), site.enter()]
  site.issue(host, 'group.enlist', 'n1', 'boot', ['Sum'])
  const founded = spec({ members: [{ id: 'a', label: 'Sum', node: null }] })
  site.issue(client, 'group.found', 'sums', 'one', founded)
  site.issue(host, 'group.ready', 1, 'a', 1, null)
  site.issue(client, 'group.call', 'sums', 'one', 'put', [1], null)
  return { site, host }
}

function vote(site: Composed, host: number): void {
  site.issue(host, 'group.ballot', 1, 'a', 1, 1, 'value', { value: 'done' }, 1, { outs: [['box', ['put', 1]]] })
}

test('the outs of the chosen ballot are in their space, also when the site was restored in between', () => {
  const { site, host } = called()
  site.restore()
  vote(site, host)
  expect(site.answers).toContainEqual({ value: 'done' })
  expect(site.replica.query('space', 'tuples', ['box'])).toMatchObject({ total: 1, tuples: [{ tuple: ['put', 1] }] })
  site.restore()
  vote(site, host)
  expect(site.replica.query('space', 'tuples', ['box'])).toMatchObject({ total: 1 })
})

test('outs that a space has no room for are a fault, and the call is decided all the same', () => {
  const { site, host } = called()
  site.issue(host, 'space.quota', 'box', { tuples: 0 })
  vote(site, host)
  expect(site.answers).toContainEqual({ value: 'done' })
  expect(site.faults().faults).toMatchObject([{ code: 'output-refused', entity: { kind: 'group', name: 'sums/one' } }])
})

test('outs into what is no space are a fault', () => {
  const { site, host } = called()
  site.issue(host, 'group.ballot', 1, 'a', 1, 1, 'value', { value: 'done' }, 1, { outs: [['no space!', ['put', 1]]] })
  expect(site.faults().faults.map(({ code }) => code)).toEqual(['output-refused'])
})

test('two restored sites have the same snapshot', () => {
  const { site, host } = called()
  vote(site, host)
  const before = [...site.replica.snapshot()]
  site.restore()
  expect([...site.replica.snapshot()]).toEqual(before)
  expect(site.replica.census()).toMatchObject({ 'group.groups': 1, 'fault.faults': 0 })
})
