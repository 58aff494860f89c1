/**
 * A group that is itself a variant of another group, as the other one copies and restores it: its state is that of its members.
 *
 * Boundary: a `StateHolder` over the metaobject behind a client; who is behind it is not asked.
 */
import { PerdureError } from '../../errors.ts'
import { metaobjectOf } from '../../support/interception.ts'
import type { Fork, StateHolder } from '../../support/state/state.ts'

/** A metaobject whose members have a state that can be had at once. */
export interface StatefulGroup {
  readonly shape: string
  save(): unknown
  load(state: unknown): void
}

/** Undefined where the object is no client of a group. `rebuild` makes another group of the same class. */
export function nestedHolder(client: object, rebuild: (() => object) | undefined): StateHolder | undefined {
  const group = groupBehind(client)
  return group && new NestedHolder(client, group, rebuild)
}

function groupBehind(client: object): StatefulGroup | undefined {
  const behind = metaobjectOf(client) as Partial<StatefulGroup> | undefined
  return behind !== undefined && 'save' in behind && 'load' in behind ? (behind as StatefulGroup) : undefined
}

class NestedHolder implements StateHolder {
  object: object
  readonly inPlace: boolean
  #group: StatefulGroup
  readonly #rebuild: (() => object) | undefined

  constructor(client: object, group: StatefulGroup, rebuild: (() => object) | undefined) {
    this.object = client
    this.#group = group
    this.#rebuild = rebuild
    this.inPlace = rebuild === undefined
  }

  get shape(): string {
    return this.#group.shape
  }

  save(): unknown {
    return this.#group.save()
  }

  view(): unknown {
    return this.#group.save()
  }

  load(state: unknown): void {
    this.#group.load(state)
  }

  fork(state: unknown = this.#group.save()): Fork {
    const client = this.#rebuild?.()
    const group = client && groupBehind(client)
    if (client === undefined || group === undefined)
      throw new PerdureError(
        'PERDURE_E_STATE',
        'No copy of a group that was given ready-made can be made for an attempt that may take time. Give its class to dependable, which can make others.',
      )
    group.load(state)
    return new NestedHolder(client, group, this.#rebuild)
  }

  install(fork: Fork): void {
    const group = groupBehind(fork.object)
    if (group === undefined) throw new PerdureError('PERDURE_E_INVARIANT', 'A fork of a group is none.')
    this.object = fork.object
    this.#group = group
  }
}
