/**
 * States of a member, to the log and back: small ones in the entry, large ones beside the log, and one that has not changed not at all.
 *
 * Boundary: bytes and blobs; which checkpoint a state belongs to is the business of `incarnation.ts`.
 *   T1  A blob is stored before the entry that names it is issued.
 *   T2  "As before" means as in the checkpoint that was recorded last, or gone back to.
 *   T3  A state is encoded in the step in which the object returns it: what the object does next is not in it.
 */
import { createHash } from 'node:crypto'
import { decode, encode } from '../../../log/codec/codec.ts'
import { type Blobs, MAX_BLOB, MAX_VALUE } from '../../../log/log.ts'
import type { StoredState } from '../machine/protocol.ts'
import { External } from './member-object.ts'

/** What every reader of the log reads with it; above, a file of its own costs less than what it saves. */
export const INLINE_BYTES: number = 16 * 1024

/** A reference stands in one entry with the rest of a checkpoint. */
const MAX_REFERENCE = MAX_VALUE / 2

/** A state as it was when the object gave it away. */
export type TakenState = Extract<StoredState, { kind: 'inline' | 'external' }>

export interface PreparedState {
  /** Null: as before. */
  readonly state: StoredState | null
  readonly identity: string
}

export class States {
  readonly #blobs: Blobs
  /** Of the checkpoint that was recorded last. */
  #identity: string | undefined

  /** `state`: of the checkpoint gone back to. */
  constructor(blobs: Blobs, state: StoredState | null) {
    this.#blobs = blobs
    this.#identity = state === null ? undefined : identityOf(state)
  }

  /** What of it has to go into the entry, once what goes beside the log is stored. */
  async prepare(taken: TakenState): Promise<PreparedState> {
    const identity = identityOf(taken)
    if (identity === this.#identity) return { state: null, identity }
    if (taken.kind !== 'inline' || taken.bytes.length <= INLINE_BYTES) return { state: taken, identity }
    const hash = await this.#blobs.put(taken.bytes)
    return { state: { kind: 'blob', hash, size: taken.bytes.length }, identity }
  }

  /** For a snapshot: nothing is "as before" there. */
  async recorded(taken: TakenState): Promise<Uint8Array> {
    if (taken.kind === 'external') return encode(['external', taken.ref])
    if (taken.bytes.length <= INLINE_BYTES) return encode(['inline', taken.bytes])
    return encode(['blob', await this.#blobs.put(taken.bytes)])
  }

  /** The checkpoint with this state is in the log. */
  keep({ identity }: PreparedState): void {
    this.#identity = identity
  }
}

/** T3. `PERDURE_E_VALUE` for a state outside the domain, or over 64 MB. */
export function takenState(value: unknown): TakenState {
  if (value instanceof External) return { kind: 'external', ref: encode(value.ref, MAX_REFERENCE) }
  return { kind: 'inline', bytes: encode(value, MAX_BLOB) }
}

/** What `restore` is given. `PERDURE_E_BLOB` where it is not there any more. */
export async function storedValue(state: StoredState, blobs: Blobs): Promise<unknown> {
  switch (state.kind) {
    case 'inline':
      return decode(state.bytes)
    case 'blob':
      return decode(await blobs.get(state.hash))
    case 'external':
      return new External(decode(state.ref))
  }
}

/** Equal for equal states, wherever they are. */
function identityOf(state: StoredState): string {
  if (state.kind === 'external') return `external ${sha256(state.ref)}`
  return state.kind === 'blob' ? state.hash : sha256(state.bytes)
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** What a snapshot shows of it. */
export async function stateInSnapshot(recorded: Uint8Array, blobs: Blobs): Promise<unknown> {
  const [kind, content] = decode(recorded) as readonly ['blob', string] | readonly ['inline' | 'external', Uint8Array]
  if (kind === 'blob') return decode(await blobs.get(content))
  const value = decode(content)
  return kind === 'external' ? new External(value) : value
}
