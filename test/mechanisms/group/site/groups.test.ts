/** Groups in a site, through the public calls: births, calls, errors, members that leave and return. */
import { PerdureError, space } from 'perdure'
import {
  activeReplication,
  attempt,
  choose,
  dependable,
  groupOf,
  leaderFollower,
  majority,
  nVersion,
  objectGroup,
  on,
  passiveReplication,
  recoveryBlock,
  type Strategy,
  unanimity,
  type Verdict,
} from 'perdure/group'
import { describe, expect, test } from 'vitest'
import { MAX_ARGUMENT_DEPTH } from '../../../../src/log/operation.ts'
import { Account, type Branch, branch, Careless, Ledger } from './bank.ts'

const EVERYTHING = [Account, Ledger, Careless]
const three = () => branch({ a: EVERYTHING, b: EVERYTHING, c: EVERYTHING })

/** One type for all: what differs between them is no concern of the program that uses the group. */
type AnyStrategy = Strategy<{ readonly replicas: 3 }>

const STRATEGIES: readonly (readonly [string, Strategy<never>])[] = [
  ['active replication', activeReplication({ replicas: 3 }) as Strategy<never>],
  ['passive replication', passiveReplication({ replicas: 3 }) as Strategy<never>],
  ['leader and followers', leaderFollower({ replicas: 3 }) as Strategy<never>],
  [
    'N-version programming',
    nVersion({ variants: EVERYTHING, adjudicator: majority(), declared: ['RangeError'] }) as Strategy<never>,
  ],
  [
    'a recovery block',
    recoveryBlock({ variants: [Account, Careless], accept: () => true, declared: ['RangeError'] }) as Strategy<never>,
  ],
]

function accountsIn({ site }: Pick<Branch, 'site'>, strategy: Strategy<never>, onVerdict?: (verdict: Verdict) => void) {
  return dependable(Account, strategy as unknown as AnyStrategy, { site, name: 'accounts', ...(onVerdict && { onVerdict }) })
}

const codeOf = (error: unknown) => (error instanceof PerdureError ? error.code : error)

describe.each(STRATEGIES)('a group in a site by %s', (name, strategy) => {
  test('answers as the object would, with its errors too', async () => {
    await using bank = await three()
    const account = await accountsIn(bank, strategy).create({ key: 'k', args: [100] })
    expect(await account.deposit(5)).toBe(105)
    expect(await account.withdraw(50)).toBe(55)
    if (name !== 'a recovery block') await expect(account.withdraw(56)).rejects.toThrow('55 is all there is')
    expect(await account.read()).toBe(55)
  })

  test('is the same for everybody who uses the same name and key, and another for another key', async () => {
    await using bank = await three()
    const Accounts = accountsIn(bank, strategy)
    const [one, two] = [await Accounts.create({ key: 'k', args: [1] }), await Accounts.create({ key: 'k', args: [1] })]
    const other = await Accounts.create({ key: 'other', args: [7] })
    await one.deposit(1)
    expect(await two.deposit(1)).toBe(3)
    expect(await other.read()).toBe(7)
  })

  test('goes on when a node leaves between two calls, and has forgotten nothing', async () => {
    await using bank = await three()
    const account = await accountsIn(bank, strategy).create({ key: 'k' })
    for (let n = 0; n < 5; n++) await account.deposit(10)
    const { members } = groupOf(account)
    expect((await members).map(({ status }) => status)).not.toContain('absent')
    await bank.nodes.get('a')?.close()
    expect(await account.deposit(10)).toBe(60)
  })

  test('waits while it has no members, and answers when a host has its class', async () => {
    await using bank = await branch({ a: [Account, Careless], b: [Account], c: [Account] })
    const account = await accountsIn(bank, strategy).create({ key: 'k' })
    if (name !== 'N-version programming') await account.deposit(1)
    for (const node of bank.nodes.values()) await node.close()
    const late = account.deposit(1)
    await bank.join('d', EVERYTHING)
    await bank.join('e', EVERYTHING)
    expect(await late).toBe(name === 'N-version programming' ? 1 : 2)
  })
})

