/**
 * The language server of ariel: the protocol on two streams, in front of `mechanisms/ariel/language-service.ts`.
 *
 * Requests are answered in order, each at once. Findings are sent when there is nothing left to read, so that a burst of keystrokes is
 * checked once.
 *
 * Boundary: streams, and headers from the disk. The framing and the few methods there are need no library of the protocol.
 *   A1  A request gets exactly one answer, also when it fails.
 *   A2  Only messages of the protocol are written to the output.
 */
import type { Readable, Writable } from 'node:stream'
import { type Answer, ArielServer, RpcError } from './ariel-lsp-server.ts'
import { FrameReader, frame } from './lsp-frames.ts'

/** Codes of JSON-RPC and of the protocol. */
const INVALID_REQUEST = -32600
const METHOD_NOT_FOUND = -32601
const INTERNAL_ERROR = -32603
const NOT_INITIALIZED = -32002

interface Message {
  readonly id?: number | string | null
  readonly method?: string
  readonly params?: unknown
}

/** Serves one editor to its end. The exit code of the process: 0 after a proper farewell, else 1. */
export function serve(input: Readable, output: Writable): Promise<number> {
  return new Promise((resolve, reject) => {
    const connection = new Connection(output, (code) => {
      input.destroy()
      resolve(code)
    })
    const reader = new FrameReader((message) => connection.receive(message))
    input.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk)
      } catch (error) {
        input.destroy()
        reject(error)
      }
    })
    input.on('end', () => resolve(1))
    input.on('error', reject)
  })
}

class Connection {
  readonly #output: Writable
  readonly #exit: (code: number) => void
  readonly #server: ArielServer
  #phase: 'new' | 'serving' | 'shut down' | 'over' = 'new'
  #checking: NodeJS.Immediate | undefined

  constructor(output: Writable, exit: (code: number) => void) {
    this.#output = output
    this.#exit = exit
    this.#server = new ArielServer((method, params) => this.#send({ method, params }))
  }

  receive(message: unknown): void {
    if (this.#phase === 'over') return
    const { id, method, params } = (message ?? {}) as Message
    // An answer to a request of ours: there are none.
    if (typeof method !== 'string') return
    if (id === undefined || id === null) this.#notified(method, params)
    else this.#send({ id, ...this.#answer(method, params) })
  }

  #notified(method: string, params: unknown): void {
    if (method === 'exit') {
      const code = this.#phase === 'shut down' ? 0 : 1
      this.#phase = 'over'
      this.#exit(code)
    } else if (this.#phase === 'serving') {
      try {
        this.#server.notified(method, params)
      } catch (error) {
        this.#send({ method: 'window/logMessage', params: { type: 1, message: `${method}: ${messageOf(error)}` } })
      }
      this.#checking ??= setImmediate(() => {
        this.#checking = undefined
        if (this.#phase === 'serving') this.#server.publish()
      })
    }
  }

  #answer(method: string, params: unknown): { readonly result: Answer } | { readonly error: object } {
    try {
      return { result: this.#result(method, params) }
    } catch (error) {
      const code = error instanceof RpcError ? error.code : INTERNAL_ERROR
      return { error: { code, message: messageOf(error) } }
    }
  }

  #result(method: string, params: unknown): Answer {
    if (method === 'initialize') {
      if (this.#phase !== 'new') throw new RpcError(INVALID_REQUEST, 'initialize was received twice')
      this.#phase = 'serving'
      return this.#server.capabilities()
    }
    if (this.#phase === 'new') throw new RpcError(NOT_INITIALIZED, `${method} came before initialize`)
    if (this.#phase === 'shut down') throw new RpcError(INVALID_REQUEST, `${method} came after shutdown`)
    if (method === 'shutdown') {
      this.#phase = 'shut down'
      return null
    }
    const answer = this.#server.request(method, params)
    if (answer === undefined) throw new RpcError(METHOD_NOT_FOUND, `${method} is not supported`)
    return answer
  }

  #send(message: object): void {
    this.#output.write(frame({ jsonrpc: '2.0', ...message }))
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
