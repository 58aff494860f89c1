/**
 * `exact`, the default: a checkpoint is forced only if the delivery would close a rewinding path, computed on all that was
 * delivered: to deliver such a message without one would make a checkpoint useless there and then.
 *
 *     Check(receiver B in interval y, sender A, x = A's interval at the sending):
 *       if exists k: up(A,x)[k] > down(B,y)[k]: reply FORCE; B's interval becomes y+1
 *       add the edge (A,x) -> (B,y or y+1)
 *     CheckpointNow(B,s): add the interval (B,s); never closes a rewinding path
 *
 * up(v)[k] is the greatest interval of k that reaches v, down(v)[k] the least that is reachable from v. A member asks only when it
 * must; both skip rules are exact:
 *   S1  Nothing was sent in this interval: nothing leads out of it, so no path can come back through it.
 *   S2  A message of the same sender, of this interval of it or a later one, was delivered before: the edge adds no path.
 *
 * Source: Zweiacker 1997 ("the POGS updates state knowledge, while forecasting an orphan") after Baldoni, Hélary, Mostéfaoui and
 * Raynal 1995 (IRISA 925, 933: no rewinding path). What is new is the token: the paper's Check does not say when the message was
 * sent (see `bare`).
 * Boundary: pure. The member's side needs only its own state; the question is answered by the graph.
 */
import type { Rule, Token } from './protocol.ts'
import type { RollbackGraph } from './rollback-graph.ts'

/** What a member knows itself. */
export interface ExactState {
  readonly i: number
  /** Its interval. */
  y: number
  /** Something was sent in this interval. */
  sent: boolean
  /** received[k]: the latest interval of k from which a message was delivered here; -1: none. */
  received: number[]
}

/** Skip rules S1 and S2: the message can be delivered without a question. */
export function skips(state: ExactState, token: Token): boolean {
  return !state.sent || token.index <= state.received[token.from]!
}

export class ExactRule implements Rule<ExactState, Token> {
  /** How often the service had to be asked. */
  questions = 0
  readonly #graph: RollbackGraph

  constructor(graph: RollbackGraph) {
    this.#graph = graph
  }

  begin(i: number): ExactState {
    return { i, y: 0, sent: false, received: new Array<number>(this.#graph.members).fill(-1) }
  }

  fits(): boolean {
    return true
  }

  take(state: ExactState): void {
    state.y++
    state.sent = false
  }

  send(state: ExactState, token: Token): Token {
    state.sent = true
    return token
  }

  forces(state: ExactState, token: Token): boolean {
    if (skips(state, token)) return false
    this.questions++
    return this.#graph.rewinds(token.from, token.index, state.i, state.y)
  }

  merge(state: ExactState, { from, index }: Token): void {
    if (index > state.received[from]!) state.received[from] = index
  }

  copy(state: ExactState): ExactState {
    return { ...state, received: state.received.slice() }
  }
}