describe('the birth of a group in a site', () => {
  test('is refused under a name and key that another specification has', async () => {
    await using bank = await three()
    await accountsIn(bank, activeReplication({ replicas: 3 }) as Strategy<never>).create({ key: 'k' })
    const passive = accountsIn(bank, passiveReplication({ replicas: 3 }) as Strategy<never>)
    expect(await passive.create({ key: 'k' }).catch(codeOf)).toBe('PERDURE_E_KEY_TAKEN')
  })

  test('is by create, not by new', async () => {
    await using bank = await three()
    const Accounts = accountsIn(bank, STRATEGIES[0]![1]) as unknown as new () => object
    expect(() => new Accounts()).toThrow(/await accounts\.create\(\{ key \}\)/)
  })

  test('puts a variant on the node that was named', async () => {
    await using bank = await branch({ a: EVERYTHING, b: EVERYTHING })
    const placed = nVersion({ variants: [on('b', Account), on('a', Ledger)], adjudicator: unanimity() }) as Strategy<never>
    const account = await accountsIn(bank, placed).create({ key: 'k' })
    expect(await account.deposit(1)).toBe(1)
    const listed = (await bank.site.link.main.query('group', 'view', ['accounts', 'k'])) as {
      members: { id: string; host: string }[]
    }
    expect(listed.members.map(({ id, host }) => [id, host])).toEqual([
      ['Account', 'b'],
      ['Ledger', 'a'],
    ])
  })

  test('is refused for a class whose state cannot travel where states must', async () => {
    class Secret {
      #n = 0
      add(): number {
        this.#n += 1
        return this.#n
      }
    }
    await using bank = await three()
    const Secrets = dependable(Secret, passiveReplication({ replicas: 2 }), { site: bank.site, name: 'secrets' })
    expect(await Secrets.create({ key: 'k' }).catch(codeOf)).toBe('PERDURE_E_STATE')
  })
})

describe('diverse variants on nodes', () => {
  test('outvote the one that is wrong, and the verdict names it', async () => {
    await using bank = await three()
    const verdicts: Verdict[] = []
    const [, vote] = STRATEGIES[3]!
    const account = await accountsIn(bank, vote, (verdict) => verdicts.push(verdict)).create({ key: 'k' })
    expect(await account.deposit(10)).toBe(10)
    await expect.poll(() => verdicts.length).toBe(1)
    expect(verdicts[0]).toMatchObject({ method: 'deposit', value: 10, support: ['Account', 'Ledger'], faulty: ['Careless'] })
  })

  test('in a recovery block: what the test refuses is done again by the next alternate, from the state before', async () => {
    await using bank = await three()
    const seen: unknown[] = []
    const strategy = recoveryBlock({
      variants: [Careless, Account],
      accept: (result: unknown, { args, before, after }) => {
        seen.push([before, after])
        return result === (before as Account).balance + Number(args[0])
      },
    })
    const Accounts = dependable(Account, strategy, { site: bank.site, name: 'tested', methods: ['deposit'] })
    const account = await Accounts.create({ key: 'k', args: [5] })
    expect(await account.deposit(10)).toBe(15)
    expect(await account.deposit(10)).toBe(25)
    const state = (balance: number) => ({ balance, seen: [] })
    expect(seen).toEqual([
      [state(5), state(16)],
      [state(5), state(15)],
      [state(15), state(26)],
      [state(15), state(25)],
    ])
  })
})

describe('what an attempt puts out', () => {
  class Teller {
    tell(n: number): number {
      attempt().space('told').out(['told', n, this.constructor.name])
      return n
    }
  }
  class Liar extends Teller {
    override tell(n: number): number {
      return super.tell(n) + 1
    }
  }

  test('is in the space once the call is decided: of the chosen ballot only, and once', async () => {
    await using bank = await branch({ a: [Teller, Liar], b: [Teller, Liar], c: [Teller, Liar] })
    const variants = [Liar, Teller, Teller] as const
    const Tellers = dependable(Teller, nVersion({ variants, adjudicator: majority() }), { site: bank.site, name: 'tellers' })
    const teller = await Tellers.create({ key: 'k' })
    expect(await teller.tell(1)).toBe(1)
    expect(await teller.tell(2)).toBe(2)
    const told = await space(bank.site, 'told')
    expect(await told.copyCollect(['told', Number, String])).toEqual([
      ['told', 1, 'Teller'],
      ['told', 2, 'Teller'],
    ])
  })
})

