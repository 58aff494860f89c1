/**
 * r-code as the classic interpreter reads it (SPEC 6; REL, section 3.3): triplets of 32-bit integers, little-endian, no header.
 *
 * Neither lines nor texts have a place in it. So a program read back says the line 0 of every instruction and logs `text 3` in place of
 * the words of the script; what it decides is the same. What the backbone must know beside it is in `topology.json`.
 *
 * Boundary: pure, bytes in and out. What is read is checked by `emit-reader.ts`.
 */
import { PerdureError } from '../../errors.ts'
import { OPCODES, type RCode, type Triplet } from '../../support/backbone/rcode.ts'

export const BYTES_PER_INTEGER = 4
const TRIPLET_BYTES: number = 3 * BYTES_PER_INTEGER

/** The line of an instruction of which nobody knows it. */
export const UNKNOWN_LINE = 0

export function writeBinary({ code }: RCode): Uint8Array {
  const bytes = new Uint8Array(code.length * TRIPLET_BYTES)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const triplet of code) {
    for (const integer of triplet) {
      view.setInt32(at, integer, true)
      at += BYTES_PER_INTEGER
    }
  }
  return bytes
}

/** Errors: `PERDURE_E_RCODE` if the bytes are no whole triplets. Whether they are a program is another question. */
export function readTriplets(bytes: Uint8Array): RCode {
  if (bytes.length === 0 || bytes.length % TRIPLET_BYTES !== 0) {
    throw new PerdureError(
      'PERDURE_E_RCODE',
      `This binary r-code has ${bytes.length} bytes. Expected whole instructions of ${TRIPLET_BYTES} bytes each: write it again with perdure ariel build.`,
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const code: Triplet[] = []
  let texts = 0
  for (let at = 0; at < bytes.length; at += TRIPLET_BYTES) {
    const integer = (index: number): number => view.getInt32(at + index * BYTES_PER_INTEGER, true)
    code.push([integer(0), integer(1), integer(2)])
    if (integer(0) === OPCODES.LOGS) texts += 1
  }
  // Strings are numbered in order of appearance and not shared (SPEC 11), so there are as many as instructions that log one.
  const strings = Array.from({ length: texts }, (_, number) => `text ${number}`)
  return { rcode: 1, code, lines: code.map(() => UNKNOWN_LINE), strings }
}
