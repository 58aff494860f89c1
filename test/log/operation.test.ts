/** Operations and records as bytes. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encode } from '../../src/log/codec/codec.ts'
import {
  bodyDigest,
  callerOf,
  decodeOperation,
  encodeBody,
  encodeOperation,
  type Issuer,
  MAX_RANGES,
  prependHeader,
} from '../../src/log/operation.ts'
import { RECORD_FORMAT, type RecordHeader, RecordWriter, readRecord } from '../../src/log/record.ts'

const NAMES = new Map([
  [1, 'a.one'],
  [2, 'a.two'],
])
const uint = fc.integer({ min: 0, max: 2 ** 40 })

describe('an operation', () => {
  test('comes back as it was, whoever issued it', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('gateway' as const, 'session' as const, 'run' as const),
        fc.record({
          id: uint,
          number: uint,
          code: fc.constantFrom(1, 2),
          fence: uint,
          received: fc.array(fc.tuple(uint, uint), { maxLength: MAX_RANGES }),
        }),
        fc.array(fc.integer()),
        (kind, { id, number, code, fence, received }, args) => {
          const caller: Issuer = kind === 'gateway' ? { kind } : { kind, id }
          const bytes = encodeOperation({ caller, number, code, fence, received }, args)
          const framed = new Uint8Array([9, 9, ...bytes, 9])
          const decoded = decodeOperation(framed, 2, 2 + bytes.length, NAMES)
          expect(decoded).toMatchObject({ caller, number, code, name: NAMES.get(code), args })
          expect(decoded.fence).toBe(kind === 'run' ? fence : 0)
          expect(decoded.received).toEqual(kind === 'session' ? received : [])
          expect(callerOf(bytes)).toMatchObject(caller)
        },
      ),
    )
  })

  test('of a run has the digest of its code and arguments, whatever its number and fence', () => {
    const body = encodeBody(1, ['x', 2])
    const caller: Issuer = { kind: 'run', id: 3 }
    for (const [number, fence] of [
      [1, 1],
      [700, 90_000],
    ] as const) {
      const bytes = prependHeader({ caller, number, code: 0, fence }, body)
      expect(bytes).toEqual(encodeOperation({ caller, number, code: 1, fence }, ['x', 2]))
      expect(decodeOperation(bytes, 0, bytes.length, NAMES).digest).toBe(bodyDigest(body))
    }
    expect(bodyDigest(encodeBody(1, ['x', 3]))).not.toBe(bodyDigest(body))
    expect(bodyDigest(encodeBody(2, ['x', 2]))).not.toBe(bodyDigest(body))
  })

  test('that is no operation is refused with PERDURE_E_PROTOCOL, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeOperation(bytes, 0, bytes.length, NAMES)
        } catch (error) {
          expect((error as { code: string }).code).toBe('PERDURE_E_PROTOCOL')
        }
      }),
      { numRuns: 3_000 },
    )
  })

  test.each([
    ['an unknown code', [0, 0, 1, 99, ...encode([])]],
    ['arguments that are no array', [0, 0, 1, 1, ...encode(5)]],
    ['something behind the arguments', [0, 0, 1, 1, ...encode([]), 0]],
    ['an unknown kind of caller', [3, 0, 1, 1, ...encode([])]],
    ['too many ranges', [1, 5, 1, MAX_RANGES + 1, ...new Array<number>(400).fill(1)]],
    ['nothing', []],
  ])('%s is refused', (_what, bytes) => {
    expect(() => decodeOperation(Uint8Array.from(bytes), 0, bytes.length, NAMES)).toThrow(
      expect.objectContaining({ code: 'PERDURE_E_PROTOCOL' }),
    )
  })
})

describe('a record', () => {
  const header: RecordHeader = { generation: 3, number: 70_000, wallMs: 1.7e12, serviceMs: 5, firstPosition: 2 ** 33 }

  test('comes back as it was: header, then each operation as its own bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (operations) => {
        const writer = new RecordWriter()
        writer.begin({ ...header, number: 1 })
        writer.add(Uint8Array.of(1))
        writer.begin(header)
        for (const operation of operations) writer.add(operation)
        const bytes = writer.seal()
        const found: number[][] = []
        let read: RecordHeader | undefined
        readRecord(
          bytes,
          (from, to) => found.push([...bytes.subarray(from, to)]),
          (one) => {
            expect(found).toEqual([])
            read = one
          },
        )
        expect(read).toEqual(header)
        expect(found).toEqual(operations.map((operation) => [...operation]))
      }),
    )
  })

  test('belongs to the caller once sealed: the writer goes on with other bytes', () => {
    const writer = new RecordWriter()
    writer.begin(header)
    writer.add(Uint8Array.of(1, 2, 3))
    const bytes = writer.seal()
    const before = [...bytes]
    writer.begin({ ...header, generation: 9 })
    writer.add(new Uint8Array(500).fill(7))
    expect([...bytes]).toEqual(before)
  })

  test('of a later format is refused with both numbers', () => {
    const writer = new RecordWriter()
    writer.begin(header)
    const bytes = writer.seal()
    bytes[0] = RECORD_FORMAT + 1
    expect(() =>
      readRecord(
        bytes,
        () => undefined,
        () => undefined,
      ),
    ).toThrow(expect.objectContaining({ code: 'PERDURE_E_FORMAT', data: { found: RECORD_FORMAT + 1, known: RECORD_FORMAT } }))
  })
})
