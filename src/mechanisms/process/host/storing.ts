/**
 * Values that are too large for the log go beside it, by themselves.
 *
 * Boundary: the name of a blob is known before it is stored (it is the hash of the content), so whoever refers to it need not
 * wait to say so, only to send it.
 */
import { createHash } from 'node:crypto'
import { decode, encode } from '../../../log/codec/codec.ts'
import { type Blobs, MAX_BLOB, MAX_VALUE } from '../../../log/log.ts'
import { errorOf } from '../../../log/outcome.ts'
import type { Stored } from '../machine/journal.ts'

/** Room for the rest of an operation around a value that is stored in place. */
const ENVELOPE = 4 * 1024

/** Throws `PERDURE_E_VALUE` for values outside the domain or over 64 MB. `upload` must be awaited before the reference is sent. */
export function store(value: unknown, blobs: Blobs): { readonly stored: Stored; readonly upload: Promise<unknown> | undefined } {
  const bytes = encode(value, MAX_BLOB)
  if (bytes.length <= MAX_VALUE - ENVELOPE) return { stored: { value }, upload: undefined }
  const blob = createHash('sha256').update(bytes).digest('hex')
  return { stored: { blob }, upload: blobs.put(bytes) }
}

/** The value, or the error thrown. */
export async function fetchStored(stored: Stored, blobs: Blobs): Promise<unknown> {
  if ('error' in stored) throw errorOf(stored.error)
  return 'value' in stored ? stored.value : decode(await blobs.get(stored.blob))
}
