/**
 * Messages of attached members as they travel.
 *
 * Boundary: pure; part of the downloaded proxy.
 */
import { MAX_ATTACHED } from './known-edges.ts'
import type { Token, Wire } from './proxy-parts.ts'
import { misused } from './proxy-refusals.ts'

/** Members of a group, of each of which a message may depend on edges it does not carry. */
const MAX_NEEDS = 256

/** Unique among all messages of a group. `at`: position in the log of the receiver, by which those from outside are known. */
export function messageId(token: Token | null, to: string, at?: number): string {
  return token === null ? `outside.${at}>${to}` : `${token[0]}.${token[1]}.${token[3]}>${to}`
}

/** A message from no member. */
export function fromOutside(from: string, payload: unknown): Wire {
  return { from, token: null, edges: [], needs: [], payload }
}

/** `TypeError` for what is no message. */
export function readWire(given: unknown): Wire {
  if (typeof given === 'object' && given !== null && isWire(given as Wire)) return given as Wire
  throw misused('This is no message of a member: expected what transport.send was given, or fromOutside(name, payload).')
}

function isWire({ from, token, edges, needs, payload }: Wire): boolean {
  if (typeof from !== 'string' || payload === undefined || !(token === null || isCounts(token, 4))) return false
  const listed = Array.isArray(edges) && edges.length <= MAX_ATTACHED && Array.isArray(needs) && needs.length <= MAX_NEEDS
  return listed && edges.every((edge) => isCounts(edge, 5)) && needs.every((need) => isCounts(need, 2))
}

function isCounts(list: unknown, length: number): boolean {
  return Array.isArray(list) && list.length === length && list.every((n) => Number.isSafeInteger(n) && n >= 0)
}

/** As the other side of a wire has it. */
export function copied(value: unknown): unknown {
  return JSON.parse(textOf(value))
}

export function textOf(value: unknown): string {
  const text = stringified(value ?? null)
  if (text !== undefined) return text
  throw misused(`A message or a state is a ${typeof value}: expected what JSON can say.`)
}

function stringified(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw misused(`A message or a state is no JSON (${(cause as Error).message}): expected plain data.`, { cause })
  }
}
