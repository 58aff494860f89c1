/**
 * An operation that a body has issued, from its number to its answer, and what goes wrong with it before it is sent.
 *
 * Boundary: data and pure functions; the turns in which all this happens are `attempt.ts`.
 */
import { PerdureError } from '../../../errors.ts'
import { preview, Reader } from '../../../log/codec/codec.ts'
import type { Failure } from '../../../log/machine.ts'
import { bodyDigest } from '../../../log/operation.ts'
import type { JournalEntry } from '../machine/journal.ts'
import type { StepTask } from './steps.ts'

export interface Issued {
  readonly number: number
  readonly kind: string
  readonly args: readonly unknown[]
  readonly body: Uint8Array
  readonly digest: number
  readonly promise: Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** What must have been stored before the operation is sent. Answers its body if that is known only then. */
  readonly upload?: Promise<unknown> | undefined
  readonly step?: StepTask | undefined
  readonly alternatives?: ReadonlyMap<string, Issued> | undefined
  readonly signal?: AbortSignal | undefined
  /** Makes of the answer what the body is given. */
  readonly present?: ((answer: unknown) => unknown) | undefined
}

/** What the body is given in place of the answer; of a race, as the alternative that won would have given it. */
export function presented({ present, alternatives }: Issued, answer: unknown): unknown {
  if (alternatives === undefined) return present === undefined ? answer : present(answer)
  const { key, value } = answer as { readonly key: string; readonly value: unknown }
  const winner = alternatives.get(key)
  return winner === undefined ? answer : { key, value: presented(winner, value) }
}

/** An `out` that asks for its answer. */
export function acknowledged([space, tuple, options]: readonly unknown[]): readonly unknown[] {
  return [space, tuple, { ...(options as object | undefined), acknowledge: true }]
}

/** Why the body itself gave up the operation, or an alternative of the race, if that is how it ended. */
export function abortReason(issued: Issued, error: Failure): unknown {
  if (error.code !== 'PERDURE_E_ABORTED') return undefined
  const given = [issued, ...(issued.alternatives?.values() ?? [])].find(({ signal }) => signal?.aborted)
  return given?.signal?.reason
}

/** Of an operation that another copy has recorded. */
export function elsewhere(number: number): JournalEntry {
  return { number, kind: 'an operation', digest: 0, preview: 'that another copy has issued' }
}

export function entryOf({ number, kind, args, digest }: Issued): JournalEntry {
  return { number, kind, digest, preview: kind === 'process.step' ? preview(args[0], 80) : preview(args, 80) }
}

export function argsOf(body: Uint8Array): unknown {
  const reader = new Reader(body)
  reader.uint()
  return reader.value()
}

/** Code of a body that goes on after its attempt, such as one that was waiting for something else. */
export function attemptOver(): PerdureError {
  return new PerdureError('PERDURE_E_STALE', 'This execution of the run is over; the run goes on elsewhere, or has ended.')
}

export function foreignAwait(): PerdureError {
  return new PerdureError(
    'PERDURE_E_FOREIGN_AWAIT',
    'An operation was issued or aborted after awaiting something that is no operation of p, while others were outstanding, so their order would not repeat. Put the foreign await into a step.',
  )
}

export function insideStep(): PerdureError {
  return new PerdureError(
    'PERDURE_E_IN_STEP',
    'A step used p of its process. Its function may be called again after a crash, so it must not: return what you need, and use p after the step.',
  )
}

export function duringCheckpoint(): PerdureError {
  return new PerdureError(
    'PERDURE_E_OUTSTANDING',
    'An operation was issued while a checkpoint was under way. Await the checkpoint first.',
  )
}

/** A checkpoint with these operations outstanding. */
export function notQuiet(outstanding: Iterable<Issued>): PerdureError {
  const kinds = [...outstanding].map(({ kind }) => kind)
  return new PerdureError(
    'PERDURE_E_OUTSTANDING',
    `A checkpoint was asked for while ${kinds.length} operations were outstanding (${kinds.join(', ')}). Await them first.`,
  )
}

export function noRace(what: string): PerdureError {
  return new PerdureError(
    'PERDURE_E_VALUE',
    `${what}. Issue the operations in the call, as in p.race({ job: jobs.in(template), late: p.sleep(1000) }).`,
  )
}

/** A body need not await what it issues; then nobody is there to hear that it failed. */
export function unheard(promise: Promise<unknown>): Promise<unknown> {
  promise.catch(() => undefined)
  return promise
}

/** What an operation has beside its number, kind, arguments and body. */
export type IssueDetails = Pick<Issued, 'upload' | 'step' | 'alternatives' | 'signal' | 'present'>

/** An operation with the promise of its answer. If it fails and nobody listens, nobody is told (`unheard`). */
export function issuedAs(
  number: number,
  kind: string,
  args: readonly unknown[],
  body: Uint8Array,
  { upload, step, alternatives, signal, present }: IssueDetails,
): Issued {
  let resolve: (value: unknown) => void = () => undefined
  let fail: (error: unknown) => void = () => undefined
  const promise = new Promise<unknown>((yes, no) => {
    resolve = yes
    fail = no
  })
  const reject = (error: unknown) => {
    void unheard(promise)
    fail(error)
  }
  const digest = bodyDigest(body)
  return { number, kind, args, body, digest, promise, resolve, reject, upload, step, alternatives, signal, present }
}
