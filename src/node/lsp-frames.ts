/**
 * Messages of the language server protocol over a pair of streams: `Content-Length: N`, an empty line, N bytes of JSON.
 *
 * Boundary: bytes to JSON values and back; what they say is the business of `ariel-lsp.ts`.
 *   F1  A message is handed on whole, in order, once.
 *   F2  Bytes that are no message end the connection: after them nobody knows where the next one begins.
 */
import { PerdureError } from '../errors.ts'

/** Of the header: it has two short lines at most. */
const MAX_HEADER_BYTES = 8192

/** Of a message: far above the largest script, which is sent as a whole at every keystroke. */
const MAX_BODY_BYTES: number = 64 * 1024 * 1024

const HEADER_END: Buffer = Buffer.from('\r\n\r\n')

export class FrameReader {
  readonly #onMessage: (message: unknown) => void
  #chunks: Buffer[] = []
  #buffered = 0
  /** Bytes of the body that is being read; undefined while a header is. */
  #wanted: number | undefined

  constructor(onMessage: (message: unknown) => void) {
    this.#onMessage = onMessage
  }

  /** Errors: `PERDURE_E_PROTOCOL`; then nothing more may be pushed. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#buffered += chunk.length
    while (this.#step());
  }

  #step(): boolean {
    if (this.#wanted === undefined) return this.#readHeader()
    if (this.#buffered < this.#wanted) return false
    const body = this.#take(this.#wanted).toString('utf8')
    this.#wanted = undefined
    this.#onMessage(parsed(body))
    return true
  }

  #readHeader(): boolean {
    const bytes = this.#joined()
    const end = bytes.indexOf(HEADER_END)
    if (end < 0) {
      if (bytes.length > MAX_HEADER_BYTES) throw broken(`a header of more than ${MAX_HEADER_BYTES} bytes`)
      return false
    }
    const header = this.#take(end + HEADER_END.length).toString('latin1')
    const length = /^content-length:[ \t]*([0-9]{1,15})[ \t]*\r$/im.exec(header)?.[1]
    if (length === undefined) throw broken(`the header ${JSON.stringify(header.slice(0, 80))}`)
    if (Number(length) > MAX_BODY_BYTES) throw broken(`a message of ${length} bytes; at most ${MAX_BODY_BYTES} are taken`)
    this.#wanted = Number(length)
    return true
  }

  #joined(): Buffer {
    const [first, ...more] = this.#chunks
    if (first === undefined) return Buffer.alloc(0)
    if (more.length === 0) return first
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }

  #take(length: number): Buffer {
    const all = this.#joined()
    this.#chunks = length < all.length ? [all.subarray(length)] : []
    this.#buffered -= length
    return all.subarray(0, length)
  }
}

export function frame(message: object): string {
  const body = JSON.stringify(message)
  return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (error) {
    throw broken(`a message that is no JSON: ${(error as Error).message}`)
  }
}

function broken(what: string): PerdureError {
  return new PerdureError(
    'PERDURE_E_PROTOCOL',
    `Standard input had ${what}. Expected messages of the language server protocol: perdure ariel lsp is started by an editor, not by hand.`,
  )
}
