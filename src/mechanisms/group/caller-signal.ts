/**
 * The signal with which a caller gives up: an argument, or the field `signal` of the last one, as `fetch` and its like have it.
 *
 * Boundary: looks at arguments, changes none.
 */

export function signalIn(args: readonly unknown[]): AbortSignal | undefined {
  for (const arg of args) if (typeof arg === 'object' && arg instanceof AbortSignal) return arg
  const last = args.at(-1)
  if (typeof last !== 'object' || last === null || !('signal' in last)) return undefined
  return last.signal instanceof AbortSignal ? last.signal : undefined
}

/** A signal does not travel: whoever aborts it withdraws the call. */
export function withoutSignal(args: readonly unknown[]): {
  readonly signal: AbortSignal | undefined
  readonly rest: readonly unknown[]
} {
  const last = args.at(-1)
  if (last instanceof AbortSignal) return { signal: last, rest: args.slice(0, -1) }
  if (typeof last !== 'object' || last === null || !('signal' in last)) return { signal: undefined, rest: args }
  const { signal, ...others } = last
  return signal instanceof AbortSignal ? { signal, rest: [...args.slice(0, -1), others] } : { signal: undefined, rest: args }
}
