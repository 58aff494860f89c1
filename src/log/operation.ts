/**
 * The bytes of one operation: who asks, which number of theirs, what.
 *
 * An operation is encoded once, by whoever issues it, and the same bytes go over the wire, into the record and into the
 * machine; nobody on the way takes them apart and puts them together again.
 *
 *   caller kind · caller id · number · (session: ranges of replies received) (run: fence) · operation code · arguments
 *
 * Boundary: bytes to data and back. What an operation means is the business of the machine that owns its code.
 */
import { invariant, PerdureError } from '../errors.ts'
import { digest, Reader, Writer } from './codec/codec.ts'
import { MAX_DEPTH, SHORT_ARRAY, TAG } from './codec/format.ts'
import { MAX_VALUE } from './log.ts'
import type { Caller, Operation } from './machine.ts'

/** Numbers of replies that a session has received, both ends included: they need not be kept for it any longer. */
export type Range = readonly [first: number, last: number]

/** Who can issue what stands in a log. */
export type Issuer = Exclude<Caller, { readonly kind: 'member' }>

export interface IncomingOperation extends Operation {
  readonly caller: Issuer
  readonly code: number
  /** Of a session: what it has received since its last operation. */
  readonly received: readonly Range[]
  /** Of a run: the position of the placement its sender acts under; 0 otherwise. */
  readonly fence: number
  /** Of a run: hash of code and arguments, which a journal remembers instead of the arguments; 0 otherwise. */
  readonly digest: number
}

export interface OutgoingOperation {
  readonly caller: Issuer
  readonly number: number
  readonly code: number
  readonly received?: readonly Range[]
  readonly fence?: number
}

const KINDS = ['gateway', 'session', 'run'] as const
const GATEWAY: Issuer = { kind: 'gateway' }
const NONE: readonly Range[] = []

/** More ranges than this are left for the next operation. */
export const MAX_RANGES = 64

const writer = new Writer()

/**
 * What a gateway accepts: a step's result, its name and its header fit, and a record that is as full as one may be before it is
 * sealed still has room for it.
 */
export const MAX_OPERATION: number = 4 * MAX_VALUE

/** What comes in an operation goes out again in replies, journals and answers, which put up to twelve levels around it. */
export const MAX_ARGUMENT_DEPTH: number = MAX_DEPTH - 12

/** Encodes an operation whose arguments are values. Throws `PERDURE_E_VALUE` for values outside the domain, or too large. */
export function encodeOperation(operation: OutgoingOperation, args: readonly unknown[]): Uint8Array {
  writer.reset()
  writeHeader(operation)
  writeArguments(args, MAX_VALUE)
  return writer.take()
}

/** Code and arguments alone: what a run's journal compares, and what `prependHeader` turns into an operation. */
export function encodeBody(code: number, args: readonly unknown[], limit: number = MAX_OPERATION): Uint8Array {
  writer.reset()
  writer.uint(code)
  writeArguments(args, limit)
  return writer.take()
}

export function prependHeader(operation: OutgoingOperation, body: Uint8Array): Uint8Array {
  writer.reset()
  writeCaller(operation)
  writer.raw(body)
  return writer.take()
}

export function bodyDigest(body: Uint8Array): number {
  return digest(body, 0, body.length)
}

/** Bytes of an array of values; each argument is written by itself, so that errors name the path inside what a program gave. */
function writeArguments(args: readonly unknown[], limit: number): void {
  invariant(args.length < SHORT_ARRAY, 'an operation has too many arguments')
  writer.u8(TAG.shortArray + args.length)
  for (const argument of args) writer.value(argument, limit, MAX_ARGUMENT_DEPTH)
}

function writeHeader(operation: OutgoingOperation): void {
  writeCaller(operation)
  writer.uint(operation.code)
}

function writeCaller(operation: OutgoingOperation): void {
  const { caller } = operation
  writer.u8(KINDS.indexOf(caller.kind))
  writer.uint(caller.kind === 'gateway' ? 0 : caller.id)
  writer.uint(operation.number)
  if (caller.kind === 'run') writer.uint(operation.fence ?? 0)
  if (caller.kind === 'session') {
    const received = operation.received ?? NONE
    writer.uint(received.length)
    for (const [first, last] of received) {
      writer.uint(first)
      writer.uint(last)
    }
  }
}

/** Who an operation says it comes from, without decoding the rest: a connection may speak only for itself. */
export function callerOf(bytes: Uint8Array): Issuer & { readonly fence?: number } {
  const reader = new Reader(bytes)
  const caller = readCaller(reader)
  if (caller.kind !== 'run') return caller
  reader.uint()
  return { ...caller, fence: reader.uint() }
}

/** Decodes `bytes[from, to)`. Throws `PERDURE_E_PROTOCOL` when they are no operation, or of a code without a name. */
export function decodeOperation(
  bytes: Uint8Array,
  from: number,
  to: number,
  names: ReadonlyMap<number, string>,
): IncomingOperation {
  const reader = new Reader(bytes, from, to)
  const caller = readCaller(reader)
  const number = reader.uint()
  const fence = caller.kind === 'run' ? reader.uint() : 0
  const received = caller.kind === 'session' ? readRanges(reader) : NONE
  const bodyStart = reader.offset
  const code = reader.uint()
  const name = names.get(code)
  if (name === undefined) throw malformed(`operation code ${code} is not known to this version`)
  const args = reader.value()
  if (!Array.isArray(args) || reader.offset !== to) throw malformed('the arguments of an operation are not one array')
  const hash = caller.kind === 'run' ? digest(bytes, bodyStart, to) : 0
  return { caller, number, name, args, code, received, fence, digest: hash }
}

function readCaller(reader: Reader): Issuer {
  const kind = KINDS[reader.u8()]
  if (kind === undefined) throw malformed('the kind of caller is none of gateway, session, run')
  const id = reader.uint()
  return kind === 'gateway' ? GATEWAY : { kind, id }
}

function readRanges(reader: Reader): readonly Range[] {
  const count = reader.uint()
  if (count === 0) return NONE
  if (count > MAX_RANGES) throw malformed(`${count} ranges of received replies are more than ${MAX_RANGES}`)
  const ranges: Range[] = []
  for (let i = 0; i < count; i++) ranges.push([reader.uint(), reader.uint()])
  return ranges
}

function malformed(what: string): PerdureError {
  return new PerdureError('PERDURE_E_PROTOCOL', `Malformed operation: ${what}. Both sides must run the same version of perdure.`)
}
