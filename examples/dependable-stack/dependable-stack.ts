/**
 * The paper's DependableStack (section 5.2 and appendix): ArrayStack on one machine, ListStack on another, and a client that
 * does not notice. The machines have the names that they have in the paper.
 *
 *     npx tsx examples/dependable-stack/main.ts
 *
 * Two variants only detect: when they differ the call fails, since nobody can say who is right. When a machine is gone the call waits
 * until it is back and has been told everything it missed.
 */
import type { Site } from 'perdure'
import { dependable, nVersion, on, unanimity } from 'perdure/group'
import type { Anywhere } from './client.ts'
import { ArrayStack, ListStack, Stack } from './stack.ts'

export function dependableStack(site: Site, key: string): Promise<Anywhere<Stack>> {
  const variants = [on('marumbi', ArrayStack), on('atibaia', ListStack)] as const
  const DependableStack = dependable(Stack, nVersion({ variants, adjudicator: unanimity() }), { site, name: 'stacks' })
  return DependableStack.create({ key })
}