describe('replication', () => {
  test('by a leader: what does not repeat is chosen once, and all replicas have it', async () => {
    let drawn = 0
    class Dice {
      thrown: number[] = []
      async roll(): Promise<number> {
        const value = await choose(() => ++drawn)
        this.thrown.push(value)
        return value
      }
    }
    await using bank = await branch({ a: [Dice], b: [Dice], c: [Dice] })
    const SafeDice = dependable(Dice, leaderFollower({ replicas: 3 }), { site: bank.site, name: 'dice' })
    const dice = await SafeDice.create({ key: 'k' })
    expect([await dice.roll(), await dice.roll()]).toEqual([1, 2])
    await bank.nodes.get('a')?.close()
    expect(await dice.roll()).toBe(3)
    await bank.nodes.get('b')?.close()
    expect(await dice.roll()).toBe(4)
    expect(drawn).toBe(4)
  })

  test('in the active style with two answers asked for does not answer with one replica left', async () => {
    const answersWithin = async (timeoutMs: number): Promise<unknown[]> => {
      await using bank = await branch({ a: [Account], b: [Account], c: [Account] })
      const strategy = activeReplication({ replicas: 3, agree: 2, timeoutMs })
      const account = await dependable(Account, strategy, { site: bank.site, name: 'pairs' }).create({ key: 'k' })
      const answers: unknown[] = []
      // The replicas that have lost their node are placed on the last one: one machine is no majority of three, but three replicas are.
      for (const next of ['a', 'b', 'c']) {
        answers.push(await account.deposit(1).catch(codeOf))
        await bank.nodes.get(next)?.close()
      }
      return [...answers, await account.deposit(1).catch(codeOf)]
    }
    let answers = await answersWithin(100)
    // A machine that stands still for longer than that answers nothing either.
    for (let ms = 400; answers.indexOf('PERDURE_E_TIMEOUT') < 3 && ms < 30_000; ms *= 4) answers = await answersWithin(ms)
    expect(answers).toEqual([1, 2, 3, 'PERDURE_E_TIMEOUT'])
  })
})

describe('a replica that is not deterministic', () => {
  /** Answers right, and remembers what nobody else does. */
  class Drifting extends Account {
    override deposit(amount: number): number {
      this.seen.push(`${Math.random()}`)
      return super.deposit(amount)
    }
  }
  const impostor = { Account: class Account extends Drifting {} }.Account
  const enough = 100

  test('is found by the digest of its state, and suspended, while the others answer on', async () => {
    await using bank = await branch({ a: [Account], b: [impostor], c: [Account] })
    const account = await accountsIn(bank, STRATEGIES[0]![1]).create({ key: 'k' })
    const wrong = await memberOn(bank, 'b')
    for (let n = 1; n <= enough; n++) expect(await account.deposit(1)).toBe(n)
    const members = (await groupOf(account).members).filter(({ status }) => status !== 'active')
    expect(members.map(({ id }) => id)).toEqual([wrong])
    expect(await account.deposit(1)).toBe(enough + 1)
  })

  test('like all others leaves nobody to believe: calls are refused until somebody says which replica is right', async () => {
    await using bank = await branch({ a: [impostor], b: [impostor], c: [impostor] })
    const account = await accountsIn(bank, STRATEGIES[0]![1]).create({ key: 'k' })
    const codes: unknown[] = []
    for (let n = 1; n <= enough; n++) codes.push(await account.deposit(1).catch(codeOf))
    expect(codes.at(-1)).toBe('PERDURE_E_DISAGREEMENT')
    await groupOf(account).promote('Account-2')
    expect(await account.deposit(1)).toBe(codes.filter((code) => typeof code === 'number').length + 1)
  })

  async function memberOn({ site }: Branch, node: string): Promise<string | undefined> {
    const listed = await site.link.main.query('group', 'view', ['accounts', 'k'])
    return (listed as { members: { id: string; host: string }[] }).members.find(({ host }) => host === node)?.id
  }
})

