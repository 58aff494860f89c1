/**
 * What arguments must be when they arrive: the machine refuses what no program of this version could have sent.
 *
 * Boundary: pure checks, `undefined` for what is not well formed. Whether the group, the call or the member exists is not known here.
 */

import { PerdureError } from '../../../errors.ts'
import type { Failure, Outcome } from '../../../log/machine.ts'
import { checkName } from '../../../support/definition.ts'
import type { SuspicionRule } from '../membership.ts'
import type { StateMode } from '../strategy.ts'
import { MAX_MEMBERS } from '../strategy-options.ts'
import type { BallotExtra, BufferedOut, CastKind, DecisionNotes, GroupSpec, GroupStyle, MemberSpec } from './protocol.ts'

/** As for keys of runs. */
const MAX_KEY_BYTES = 256

/** Of labels, methods and ids of members: names that people write. */
const MAX_TEXT = 256

/** Labels of one host: more classes than that are no program but a library. */
const MAX_LABELS = 1_024

/** Outs of one attempt: an attempt that puts out more should put out where they are. */
const MAX_OUTS = 1_024

/** Tries of one member in one call. */
const MAX_ATTEMPTS = 1_000_000

/** Window of suspicion: its faults are kept one by one. */
const MAX_WINDOW = 10_000

const STYLES: ReadonlySet<unknown> = new Set<GroupStyle>(['active', 'passive', 'leader', 'vote'])
const MODES: ReadonlySet<unknown> = new Set<StateMode>(['own', 'common', 'none'])
const KINDS: ReadonlySet<unknown> = new Set<CastKind>(['value', 'exception', 'error'])

export function isGroupName(value: unknown): value is string {
  return passes(() => checkName(value as string, 'a group')) && typeof value === 'string'
}

export function isNodeName(value: unknown): value is string {
  return passes(() => checkName(value as string, 'a node')) && typeof value === 'string'
}

function passes(check: () => void): boolean {
  try {
    check()
    return true
  } catch (error) {
    if (PerdureError.is(error, 'PERDURE_E_NAME')) return false
    throw error
  }
}

export function isKey(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= MAX_KEY_BYTES
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT
}

export function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

export function isDuration(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

export function isTexts(value: unknown, most: number): value is readonly string[] {
  return Array.isArray(value) && value.length <= most && value.every(isText)
}

export function isLabels(value: unknown): value is readonly string[] {
  return isTexts(value, MAX_LABELS)
}

/** Ids of members. */
export function isMembers(value: unknown): value is readonly string[] {
  return isTexts(value, MAX_MEMBERS)
}

export function isAttempt(value: unknown): value is number {
  return isId(value) && value >= 1 && value <= MAX_ATTEMPTS
}

export function isCastKind(value: unknown): value is CastKind {
  return KINDS.has(value)
}

export function isOutcome(value: unknown): value is Outcome {
  if (!isObject(value)) return false
  return 'value' in value !== 'error' in value && (!('error' in value) || isFailure(value.error))
}

export function isFailure(value: unknown): value is Failure {
  return isObject(value) && typeof value.message === 'string' && typeof value.name === 'string'
}

/** A text says what is wrong with it. */
export function readSpec(given: unknown): GroupSpec | string {
  if (!isObject(given)) return 'the specification is no object'
  const { style, args, members, state, agree, timeoutMs, memberMs, hashEvery, suspicion, minimum } = given
  if (!STYLES.has(style) || !MODES.has(state)) return 'its style or state is none that is known'
  if (!Array.isArray(args)) return 'the arguments of the constructor are no array'
  if (!Array.isArray(members) || members.length === 0 || members.length > MAX_MEMBERS || !members.every(isMemberSpec))
    return `it has 1 to ${MAX_MEMBERS} members, each { id, label, node }`
  if (new Set(members.map(({ id }) => id)).size < members.length) return 'two of its members have the same id'
  if (!isId(agree) || agree < 1 || !isId(minimum) || minimum > members.length || !isId(hashEvery)) return 'a count of it is none'
  if (!(timeoutMs === null || isDuration(timeoutMs)) || !isDuration(memberMs) || memberMs === 0) return 'a duration of it is none'
  if (!isSuspicion(suspicion)) return 'its suspicion is not { faults, calls, shadowCalls, ejectMs }'
  return given as unknown as GroupSpec
}

export function isMemberSpec(value: unknown): value is MemberSpec {
  return isObject(value) && isText(value.id) && isText(value.label) && (value.node === null || isNodeName(value.node))
}

function isSuspicion(value: unknown): value is SuspicionRule {
  if (!isObject(value)) return false
  const { faults, calls, shadowCalls, ejectMs } = value
  return (
    isId(faults) && faults >= 1 && isId(calls) && calls >= 1 && calls <= MAX_WINDOW && isId(shadowCalls) && isDuration(ejectMs)
  )
}

export function isExtra(value: unknown): value is BallotExtra {
  if (!isObject(value)) return false
  const { hash, outs, choices, borderline } = value
  if (!(hash === undefined || (typeof hash === 'string' && hash.length <= MAX_TEXT))) return false
  if (!(outs === undefined || (Array.isArray(outs) && outs.length <= MAX_OUTS && outs.every(isOut)))) return false
  return (choices === undefined || isId(choices)) && (borderline === undefined || typeof borderline === 'boolean')
}

/** What the space thinks of it is seen when it is performed. */
function isOut(value: unknown): value is BufferedOut {
  return Array.isArray(value) && (value.length === 2 || value.length === 3) && isText(value[0]) && Array.isArray(value[1])
}

export function isDecisionNotes(value: unknown): value is DecisionNotes {
  if (!isObject(value)) return false
  const { support, faulty, late, rejected, chosen } = value
  return [support, faulty, late, rejected].every(isMembers) && (chosen === null || isText(chosen))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
