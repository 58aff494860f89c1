/**
 * Random guards of ariel, and how they are written: what `random-policies.ts` builds sections of.
 *
 * Boundary: test code only.
 */
import type { Atom, Entity, Guard, Watchdog } from './policy-tree.ts'

/** A number below. */
export type Random = (below: number) => number

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)] as T
}

/** One of the kinds. */
export function entity(random: Random, kinds: string): Entity {
  const letter = pick(random, [...kinds]) as 'T' | 'N' | 'G'
  return [letter, letter === 'T' ? 1 + random(4) : letter === 'N' ? random(4) : 1 + random(2)]
}

/** To what each condition applies (SPEC 4.1), and the stars that it takes. */
const STATUSES: readonly (readonly [word: string, kinds: string, stars: string])[] = [
  ['FAULTY', 'TNG', 'TNG*'],
  ['PRESENT', 'TG', 'TG'],
  ['RUNNING', 'TNG', 'TNG*'],
  ['STARTED', 'TG', 'TG'],
  ['RESTARTED', 'TG', 'TG'],
  ['REBOOTED', 'N', 'N'],
  ['STOPPED', 'TNG', 'TNG*'],
  ['ISOLATED', 'TNG', 'TNG*'],
  ['TRANSIENT', 'TN', 'TN'],
  ['REINTEGRATED', 'N', 'N'],
]

const QUERIES: readonly (readonly [query: string, kinds: string, constants: readonly number[]])[] = [
  ['ERRN', 'TNG', [0, 1, 2, 3]],
  ['ERRT', 'TNG', [0, 1, 3, 5, 6]],
  ['PHASE', 'T', [0, 1, 2]],
  ['RESTARTED', 'TG', [0, 1, 2]],
  ['ALPHA', 'TN', [0.5, 1, 1.25, 2]],
  ['ELAPSED', 'TNG', [0, 20, 100]],
]

const SIGNS = ['==', '!=', '>', '>=', '<', '<=']

export function randomGuard(random: Random, watchdogs: readonly Watchdog[], depth = 2): Guard {
  const form = depth === 0 ? 0 : random(6)
  if (form < 3) return randomAtom(random, watchdogs)
  const term = randomGuard(random, watchdogs, depth - 1)
  if (form === 3) return { kind: 'not', term }
  const right = randomGuard(random, watchdogs, depth - 1)
  return form === 4 ? { kind: 'both', left: term, right } : { kind: 'either', left: term, right }
}

function randomAtom(random: Random, watchdogs: readonly Watchdog[]): Atom {
  const sign = pick(random, SIGNS)
  const form = random(10)
  if (form === 0) return { kind: 'value', variable: pick(random, ['A', 'B']), sign, constant: random(4) - 1 }
  if (form === 1) return { kind: 'deadlocked', first: entity(random, 'T'), second: entity(random, 'T') }
  if (form === 2 && watchdogs.length > 0)
    return { kind: 'status', word: 'FIRED', entity: ['T', pick(random, ['*', pick(random, watchdogs).number])] }
  if (form < 6) {
    const [query, kinds, constants] = pick(random, QUERIES)
    return { kind: 'compare', query, entity: entity(random, kinds), sign, constant: pick(random, constants) }
  }
  const [word, kinds, stars] = pick(random, STATUSES)
  const star = pick(random, [...stars]) as Entity[0]
  return { kind: 'status', word, entity: random(3) === 0 ? [star, '*'] : entity(random, kinds) }
}

export function guardText(guard: Guard): string {
  if (guard.kind === 'not') return `NOT (${guardText(guard.term)})`
  if (guard.kind === 'both') return `(${guardText(guard.left)}) AND (${guardText(guard.right)})`
  if (guard.kind === 'either') return `(${guardText(guard.left)}) OR (${guardText(guard.right)})`
  if (guard.kind === 'status') return `${guard.word} ${entityText(guard.entity)}`
  if (guard.kind === 'deadlocked') return `DEADLOCKED ${entityText(guard.first)} ${entityText(guard.second)}`
  if (guard.kind === 'value') return `VAL(${guard.variable}) ${guard.sign} ${guard.constant}`
  const unit = guard.query === 'ELAPSED' ? ' MS' : ''
  return `${guard.query}(${entityText(guard.entity)}) ${guard.sign} ${guard.constant}${unit}`
}

export function entityText([letter, number]: Entity): string {
  return letter === '*' ? '*' : `${letter}${number}`
}
