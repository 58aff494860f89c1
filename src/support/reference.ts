/**
 * The name by which something that lives in a site can be called from a run, whoever made the object in the program's hand.
 *
 * A run does not know what a group is, and a group knows nothing of runs; a call between them is an operation that names the
 * group. So whoever hands out an object that stands for something in the site says here what its name is.
 *
 * Boundary: a table from objects to names. It keeps nothing alive.
 */

import { checkName } from './definition.ts'

/** A group in a site: the same name and key is the same group. */
export interface GroupReference {
  readonly name: string
  readonly key: string
}

/** Names of the methods of a group's client. */
export type MethodOf<T> = { [K in keyof T]: T[K] extends (...args: never) => unknown ? K : never }[keyof T] & string

export type ArgumentsOf<F> = F extends (...args: infer A) => unknown ? A : never

const references = new WeakMap<object, GroupReference>()

export function refer(object: object, reference: GroupReference): void {
  references.set(object, reference)
}

/** Undefined for what stands for no group in a site. */
export function referenceOf(object: unknown): GroupReference | undefined {
  return typeof object === 'object' && object !== null ? references.get(object) : undefined
}

/**
 * Stands for a group of the site in `p.call(group, …)`, for bodies that have no client of it, such as those that workers execute. `T`
 * is what a client of the group is: `const stacks = groupNamed<Stack>('stacks', 'main')`. It makes no group and asks for none.
 */
export function groupNamed<T extends object>(name: string, key: string): T {
  const reference = Object.freeze({})
  refer(reference, { name: checkName(name, 'a group'), key })
  return reference as T
}

/** A checkpoint group of a site, to which runs send: `p.send(bank, 'a', message)`. */
export interface CheckpointGroupReference {
  readonly name: string
}

const checkpointGroups = new WeakMap<object, string>()

export function referCheckpointGroup(object: object, name: string): void {
  checkpointGroups.set(object, name)
}

/** The name of the checkpoint group; undefined for what stands for none. */
export function checkpointGroupOf(object: unknown): string | undefined {
  return typeof object === 'object' && object !== null ? checkpointGroups.get(object) : undefined
}

/** Stands for a checkpoint group of the site in `p.send(group, …)`, for bodies that have no handle of it. It makes no group and asks for none. */
export function checkpointGroupNamed(name: string): CheckpointGroupReference {
  const reference: CheckpointGroupReference = Object.freeze({ name: checkName(name, 'a checkpoint group') })
  referCheckpointGroup(reference, name)
  return reference
}
