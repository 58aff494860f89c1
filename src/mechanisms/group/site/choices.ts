/**
 * What an object chooses that does not repeat, made to repeat: the leader's choices are in the log before it goes on, and whoever
 * executes the call afterwards is given them (Delta-4's semi-active replication).
 *
 * Boundary: counts the choices of one attempt. A choice that fails is a choice too.
 */
import { PerdureError } from '../../../errors.ts'
import { copyValue } from '../../../log/codec/codec.ts'
import type { Outcome } from '../../../log/machine.ts'
import { errorOf, failureOf } from '../../../log/outcome.ts'
import type { Chooser } from '../attempt.ts'
import type { Role } from '../machine/protocol.ts'

interface Choosing {
  readonly role: Role
  readonly method: string
  /** Those that were made already, in their order. */
  readonly choices: readonly unknown[]
}

/** Undefined where nobody has to repeat anything. */
export function choicesOf(choosing: Choosing, write: Choices['write']): Choices | undefined {
  const { role, choices } = choosing
  return choices.length > 0 || role === 'leader' || role === 'follower' ? new Choices(choosing, write) : undefined
}

export class Choices {
  /** Resolves with the choice that counts. */
  readonly write: (n: number, made: Outcome) => Promise<unknown>
  readonly #choosing: Choosing
  /** So many were asked for. */
  asked = 0

  constructor(choosing: Choosing, write: Choices['write']) {
    this.#choosing = choosing
    this.write = write
  }

  readonly choose: Chooser = async (make) => {
    const { role, method, choices } = this.#choosing
    const n = this.asked
    this.asked += 1
    if (n < choices.length) return unpacked(copyValue(choices[n] as Outcome))
    if (role === 'follower') throw unrecorded(method, n)
    const made = await outcomeOf(make)
    return role === 'leader' ? unpacked((await this.write(n, made)) as Outcome) : unpacked(made)
  }
}

async function outcomeOf(make: () => unknown): Promise<Outcome> {
  try {
    return { value: await make() }
  } catch (error) {
    return { error: failureOf(error) }
  }
}

function unpacked(choice: Outcome): unknown {
  if ('value' in choice) return choice.value
  throw errorOf(choice.error)
}

function unrecorded(method: string, n: number): PerdureError {
  return new PerdureError(
    'PERDURE_E_DIVERGED',
    `A follower asks for choice ${n + 1} of ${method}, which the leader did not make. Whatever differs between two executions of the class must go through choose(…).`,
    { data: { method, n } },
  )
}
