/**
 * The service of attached members over HTTP, for programs in any language: a POST for every operation, the OpenAPI document, and the proxies
 * to download.
 *
 *     const server = await serveCheckpoints(site, { port: 7337 })
 *     // curl http://127.0.0.1:7337/checkpoint/proxy.py
 *
 * Boundary: part of the shell. What operations take and answer is said by `mechanisms/checkpoint/attached/schemas.ts`.
 *   H1  Only this machine is served, unless there are a token and TLS.
 *   H2  A page of a browser cannot speak for its reader: requests of another origin, and those to another name than ours, are refused.
 *   H3  Bodies, times and connections are bounded before anything is read.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { PerdureError } from '../errors.ts'
import type { Connection } from '../log/connection.ts'
import type { Site } from '../log/site.ts'
import { openApiDocument } from '../mechanisms/checkpoint/attached/openapi.ts'
import type { Attach } from '../mechanisms/checkpoint/attached/protocol.ts'
import { misfit } from '../mechanisms/checkpoint/attached/schema.ts'
import { OPERATIONS, type OperationName } from '../mechanisms/checkpoint/attached/schemas.ts'
import { javascriptProxy, pythonProxy } from './checkpoint-downloads.ts'
import { isLoopback, Webhooks } from './checkpoint-webhooks.ts'

export interface CheckpointServerOptions {
  /** Default: any that is free. */
  readonly port?: number
  /** Default: 127.0.0.1. Others than loopback need `token` and `tls`. */
  readonly host?: string
  /** Callers send it as `Authorization: Bearer`. */
  readonly token?: string
  /** PEM. */
  readonly tls?: { readonly key: string; readonly cert: string }
}

export interface CheckpointServer extends AsyncDisposable {
  /** As in http://127.0.0.1:7337. */
  readonly url: string
  /** Members go on in safe mode, and report when it serves again. */
  close(): Promise<void>
}

/** 1,024 edges are 20 kB, and nothing else in a body grows. */
const MAX_BODY_BYTES = 256 * 1024
/** Twice as many as a context has members: each has a long poll and a question. */
const MAX_CONNECTIONS = 1_024
/** For a whole request to arrive; a slow one is a bad one. */
const REQUEST_MS = 10_000

/** `PERDURE_E_USAGE` for another host than loopback without token and TLS. */
export async function serveCheckpoints(site: Site, options: CheckpointServerOptions = {}): Promise<CheckpointServer> {
  const { port = 0, host = '127.0.0.1', token, tls } = options
  if (!isLoopback(host) && (token === undefined || tls === undefined)) {
    const text = `The service would listen on ${host} for other machines: expected a token and tls as well. Give both, or leave host out.`
    throw new PerdureError('PERDURE_E_USAGE', text)
  }
  if (token === '') throw new PerdureError('PERDURE_E_USAGE', 'The token is empty: expected a text that others cannot guess.')
  const connection = await site.link.connect('checkpoint service', {})
  const webhooks = new Webhooks(connection, site.link.clock)
  const handler = new Handler(connection, webhooks, token)
  const listener: RequestListener = (request, response) => void handler.handle(request, response)
  const server = tls ? createTlsServer({ ...tls }, listener) : createServer(listener)
  server.requestTimeout = REQUEST_MS
  server.headersTimeout = REQUEST_MS
  server.maxConnections = MAX_CONNECTIONS
  await listening(server, port, host).catch((error) => {
    connection.close()
    throw error
  })
  const { port: taken } = server.address() as AddressInfo
  const name = host.includes(':') ? `[${host}]` : host
  handler.url = `${tls ? 'https' : 'http'}://${name}:${taken}`
  await webhooks.followAll()
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= (async () => {
      forget()
      webhooks.close()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      connection.close()
    })()
    return closing
  }
  const forget = site.link.beforeClose(close)
  return { url: handler.url, close, [Symbol.asyncDispose]: close }
}

function listening(server: Server, port: number, host: string): Promise<void> {
  const listens = new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return listens.catch((cause: Error) => {
    const text = `The service cannot listen on ${host}, port ${port} (${cause.message}). Choose another port.`
    throw new PerdureError('PERDURE_E_USAGE', text, { cause })
  })
}

/** What a request came to. */
interface Reply {
  readonly status: number
  readonly type: string
  readonly text: string
}

class Handler {
  url = ''
  readonly #connection: Connection
  readonly #webhooks: Webhooks
  readonly #token: string | undefined

  constructor(connection: Connection, webhooks: Webhooks, token: string | undefined) {
    this.#connection = connection
    this.#webhooks = webhooks
    this.#token = token
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let reply: Reply
    try {
      reply = await this.#reply(request)
    } catch (error) {
      reply = refusalOf(error)
    }
    // What was not read, would be taken for the next request.
    if (!request.complete) response.setHeader('connection', 'close')
    response.writeHead(reply.status, {
      'content-type': reply.type,
      'content-length': Buffer.byteLength(reply.text),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(reply.status === 401 && { 'www-authenticate': 'Bearer' }),
    })
    response.end(reply.text)
  }

