/**
 * Groups in a site of real processes that are killed: hosts under their members, the owner under everybody, everything at once.
 *
 * The client deposits 1 again and again; whatever is killed meanwhile, the answers must be 1, 2, 3, … with none missing and none twice.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { open, resilient, type Site, space, start } from 'perdure'
import {
  activeReplication,
  dependable,
  leaderFollower,
  majority,
  nVersion,
  passiveReplication,
  type Strategy,
} from 'perdure/group'
import { describe, expect, test } from 'vitest'
import type { ListedGroup } from '../../src/mechanisms/group/machine/protocol.ts'
import { amount, LONG } from '../faults/amount.ts'

const PROGRAM = fileURLToPath(new URL('./programs/group-node.mjs', import.meta.url))

/** As `programs/group-node.mjs` has them: here they only say what the members can do. */
class Account {
  deposit(amount: number): number {
    return amount
  }
}
class Ledger extends Account {}

const NODES = ['a', 'b', 'c'] as const

/** A folder, its processes, and their end. */
class Scene implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'perdure-groups-'))
  readonly data: string = join(this.folder, 'data')
  readonly #running = new Map<string, ChildProcess>()

  async start(role: 'own' | 'host' | 'runs', name: string): Promise<void> {
    const child = spawn(process.execPath, [...FLAGS, PROGRAM, role, this.data, name], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#running.set(name, child)
    const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${role} ${name} has ended with ${code}`)))
    await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), ended])
    ended.catch(() => undefined)
  }

  async kill(name: string): Promise<void> {
    const child = this.#running.get(name)
    child?.kill('SIGKILL')
    await this.ended(name)
  }

  async ended(name: string): Promise<void> {
    const child = this.#running.get(name)
    if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  order(name: string): void {
    writeFileSync(join(this.folder, `die-${name}`), '')
  }

  get executed(): readonly string[] {
    return readFileSync(join(this.folder, 'executed'), 'utf8').trim().split('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.kill(name)))
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Programs of this test run the sources where the build is not wanted. */
const FLAGS = process.env.PERDURE_TEST_SOURCES === undefined ? [] : ['--conditions=perdure-src', '--import', 'tsx']

const STRATEGIES: readonly (readonly [string, Strategy<never>])[] = [
  ['active replication', activeReplication({ replicas: 3 }) as Strategy<never>],
  ['passive replication', passiveReplication({ replicas: 3 }) as Strategy<never>],
  ['leader and followers', leaderFollower({ replicas: 3 }) as Strategy<never>],
  ['N-version programming', nVersion({ variants: [Account, Ledger, Account], adjudicator: majority() }) as Strategy<never>],
]

function accountsIn(site: Site, strategy: Strategy<never>) {
  return dependable(Account, strategy as unknown as Strategy<{ readonly replicas: 3 }>, { site, name: 'accounts' })
}

/** The nodes of the active members. */
async function placesOf(site: Site): Promise<readonly (string | null)[]> {
  const listed = (await site.link.main.query('group', 'view', ['accounts', 'k'])) as ListedGroup
  const active = listed.members.filter(({ status }) => status === 'active')
  return active.map(({ host }) => host).sort()
}

/** Two members of a vote on one node would be lost together with it, and of a view of two none can be spared. */
function inAllPlaces(site: Site): Promise<void> {
  return expect.poll(() => placesOf(site), { interval: 20 }).toEqual(NODES)
}

/** Deposits until told to stop; what came back must be 1, 2, 3, … */
function depositing(account: { deposit(amount: number): Promise<number> }) {
  const answers: number[] = []
  let going = true
  const over = (async () => {
    while (going) answers.push(await account.deposit(1))
  })()
  // Told by `stop`.
  over.catch(() => undefined)
  const more = (n: number) => {
    const from = answers.length
    return expect.poll(() => answers.length, { interval: 5 }).toBeGreaterThan(from + n)
  }
  return {
    more,
    stop: async () => {
      going = false
      await over
      expect(answers).toEqual(answers.map((_, n) => n + 1))
      return answers.length
    },
  }
}

/** Who is killed when in which style: in the long version everybody in each, in the short one where it makes a difference. */
const ACTING: readonly string[] = ['active replication', 'passive replication', 'leader and followers']
const UNDER_AN_OWNER: readonly string[] = ['passive replication', 'N-version programming']

describe.each(STRATEGIES)('%s', (name, strategy) => {
  const isTried = (styles: readonly string[]) => LONG || styles.includes(name)

  test('kill -9 of one host after the other is not noticed by the client, and each comes back with the state of the others', async () => {
    await using scene = new Scene()
    await using site = await open(scene.data)
    await Promise.all(NODES.map((node) => scene.start('host', node)))
    const account = await accountsIn(site, strategy).create({ key: 'k' })
    await inAllPlaces(site)
    const client = depositing(account)
    for (const node of NODES.slice(0, amount(2, 3))) {
      await client.more(10)
      await scene.kill(node)
      await client.more(10)
      await scene.start('host', node)
      await inAllPlaces(site)
    }
    expect(await client.stop()).toBeGreaterThan(40)
  })

  if (isTried(ACTING))
    test('kill -9 of the acting host after it has executed and before anybody knows: the call is answered once', async () => {
      await using scene = new Scene()
      await using site = await open(scene.data)
      for (const node of NODES) await scene.start('host', node)
      const account = await accountsIn(site, strategy).create({ key: 'k' })
      await inAllPlaces(site)
      expect(await account.deposit(1)).toBe(1)
      const acting = scene.executed[0]?.split(' ')[0] as string
      scene.order(acting)
      expect(await account.deposit(1)).toBe(2)
      await scene.ended(acting)
      expect(await account.deposit(1)).toBe(3)
      expect(scene.executed.filter((line) => line === `${acting} 2`)).toHaveLength(1)
      if (name === 'passive replication') expect(scene.executed.filter((line) => line.endsWith(' 2'))).toHaveLength(2)
    })

  if (isTried(UNDER_AN_OWNER))
    test('kill -9 of the owner under hosts and client: what was answered stays, what waits is answered once', async () => {
      await using scene = new Scene()
      await scene.start('own', 'owner')
      await Promise.all(NODES.map((node) => scene.start('host', node)))
      await using site = await open(scene.data, { attach: true })
      const account = await accountsIn(site, strategy).create({ key: 'k' })
      const client = depositing(account)
      for (let round = 0; round < amount(1, 10); round += 1) {
        await client.more(10)
        await scene.kill('owner')
        await scene.start('own', 'owner')
      }
      await client.more(10)
      expect(await client.stop()).toBeGreaterThan(20)
    })
})

test('a group survives the end of everything: reopened, its members are made again from the log', async () => {
  await using scene = new Scene()
  const life = async (first: number) => {
    await using site = await open(scene.data)
    for (const node of NODES) await scene.start('host', node)
    const account = await accountsIn(site, STRATEGIES[0]![1]).create({ key: 'k' })
    expect(await account.deposit(1)).toBe(first)
    expect(await account.deposit(1)).toBe(first + 1)
    await Promise.all(NODES.map((node) => scene.kill(node)))
  }
  await life(1)
  await life(3)
})

test('p.call: kill -9 of the process that executes a run: each of its calls has been executed once', async () => {
  await using scene = new Scene()
  await using site = await open(scene.data)
  await Promise.all(NODES.map((node) => scene.start('host', node)))
  const account = await accountsIn(site, STRATEGIES[1]![1]).create({ key: 'k' })
  await scene.start('runs', 'r1')
  const depositor = resilient('depositor', async (_p, _times: number): Promise<number[]> => [])
  const times = 30
  const handle = await start(site, depositor, 'r', [times])
  await expect.poll(() => scene.executed.length, { interval: 5 }).toBeGreaterThan(5)
  await scene.kill('r1')
  await scene.start('runs', 'r2')
  await (await space(site, 'orders')).out(['go on'])
  expect(await handle.result()).toEqual(Array.from({ length: times }, (_, n) => n + 1))
  expect(await handle.status()).toMatchObject({ attempt: 2 })
  expect(await account.deposit(1)).toBe(times + 1)
})

test('a client that is cut off from the owner is not answered', async () => {
  await using scene = new Scene()
  await scene.start('own', 'owner')
  for (const node of NODES) await scene.start('host', node)
  await using site = await open(scene.data, { attach: true, reattachMs: 0 })
  const account = await accountsIn(site, STRATEGIES[0]![1]).create({ key: 'k' })
  expect(await account.deposit(1)).toBe(1)
  await scene.kill('owner')
  const error = await account.deposit(1).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'PERDURE_E_SESSION_LOST' })
  expect(scene.executed.filter((line) => line.endsWith(' 2'))).toEqual([])
})
