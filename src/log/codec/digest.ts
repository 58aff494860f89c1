/**
 * A quick fingerprint of bytes: two lanes of 32 bits, mixed after each four bytes, joined to 53 bits, which a number holds.
 *
 * Boundary: tells different bytes apart where nobody wants to fool it, as between a body and its journal. It is no checksum of
 * a disk and no signature. Its results are in journals: for the same bytes it gives the same number for ever.
 */

const LANE_A = 0x9e37_79b1
const LANE_B = 0x85eb_ca77
const FINAL_A = 0xc2b2_ae3d
const FINAL_B = 0x27d4_eb2f
const HIGH_BITS = 0x1f_ffff

/** 53 bits of the bytes [from, to). */
export function digest(bytes: Uint8Array, from: number, to: number): number {
  let a = LANE_A ^ (to - from)
  let b = LANE_B
  let at = from
  for (; at + 4 <= to; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    a = Math.imul(a ^ word, LANE_A)
    a ^= a >>> 15
    b = Math.imul(b ^ word, LANE_B)
    b ^= b >>> 13
  }
  for (; at < to; at += 1) {
    a = Math.imul(a ^ bytes[at]!, LANE_A)
    b = Math.imul(b ^ bytes[at]!, LANE_B)
  }
  a = Math.imul(a ^ (a >>> 16), FINAL_A) ^ Math.imul(b ^ (b >>> 13), FINAL_B)
  b = Math.imul(b ^ (b >>> 16), FINAL_A) ^ Math.imul(a ^ (a >>> 13), FINAL_B)
  return (b & HIGH_BITS) * 2 ** 32 + (a >>> 0)
}
