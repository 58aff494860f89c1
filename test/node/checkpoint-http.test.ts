/** The networked service: real HTTP, real processes with the proxies they have downloaded, killed with -9. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Order } from '../../src/mechanisms/checkpoint/attached/protocol.ts'
import { attach } from '../../src/mechanisms/checkpoint/attached/proxy.ts'
import { misfit } from '../../src/mechanisms/checkpoint/attached/schema.ts'
import { OPERATIONS } from '../../src/mechanisms/checkpoint/attached/schemas.ts'
import { httpService } from '../../src/mechanisms/checkpoint/attached/service-channel.ts'
import { type CheckpointServer, serveCheckpoints } from '../../src/node/checkpoint-http.ts'
import { open } from '../../src/node/open.ts'

const PROGRAMS = join(import.meta.dirname, 'programs')
const NO_PYTHON = spawnSync('python3', ['--version']).status !== 0

let folder = ''
let closing: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'perdure-http-'))
  closing = [() => rm(folder, { recursive: true, force: true })]
})

afterEach(async () => {
  for (const close of closing.reverse()) await close()
})

async function served(url = 'memory:', options: Parameters<typeof serveCheckpoints>[1] = {}): Promise<CheckpointServer> {
  const site = await open(url)
  closing.push(() => site.close())
  return serveCheckpoints(site, options)
}

async function call(server: { readonly url: string }, operation: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}/checkpoint/${operation}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Record<string, never> }
}

const ATTACH = { context: 'bank', member: 'a', boot: 'first', epoch: 0, index: -1, edges: [] }

describe('the networked service', () => {
  test('answers every operation as its OpenAPI document says', async () => {
    const server = await served()
    const response = await fetch(`${server.url}/checkpoint/openapi.json`)
    const document = (await response.json()) as { openapi: string; paths: Record<string, { post?: Operation }> }
    expect(document.openapi).toBe('3.1.0')
    const of = { context: 'bank', member: 'a', incarnation: 1, epoch: 0 }
    const report = { ...of, index: 1, edges: [], needs: [] }
    const check = { ...report, message: 'm', from: 0, sentEpoch: 0, sent: 0, interval: 1 }
    const calls: [string, object][] = [
      ['create', { context: 'bank' }],
      ['attach', ATTACH],
      ['report', report],
      ['check', check],
      ['wait', { ...of, waitMs: 0 }],
      ['unavailable', { ...of, index: 1 }],
      ['halted', report],
      ['recover', { context: 'bank', failed: ['a'] }],
      ['wait', { ...of, waitMs: 0 }],
      ['detach', { ...of, epoch: 1 }],
      ['delete', { context: 'bank' }],
    ]
    const documented = Object.keys(document.paths).filter((path) => document.paths[path]!.post)
    expect(documented).toEqual(Object.keys(OPERATIONS).map((name) => `/checkpoint/${name}`))
    expect(new Set(calls.map(([name]) => name)).size).toBe(documented.length)
    for (const [name, body] of calls) {
      const { post } = document.paths[`/checkpoint/${name}`]!
      expect(misfit(post!.requestBody.content['application/json'].schema, body), name).toBeUndefined()
      const answer = await call(server, name, body)
      expect(answer.status, `${name}: ${JSON.stringify(answer.body)}`).toBe(200)
      expect(misfit(post!.responses[200].content['application/json'].schema, answer.body), name).toBeUndefined()
    }
  })

  test('refuses what does not fit its schemas, and says why', async () => {
    const server = await served()
    const refusals: [string, unknown, number][] = [
      ['create', {}, 400],
      ['create', { context: '' }, 400],
      ['create', { context: 'bank', more: 1 }, 400],
      ['create', '{"context":', 400],
      ['create', [], 400],
      ['report', { ...ATTACH }, 400],
      ['attach', ATTACH, 404],
      ['attach', { ...ATTACH, edges: new Array(1_025).fill([0, 1, 0, 0, 0]) }, 400],
      ['attach', { ...ATTACH, callback: 'http://example.com/hook' }, 400],
      ['recover', { context: 'bank', failed: [] }, 400],
      ['constructor', {}, 404],
      ['create', `{"context":"${'x'.repeat(300_000)}"}`, 413],
    ]
    for (const [operation, body, status] of refusals) {
      const answer = await call(server, operation, body)
      expect(answer.status, operation).toBe(status)
      expect(answer.body).toEqual({ code: expect.stringMatching(/^PERDURE_E_/), message: expect.any(String) })
    }
    expect((await call(server, 'create', { context: 'bank' })).status).toBe(200)
  })

  test('refuses edges and intervals that cannot be, and goes on', async () => {
    const server = await served()
    await call(server, 'create', { context: 'bank' })
    await call(server, 'attach', ATTACH)
    const report = { context: 'bank', member: 'a', incarnation: 1, epoch: 0, index: 0, edges: [], needs: [] }
    for (const wrong of [{ edges: [[5, 1, 0, 0, 0]] }, { index: 2 ** 30 }, { epoch: 7 }, { edges: [[0, 1, 0, 2 ** 30, 0]] }])
      expect((await call(server, 'report', { ...report, ...wrong })).status).toBe(400)
    expect((await call(server, 'report', { ...report, incarnation: 2 })).status).toBe(409)
    expect((await call(server, 'report', report)).status).toBe(200)
  })

  test('does not serve pages of other origins, other names than its own, or bodies that are not declared as JSON', async () => {
    const server = await served()
    const body = { context: 'bank' }
    expect((await call(server, 'create', body, { origin: 'https://example.com' })).status).toBe(403)
    expect((await call(server, 'create', body, { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await fetch(`${server.url}/checkpoint/create`)).status).toBe(405)
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { host: 'rebound.example.com', 'content-type': 'application/json' }
      const sent = request(`${server.url}/checkpoint/create`, { method: 'POST', headers }, ({ statusCode }) =>
        resolve(statusCode),
      )
      sent.on('error', reject)
      sent.end(JSON.stringify(body))
    })
    expect(status).toBe(403)
  })

  test('refuses an address that is none, a port that is none or taken, and an empty token, and goes on', async () => {
    const server = await served()
    const { port } = new URL(server.url)
    const said = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('GET http://[ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'))
      socket.once('error', reject)
      socket.once('data', (data) => {
        socket.destroy()
        resolve(String(data))
      })
    })
    expect(said).toMatch(/^HTTP\/1.1 400 /)
    for (const options of [{ port: Number(port) }, { port: 99_999 }, { token: '' }])
      await expect(served('memory:', options)).rejects.toMatchObject({ code: 'PERDURE_E_USAGE' })
    expect((await call(server, 'create', { context: '_bank' })).status).toBe(200)
  })

  test('wants the token it was given, and for other machines TLS as well', async () => {
    const server = await served('memory:', { token: 'secret' })
    const body = { context: 'bank' }
    expect((await call(server, 'create', body)).status).toBe(401)
    expect((await call(server, 'create', body, { authorization: 'Bearer wrong' })).status).toBe(401)
    expect((await call(server, 'create', body, { authorization: 'Bearer secret' })).status).toBe(200)
    await expect(served('memory:', { host: '0.0.0.0', token: 'secret' })).rejects.toMatchObject({ code: 'PERDURE_E_USAGE' })
  })

  test.skipIf(spawnSync('openssl', ['version']).status !== 0)(
    'serves with TLS and a token (where openssl can make a certificate)',
    async () => {
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
      const words = [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-subj',
        '/CN=localhost',
        '-days',
        '1',
        '-keyout',
        key,
        '-out',
        cert,
      ]
      expect(spawnSync('openssl', words).status).toBe(0)
      const tls = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
      const server = await served('memory:', { host: '0.0.0.0', token: 'secret', tls })
      const port = new URL(server.url).port
      const status = (authorization: string) =>
        new Promise<number | undefined>((resolve, reject) => {
          const headers = { 'content-type': 'application/json', authorization }
          const target = `https://localhost:${port}/checkpoint/create`
          const sent = secureRequest(target, { method: 'POST', headers, ca: tls.cert }, ({ statusCode }) => resolve(statusCode))
          sent.on('error', reject)
          sent.end(JSON.stringify({ context: 'bank' }))
        })
      expect([await status('Bearer wrong'), await status('Bearer secret')]).toEqual([401, 200])
    },
  )

  test('keeps contexts, checkpoints and decisions over a restart', async () => {
    const first = await open(join(folder, 'site'))
    const server = await serveCheckpoints(first)
    await call(server, 'create', { context: 'bank' })
    await call(server, 'attach', ATTACH)
    await call(server, 'attach', { ...ATTACH, member: 'b' })
    const of = { context: 'bank', member: 'a', incarnation: 1, epoch: 0 }
    const check = { ...of, index: 3, edges: [], needs: [], message: 'm', from: 1, sentEpoch: 0, sent: 2, interval: 3 }
    const decided = await call(server, 'check', check)
    await first.close()
    const again = await served(join(folder, 'site'))
    expect(await call(again, 'check', check)).toEqual(decided)
    const recovering = call(again, 'recover', { context: 'bank', failed: ['a', 'b'] })
    expect((await recovering).body).toEqual({ epoch: 1, line: { a: 3, b: 0 } })
  })
})

interface Operation {
  readonly requestBody: { readonly content: { readonly 'application/json': { readonly schema: never } } }
  readonly responses: { readonly 200: { readonly content: { readonly 'application/json': { readonly schema: never } } } }
}

interface Line {
  readonly to?: string
  readonly wire?: unknown
  readonly receipt?: string
  readonly id?: number
  readonly ready?: string
  readonly ball?: number
  readonly got?: number
  readonly end?: number[]
  readonly safe?: boolean
}

/** The command line that serves, in a process of its own. */
class Service {
  readonly #folder: string
  #process: ChildProcess | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  async start(port: number): Promise<{ readonly url: string }> {
    const cli = ['--import', 'tsx', '--conditions=perdure-src', join(import.meta.dirname, '../../src/node/cli.ts')]
    const words = [...cli, 'checkpoints', 'serve', '--json', '--url', this.#folder, '--port', String(port)]
    const started = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#process = started
    for await (const line of createInterface({ input: started.stdout })) return JSON.parse(line)
    throw new Error('the service ended before it served')
  }

