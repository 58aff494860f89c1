/**
 * The object of a member from its factory and the state it goes on from.
 *
 * Boundary: calls the program, in the order factory, `restore`; whether the result is still wanted its caller finds out.
 */
import type { Blobs } from '../../../log/log.ts'
import type { StoredState } from '../machine/protocol.ts'
import { type CallTerms, called } from './calls.ts'
import { type CheckpointedObject, checkObject, type Self } from './member-object.ts'
import type { Recipe } from './recipe.ts'
import { storedValue } from './states.ts'

/** Rejects with what went wrong, in words; `PERDURE_E_BLOB` where the state is not there any more. */
export async function buildObject(
  recipe: Recipe,
  self: Self,
  state: StoredState | null,
  blobs: Blobs,
  terms: Omit<CallTerms, 'what'>,
): Promise<CheckpointedObject> {
  const object = await called({ ...terms, what: 'The factory' }, () => recipe.factory(self))
  checkObject(object, recipe.member)
  if (state === null || terms.object.over) return object
  const value = await storedValue(state, blobs)
  if (!terms.object.over) await called({ ...terms, what: 'restore' }, () => object.restore(value))
  return object
}
