/**
 * Guards, entities and numbers as text: the parts of the printer that checks use too, with their own idea of what is equal.
 *
 * Boundary: pure.
 */
import type { WordOf } from './keywords.ts'
import type { Atom, Duration, Entity, Guard, Numeral, Text } from './syntax.ts'

export interface GuardStyle {
  numeral(numeral: Numeral): string
  entity(entity: Entity): string
  duration(duration: Duration): string
  status(status: WordOf<'status'>): string
}

/** As a script has it. */
export const SCRIPT_STYLE: GuardStyle = {
  numeral: printNumeral,
  entity: printEntity,
  duration: printDuration,
  status: (status) => status,
}

export function printGuard(guard: Guard, style: GuardStyle = SCRIPT_STYLE): string {
  switch (guard.kind) {
    case 'and':
    case 'or': {
      const operator = ` ${guard.kind.toUpperCase()} `
      return guard.terms.map((term) => (isChain(term) ? `(${printGuard(term, style)})` : printGuard(term, style))).join(operator)
    }
    case 'not':
      return isChain(guard.term) ? `NOT (${printGuard(guard.term, style)})` : `NOT ${printGuard(guard.term, style)}`
    default:
      return printAtom(guard, style)
  }
}

function isChain({ kind }: Guard): boolean {
  return kind === 'and' || kind === 'or'
}

function printAtom(atom: Atom, style: GuardStyle): string {
  switch (atom.kind) {
    case 'status':
      return `${style.status(atom.status)} ${style.entity(atom.entity)}`
    case 'deadlocked':
      return `DEADLOCKED ${style.entity(atom.first)} ${style.entity(atom.second)}`
    case 'variable':
      return `VAL(${atom.variable}) ${atom.comparison} ${style.numeral(atom.value)}`
    case 'query': {
      const value = 'amount' in atom.value ? style.duration(atom.value) : style.numeral(atom.value)
      return `${atom.query}(${style.entity(atom.entity)}) ${atom.comparison} ${value}`
    }
  }
}

export function printNumeral({ kind, text, closed }: Numeral): string {
  return kind === 'symbol' ? `{${text}${closed ? '}' : ' '}` : text
}

export function printText({ text }: Text): string {
  return text.includes('"') ? `'${text}'` : `"${text}"`
}

export function printDuration({ amount, unit }: Duration): string {
  return unit === undefined ? printNumeral(amount) : `${printNumeral(amount)} ${unit}`
}

export function printEntity(entity: Entity): string {
  if (entity.form === 'plain') {
    const id = 'kind' in entity.id ? printNumeral(entity.id) : printText(entity.id)
    return entity.short ? `${entity.word[0]}${id}` : `${entity.word} ${id}`
  }
  const { named } = entity
  const word = named === undefined ? '' : named.short ? (named.word[0] as string) : named.word
  if (entity.form === 'star') return `${word}*`
  const mark = entity.form === 'of' ? '$' : entity.form === 'fulfilled' ? '@' : '~'
  return `${word}${mark}${entity.atom === 'last' ? mark : entity.atom}`
}