  async kill(): Promise<void> {
    const running = this.#process
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const gone = new Promise((resolve) => running.once('exit', resolve))
    running.kill('SIGKILL')
    await gone
  }
}

/** Two programs and the pipes between them: what is not acknowledged is sent again to the next life. */
class Court {
  readonly lines: (Line & { readonly by: string })[] = []
  readonly #programs = new Map<string, ChildProcess>()
  readonly #unacknowledged = new Map<string, Map<number, unknown>>()
  #id = 0
  #wake: () => void = () => undefined

  start(name: string, command: string, words: string[]): void {
    const program = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] })
    program.stdin.on('error', () => undefined)
    this.#programs.set(name, program)
    createInterface({ input: program.stdout }).on('line', (text) => this.#hear(name, JSON.parse(text)))
  }

  say(name: string, line: object): void {
    this.#programs.get(name)!.stdin!.write(`${JSON.stringify(line)}\n`)
  }

  async kill(name: string): Promise<void> {
    const program = this.#programs.get(name)!
    if (program.exitCode !== null || program.signalCode !== null) return
    const gone = new Promise((resolve) => program.once('exit', resolve))
    program.kill('SIGKILL')
    await gone
  }

  async close(): Promise<void> {
    for (const name of this.#programs.keys()) await this.kill(name)
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds())
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
  }

  /** Asks until the member is in safe mode, or is not any more: it tries the service again and again, so this ends. */
  async untilMode(name: string, mode: 'safe' | 'ordinary'): Promise<void> {
    for (let safe: boolean | undefined; safe !== (mode === 'safe'); ) {
      const asked = this.lines.length
      this.say(name, { ask: 'mode' })
      const answer = () => this.lines.slice(asked).find((line) => line.safe !== undefined)
      await this.until(() => answer() !== undefined)
      safe = answer()?.safe
    }
  }

  #hear(by: string, line: Line): void {
    this.lines.push({ ...line, by })
    if (line.to !== undefined) {
      this.#id++
      const id = this.#id
      this.#mailOf(line.to).set(id, line.wire)
      this.say(line.to, { wire: line.wire, id })
    }
    if (line.receipt !== undefined) this.#mailOf(by).delete(line.id!)
    if (line.ready !== undefined) for (const [id, wire] of this.#mailOf(by)) this.say(by, { wire, id })
    this.#wake()
  }

  #mailOf(name: string): Map<number, unknown> {
    const mail = this.#unacknowledged.get(name) ?? new Map()
    this.#unacknowledged.set(name, mail)
    return mail
  }
}

