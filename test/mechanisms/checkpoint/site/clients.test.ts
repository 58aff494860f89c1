/** Members as clients of spaces and object groups: they ask, and the answer is a message. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { host, type Site, space } from 'perdure'
import type { Answer, CheckpointedObject, CheckpointGroupOptions, Self } from 'perdure/checkpoint'
import { activeReplication, dependable } from 'perdure/group'
import { afterAll, describe, expect, test } from 'vitest'
import { Account } from '../../group/site/bank.ts'
import { eventually, Scene } from './scene.ts'

const folder = mkdtempSync(join(tmpdir(), 'perdure-clients-'))
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

const codeOf = (error: unknown) => (error as { readonly code?: unknown }).code

type Act = (self: Self) => Promise<number>

interface State {
  /** What its requests have resolved with. */
  readonly asked: number[]
  readonly answers: (readonly [reply: number, value: unknown, from: string])[]
}

/** Does what it is told, by the name of the act, and writes down what comes of it. */
class Clerk implements CheckpointedObject<State> {
  readonly self: Self
  readonly #acts: Readonly<Record<string, Act>>
  state: State = { asked: [], answers: [] }
  failed: unknown

  constructor(self: Self, acts: Readonly<Record<string, Act>>) {
    this.self = self
    this.#acts = acts
  }

  save(): State {
    return this.state
  }

  restore(state: State): void {
    this.state = state
  }

  async receive(message: unknown, from: string): Promise<void> {
    if (from === '@outside') return this.#act(String(message))
    const answer = message as Answer
    this.state.answers.push([answer.reply, 'error' in answer ? answer.error : answer.value, from])
  }

  async #act(name: string): Promise<void> {
    try {
      this.state.asked.push(await (this.#acts[name] as Act)(this.self))
    } catch (error) {
      this.failed = error
    }
  }
}

const ACTS = {
  take: (self) => self.space('jobs').in(['job', Number]),
  impatient: (self) => self.space('jobs').in(['job', Number], { timeoutMs: 20 }),
  takeNow: (self) => self.space('jobs').inp(['job', Number]),
  read: (self) => self.space('jobs').rd(['job', Number]),
  readNow: (self) => self.space('jobs').rdp(['job', Number]),
  nonsense: (self) => self.space('jobs').in([Symbol('x')] as never),
} satisfies Record<string, Act>

class Office implements AsyncDisposable {
  readonly scene: Scene
  readonly clerks: Clerk[] = []
  readonly acts: Readonly<Record<string, Act>>

  private constructor(scene: Scene, acts: Readonly<Record<string, Act>>) {
    this.scene = scene
    this.acts = acts
  }

  static async open(
    options: CheckpointGroupOptions = {},
    url = 'memory:',
    actsIn: (site: Site) => Promise<Readonly<Record<string, Act>>> = async () => ACTS,
  ): Promise<Office> {
    const scene = await Scene.open(options, url)
    const office = new Office(scene, await actsIn(scene.site))
    await office.join()
    return office
  }

  async join(): Promise<void> {
    this.scene.members.a = await this.scene.group.join('a', (self) => {
      this.clerks.push(new Clerk(self, this.acts))
      return this.clerk
    })
  }

  get clerk(): Clerk {
    return this.clerks.at(-1) as Clerk
  }

  /** Resolves when the clerk has asked so often. */
  async order(act: string, asked: number): Promise<void> {
    await this.scene.group.send('a', act)
    await eventually(() => this.clerk.state.asked.length).toBe(asked)
  }

  /** Resolves when these are the answers, each to the request of its place. */
  async answers(...answers: readonly (readonly [request: number, value: unknown, from: string])[]): Promise<void> {
    const { clerk } = this
    await eventually(() => this.clerk.state.answers.length).toBe(answers.length)
    const { asked } = clerk.state
    expect(this.clerk.state.answers).toEqual(answers.map(([request, value, from]) => [asked[request], value, from]))
  }

  async put(...numbers: readonly number[]): Promise<void> {
    const jobs = await space(this.scene.site, 'jobs')
    for (const number of numbers) await jobs.out(['job', number])
  }

  async jobs(): Promise<readonly number[]> {
    const tuples = await (await space(this.scene.site, 'jobs')).copyCollect(['job', Number])
    return tuples.map(([, number]) => number)
  }

