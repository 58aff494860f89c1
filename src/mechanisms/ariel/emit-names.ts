/**
 * Names of a script as identifiers of TypeScript: `rudder-wd` becomes `rudderWd`, `70` becomes `_70`.
 *
 * Boundary: pure.
 */

/** No names for constants: reserved words, and what the written files declare themselves. */
const TAKEN =
  'arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch tasks this throw true try typeof undefined var void while with yield Tasks'

export class Identifiers {
  readonly #taken = new Set(TAKEN.split(' '))

  /** The name; where it is taken the word of what it is for and its number are appended, then a letter. */
  of(name: string, word: string, number: number): string {
    const plain = camelCase(name)
    return this.#first(plain, `${plain}${pascalCase(word)}${number}`)
  }

  /** The name of the type that goes with a constant. */
  typeOf(identifier: string): string {
    const type = `${identifier[0]?.toUpperCase() ?? ''}${identifier.slice(1)}`
    return this.#first(type === identifier ? `${type}Parts` : type, `${type}Parts`)
  }

  #first(...wanted: readonly [string, string]): string {
    let chosen = wanted.find((name) => !this.#taken.has(name))
    while (chosen === undefined || this.#taken.has(chosen)) chosen = `${chosen ?? wanted[1]}_`
    this.#taken.add(chosen)
    return chosen
  }
}

function camelCase(name: string): string {
  const pascal = pascalCase(name)
  return `${pascal[0]?.toLowerCase() ?? ''}${pascal.slice(1)}`
}

/** Every run of other characters ends a word; an identifier does not begin with a digit. */
function pascalCase(name: string): string {
  const words = name.split(/[^\p{ID_Continue}]+/u).filter((word) => word !== '')
  const joined = words.map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`).join('')
  return /^\p{ID_Start}/u.test(joined) ? joined : `_${joined}`
}
