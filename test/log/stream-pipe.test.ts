/** Messages over a byte stream: the same messages, however the bytes are cut. */
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_FRAME } from '../../src/log/wire/frames.ts'
import { pipeOver } from '../../src/log/wire/stream-pipe.ts'

/** A stream whose other side is the test. */
class Ends extends Duplex {
  readonly written: Buffer[] = []
  destroyedByUs = false

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(Buffer.from(chunk))
    done()
  }
}

function framed(messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    messages.flatMap((message) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(message.length)
      return [length, message]
    }),
  )
}

function cutAt(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let from = 0
  for (let i = 0; from < bytes.length; i++) {
    const size = Math.max(1, sizes[i % Math.max(1, sizes.length)] ?? 1)
    pieces.push(bytes.subarray(from, from + size))
    from += size
  }
  return pieces
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

async function drained(stream: Duplex): Promise<void> {
  do await turn()
  while (stream.readableLength > 0)
}

describe('receiving', () => {
  test('any messages, cut in any pieces, arrive whole and in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1, maxLength: 9 }),
        async (messages, sizes) => {
          const stream = new Ends()
          const pipe = pipeOver(stream)
          const arrived: Uint8Array[] = []
          pipe.receive({ message: (bytes) => arrived.push(bytes.slice()), closed: () => undefined })
          for (const piece of cutAt(framed(messages), sizes)) stream.push(piece)
          await drained(stream)
          expect(arrived.map((bytes) => [...bytes])).toEqual(messages.map((bytes) => [...bytes]))
        },
      ),
      { numRuns: 200 },
    )
  })

  test('a message of the largest size arrives; one byte more ends the stream, and nothing after it arrives', async () => {
    const stream = new Ends()
    const sizes: number[] = []
    let closed = 0
    pipeOver(stream).receive({
      message: (bytes) => sizes.push(bytes.length),
      closed: () => {
        closed += 1
      },
    })
    for (const piece of cutAt(framed([new Uint8Array(MAX_FRAME)]), [64 * 1024])) stream.push(piece)
    await drained(stream)
    expect([sizes, closed]).toEqual([[MAX_FRAME], 0])
    const length = Buffer.alloc(4)
    length.writeUInt32LE(MAX_FRAME + 1)
    stream.push(Buffer.concat([length, framed([Uint8Array.of(1)])]))
    await drained(stream)
    expect([sizes.length, closed, stream.destroyed]).toEqual([1, 1, true])
  })

  test('what arrives before there is a receiver is kept for it', async () => {
    const stream = new Ends()
    const pipe = pipeOver(stream)
    stream.push(framed([Uint8Array.of(1), Uint8Array.of(2)]))
    await drained(stream)
    const arrived: number[] = []
    pipe.receive({ message: ([byte]) => arrived.push(byte as number), closed: () => undefined })
    expect(arrived).toEqual([1, 2])
  })

  test('a receiver that takes over in the middle of a chunk gets the rest', async () => {
    const stream = new Ends()
    const pipe = pipeOver(stream)
    const arrived: string[] = []
    const second = { message: ([byte]: Uint8Array) => void arrived.push(`second ${byte}`), closed: () => undefined }
    pipe.receive({
      message: ([byte]) => {
        arrived.push(`first ${byte}`)
        pipe.receive(second)
      },
      closed: () => undefined,
    })
    stream.push(framed([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]))
    await drained(stream)
    expect(arrived).toEqual(['first 1', 'second 2', 'second 3'])
  })

  test('no message is delivered after a close from within one', async () => {
    const stream = new Ends()
    const pipe = pipeOver(stream)
    let messages = 0
    pipe.receive({
      message: () => {
        messages += 1
        pipe.close()
      },
      closed: () => undefined,
    })
    stream.push(framed([Uint8Array.of(1), Uint8Array.of(2)]))
    await drained(stream)
    expect(messages).toBe(1)
  })
})

describe('sending', () => {
  test('writes what the other side can read, in order', async () => {
    const stream = new Ends()
    const pipe = pipeOver(stream)
    const messages = [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)]
    for (const message of messages) pipe.send(message)
    await turn()
    expect(Buffer.concat(stream.written)).toEqual(framed(messages))
  })

  test('after a close nothing is written; what was sent before goes out', async () => {
    const stream = new Ends()
    const pipe = pipeOver(stream)
    pipe.send(Uint8Array.of(1))
    pipe.close()
    pipe.send(Uint8Array.of(2))
    await turn()
    expect(Buffer.concat(stream.written)).toEqual(framed([Uint8Array.of(1)]))
  })
})

describe('the end', () => {
  for (const [how, end] of [
    ['a close on this side', (_stream: Ends, pipe: ReturnType<typeof pipeOver>) => pipe.close()],
    ['the end of the other side', (stream: Ends) => void stream.push(null)],
    ['an error', (stream: Ends) => void stream.destroy(new Error('ECONNRESET'))],
  ] as const) {
    test(`${how} is told once`, async () => {
      const stream = new Ends()
      const pipe = pipeOver(stream)
      let closed = 0
      pipe.receive({
        message: () => undefined,
        closed: () => {
          closed += 1
        },
      })
      end(stream, pipe)
      await turn()
      await turn()
      pipe.close()
      await turn()
      expect(closed).toBe(1)
    })
  }

  test('a receiver that comes after the end is told of it', async () => {
    const stream = new Ends()
    const pipe = pipeOver(stream)
    stream.destroy()
    await turn()
    let closed = 0
    pipe.receive({
      message: () => undefined,
      closed: () => {
        closed += 1
      },
    })
    expect(closed).toBe(1)
  })
})
