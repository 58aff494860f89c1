/**
 * The smallest parts: numbers, strings, durations, ranges and the names of entities (SPEC 2 and 2.1).
 *
 * Boundary: pure.
 */
import type { Cursor } from './cursor.ts'
import { PREFIXES } from './keywords.ts'
import type { Token } from './scanner.ts'
import type { BackReference, Duration, Entity, EntityWord, Kind, Numeral, Range, StarEntity, Text } from './syntax.ts'

export const KINDS: Readonly<Record<EntityWord, Exclude<Kind, 'any'>>> = {
  TASK: 'task',
  NODE: 'node',
  GROUP: 'group',
  LOGICAL: 'group',
}

const UNITS = ['S', 'MS', 'US'] as const

/** An entity's number, a count, a code: no sign. */
export function parseIndex(cursor: Cursor): Numeral {
  const { token } = cursor
  if (token.kind === 'integer' || token.kind === 'symbol') return numeral(cursor.take())
  if (token.kind === 'reference') {
    // SPEC 4.3: references occur in actions only; the statement around it is otherwise read as if a number stood here.
    cursor.reports.add('A023', token, `${token.text} can stand in actions only: expected a number or {SYMBOL}`)
    cursor.lose()
    return { kind: 'symbol', value: Number.NaN, text: '', closed: false, start: token.start, end: cursor.take().end }
  }
  return cursor.fail(['a number', '{SYMBOL}'])
}

/** A value: SPEC 2 allows a sign. */
export function parseInteger(cursor: Cursor): Numeral {
  if (cursor.isMark('-') && cursor.following.kind === 'integer') return negative(cursor)
  return parseIndex(cursor)
}

export function parseReal(cursor: Cursor): Numeral {
  if (cursor.isMark('-') && (cursor.following.kind === 'integer' || cursor.following.kind === 'real')) return negative(cursor)
  if (cursor.token.kind === 'real') return numeral(cursor.take())
  if (cursor.token.kind === 'integer' || cursor.token.kind === 'symbol') return parseIndex(cursor)
  return cursor.fail(['a real number', '{SYMBOL}'])
}

export function parseText(cursor: Cursor): Text {
  if (cursor.token.kind !== 'string') return cursor.fail(['a string'])
  const { text, start, end } = cursor.take()
  return { text, start, end }
}

/** `ticks` only where the grammar has them. */
export function parseDuration(cursor: Cursor, unit: 'required' | 'optional' | 'ticks'): Duration {
  const amount = parseInteger(cursor)
  const found = tryUnit(cursor, unit)
  if (found === undefined) {
    if (unit === 'required') return cursor.fail(UNITS)
    return { amount, start: amount.start, end: amount.end }
  }
  return { amount, unit: found, start: amount.start, end: cursor.lastEnd }
}

function tryUnit(cursor: Cursor, unit: 'required' | 'optional' | 'ticks'): Duration['unit'] {
  const { kind, text } = cursor.token
  if (kind === 'variable' && text === 'S') return cursor.take().text as 'S'
  if (cursor.is('MS', 'US') || (unit === 'ticks' && cursor.is('TICKS'))) return cursor.take().text as 'MS'
  return undefined
}

export function parseRange(cursor: Cursor): Range {
  const { start } = cursor.token
  if (cursor.tryMark('[') === undefined) {
    const first = parseIndex(cursor)
    return { first, start, end: first.end }
  }
  const first = parseIndex(cursor)
  cursor.mark(',')
  const last = parseIndex(cursor)
  cursor.mark(']')
  return { first, last, start, end: cursor.lastEnd }
}

export function parseEntity(cursor: Cursor): Entity {
  const { token } = cursor
  if (cursor.tryMark('*')) return { form: 'star', entity: 'any', start: token.start, end: token.end }
  if (token.kind === 'reference' && !token.text.startsWith('$')) {
    if (token.text.length === 1) return cursor.fail(['@1', '@@', 'TASK@'])
    return reference(cursor, token.start, 'any')
  }
  if (!cursor.is('TASK', 'NODE', 'GROUP', 'LOGICAL')) return cursor.fail(['an entity'])
  cursor.take()
  const named = { word: token.text as EntityWord, short: token.short }
  const entity = KINDS[named.word]
  const star = cursor.tryMark('*')
  if (star !== undefined) return { form: 'star', entity, named, start: token.start, end: star.end } satisfies StarEntity
  if (cursor.token.kind === 'reference') {
    if (cursor.token.text === '$') return cursor.fail(['$1', '$$'])
    return { ...reference(cursor, token.start, entity), named }
  }
  const id = cursor.token.kind === 'string' ? parseText(cursor) : parseId(cursor)
  return { form: 'plain', entity, ...named, id, start: token.start, end: id.end }
}

function parseId(cursor: Cursor): Numeral {
  if (cursor.token.kind === 'integer' || cursor.token.kind === 'symbol') return parseIndex(cursor)
  return cursor.fail(['a number', '{SYMBOL}', 'a name', '*', '$', '@', '~'])
}

const FORMS = { $: 'of', '@': 'fulfilled', '~': 'rest' } as const

function reference(cursor: Cursor, start: number, entity: Kind): BackReference {
  const token = cursor.take()
  const mark = token.text[0] as keyof typeof FORMS
  const index = token.text.slice(1)
  const atom = index === '' || index === mark ? 'last' : Number(index)
  return { form: FORMS[mark], entity, atom, mark: { start: token.start, end: token.end }, start, end: token.end }
}

function negative(cursor: Cursor): Numeral {
  const { start } = cursor.take()
  const { kind, value, text, end } = numeral(cursor.take())
  // Not `-value`: that of 0 is a zero with a sign, which is no integer.
  return { kind, value: 0 - value, text: `-${text}`, closed: true, start, end }
}

function numeral(token: Token): Numeral {
  const kind = token.kind as Numeral['kind']
  const value = kind === 'symbol' ? Number.NaN : Number(token.text)
  return { kind, value, text: token.text, closed: token.closed, start: token.start, end: token.end }
}

/** A letter as a variable, also one that the scanner took for the prefix of an entity. */
export function parseVariable(cursor: Cursor): string {
  const { kind, text } = cursor.token
  if (kind === 'variable') return cursor.take().text
  const letter = cursor.token.short ? Object.keys(PREFIXES).find((name) => PREFIXES[name] === text) : undefined
  return letter !== undefined
    ? cursor.fail([`the variable ${letter}, with a blank after it`])
    : cursor.fail(['a variable (A to Z)'])
}
