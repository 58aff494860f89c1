/** The real machine and the naive one, fed alike. Operations are numbered in one sequence for all callers. */
import { Ref } from '../../../src/mechanisms/space/group.ts'
import { SpaceMachine } from '../../../src/mechanisms/space/machine/machine.ts'
import type { Indexing } from '../../../src/mechanisms/space/machine/tuple-class.ts'
import { encodeTemplate } from '../../../src/support/template.ts'
import { MachineDriver, type Reply, session } from '../machine-driver.ts'
import type { Numbered, Step } from './model-steps.ts'
import { type Answer, NaiveSpaces, TIMED_OUT } from './naive-space.ts'

interface NaivePlaceholder {
  readonly id: number
  readonly space: string
  readonly tuple: unknown[]
  readonly pending: number[]
}

const WAITS = Symbol('waits')
const DEFINITION = { definition: 'd', layer: 'journal', retainMs: 0, maxTurnMs: 1 }

export class Pair {
  machine: SpaceMachine
  readonly #indexing: Indexing
  readonly #model = new NaiveSpaces()
  readonly #placeholders: NaivePlaceholder[] = []
  /** Ids of holds as the machine gives them; the naive spaces count. */
  readonly #holdIds: number[] = []
  #driver: MachineDriver
  /** The hold that both are to end. */
  #ending = 0
  #realNumber = 0
  #naiveNumber = 0

  constructor(indexing: Indexing) {
    this.#indexing = indexing
    this.machine = this.#fresh()
    this.#driver = new MachineDriver([this.machine])
  }

  real(who: number, what: Step): unknown {
    if (what.kind === 'advance') return this.#answers(this.#driver.advance(what.ms))
    if (what.kind === 'ended') return this.#answers(this.#driver.ended(session(what.caller), what.how))
    if (what.kind === 'restart') return this.#restart()
    if (what.kind === 'withdraw') return this.#withdraw(what.which)
    if (what.kind === 'complete') return this.#complete(what.which, what.failed)
    if (what.kind === 'ack' || what.kind === 'release') this.#ending = this.#chosenHold(what.which)
    this.#realNumber += 1
    return this.#answers(this.#driver.apply(session(who), this.#realNumber, ...this.#operation(what)))
  }

  naive(who: number, what: Step): unknown {
    const model = this.#model
    model.answers = []
    if (what.kind === 'restart') return 'restarted'
    if (what.kind === 'withdraw') return this.#naiveWithdraw(what.which)
    if (what.kind === 'ended') model.ended(what.caller, what.how)
    else if (what.kind === 'complete') this.#naiveComplete(what.which, what.failed)
    else if (what.kind === 'advance') model.advance(what.ms)
    else {
      this.#naiveNumber += 1
      const answer = this.#naiveOperation(who, what)
      if (answer !== WAITS) model.answers.push([who, this.#naiveNumber, answer])
      model.settle()
    }
    return model.answers
  }

  /** The answer to the operation itself, unless it waits. */
  #naiveOperation(who: number, what: Numbered): unknown {
    const model = this.#model
    const { space } = what
    const waiting = { caller: who, number: this.#naiveNumber, space }
    switch (what.kind) {
      case 'out':
        return model.out(space, what.tuple, what.leaseMs, what.notBeforeMs)
      case 'eval':
        return this.#naiveEval(what)
      case 'ask':
        if (what.mode === 'count') return model.count(space, what.template)
        return model.ask(what.mode === 'inp' ? 'in' : 'rd', { ...waiting, template: what.template, hold: what.hold })
      case 'collect':
      case 'copyCollect':
        return model.collect(space, what.template, what.limit, {
          ...(what.into !== undefined && { into: what.into }),
          copy: what.kind === 'copyCollect',
        })
      case 'ack':
      case 'release':
        return model.endHold(what.kind, space, this.#ending)
      case 'failure':
        return model.promise(who, space, what.tuple)
      case 'quota':
        if (what.quota === null) model.quotas.delete(space)
        else model.quotas.set(space, what.quota)
        return undefined
      case 'wait':
      case 'atomic': {
        const deadlineMs = model.wallMs + (what.timeoutMs ?? Number.POSITIVE_INFINITY)
        const asked =
          what.kind === 'atomic'
            ? { mode: 'atomic' as const, template: [], elements: what.elements }
            : { mode: what.mode, template: what.template, hold: what.hold }
        const before = model.waiters.length
        const answer = model.wait({ ...waiting, ...asked, deadlineMs })
        return model.waiters.length > before ? WAITS : answer
      }
    }
  }

  realTuples(): unknown {
    const { tuples } = this.machine.query('tuples', []) as { tuples: { space: string; tuple: unknown[] }[] }
    return tuples.map(({ space, tuple }) => ({ space, tuple }))
  }

  naiveTuples(): unknown {
    return this.#model.tuples.map(({ space, tuple }) => ({ space, tuple }))
  }

  realWaiting(): unknown {
    const { waiting } = this.machine.query('waiting', []) as { waiting: { number: number }[] }
    return waiting.map(({ number }) => number)
  }

  naiveWaiting(): unknown {
    return this.#model.waiters.map(({ number }) => number)
  }

  realHolds(): unknown {
    const { holds } = this.machine.query('holds', []) as {
      holds: { id: number; space: string; deliveries: number; holder: { id: number }; tuple: unknown[] }[]
    }
    return holds.map(({ id, space, deliveries, holder, tuple }) => {
      return { id: this.#holdIds.indexOf(id) + 1, space, deliveries, holder: holder.id, tuple }
    })
  }

  naiveHolds(): unknown {
    return this.#model.held.map(({ id, space, deliveries, holder, tuple }) => ({ id, space, deliveries, holder, tuple }))
  }

  #fresh(): SpaceMachine {
    return new SpaceMachine({ start: () => undefined }, this.#indexing)
  }

  #restart(): string {
    this.machine = this.#fresh()
    this.#driver = this.#driver.restored([this.machine])
    return 'restarted'
  }

  /** One of those who wait, if anybody does. */
  #chosenWaiter(which: number): { caller: number; number: number } {
    return this.#model.waiters[which % Math.max(1, this.#model.waiters.length)] ?? { caller: 1, number: 999 }
  }

  /** As the naive spaces count them; mostly one that is held. */
  #chosenHold(which: number): number {
    return which === 9 ? this.#holdIds.length : (this.#model.held[which % Math.max(1, this.#model.held.length)]?.id ?? 1)
  }

  #withdraw(which: number): boolean {
    const { caller, number } = this.#chosenWaiter(which)
    return this.#driver.withdraw(session(caller), number)
  }

