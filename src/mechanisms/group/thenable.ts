/** Whether a member has answered at once: what has a method `then` is awaited, whoever made it, as by `await`. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
