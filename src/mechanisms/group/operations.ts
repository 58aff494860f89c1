/**
 * Operation diversity: the variants are methods of one class, on one state (Buzato, Rubira and Lisboa, section 2.2).
 *
 * Each variant method is a member of its own for the calls of the method it stands for. All of them work on copies of the one object,
 * and the copy of the answer that is accepted becomes the object.
 *
 * Boundary: members over a member.
 */
import type { AttemptCell } from './attempt.ts'
import { Enrolled } from './enrolment.ts'
import type { Member, Trial } from './member.ts'
import { MAX_MEMBERS, usage } from './strategy-options.ts'

/** By method, the places of its variants; undefined where operations are not diverse. */
export function operationsOf(
  operations: Readonly<Record<string, readonly string[]>> | undefined,
  members: readonly Member[],
): ReadonlyMap<string, readonly Enrolled[]> | undefined {
  if (operations === undefined) return undefined
  const [only] = members
  if (only === undefined || members.length > 1)
    throw usage(`Operations are variants within one object, and this group has ${members.length}. Leave the other members out.`)
  return new Map(
    Object.entries(operations).map(([method, variants]) => {
      if (!Array.isArray(variants) || variants.length === 0 || variants.length > MAX_MEMBERS)
        throw usage(
          `The operation ${method} has no list of 1 to ${MAX_MEMBERS} methods: expected as in { ${method}: ['first', 'second'] }.`,
        )
      return [method, variants.map((variant) => new Enrolled(new OperationMember(variant, only)))]
    }),
  )
}

class OperationMember implements Member {
  readonly id: string
  readonly #object: Member

  constructor(id: string, object: Member) {
    this.id = id
    this.#object = object
  }

  get object(): unknown {
    return 'object' in this.#object ? this.#object.object : undefined
  }

  invoke(_method: string, args: readonly unknown[], cell: AttemptCell): unknown {
    return this.#object.invoke(this.id, args, cell)
  }

  trial(): Trial {
    const trial = this.#object.trial(this.#object)
    return {
      invoke: (_method, args, cell) => trial.invoke(this.id, args, cell),
      before: () => trial.before(),
      after: () => trial.after(),
      accept: () => trial.accept(),
      drop: () => trial.drop(),
    }
  }

  save(): unknown {
    return this.#object.save()
  }

  view(): unknown {
    return this.#object.view()
  }

  load(state: unknown): unknown {
    return this.#object.load(state)
  }

  renew(state: unknown): unknown {
    return this.#object.renew(state)
  }
}
