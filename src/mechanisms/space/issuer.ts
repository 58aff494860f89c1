/**
 * The way from the calls of a program to the machine. A client of a site is one, and so is the context of a run; the same
 * `Space` stands over both.
 *
 * Boundary: an issuer knows no operation of its own. It numbers, sends, and hands back what the log answers.
 */

export interface Issuer {
  /**
   * Encodes the operation before it returns (`PERDURE_E_VALUE` for what cannot travel) and settles with the machine's answer.
   * When `signal` aborts first it withdraws the operation and rejects with the signal's reason; when both happen at once the
   * log decides, and an operation that was answered resolves. Time-outs are in the arguments: the log expires them.
   */
  issue(name: string, args: readonly unknown[], options?: IssueOptions): Promise<unknown>
  /** Withdraws every waiting operation of this owner; each rejects with `reason` unless the log answered it before. */
  withdraw(owner: object, reason: Error): void
}

export interface IssueOptions {
  readonly signal?: AbortSignal | undefined
  /** On whose behalf, for `withdraw`. */
  readonly owner?: object | undefined
  /** Makes of the answer what the program is given; a run does so again at every replay. */
  readonly present?: ((answer: unknown) => unknown) | undefined
}
