/**
 * Entities and numbers of a script in words: `task 21 "rudder"`, `NINE (9)`.
 *
 * Boundary: pure.
 */
import type { Analysis } from './compile.ts'
import type { EntityKind } from './language-service-index.ts'
import { printNumeral } from './print-guard.ts'
import type { Entity, Numeral } from './syntax.ts'

export class Names {
  readonly #analysis: Analysis

  constructor(analysis: Analysis) {
    this.#analysis = analysis
  }

  /** `21`, and `"rudder"` where it has a name. */
  numbered(kind: EntityKind, number: number): string {
    const name = this.nameOf(kind, number)
    return `${kind} ${number}${name === undefined ? '' : ` "${name}"`}`
  }

  nameOf(kind: EntityKind, number: number): string | undefined {
    const { tasks, groups } = this.#analysis.declarations
    if (kind === 'node') return undefined
    return (kind === 'task' ? tasks : groups).get(number)?.name
  }

  numeral(numeral: Numeral): string {
    if (numeral.kind !== 'symbol') return printNumeral(numeral)
    const value = this.valueOf(numeral)
    return value === undefined ? printNumeral(numeral) : `${numeral.text} (${value})`
  }

  entity(entity: Entity): string {
    switch (entity.form) {
      case 'plain': {
        const { id } = entity
        if (!('kind' in id)) return `${entity.entity} "${id.text}"`
        const number = this.valueOf(id)
        return number === undefined ? `${entity.entity} ${printNumeral(id)}` : this.numbered(entity.entity, number)
      }
      case 'star':
        return entity.entity === 'any' ? 'some entity' : `some ${entity.entity}`
      case 'of':
        return `the ${entity.entity} that ${atom(entity.atom)} names`
      case 'fulfilled':
        return `those for which ${atom(entity.atom)} is true`
      case 'rest':
        return `those for which ${atom(entity.atom)} is false`
    }
  }

  valueOf({ kind, value, text }: Numeral): number | undefined {
    return kind === 'symbol' ? this.#analysis.declarations.symbols.definitions.get(text)?.value : value
  }
}

function atom(index: number | 'last'): string {
  return index === 'last' ? 'the last condition' : `condition ${index}`
}
