/**
 * The secret by which a client proves that a session is its own.
 *
 * Boundary: pure. The site makes it, the client keeps it, the log has its hash only.
 */
import { createHash, timingSafeEqual } from 'node:crypto'

export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** Takes as long for a secret that is nearly right as for any other. */
export function fitsHash(secret: string, hash: string): boolean {
  const [given, known] = [Buffer.from(hashOf(secret)), Buffer.from(hash)]
  return given.length === known.length && timingSafeEqual(given, known)
}