  #naiveWithdraw(which: number): boolean {
    const { caller, number } = this.#chosenWaiter(which)
    return this.#model.withdraw(caller, number)
  }

  #naiveEval({ space, tuple, fields: wanted }: Extract<Step, { kind: 'eval' }>): unknown {
    const pending = wanted.filter((field) => field < tuple.length)
    if (pending.length === 0) return this.#model.out(space, tuple)
    if (!this.#model.canPut(space)) return 'PERDURE_E_QUOTA'
    this.#model.absent.push(space)
    this.#placeholders.push({ id: this.#driver.position, space, tuple: [...tuple], pending: [...pending] })
    return undefined
  }

  #complete(which: number, failed: boolean): unknown {
    const chosen = this.#placeholders[which % Math.max(1, this.#placeholders.length)]
    if (chosen === undefined) return []
    const outcome = failed ? { error: { name: 'Error', message: 'no' } } : { value: which % 3 }
    const field = chosen.pending[0] as number
    return this.#answers(this.#driver.entry(this.machine, (context) => this.machine.complete(chosen.id, field, outcome, context)))
  }

  #naiveComplete(which: number, failed: boolean): void {
    const index = which % Math.max(1, this.#placeholders.length)
    const chosen = this.#placeholders[index]
    if (chosen === undefined) return
    chosen.tuple[chosen.pending.shift() as number] = failed ? { code: 'Error', message: 'no' } : which % 3
    if (chosen.pending.length > 0) return
    this.#placeholders.splice(index, 1)
    this.#model.present(chosen.space)
    const { space, tuple } = chosen
    this.#model.appear({ space, tuple, expiresMs: Number.POSITIVE_INFINITY, deliveries: 0 })
  }

  #operation(what: Numbered): [name: string, ...args: unknown[]] {
    const { space } = what
    switch (what.kind) {
      case 'out': {
        const { tuple, leaseMs, notBeforeMs } = what
        const options = leaseMs === undefined && notBeforeMs === undefined ? [] : [given({ leaseMs, notBeforeMs })]
        return ['space.out', space, tuple, ...options]
      }
      case 'ask':
        return [`space.${what.mode}`, space, encodeTemplate(what.template), ...(what.hold ? [{ hold: what.hold }] : [])]
      case 'eval': {
        const fields = what.fields.filter((field) => field < what.tuple.length)
        return ['space.eval', space, what.tuple, fields.map((field) => [field, DEFINITION, []])]
      }
      case 'wait': {
        const { mode, template, timeoutMs, hold } = what
        return [`space.${mode}`, space, encodeTemplate(template), given({ timeoutMs, hold })]
      }
      case 'collect':
      case 'copyCollect':
        return [`space.${what.kind}`, space, encodeTemplate(what.template), given({ limit: what.limit, into: what.into })]
      case 'ack':
      case 'release':
        return [`space.${what.kind}`, space, this.#holdIds[this.#ending - 1] ?? 123_456]
      case 'failure':
        return ['space.failure', space, what.tuple]
      case 'quota':
        return ['space.quota', space, what.quota]
      case 'atomic':
        return ['space.atomic', space, what.elements.map(encodedElement), given({ timeoutMs: what.timeoutMs })]
    }
  }

  #answers(replies: readonly Reply[]): Answer[] {
    return replies.map(({ caller: to, number, outcome }) => {
      const id = to.kind === 'session' ? to.id : 0
      if ('value' in outcome) return [id, number, this.#counted(outcome.value)]
      const { code } = outcome.error
      return [id, number, code === 'PERDURE_E_TIMEOUT' ? TIMED_OUT : code]
    })
  }

  /** Holds are named by their count. */
  #counted(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || !('deliveries' in value)) return value
    this.#holdIds.push((value as unknown as { id: number }).id)
    return { ...value, id: this.#holdIds.length }
  }
}

function encodedElement(element: object): unknown {
  const [[mode, fields]] = Object.entries(element) as [[string, unknown[]]]
  const references = fields.flatMap((field, i) => (field instanceof Ref ? [[i, field.element, field.field]] : []))
  const plain = fields.map((field) => (field instanceof Ref ? null : field))
  return [mode, mode === 'out' ? plain : encodeTemplate(plain), references]
}

function given(options: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
