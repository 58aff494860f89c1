/**
 * What arguments must be when they arrive: the machine refuses what no program of this version could have sent.
 *
 * Boundary: pure checks. Whether the group or the member exists is not known here.
 */
import { PerdureError } from '../../../errors.ts'
import { checkName } from '../../../support/definition.ts'
import type { GroupProtocol, GroupSpec, Output, SaveCause, SpaceRequest, StoredState } from './protocol.ts'

/** Of a sender that is no member: '@', the name of a definition, '/', the key of a run. */
const MAX_SENDER_BYTES = 1 + 64 + 1 + 256

/** Of what people are told. */
const MAX_REASON = 4_096

/** In one `released`: as many as one note has. */
const MAX_POSITIONS = 65_536

/** Of a lag policy: more than this is no bound. */
const MAX_LAG_BYTES = 1024 * 1024 * 1024

const PROTOCOLS: ReadonlySet<unknown> = new Set<GroupProtocol>(['exact', 'bcs', 'hmnr', 'fdas', 'bhmr', 'cut', 'koo-toueg'])
const WAITING: ReadonlySet<unknown> = new Set<SpaceRequest[0]>(['in', 'rd'])
const LOOKING: ReadonlySet<unknown> = new Set<SpaceRequest[0]>(['inp', 'rdp'])
const CAUSES: ReadonlySet<unknown> = new Set<SaveCause>(['basic', 'forced', 'asked'])

export function isName(value: unknown): value is string {
  if (typeof value !== 'string') return false
  try {
    return checkName(value, 'a checkpoint group or a member') === value
  } catch (error) {
    if (PerdureError.is(error, 'PERDURE_E_NAME')) return false
    throw error
  }
}

export function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= MAX_POSITIONS && value.every(isName)
}

/** As of nobody who is a member. */
export function isSender(value: unknown): value is string {
  return typeof value === 'string' && value.length > 1 && value[0] === '@' && Buffer.byteLength(value) <= MAX_SENDER_BYTES
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

export function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length <= MAX_POSITIONS && value.every(isCount)
}

export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}

export function isBytesOrNull(value: unknown): value is Uint8Array | null {
  return value === null || value instanceof Uint8Array
}

export function isReason(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_REASON
}

export function isCause(value: unknown): value is SaveCause {
  return CAUSES.has(value)
}

export function isState(value: unknown): value is StoredState {
  if (!isObject(value)) return false
  switch (value.kind) {
    case 'inline':
      return isBytes(value.bytes)
    case 'blob':
      return typeof value.hash === 'string' && /^[0-9a-f]{64}$/.test(value.hash) && isCount(value.size)
    case 'external':
      return isBytes(value.ref)
    default:
      return false
  }
}

export function isOutput(value: unknown): value is Output {
  if (!Array.isArray(value)) return false
  if (value[0] === 'output') return value.length === 2 && isBytes(value[1])
  if (value[0] === 'out') return value.length === 4 && isName(value[1]) && Array.isArray(value[2])
  if (value[0] !== 'call' || value.length !== 5) return false
  return isName(value[1]) && typeof value[2] === 'string' && typeof value[3] === 'string' && Array.isArray(value[4])
}

export function isRequest(value: unknown): value is SpaceRequest {
  if (!Array.isArray(value) || value.length !== 4) return false
  const [kind, space, template, options] = value
  if (!isName(space) || !Array.isArray(template)) return false
  return options === null ? WAITING.has(kind) || LOOKING.has(kind) : WAITING.has(kind) && isPatience(options)
}

/** `{ timeoutMs }`, and nothing else. */
function isPatience(value: unknown): boolean {
  if (!isObject(value) || Object.keys(value).length !== 1) return false
  const { timeoutMs } = value
  return typeof timeoutMs === 'number' && Number.isFinite(timeoutMs) && timeoutMs >= 0
}

/** A text says what is wrong with it. */
export function readSpec(given: unknown): GroupSpec | string {
  if (!isObject(given) || !isObject(given.lag))
    return 'the specification is not { protocol, lag: { undoneMs, undoneMessages, logBytes } }'
  const { protocol, lag } = given
  const { undoneMs, undoneMessages, logBytes } = lag
  if (!PROTOCOLS.has(protocol)) return `its protocol is none of ${[...PROTOCOLS].join(', ')}`
  if (!isCount(undoneMs) || undoneMs === 0 || !isCount(undoneMessages) || !isCount(logBytes) || logBytes > MAX_LAG_BYTES)
    return `its lag is not { undoneMs, undoneMessages, logBytes } in whole numbers, a time above 0, and at most ${MAX_LAG_BYTES} bytes`
  return { protocol: protocol as GroupProtocol, lag: { undoneMs, undoneMessages, logBytes } }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
}
