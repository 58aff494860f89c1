/**
 * The code that has been written so far, with the line of each instruction, and how entities become operands (SPEC 6).
 *
 * Boundary: pure.
 */
import { invariant } from '../../errors.ts'
import { BITS, FULFILLED, NONE, OPCODES, type OpcodeName, REST, SET_KIND, type Triplet } from '../../support/backbone/rcode.ts'
import type { Declarations } from './declarations.ts'
import type { Source } from './diagnostics.ts'
import { atomIndex } from './references.ts'
import type { Atom, BackReference, Entity, Kind, Numeral } from './syntax.ts'

const KIND_BITS: Readonly<Record<Kind, number>> = { task: BITS.TASK, node: BITS.NODE, group: BITS.GROUP, any: BITS.ANY }

/** An atom of the guard in force, and where it is tested. */
export interface TestedAtom {
  readonly atom: Atom
  readonly address: number
}

export class Emitter {
  readonly code: Triplet[] = []
  readonly lines: number[] = []
  readonly strings: string[] = []
  /** Of the nearest branch. */
  atoms: readonly TestedAtom[] = []
  readonly #source: Source
  readonly #declarations: Declarations

  constructor(source: Source, declarations: Declarations) {
    this.#source = source
    this.#declarations = declarations
  }

  /** The address of the instruction. */
  emit(offset: number, name: OpcodeName, a: number = NONE, b: number = NONE): number {
    this.lines.push(this.#source.lineOf(offset))
    return this.code.push([OPCODES[name], a, b]) - 1
  }

  /** Makes the jump at an address lead to the instruction that is written next. */
  land(address: number): void {
    const [opcode, , b] = this.code[address] as Triplet
    this.code[address] = [opcode, this.code.length - address, b]
  }

  entity(offset: number, name: OpcodeName, entity: Entity): number {
    const [a, b] = this.operands(entity)
    return this.emit(offset, name, a, b)
  }

  /** Numbers its string: in order of appearance, not shared. */
  string(text: string): number {
    return this.strings.push(text) - 1
  }

  integer(numeral: Numeral): number {
    return known(this.#declarations.symbols.integer(numeral))
  }

  real(numeral: Numeral): number {
    return known(this.#declarations.symbols.value(numeral))
  }

  microseconds(time: Parameters<Declarations['symbols']['time']>[0]): number {
    return known(this.#declarations.symbols.time(time, 'S'))
  }

  operands(entity: Entity): readonly [number, number] {
    if (entity.form === 'star') return [BITS.STAR + KIND_BITS[entity.entity], 0]
    if (entity.form === 'plain') return [BITS.PLAIN + KIND_BITS[entity.entity], known(this.#declarations.numberOf(entity))]
    return this.#reference(entity)
  }

  /** The number alone, where the format has no room for the kind. */
  number(entity: Entity): number {
    return this.operands(entity)[1]
  }

  #reference(reference: BackReference): readonly [number, number] {
    const index = atomIndex(reference, this.atoms)
    if (reference.form === 'of') {
      const bit = reference.atom === 'last' ? BITS.LAST_ATOM : BITS.ATOM
      return [bit + KIND_BITS[reference.entity], -(this.atoms[index] as TestedAtom).address]
    }
    const set = reference.form === 'fulfilled' ? FULFILLED : REST
    return [reference.entity === 'any' ? set : set - SET_KIND * KIND_BITS[reference.entity], index]
  }
}

function known(value: number | undefined): number {
  invariant(value !== undefined, 'In a script without errors every number has a value')
  return value
}
