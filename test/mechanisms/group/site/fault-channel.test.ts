/** Faults of groups in a site: in its log, and on the channel of whoever holds the group. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { activeReplication, dependable, groupOf, majority, nVersion, objectGroup } from 'perdure/group'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FAULT_CHANNEL, type Fault } from '../../../../src/fault.ts'
import type { FaultPage } from '../../../../src/support/faults.ts'
import { Account, type Branch, branch, Careless, Ledger } from './bank.ts'

const heard: Fault[] = []
const hear = (fault: unknown) => void heard.push(fault as Fault)

beforeEach(() => subscribe(FAULT_CHANNEL, hear))
afterEach(() => {
  unsubscribe(FAULT_CHANNEL, hear)
  heard.length = 0
})

const shown = ({ detector, entity, code }: Fault) => `${detector} ${entity.name} ${code}`

async function logged({ site }: Branch): Promise<string[]> {
  const page = (await site.link.main.query('fault', 'recent', [])) as FaultPage
  return page.faults.map(shown)
}

/** A shared machine can be slow for many seconds. */
const PATIENCE_MS = 30_000

async function until(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited in vain; heard ${heard.map(shown).join(', ')}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('of a replicated group: a view change is on the log and on the channel, once each', async () => {
  await using bank = await branch({ a: [Account], b: [Account], c: [Account] })
  const Safe = dependable(Account, activeReplication({ replicas: 3 }), { site: bank.site, name: 'accounts' })
  const account = await Safe.create({ key: 'k', args: [1] })
  await account.read()
  const before = (await logged(bank)).length
  await groupOf(account).suspend('Account-2')
  await until(() => heard.some(({ code }) => code === 'view-changed'))
  const log = await logged(bank)
  expect(log.slice(before)).toContain('activeReplication accounts/k view-changed')
  for (const text of log)
    expect(heard.filter((fault) => shown(fault) === text).length).toBeLessThanOrEqual(
      log.filter((other) => other === text).length,
    )
})

test('of a voting group: the minority vote of a variant is on the log and on the channel, once each', async () => {
  await using bank = await branch({ a: [Account, Ledger, Careless] })
  const strategy = nVersion({ variants: [Account, Ledger, Careless], adjudicator: majority() })
  const Safe = dependable(Account, strategy as never, { site: bank.site, name: 'accounts' }) as unknown as {
    create(
      identity: object,
    ): Promise<Record<'deposit' | 'withdraw', (n: number) => Promise<number>> & { read(): Promise<number> }>
  }
  const account = await Safe.create({ key: 'k', args: [1] })
  await account.deposit(5)
  await account.withdraw(3)
  await account.read()
  const isVote = (text: string) => text.endsWith('minority-vote')
  await until(() => heard.some((fault) => isVote(shown(fault))))
  const log = (await logged(bank)).filter(isVote)
  expect(log.length).toBeGreaterThan(0)
  await until(() => heard.filter((fault) => isVote(shown(fault))).length >= log.length)
  expect(heard.map(shown).filter(isVote)).toEqual(log)
})

test('of ready objects that were given a site: the members stay here, and their faults are on the log too', async () => {
  await using bank = await branch({ a: [Account] })
  const says = (n: number) => ({ ask: () => n })
  const group = objectGroup({ a: says(1), b: says(1), c: says(2) }, nVersion({ adjudicator: majority() }), {
    name: 'sayers',
    site: bank.site,
  })
  expect(group.ask()).toBe(1)
  await bank.site.durable()
  expect(await logged(bank)).toContain('nVersion sayers/c minority-vote')
  expect(heard.map(shown)).toEqual(['nVersion sayers/c minority-vote'])
})
