/**
 * Who notifications, records and actions are about: a task, a node or a group, by number (SPEC 2.1), written `T5`, `N2`, `G3`.
 *
 * Boundary: the words.
 */
import { BITS } from './rcode.ts'

export type EntityKind = 'task' | 'node' | 'group'

export interface EntityName {
  readonly kind: EntityKind
  /** From 0. */
  readonly number: number
}

/** In the order in which sets of several kinds are listed (SPEC 5.3). */
export const KINDS: readonly EntityKind[] = ['task', 'node', 'group']

/** Bits of r-code operands. */
export const KIND_BITS: Readonly<Record<EntityKind, number>> = { task: BITS.TASK, node: BITS.NODE, group: BITS.GROUP }

const LETTERS: Readonly<Record<EntityKind, string>> = { task: 'T', node: 'N', group: 'G' }
const WRITTEN = /^([TNG])(0|[1-9][0-9]{0,9})$/
const MAX_NUMBER = 2 ** 31 - 1

export function writtenName({ kind, number }: EntityName): string {
  return `${LETTERS[kind]}${number}`
}

/** Undefined if the text is no name of an entity. */
export function readName(text: string): EntityName | undefined {
  const found = WRITTEN.exec(text)
  if (found === null) return undefined
  const [, letter, digits] = found as unknown as [string, string, string]
  const number = Number(digits)
  const kind = KINDS.find((candidate) => LETTERS[candidate] === letter)
  return kind === undefined || number > MAX_NUMBER ? undefined : { kind, number }
}
