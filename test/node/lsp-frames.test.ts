import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameReader, frame } from '../../src/node/lsp-frames.ts'

function read(...chunks: readonly (Buffer | string)[]): unknown[] {
  const messages: unknown[] = []
  const reader = new FrameReader((message) => messages.push(message))
  for (const chunk of chunks) reader.push(Buffer.from(chunk))
  return messages
}

describe('messages of the language server protocol', () => {
  test('come out whole and in order however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ text: fc.string({ unit: 'grapheme' }) })), fc.array(fc.nat(40)), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map((message) => Buffer.from(frame(message))))
        const chunks: Buffer[] = []
        let at = 0
        for (const cut of cuts) {
          chunks.push(bytes.subarray(at, at + cut))
          at += cut
        }
        expect(read(...chunks, bytes.subarray(at))).toEqual(sent)
      }),
    )
  })

  test('may have other header fields, in any case', () => {
    expect(read('content-type: x\r\nCONTENT-LENGTH:  2\r\n\r\n{}Content-Length: 1\r\nX: y\r\n\r\n7')).toEqual([{}, 7])
  })

  test.each([
    ['without a length', 'Content-Type: x\r\n\r\n{}', /the header/],
    ['with a length beyond all bounds', 'Content-Length: 99999999999\r\n\r\n', /99999999999 bytes/],
    ['that are no JSON', 'Content-Length: 2\r\n\r\n{]', /no JSON/],
    ['with a header that never ends', 'x'.repeat(9000), /header of more than/],
  ])('%s end the connection in words', (_what, text, message) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ code: 'PERDURE_E_PROTOCOL', message: expect.stringMatching(message) }),
    )
  })
})
