/**
 * The checkpoint protocols by name. All but `bare` promise that no checkpoint is ever useless, so that recovery never falls back
 * without bound (the domino effect); they differ in what a message carries and in how many checkpoints they force.
 *
 *     const p = protocols.exact(3)
 *     const stamp = p.send(0)
 *     const { force } = p.deliver(1, stamp)      // true: 1 saves before it is given the message
 *
 * | name    | a message carries   | promises                | asks          |
 * | ------- | ------------------- | ----------------------- | ------------- |
 * | `exact` | epoch, index        | no useless checkpoint   | the service, sometimes |
 * | `bcs`   | one number          | no useless checkpoint   | nobody        |
 * | `hmnr`  | 3 vectors           | no useless checkpoint   | nobody        |
 * | `fdas`  | 1 vector            | RDT                     | nobody        |
 * | `bhmr`  | 2 vectors, a matrix | RDT                     | nobody        |
 * | `cut`   | one number          | no useless checkpoint   | one log       |
 * | `bare`  | nothing             | nothing                 | the service, always |
 *
 * RDT, rollback-dependency trackability (Wang 1997): every dependency between checkpoints shows in a vector that messages carry. It
 * implies that no checkpoint is useless.
 *
 * Boundary: pure; what a site does with them is not here.
 */
import { Bare } from './bare.ts'
import { type BcsStamp, bcs } from './bcs.ts'
import { type BhmrStamp, bhmr } from './bhmr.ts'
import { type CutStamp, cut } from './cut.ts'
import { ExactRule, type ExactState } from './exact.ts'
import { type FdasStamp, fdas } from './fdas.ts'
import { GroupRun } from './group-run.ts'
import { type HmnrStamp, hmnr } from './hmnr.ts'
import type { Protocol, Token } from './protocol.ts'

export interface Exact extends Protocol<Token> {
  /** How often the service had to be asked, since neither skip rule applied. */
  readonly questions: number
}

export interface Protocols {
  readonly exact: (n: number) => Exact
  readonly bcs: (n: number) => Protocol<BcsStamp>
  readonly hmnr: (n: number) => Protocol<HmnrStamp>
  readonly fdas: (n: number) => Protocol<FdasStamp>
  readonly bhmr: (n: number) => Protocol<BhmrStamp>
  readonly cut: (n: number) => Protocol<CutStamp>
  /** Unsafe; `recover` is refused. */
  readonly bare: (n: number) => Protocol
}

export type ProtocolName = keyof Protocols

/** Each makes a group of `n` members, numbered from 0. `PERDURE_E_USAGE` unless 1 <= n <= 256. */
export const protocols: Protocols = {
  exact: (n) => new ExactRun(n),
  bcs: (n) => new GroupRun(n, () => bcs),
  hmnr: (n) => new GroupRun(n, () => hmnr(n)),
  fdas: (n) => new GroupRun(n, () => fdas(n)),
  bhmr: (n) => new GroupRun(n, () => bhmr(n)),
  cut: (n) => new GroupRun(n, cut),
  bare: (n) => new Bare(n),
}

class ExactRun extends GroupRun<ExactState, Token> implements Exact {
  readonly #rule: ExactRule

  constructor(n: number) {
    let rule: ExactRule | undefined
    super(n, (graph) => {
      rule = new ExactRule(graph)
      return rule
    })
    this.#rule = rule!
  }

  get questions(): number {
    return this.#rule.questions
  }
}
