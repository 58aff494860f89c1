/**
 * The state of a member as a checkpoint has it: what its class says with `[checkpoint]` and `[restore]`, or else its fields. References to
 * other members are part of it, as references.
 *
 * Boundary: copies; nothing that a checkpoint holds can be changed through the object. It comes back into the very object, so whoever holds
 * the object sees it go back.
 */
import { PerdureError } from '../../../errors.ts'
import { Copier, type CopyOptions, type Instances } from '../../../support/state/copy.ts'
import { asData, refill } from '../../../support/state/data-object.ts'
import { baseKindOf } from '../../../support/state/kind.ts'
import { classOf } from '../../../support/state/obstacle.ts'
import { type Checkpointed, checkpoint, INSTANCES, requireState, restore } from '../../../support/state/state.ts'

export class SavedState {
  readonly #object: object
  readonly #options: CopyOptions
  readonly #says: boolean

  /** `isShared`: of what a copy has the very thing. `PERDURE_E_STATE` for an object whose state cannot be saved, or not put back. */
  constructor(object: object, isShared: (instance: object) => boolean) {
    this.#object = object
    this.#options = { uncopyable: 'refuse', name: 'this', instances: sharing(isShared) }
    const prototype: object | null = Object.getPrototypeOf(object)
    this.#says = prototype !== null && requireState(prototype)
    if (!this.#says && (baseKindOf(object) === undefined || !refill(object, this.save() as object, this.#options)))
      throw refused(
        `The fields of this ${classOf(object)} are not its state, or cannot be written: expected a class that says what its state is with the methods [checkpoint]() and [restore](state), imported from perdure/checkpoint.`,
      )
  }

  /** `PERDURE_E_STATE` when the object has got something by now of which no copy can be made. */
  save(): unknown {
    if (!this.#says) return asData(this.#object, this.#options)
    return new Copier(this.#options).copy((this.#object as Checkpointed)[checkpoint]())
  }

  load(state: unknown): void {
    if (!this.#says) {
      refill(this.#object, state as object, this.#options)
      return
    }
    const result: unknown = (this.#object as Checkpointed)[restore](new Copier(this.#options).copy(state))
    if (result instanceof Promise)
      throw refused(
        `[restore] of ${classOf(this.#object)} returned a promise: expected it to have restored the state when it returns.`,
      )
  }
}

function sharing(isShared: (instance: object) => boolean): Instances {
  return {
    blank: (instance) => (isShared(instance) ? instance : INSTANCES.blank(instance)),
    fill(from, to, copyOf) {
      if (from !== to) INSTANCES.fill(from, to, copyOf)
    },
  }
}

function refused(message: string): PerdureError {
  return new PerdureError('PERDURE_E_STATE', message)
}