  async #reply(request: IncomingMessage): Promise<Reply> {
    this.#admit(request)
    const { url = '/' } = request
    if (!URL.canParse(url, this.url)) throw new Refused(400, `${url} is no address: expected one below /checkpoint/.`)
    const path = new URL(url, this.url).pathname
    const name = /^\/checkpoint\/([a-z.]+)$/.exec(path)?.[1] ?? ''
    const file = Object.hasOwn(FILES, name) ? FILES[name] : undefined
    if (file !== undefined) {
      if (request.method !== 'GET') throw new Refused(405, `${path} is read with GET.`)
      return { status: 200, type: file.type, text: await file.text(this.url) }
    }
    if (!Object.hasOwn(OPERATIONS, name))
      throw new Refused(
        404,
        `There is no ${path}: expected one of ${Object.keys(OPERATIONS).join(', ')} below /checkpoint/. GET /checkpoint/openapi.json lists them.`,
      )
    if (request.method !== 'POST') throw new Refused(405, `${path} is called with POST.`)
    return jsonReply(200, await this.#perform(name as OperationName, await bodyOf(request)))
  }

  #admit({ headers }: IncomingMessage): void {
    if (this.#token !== undefined && !isToken(headers.authorization ?? '', this.#token))
      throw new Refused(
        401,
        'The token is missing or wrong: expected the header Authorization: Bearer and the token of the service.',
      )
    if (headers.origin !== undefined && headers.origin !== this.url)
      throw new Refused(403, `A page of ${headers.origin} may not use this service.`)
    const host = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
    if (this.#token === undefined && !isLoopback(host)) throw new Refused(403, `The service is not called ${host}.`)
  }

  async #perform(operation: OperationName, body: unknown): Promise<unknown> {
    const wrong = misfit(OPERATIONS[operation].body, body)
    if (wrong !== undefined)
      throw new Refused(400, `${operation} cannot be understood: ${wrong}. See GET /checkpoint/openapi.json.`)
    const callback = operation === 'attach' ? (body as Attach).callback : undefined
    if (callback !== undefined && !(URL.canParse(callback) && isLoopback(new URL(callback).hostname)))
      throw new Refused(400, `The callback ${callback} is not on this machine. Poll with wait instead.`)
    const answer = await this.#connection.client.issue(`attached.${operation}`, [body])
    if (callback !== undefined) this.#webhooks.follow((body as Attach).context, (body as Attach).member)
    return answer
  }
}

interface Download {
  readonly type: string
  text(url: string): Promise<string>
}

const FILES: Readonly<Record<string, Download | undefined>> = {
  'openapi.json': { type: 'application/json', text: async (url) => JSON.stringify(openApiDocument(url), null, 2) },
  'proxy.mjs': { type: 'text/javascript; charset=utf-8', text: javascriptProxy },
  'proxy.py': { type: 'text/x-python; charset=utf-8', text: pythonProxy },
}

/** Refused before it came to the service. */
class Refused extends Error {
  readonly status: number

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

const STATUS: Readonly<Record<string, number>> = {
  PERDURE_E_USAGE: 400,
  PERDURE_E_VALUE: 400,
  PERDURE_E_UNKNOWN_GROUP: 404,
  PERDURE_E_UNKNOWN_MEMBER: 404,
  PERDURE_E_STALE: 409,
  PERDURE_E_WEDGED: 409,
  PERDURE_E_BUSY: 503,
  PERDURE_E_CLOSED: 503,
  PERDURE_E_SESSION_LOST: 503,
}

function refusalOf(error: unknown): Reply {
  if (error instanceof Refused) return jsonReply(error.status, { code: 'PERDURE_E_USAGE', message: error.message })
  if (error instanceof PerdureError) return jsonReply(STATUS[error.code] ?? 500, { code: error.code, message: error.message })
  return jsonReply(500, {
    code: 'PERDURE_E_INVARIANT',
    message: 'The service failed at this request. Try again; if it stays, report it.',
  })
}

function jsonReply(status: number, value: unknown): Reply {
  return { status, type: 'application/json', text: JSON.stringify(value) }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const { headers } = request
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? ''))
    throw new Refused(415, 'The body is not declared as JSON: expected the header Content-Type: application/json.')
  if (Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge()
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw tooLarge()
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (cause) {
    throw noJson(cause)
  }
}

function noJson(cause: unknown): Refused {
  return new Refused(400, `The body is no JSON: ${(cause as Error).message}.`, { cause })
}

function tooLarge(): Refused {
  return new Refused(413, `The body is larger than ${MAX_BODY_BYTES} bytes. Say less at once.`)
}

/** Takes as long for a wrong token as for the right one. */
function isToken(header: string, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(header), digest(`Bearer ${token}`))
}