describe('programs with downloaded proxies', () => {
  test('each proxy is one file that imports nothing but what its language brings', async () => {
    const server = await served()
    const code = async (name: string) => (await fetch(`${server.url}/checkpoint/${name}`)).text()
    const javascript = await code('proxy.mjs')
    expect([...javascript.matchAll(/\bimport\b[^'\n]*'([^']+)'/g)].map(([, name]) => name)).toEqual(['node:fs/promises'])
    const file = join(folder, 'proxy.mjs')
    await writeFile(file, javascript)
    const names = Object.keys(await import(pathToFileURL(file).href))
    expect(names).toEqual(expect.arrayContaining(['attach', 'folderStore', 'fromOutside', 'httpService', 'memoryStore']))
    const python = await code('proxy.py')
    const imports = [...python.matchAll(/^\s*(?:import|from) ([\w.]+)/gm)].map(([, name]) => name)
    expect(imports).toEqual(['json', 'os', 'threading', 'urllib.error', 'urllib.request', 'uuid'])
  })

  test('a member that cannot poll is posted its orders, again until it has heeded them', async () => {
    const server = await served()
    await call(server, 'create', { context: 'bank' })
    const posts: Order[] = []
    let heeded: (order: Order) => Promise<void> = async () => undefined
    const hook = createServer(async (request, response) => {
      const order = JSON.parse(await text(request)) as Order
      posts.push(order)
      // The first of each kind is lost.
      if (posts.filter((post) => post.do === order.do).length > 1) await heeded(order)
      else response.statusCode = 500
      response.end()
    })
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
    closing.push(() => {
      hook.closeAllConnections()
      return new Promise((resolve) => hook.close(resolve))
    })
    const callback = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/orders`
    const got: unknown[] = []
    const transport = { send: () => undefined, listen: () => undefined }
    const object = () => ({ save: () => got.length, restore: () => got.push('restored'), receive: () => undefined })
    const member = await attach({ context: 'bank', name: 'a', service: httpService(server.url), transport, object, callback })
    closing.push(async () => member.close())
    heeded = (order) => member.heed(order)
    await member.checkpoint()
    const recovered = await call(server, 'recover', { context: 'bank', failed: ['a'] })
    expect(recovered.body).toMatchObject({ epoch: 1 })
    while (got.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(posts.filter((order) => order.do === 'rollback').length).toBeGreaterThan(1)
    // Who leaves has the others save.
    const other = await attach({ context: 'bank', name: 'b', service: httpService(server.url), transport, object })
    await other.detach()
    await expect.poll(() => posts.filter((order) => order.do === 'save').length).toBeGreaterThan(1)
  })

  async function downloads(server: { readonly url: string }): Promise<{ mjs: string; py: string }> {
    const files = { mjs: join(folder, 'proxy.mjs'), py: join(folder, 'proxy.py') }
    for (const [name, file] of Object.entries(files))
      await writeFile(file, await (await fetch(`${server.url}/checkpoint/proxy.${name}`)).text())
    return files
  }

  test.skipIf(NO_PYTHON)(
    'a Node and a Python program play on when they are killed with -9, and when the service is (where there is python3)',
    async () => {
      const service = new Service(join(folder, 'site'))
      closing.push(() => service.kill())
      const server = await service.start(0)
      const { mjs, py } = await downloads(server)
      await call(server, 'create', { context: 'court' })
      const court = new Court()
      closing.push(() => court.close())
      const start = {
        js: () =>
          court.start('js', process.execPath, [
            join(PROGRAMS, 'attached-member.mjs'),
            ...[server.url, 'js', join(folder, 'js'), pathToFileURL(mjs).href],
          ]),
        py: () => court.start('py', 'python3', [join(PROGRAMS, 'attached_member.py'), server.url, 'py', join(folder, 'py'), py]),
      }
      const reaches = (ball: number, from: number) =>
        court.until(() => court.lines.slice(from).some((line) => line.ball === ball))
      start.js()
      start.py()
      await court.until(() => court.lines.filter(({ ready }) => ready).length === 2)
      court.say('js', { serve: 'py', limit: 200 })
      for (const [name, ball] of [
        ['py', 43],
        ['js', 84],
      ] as const) {
        await reaches(ball, 0)
        await court.kill(name)
        const from = court.lines.length
        start[name]()
        await court.until(() => court.lines.slice(from).some(({ ready }) => ready === name))
      }
      await reaches(120, 0)
      await service.kill()
      const away = court.lines.length
      // Nobody answers: they play on.
      const before = Math.max(...court.lines.map(({ ball }) => ball ?? 0))
      await reaches(before + 12, away)
      await court.untilMode('js', 'safe')
      await service.start(Number(new URL(server.url).port))
      await court.until(() => court.lines.some(({ end }) => end))
      await court.untilMode('js', 'ordinary')
      const now = Math.max(...court.lines.map(({ ball }) => ball ?? 0))
      await reaches(now + 12, court.lines.length)
      const end = court.lines.find((line) => line.end)!.end
      expect(end).toEqual(Array.from({ length: 100 }, (_, k) => 2 * k + 2))
      // At every moment each has been given every ball so far, once: js the even ones, py the odd ones.
      for (const { ball, got } of court.lines) if (ball !== undefined) expect(got).toBe(Math.ceil(ball / 2))
    },
  )
})