  /** Goes back to the last checkpoint. */
  async recover(): Promise<void> {
    const before = this.clerks.length
    await this.scene.group.recover(['a'])
    await eventually(() => this.clerks.length).toBe(before + 1)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene.site.close()
  }
}

/** Acts on a group of accounts that lives in the site. */
async function banking(site: Site): Promise<Readonly<Record<string, Act>>> {
  await host(site, 'vault', [Account])
  const accounts = dependable(Account, activeReplication({ replicas: 1 }), { site, name: 'accounts' })
  const account = await accounts.create({ key: 'k', args: [100] })
  return {
    deposit: (self) => self.call(account, 'deposit', 5),
    overdraw: (self) => self.call(account, 'withdraw', 1_000),
    stranger: (self) => self.call(new Account(), 'deposit', 5),
    read: async () => (await account.read()) as number,
  }
}

describe('self.space(name)', () => {
  test.each(['exact', 'bcs', 'hmnr', 'fdas', 'bhmr', 'cut', 'koo-toueg'] as const)(
    'takes, waits and looks; each answer is a message from @space with the number of its request (%s)',
    async (protocol) => {
      await using office = await Office.open({ protocol })
      await office.order('takeNow', 1)
      await office.order('take', 2)
      await office.put(1, 2)
      await office.order('read', 3)
      await office.order('readNow', 4)
      await office.answers([0, null, '@jobs'], [1, ['job', 1], '@jobs'], [2, ['job', 2], '@jobs'], [3, ['job', 2], '@jobs'])
      await office.scene.member('a').checkpoint()
      expect(await office.jobs()).toEqual([2])
    },
  )

  test('tells of a time that has passed with an error that is one', async () => {
    await using office = await Office.open()
    await office.order('impatient', 1)
    await eventually(() => office.clerk.state.answers.length).toBe(1)
    const [[, error]] = office.clerk.state.answers as unknown as [[number, unknown]]
    expect(error).toBeInstanceOf(Error)
    expect(codeOf(error)).toBe('PERDURE_E_TIMEOUT')
  })

  test('refuses what is no template, and no name of a space, where it is written', async () => {
    await using office = await Office.open()
    await office.scene.group.send('a', 'nonsense')
    await eventually(() => codeOf(office.clerk.failed)).toBe('PERDURE_E_VALUE')
    const a = office.scene.member('a')
    await expect(a.space('jobs').in('job' as never)).rejects.toMatchObject({ code: 'PERDURE_E_TEMPLATE' })
    await expect(a.space('jobs').in([], { timeoutMs: -1 })).rejects.toMatchObject({ code: 'PERDURE_E_USAGE' })
    expect(() => a.space('a/b')).toThrow(expect.objectContaining({ code: 'PERDURE_E_NAME' }))
  })

  test('what the space refuses at once rejects, and no message follows', async () => {
    await using office = await Office.open()
    await space(office.scene.site, 'jobs', { quota: { waiting: 0 } })
    await office.scene.group.send('a', 'take')
    await eventually(() => codeOf(office.clerk.failed)).toBe('PERDURE_E_QUOTA')
    expect(office.clerk.state).toEqual({ asked: [], answers: [] })
  })

  test('a tuple comes back when the asking interval is undone, and is gone for good when it is stable', async () => {
    await using office = await Office.open()
    await office.put(1, 2)
    await office.order('take', 1)
    await office.answers([0, ['job', 1], '@jobs'])
    expect(await office.jobs()).toEqual([2])
    await office.recover()
    await eventually(() => office.jobs()).toEqual([2])
    // The order came from outside: it is given again, and takes the tuple again.
    await office.answers([0, ['job', 1], '@jobs'])
    await office.scene.member('a').checkpoint()
    await office.recover()
    await office.answers([0, ['job', 1], '@jobs'])
    expect(await office.jobs()).toEqual([2])
  })

  test('through the handle of the member, asks in its name as well', async () => {
    await using office = await Office.open()
    await office.put(1)
    const reply = await office.scene.member('a').space('jobs').inp(['job', Number])
    await eventually(() => office.clerk.state.answers).toEqual([[reply, ['job', 1], '@jobs']])
  })

  test('a member that is dead when the answer comes is given it when it is joined', async () => {
    await using office = await Office.open()
    await office.order('take', 1)
    await office.scene.member('a').checkpoint()
    await office.scene.member('a').close()
    await office.put(1)
    await office.join()
    await office.answers([0, ['job', 1], '@jobs'])
    expect(await office.jobs()).toEqual([])
  })

  test('a request survives the end of everything if it is in a checkpoint, and vanishes if it is not', async () => {
    const url = join(folder, 'ends')
    {
      await using office = await Office.open({}, url)
      await office.order('take', 1)
      await office.scene.member('a').checkpoint()
      await office.scene.member('a').space('jobs').in(['other', Number])
    }
    await using office = await Office.open({}, url)
    await office.put(1)
    await (await space(office.scene.site, 'jobs')).out(['other', 1])
    await office.answers([0, ['job', 1], '@jobs'])
    expect(await (await space(office.scene.site, 'jobs')).count(['other', Number])).toBe(1)
    expect(await office.jobs()).toEqual([])
  })
})

describe('self.call(group, method, ...args)', () => {
  test.each(['memory', 'disk'])('is executed once, when nothing can undo it, and answered by a message (%s)', async (engine) => {
    const url = engine === 'memory' ? 'memory:' : join(folder, 'calls')
    await using office = await Office.open({}, url, banking)
    await office.order('deposit', 1)
    const read = office.acts.read as Act
    expect(await read(office.clerk.self)).toBe(100)
    await office.scene.member('a').checkpoint()
    await office.answers([0, 105, '@accounts'])
    await office.recover()
    await office.answers([0, 105, '@accounts'])
    expect(await read(office.clerk.self)).toBe(105)
  })

  test('of an interval that is undone is not executed', async () => {
    await using office = await Office.open({}, 'memory:', banking)
    const { scene } = office
    const recorded = scene.member('a').call(await accountOf(scene.site), 'deposit', 5)
    await recorded
    await office.recover()
    await scene.member('a').checkpoint()
    await office.order('deposit', 1)
    await scene.member('a').checkpoint()
    await office.answers([0, 105, '@accounts'])
  })

  test('that throws is answered with the error', async () => {
    await using office = await Office.open({}, 'memory:', banking)
    await office.order('overdraw', 1)
    await office.scene.member('a').checkpoint()
    await eventually(() => office.clerk.state.answers.length).toBe(1)
    const [[, error]] = office.clerk.state.answers as unknown as [[number, Error]]
    expect(error).toMatchObject({ name: 'RangeError', message: '100 is all there is' })
  })

  test('of what is no group of a site is refused', async () => {
    await using office = await Office.open({}, 'memory:', banking)
    await office.scene.group.send('a', 'stranger')
    await eventually(() => codeOf(office.clerk.failed)).toBe('PERDURE_E_USAGE')
  })
})

function accountOf(site: Site) {
  return dependable(Account, activeReplication({ replicas: 1 }), { site, name: 'accounts' }).create({ key: 'k', args: [100] })
}
