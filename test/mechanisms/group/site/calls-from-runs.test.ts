/** `p.call`: a run calls a group of the site, once, however often its body is executed. */
import { host, PerdureError, resilient, space, start } from 'perdure'
import { activeReplication, dependable, groupNamed } from 'perdure/group'
import { describe, expect, test } from 'vitest'
import { Account, type Branch, branch } from './bank.ts'

const accountsIn = ({ site }: Branch) => dependable(Account, activeReplication({ replicas: 2 }), { site, name: 'accounts' })

describe('p.call', () => {
  test('gives the body what the group answers, and throws what its members threw', async () => {
    await using bank = await branch({ a: [Account], b: [Account] })
    const account = await accountsIn(bank).create({ key: 'k', args: [10] })
    const body = resilient('body', async (p) => {
      const sum: number = await p.call(account, 'deposit', 5)
      const refused = await p.call(account, 'withdraw', 100).catch((error: Error) => `${error.name}: ${error.message}`)
      return [sum, refused]
    })
    await using _ = await host(bank.site, 'runs', [body])
    const handle = await start(bank.site, body, 'r', [])
    expect(await handle.result()).toEqual([15, 'RangeError: 15 is all there is'])
  })

  test('is executed once, however often the run is executed again elsewhere', async () => {
    await using bank = await branch({ a: [Account], b: [Account] })
    const account = await accountsIn(bank).create({ key: 'k' })
    let executions = 0
    const body = resilient('body', async (p) => {
      executions += 1
      const sums: number[] = []
      for (let n = 0; n < 6; n++) {
        sums.push(await p.call(account, 'deposit', 1))
        if (n === 3) await p.space('orders').rd(['go on'])
        await p.sleep(1)
      }
      return sums
    })
    const first = await host(bank.site, 'first', [body])
    const handle = await start(bank.site, body, 'r', [])
    await expect.poll(() => account.read(), { interval: 1 }).toBeGreaterThan(1)
    await first.close()
    await using _ = await host(bank.site, 'second', [body])
    await (await space(bank.site, 'orders')).out(['go on'])
    expect(await handle.result()).toEqual([1, 2, 3, 4, 5, 6])
    expect(await account.read()).toBe(6)
    expect(executions).toBe(2)
  })

  test('waits as long as the group does, over which its node may leave', async () => {
    await using bank = await branch({ a: [Account] })
    const account = await accountsIn(bank).create({ key: 'k' })
    await bank.nodes.get('a')?.close()
    const body = resilient('body', (p) => p.call(account, 'deposit', 1))
    const first = await host(bank.site, 'first', [body])
    const handle = await start(bank.site, body, 'r', [])
    await expect.poll(async () => (await handle.status()).state).toBe('running')
    await first.close()
    await using _ = await host(bank.site, 'second', [body])
    await bank.join('b', [Account])
    expect(await handle.result()).toBe(1)
  })

  test('reaches a group by its name and key where there is no client of it', async () => {
    await using bank = await branch({ a: [Account], b: [Account] })
    const account = await accountsIn(bank).create({ key: 'k' })
    const body = resilient('body', (p) => p.call(groupNamed<Account>('accounts', 'k'), 'deposit', 3))
    await using _ = await host(bank.site, 'runs', [body])
    expect(await (await start(bank.site, body, 'r', [])).result()).toBe(3)
    expect(await account.read()).toBe(3)
  })

  test('may be raced, and the loser is withdrawn', async () => {
    class Slow {
      wait(): Promise<never> {
        return new Promise(() => undefined)
      }
    }
    await using bank = await branch({ a: [Slow] })
    const slow = await dependable(Slow, activeReplication({ replicas: 1 }), { site: bank.site, name: 'slow' }).create({
      key: 'k',
    })
    const body = resilient('body', async (p) => (await p.race({ slow: p.call(slow, 'wait'), late: p.sleep(1) })).key)
    await using _ = await host(bank.site, 'runs', [body])
    expect(await (await start(bank.site, body, 'r', [])).result()).toBe('late')
  })

  test('refuses what is no group of a site, and arguments that cannot travel', async () => {
    await using bank = await branch({ a: [Account] })
    const account = await accountsIn(bank).create({ key: 'k' })
    const codeOf = (error: unknown) => (error as PerdureError).code
    const body = resilient('body', async (p) => [
      await p.call(new Account(), 'deposit', 1).catch(codeOf),
      await p.call(account, 'deposit', (() => 1) as unknown as number).catch(codeOf),
    ])
    await using _ = await host(bank.site, 'runs', [body])
    expect(await (await start(bank.site, body, 'r', [])).result()).toEqual(['PERDURE_E_USAGE', 'PERDURE_E_VALUE'])
    expect(PerdureError.name).toBe('PerdureError')
  })
})

describe('host with classes', () => {
  test('takes classes and definitions together, under one name', async () => {
    await using bank = await branch({})
    const account = await accountsIn(bank).create({ key: 'k' })
    const body = resilient('body', (p) => p.call(account, 'deposit', 2))
    const node = await host(bank.site, 'both', [body, Account])
    expect(node.name).toBe('both')
    expect(await (await start(bank.site, body, 'r', [])).result()).toBe(2)
    expect(await node.drain()).toMatchObject({ cutOff: 0 })
    await node.close()
    await node.close()
  })

  test('refuses a class without a name, two of one name, and a name that a living node has', async () => {
    await using bank = await branch({ taken: [Account] })
    const other = { Account: class Account {} }.Account
    await expect(host(bank.site, 'n', [class {}])).rejects.toMatchObject({ code: 'PERDURE_E_USAGE' })
    await expect(host(bank.site, 'n', [Account, other])).rejects.toMatchObject({ code: 'PERDURE_E_USAGE' })
    await expect(host(bank.site, 'taken', [Account])).rejects.toMatchObject({ code: 'PERDURE_E_NODE_TAKEN' })
  })
})
