/**
 * A client of a stack: it turns a list of numbers round. The only trace of the group in its text is `await`, which does nothing
 * for an ordinary stack.
 */
import type { Stack } from './stack.ts'

/** What is called with `await`, whether it takes time or not. */
export type Anywhere<S> = { [K in keyof S]: S[K] extends (...args: infer A) => infer R ? (...args: A) => R | Promise<R> : S[K] }

export async function reversed(numbers: readonly number[], stack: Anywhere<Stack>): Promise<readonly number[]> {
  for (const each of numbers) await stack.push(each)
  const back: number[] = []
  for (let item = await stack.pop(); item !== undefined; item = await stack.pop()) back.push(item)
  return back
}