describe('the handle of a group in a site', () => {
  const started = async () => {
    const bank = await three()
    const account = await accountsIn(bank, STRATEGIES[0]![1]).create({ key: 'k' })
    await account.deposit(1)
    return { bank, account, handle: groupOf(account) }
  }

  test('shows the view, whose ids grow with every change', async () => {
    const { bank, handle } = await started()
    await using _ = bank
    const before = await handle.view
    expect(before.members).toEqual(['Account', 'Account-2', 'Account-3'])
    await handle.suspend('Account-2')
    const after = await handle.view
    expect(after.members).toEqual(['Account', 'Account-3'])
    expect(after.id).toBe(before.id + 1)
    expect(after.position).toBeGreaterThan(before.position)
  })

  test('brings a suspended member back with the state that the others have', async () => {
    const { bank, account, handle } = await started()
    await using _ = bank
    await handle.suspend('Account')
    expect(await account.deposit(1)).toBe(2)
    await handle.promote('Account')
    await expect.poll(async () => (await handle.members).map(({ status }) => status)).toEqual(['active', 'active', 'active'])
    await handle.suspend('Account-2')
    await handle.suspend('Account-3')
    expect(await account.deposit(1)).toBe(3)
  })

  test('adds a member, which gets the state, and removes one', async () => {
    const { bank, account, handle } = await started()
    await using _ = bank
    await handle.add('fourth', Account)
    await expect.poll(async () => (await handle.view).members).toContain('fourth')
    for (const id of ['Account', 'Account-2', 'Account-3']) await handle.remove(id)
    expect((await handle.view).members).toEqual(['fourth'])
    expect(await account.deposit(1)).toBe(2)
  })

  test('closes the group for everybody', async () => {
    const { bank, account, handle } = await started()
    await using _ = bank
    const other = await accountsIn(bank, STRATEGIES[0]![1]).create({ key: 'k' })
    await handle.close()
    await handle.close()
    expect(await account.deposit(1).catch(codeOf)).toBe('PERDURE_E_CLOSED')
    expect(await other.deposit(1).catch(codeOf)).toBe('PERDURE_E_UNKNOWN_GROUP')
  })
})

describe('groups in groups', () => {
  test('each variant may be a replica group: a crash inside one is masked there, a wrong one is outvoted here', async () => {
    await using bank = await three()
    const replicated = (name: string, variant: typeof Account) =>
      dependable(variant, passiveReplication({ replicas: 2 }), { site: bank.site, name }).create({ key: 'k' })
    const verdicts: Verdict[] = []
    const account = objectGroup(
      {
        first: await replicated('first', Account),
        second: await replicated('second', Account),
        careless: await replicated('careless', Careless),
      },
      nVersion({ adjudicator: majority() }),
      { methods: ['deposit'], onVerdict: (verdict) => verdicts.push(verdict) },
    )
    expect(await account.deposit(1)).toBe(1)
    await bank.nodes.get('a')?.close()
    expect(await account.deposit(1)).toBe(2)
    await expect.poll(() => verdicts.length).toBe(2)
    for (const { support, faulty, late } of verdicts)
      expect([[...support].sort(), faulty, late]).toEqual([['first', 'second'], ['careless'], []])
  })

  test('a class on a node may itself be a group there', async () => {
    const Inner = dependable(Account, nVersion({ variants: [Account, Account, Careless], adjudicator: majority() }))
    await using bank = await branch({ a: [Inner as unknown as typeof Account] })
    const outer = activeReplication({ variants: [Inner] }) as unknown as Strategy<never>
    const account = await accountsIn(bank, outer).create({ key: 'k' })
    expect([await account.deposit(1), await account.deposit(1)]).toEqual([1, 2])
  })
})

test('an answer that cannot travel is an error of the caller, not a silence', async () => {
  class Odd {
    deep(): unknown {
      let value: unknown = 0
      for (let n = 0; n < MAX_ARGUMENT_DEPTH; n++) value = [value]
      return value
    }
    strange(): unknown {
      return new WeakMap()
    }
  }
  await using bank = await branch({ a: [Odd] })
  const odd = await dependable(Odd, activeReplication({ replicas: 1 }), { site: bank.site, name: 'odd' }).create({ key: 'k' })
  expect(await odd.strange().catch(codeOf)).toBe('PERDURE_E_VALUE')
  expect(await odd.deep().catch(codeOf)).toBe('PERDURE_E_VALUE')
})

test('a caller that aborts is told at once', async () => {
  class Slow {
    wait(_options: { readonly signal?: AbortSignal }): Promise<never> {
      return new Promise(() => undefined)
    }
  }
  await using bank = await branch({ a: [Slow] })
  const slow = await dependable(Slow, activeReplication({ replicas: 1 }), { site: bank.site, name: 'slow' }).create({ key: 'k' })
  const controller = new AbortController()
  const waiting = slow.wait({ signal: controller.signal }).catch((error: unknown) => error)
  controller.abort(new Error('enough'))
  expect(await waiting).toMatchObject({ message: 'enough' })
})
