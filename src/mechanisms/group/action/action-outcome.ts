/**
 * The errors with which participants leave an action that has not ended normally: the same for all of them.
 *
 * Boundary: words and data; what the outcome is, `action-protocol.ts` has decided.
 */
import { type ErrorCode, PerdureError } from '../../../errors.ts'
import type { ActionState, Outcome } from './action-protocol.ts'
import { UNIVERSAL } from './exception-tree.ts'

/** Whatever is not normal. */
export type Unwanted = Exclude<Outcome, { kind: 'normal' }>

export interface OutcomeFacts {
  readonly name: string
  readonly roles: readonly string[]
  readonly outcome: Unwanted
  readonly state: ActionState
  /** The first error behind it. */
  readonly cause: unknown
}

export function outcomeError({ name, roles, outcome, state, cause }: OutcomeFacts): PerdureError {
  const raised = state.raised.map(({ role, exception }) => ({ role: roles[role], exception }))
  const [code, text] = describe(outcome, state.exception)
  const signalled = outcome.kind === 'signalled' ? { exception: outcome.exception, effects: outcome.effects } : {}
  const data = { action: name, exception: state.exception ?? UNIVERSAL, raised, ...signalled }
  return new PerdureError(code, `The action ${name} ${text}`, { cause, data })
}

function describe(outcome: Unwanted, exception: string | undefined): [ErrorCode, string] {
  const why = exception === undefined ? '' : ` (${exception} was raised)`
  switch (outcome.kind) {
    case 'signalled': {
      const effects = outcome.effects === 'commit' ? 'kept' : 'undone'
      return ['PERDURE_E_ACTION_SIGNALLED', `ended with the exception ${outcome.exception}; what it did has been ${effects}.`]
    }
    case 'abort':
      return [
        'PERDURE_E_ACTION_ABORTED',
        `was aborted${why}: its objects are as before. Handle the exception in all roles, or perform it again.`,
      ]
    case 'failure':
      return [
        'PERDURE_E_ACTION_FAILED',
        `failed${why} and could not be undone: look at what it did before it is performed again.`,
      ]
  }
}
