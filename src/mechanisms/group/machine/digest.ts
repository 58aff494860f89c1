/**
 * The digest by which members show that they are in the same state, without sending it.
 *
 * Boundary: values of the domain; equal ones have the same digest for ever, since digests are in the log.
 */
import { digest, fingerprint } from '../../../log/codec/codec.ts'

/** Of a state as `[checkpoint]` gives it. */
export function stateDigest(state: unknown): string {
  const text = fingerprint(state)
  const bytes = new Uint8Array(2 * text.length)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    bytes[2 * i] = unit & 0xff
    bytes[2 * i + 1] = unit >> 8
  }
  return digest(bytes, 0, bytes.length).toString(36)
}
