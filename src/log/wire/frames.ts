/**
 * What goes over a connection: frames, each one array of values, at most 1 MiB.
 *
 * To the site:   beat · hello · ops · ask · ping · blob · fetch · bye
 * From the site: welcome · replies · note · durable · answer · pong · blob · bye
 *
 * Boundary: frames to bytes and back, for pipes that keep messages apart. What comes out of `decodeFrame` has the right shape,
 * whatever was sent; what is inside (operations, arguments) is checked by whoever takes it.
 */
import { PerdureError } from '../../errors.ts'
import { decode, encode } from '../codec/codec.ts'
import type { Outcome } from '../machine.ts'

/** 2: sessions that last, and are gone on with over another connection. */
export const PROTOCOL = 2

/** One frame, so that a wrong length cannot make anybody allocate much. */
export const MAX_FRAME: number = 1024 * 1024

/** Operations are gathered into one frame up to this size. */
export const OPS_PER_FRAME = 512

/**
 * As whom a connection begins: in a new session, which is `bound` to it or `lasting`, or in one that lasts, with the secret that was
 * given with it.
 */
export type HelloAs = 'bound' | 'lasting' | readonly [session: number, secret: string]

export type FrameToSite =
  | readonly ['beat', session: number]
  | readonly ['hello', protocol: number, label: string, logId: string | null, as: HelloAs]
  | readonly ['ops', operations: readonly Uint8Array[]]
  | readonly ['ask', id: number, machine: string, question: string, args: readonly unknown[]]
  | readonly ['ping', id: number]
  | readonly ['blob', id: number, piece: Uint8Array, last: boolean]
  | readonly ['fetch', id: number, hash: string]
  | readonly ['bye']

export type FrameFromSite =
  | readonly [
      'welcome',
      protocol: number,
      logId: string,
      generation: number,
      session: number,
      position: number,
      codes: Readonly<Record<string, number>>,
      /** Of a new session that lasts; else empty. */
      secret: string,
    ]
  | readonly ['replies', position: number, replies: readonly (readonly [number: number, outcome: Outcome])[]]
  | readonly ['note', position: number, body: readonly unknown[]]
  | readonly ['durable', position: number]
  | readonly ['answer', id: number, outcome: Outcome]
  | readonly ['pong', id: number]
  | readonly ['blob', id: number, piece: Uint8Array, last: boolean]
  | readonly ['bye', code: string, message: string]

/** Messages in both directions, kept apart and in order; over a socket, or inside the simulator. */
export interface Pipe {
  send(message: Uint8Array): void
  /** One receiver; what arrived before it was set is kept for it. */
  receive(receiver: PipeReceiver): void
  /** Stops and resumes the flow towards this side. */
  pause(): void
  resume(): void
  /** True while the other side has left so much unread that it should be sent no more; `whenRead` calls back once it has caught up. */
  readonly full: boolean
  whenRead(resume: () => void): void
  close(): void
}

export interface PipeReceiver {
  message(bytes: Uint8Array): void
  /** The other side has gone, or this side closed. */
  closed(): void
}

export function encodeFrame(frame: FrameToSite | FrameFromSite): Uint8Array {
  return encode(frame, MAX_FRAME)
}

type Shape = readonly ((field: unknown) => boolean)[]

const isNumber = (field: unknown) => typeof field === 'number' && Number.isSafeInteger(field) && field >= 0
const isString = (field: unknown) => typeof field === 'string'
const isBoolean = (field: unknown) => typeof field === 'boolean'
const isBytes = (field: unknown) => field instanceof Uint8Array
const isArray = (field: unknown) => Array.isArray(field)
const isBytesList = (field: unknown) => Array.isArray(field) && field.every(isBytes)
const isRecord = (field: unknown) => typeof field === 'object' && field !== null
const isHelloAs = (field: unknown) =>
  field === 'bound' ||
  field === 'lasting' ||
  (Array.isArray(field) && field.length === 2 && isNumber(field[0]) && isString(field[1]))
const isStringOrNull = (field: unknown) => field === null || typeof field === 'string'

const TO_SITE: Readonly<Record<string, Shape>> = {
  beat: [isNumber],
  hello: [isNumber, isString, isStringOrNull, isHelloAs],
  ops: [isBytesList],
  ask: [isNumber, isString, isString, isArray],
  ping: [isNumber],
  blob: [isNumber, isBytes, isBoolean],
  fetch: [isNumber, isString],
  bye: [],
}

const FROM_SITE: Readonly<Record<string, Shape>> = {
  welcome: [isNumber, isString, isNumber, isNumber, isNumber, isRecord, isString],
  replies: [isNumber, isArray],
  note: [isNumber, isArray],
  durable: [isNumber],
  answer: [isNumber, isRecord],
  pong: [isNumber],
  blob: [isNumber, isBytes, isBoolean],
  bye: [isString, isString],
}

export function decodeFrameToSite(bytes: Uint8Array): FrameToSite {
  return decodeFrame(bytes, TO_SITE) as unknown as FrameToSite
}

export function decodeFrameFromSite(bytes: Uint8Array): FrameFromSite {
  return decodeFrame(bytes, FROM_SITE) as unknown as FrameFromSite
}

function decodeFrame(bytes: Uint8Array, shapes: Readonly<Record<string, Shape>>): readonly unknown[] {
  const frame = decode(bytes)
  const type = Array.isArray(frame) ? (frame[0] as unknown) : undefined
  const shape = typeof type === 'string' && Object.hasOwn(shapes, type) ? shapes[type] : undefined
  if (
    shape === undefined ||
    !Array.isArray(frame) ||
    frame.length !== shape.length + 1 ||
    !shape.every((fits, i) => fits(frame[i + 1]))
  ) {
    throw new PerdureError(
      'PERDURE_E_PROTOCOL',
      'A frame is not of the protocol. Both sides must run the same version of perdure.',
    )
  }
  return frame
}
