/**
 * Groups by standard decorators (TC39, not the older ones of `experimentalDecorators`):
 *
 *     @metaclass(nVersion({ variants: () => [ArrayStack, ListStack, Stack], adjudicator: majority() }))
 *     class Stack { … }
 *
 * A decorator cannot change the type of its class. So `metaclass` is for groups that answer at once; where a member is asynchronous,
 * `dependable` is its twin with the right types. `reflect` has the option `methods` as its twin.
 *
 * Boundary: no metadata is needed, which Node 20 has not; works as any compiler lowers it.
 */
import type { AnyClass } from '../../support/interception.ts'
import { checkChoice } from '../../support/offer.ts'
import { markReflected } from './choice.ts'
import { type DependableOptions, dependable } from './dependable.ts'
import type { Strategy } from './strategy.ts'
import { usage } from './strategy-options.ts'
import type { Known, Suits } from './transparency.ts'

/**
 * Makes every `new` of the class build a group. Variants that extend the class exist only after it: give them by a function, which
 * gets the class as it was written and is called at the first `new`. Errors: those of `dependable`.
 */
export function metaclass<const O>(
  strategy: Strategy<O>,
  options?: DependableOptions,
): <C extends AnyClass>(base: C & Suits<C, Known<O>>, context: ClassDecoratorContext<C>) => C {
  return (base, context) => {
    if (context?.kind !== 'class')
      throw usage(
        '@metaclass stands before something that is no class, or a compiler has lowered it to an older kind of decorator. Put it before a class; leave experimentalDecorators out of tsconfig.json.',
      )
    return dependable(base as AnyClass, strategy as Strategy, options) as unknown as typeof base
  }
}

type ReflectContext =
  | ClassMethodDecoratorContext
  | ClassGetterDecoratorContext
  | ClassSetterDecoratorContext
  | ClassAccessorDecoratorContext

/**
 * Chooses a method or accessor: where a class has one or more of these, only they are calls to the group. Stands above all other
 * decorators of its method. Errors: `PERDURE_E_USAGE` for what is private or static.
 */
export function reflect(member: object, context: ReflectContext): void {
  if (context?.private || context?.static || !['method', 'getter', 'setter', 'accessor'].includes(context?.kind))
    throw usage(
      `@reflect stands before ${String(context?.name ?? 'something')}, which is no public method or accessor of objects: only their calls can be intercepted. Take it away there.`,
    )
  checkChoice(context.name)
  const functions = context.kind === 'accessor' ? Object.values(member as Record<string, object>) : [member]
  for (const each of functions) markReflected(each)
}
