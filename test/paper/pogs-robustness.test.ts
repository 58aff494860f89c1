/**
 * What the paper says of a service that crashes: M. Zweiacker, "Fault-tolerant CORBA, using checkpointing and recovery", Comtec 75 (1997)
 * no. 8, "Robustness of the approach" and "Specification". The members are attached: their messages do not go through the service.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open, type Site } from 'perdure'
import { afterAll, describe, expect, test } from 'vitest'
import { attach, type Member } from '../../src/mechanisms/checkpoint/attached/proxy.ts'
import type { Wire } from '../../src/mechanisms/checkpoint/attached/proxy-parts.ts'
import { eventually } from '../mechanisms/checkpoint/site/scene.ts'

const folder = mkdtempSync(join(tmpdir(), 'perdure-pogs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

/** A group whose messages go their own way, and whose service is a site that comes and goes. */
class Town implements AsyncDisposable {
  readonly got: Record<string, string[]> = {}
  readonly members: Record<string, Member> = {}
  readonly forced: string[] = []
  readonly #url: string
  #site: Site | undefined

  constructor(name: string) {
    this.#url = join(folder, name)
  }

  async start(): Promise<void> {
    this.#site = await open(this.#url)
  }

  async crash(): Promise<void> {
    const site = this.#site
    this.#site = undefined
    await site?.close()
  }

  readonly service = (operation: string, body: object): Promise<unknown> => {
    if (this.#site === undefined) return Promise.reject(new Error('nobody answers'))
    return this.#site.link.main.client.issue(`attached.${operation}`, [body])
  }

  async join(name: string): Promise<void> {
    this.members[name] = await attach({
      context: 'town',
      name,
      service: this.service,
      answerMs: 20_000,
      retryMs: 5,
      transport: {
        send: (to, wire) => void this.members[to]?.receive(JSON.parse(JSON.stringify(wire)) as Wire),
        listen: () => undefined,
      },
      observe: (event) => {
        if (event.kind === 'checkpoint' && event.forced) this.forced.push(name)
      },
      object: () => {
        const lines: string[] = []
        this.got[name] = lines
        return {
          save: () => [...lines],
          restore: (state: unknown) => void lines.splice(0, lines.length, ...(state as string[])),
          receive: (message: string) => void lines.push(message),
        }
      },
    })
  }

  async send(from: string, to: string, text: string): Promise<void> {
    await this.members[from]?.send(to, text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of Object.values(this.members)) member.close()
    await this.crash()
  }
}

async function town(name: string): Promise<Town> {
  const made = new Town(name)
  await made.start()
  await made.service('create', { context: 'town' })
  for (const member of ['a', 'b']) await made.join(member)
  return made
}

describe('robustness of the approach', () => {
  test('"should the POGS crash, they would still accomplish the intended task", taking safe checkpoints, which they report when it is back', async () => {
    await using group = await town('safe')
    await group.crash()
    await group.send('b', 'a', 'one')
    await eventually(() => group.got.a).toEqual(['one'])
    // Sent, and then given something: to be sure, b saves before.
    await group.send('a', 'b', 'two')
    await eventually(() => group.got.b).toEqual(['two'])
    expect(group.forced).toEqual(['b'])
    expect(group.members.b?.safeMode).toBe(true)
    await group.start()
    await eventually(() => group.members.b?.safeMode).toBe(false)
    expect(await group.members.a?.recover(['a'])).toMatchObject({ line: { a: 0, b: 1 } })
  })

  test('"this interface has to recover automatically if the supporting server crashed": members are told to go back as if nothing had been', async () => {
    await using group = await town('callback')
    await group.send('a', 'b', 'one')
    await eventually(() => group.got.b).toEqual(['one'])
    await group.members.b?.checkpoint()
    await group.crash()
    await group.start()
    await group.send('a', 'b', 'two')
    await eventually(() => group.got.b).toEqual(['one', 'two'])
    const object = group.got.b
    await group.members.a?.recover(['b'])
    await eventually(() => group.got.b !== object).toBe(true)
    await eventually(() => group.got.b).toEqual(['one', 'two'])
    expect(group.members.b?.index).toBe(1)
  })
})
