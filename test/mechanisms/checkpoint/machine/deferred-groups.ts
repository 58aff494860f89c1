/**
 * In place of object groups: calls that are answered when the test says so, or at once where the method is `now`. Whatever is called is kept.
 */
import type { Caller, Context, Machine, Operation, Outcome } from '../../../../src/log/machine.ts'

interface Waiting {
  readonly caller: Caller
  readonly number: number
}

export class DeferredGroups implements Machine {
  readonly name = 'group'
  readonly operations = { 'group.call': 82 }
  readonly calls: (readonly unknown[])[]
  waiting: Waiting[] = []

  /** `calls`: those made before, where this one goes on. */
  constructor(calls: (readonly unknown[])[] = []) {
    this.calls = calls
  }

  apply({ caller, number, args }: Operation, context: Context): void {
    this.calls.push(args)
    if (args[2] === 'now') context.reply(caller, number, { value: args[3] })
    else this.waiting.push({ caller, number })
  }

  answer(index: number, outcome: Outcome, context: Context): void {
    const [waiting] = this.waiting.splice(index, 1)
    if (waiting !== undefined) context.reply(waiting.caller, waiting.number, outcome)
  }

  expire(): void {}

  ended(caller: Caller): void {
    this.waiting = this.waiting.filter((each) => each.caller.kind !== caller.kind || idOf(each.caller) !== idOf(caller))
  }

  withdraw(caller: Caller, number: number): boolean {
    const before = this.waiting.length
    this.waiting = this.waiting.filter((each) => each.number !== number || idOf(each.caller) !== idOf(caller))
    return this.waiting.length < before
  }

  query(): undefined {
    return undefined
  }

  snapshot(): Iterable<unknown> {
    return [this.waiting.map(({ caller, number }) => ({ caller: { ...caller }, number }))]
  }

  restore(part: unknown): void {
    this.waiting = part as Waiting[]
  }
}

function idOf(caller: Caller): number {
  return caller.kind === 'gateway' ? 0 : caller.id
}
