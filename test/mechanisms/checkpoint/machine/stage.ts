/**
 * A site with the machine of checkpoint groups, simulated proxies, and the truth: who has sent, been given and saved what, kept by the
 * proxies' own word, and judged by brute force that shares no code with the machine. Members ask real spaces, and groups that answer when
 * the test says so.
 */
import type { Fault } from '../../../../src/fault.ts'
import type { Caller, Machine, Outcome } from '../../../../src/log/machine.ts'
import { CheckpointMachine } from '../../../../src/mechanisms/checkpoint/machine/machine.ts'
import type { GroupProtocol, LagPolicy, ProxyNote } from '../../../../src/mechanisms/checkpoint/machine/protocol.ts'
import type { ListedCheckpointGroup, ListedCheckpointMember } from '../../../../src/mechanisms/checkpoint/machine/queries.ts'
import { SpaceMachine } from '../../../../src/mechanisms/space/machine/machine.ts'
import { encodeTemplate } from '../../../../src/support/template.ts'
import { MachineDriver, session } from '../../machine-driver.ts'
import { DeferredGroups } from './deferred-groups.ts'
import { SimulatedProxy } from './simulated-proxy.ts'
import { type Heard, Truth } from './truth.ts'

/** Lags in which nobody is asked, unless a test wants it. */
const NEVER: LagPolicy = { undoneMs: 1e9, undoneMessages: 1e9, logBytes: 1e9 }

export class GroupStage {
  readonly name = 'g'
  readonly protocol: GroupProtocol
  readonly truth: Truth = new Truth()
  readonly faults: Omit<Fault, 'atMs'>[] = []
  readonly outs: unknown[][] = []
  /** What a space says to tuples. */
  refusal: string | undefined
  readonly proxies: SimulatedProxy[] = []
  driver: MachineDriver
  #sessions = 100
  readonly #numbers = new Map<number, number>()
  readonly #waiting = new Map<string, Heard>()
  #replies = 0
  #notes = 0
  #changes = 0
  /** Names of members without a proxy. */
  readonly #down = new Set<string>()

  constructor(protocol: GroupProtocol = 'exact', lag: Partial<LagPolicy> = {}) {
    this.protocol = protocol
    this.driver = new MachineDriver([this.#machine(), newSpaces(), new DeferredGroups()])
    this.issue(1, 'checkpoint.found', [this.name, { protocol, lag: { ...NEVER, ...lag } }])
  }

  #machine(): CheckpointMachine {
    return new CheckpointMachine({
      report: (fault) => {
        this.faults.push(fault)
        if (DOWN.includes(fault.code)) this.#down.add(fault.entity.name.slice(this.name.length + 1))
      },
      out: (out) => {
        this.outs.push([...out])
        return this.refusal === undefined ? undefined : { name: 'Error', message: this.refusal }
      },
    })
  }

  get machine(): Machine {
    return this.driver.machines[0]!
  }

  get groups(): DeferredGroups {
    return this.driver.machines[2] as DeferredGroups
  }

  /** The group answers the call that has waited for longest, or this one. */
  answerCall(outcome: Outcome, index = 0): void {
    this.driver.entry(this.groups, (context) => this.groups.answer(index, outcome, context))
    this.#distribute()
  }

  /** Tuples in a space. */
  tuples(space: string): unknown[] {
    return (this.ask('space.copyCollect', space, encodeTemplate([String, Number]), {}) as unknown[]) ?? []
  }

  /** Proxies for these new members, all of which have saved what their factory made. */
  members(...names: string[]): SimulatedProxy[] {
    const members = names.map((name) => this.join(name))
    this.settle()
    return members
  }

  join(name: string, on?: number): SimulatedProxy {
    const proxy = new SimulatedProxy(this, name, on ?? this.#sessions++)
    this.proxies.push(proxy)
    return proxy.join(() => this.#down.delete(name))
  }

  issue(from: number, name: string, args: readonly unknown[], heard: Heard = () => undefined): Outcome | undefined {
    const number = (this.#numbers.get(from) ?? 0) + 1
    this.#numbers.set(from, number)
    let outcome: Outcome | undefined
    this.#waiting.set(`${from} ${number}`, (answer) => {
      outcome = answer
      heard(answer)
    })
    this.driver.apply(session(from), number, name, ...args)
    this.#distribute()
    return outcome
  }

  /** What a plain client asks, and is answered at once. */
  ask(name: string, ...args: readonly unknown[]): unknown {
    const outcome = this.issue(1, name, args)
    if (outcome === undefined) return undefined
    return 'value' in outcome ? outcome.value : outcome.error.code
  }

  /** What a plain client asks, and is answered later: read `.value`. */
  begin(name: string, ...args: readonly unknown[]): { value: unknown } {
    const answer: { value: unknown } = { value: undefined }
    this.issue(1, name, args, (outcome) => {
      answer.value = 'value' in outcome ? outcome.value : outcome.error.code
    })
    return answer
  }

  /** A recovery in which these members have failed, whatever else; their proxies halt at once. */
  recover(...names: string[]): { value: unknown } {
    for (const name of names) this.truth.failed.add(this.memberPlace(name))
    const answer = this.begin('checkpoint.recover', this.name, names)
    for (const proxy of this.proxies) if (names.includes(proxy.name) && proxy.state === 'working') proxy.haltNow()
    return answer
  }

  end(from: number): void {
    for (const proxy of this.proxies) if (proxy.session === from) proxy.state = 'dead'
    this.driver.ended(session(from), 'lost')
    this.#distribute()
  }

  reopen(): void {
    for (const proxy of this.proxies) proxy.state = 'dead'
    this.driver.entry(this.machine, (context) => context.reopened())
    this.#distribute()
  }

  /** As the log does it: in a record of its own. */
  advance(ms: number): void {
    this.driver.position += 1
    this.driver.advance(ms)
    this.#distribute()
  }

  withdraw(caller: Caller, number: number): boolean {
    return this.driver.withdraw(caller, number)
  }

  /** From here on, with a machine that was made from a snapshot of the one before. */
  restore(): readonly [before: unknown, after: unknown] {
    const before = [...this.machine.snapshot()]
    const driver = this.driver.restored([this.#machine(), newSpaces(), new DeferredGroups(this.groups.calls)])
    driver.position = this.driver.position
    this.driver = driver
    this.#replies = 0
    this.#notes = 0
    this.#changes = 0
    return [before, [...this.machine.snapshot()]]
  }

  /** Everybody reads and delivers until there is nothing left to do. */
  settle(): void {
    for (let busy = true; busy; ) {
      busy = false
      for (const proxy of this.proxies) {
        while (proxy.read() || proxy.deliver()) busy = true
      }
    }
  }

  placeOf(name: string): number {
    return this.proxies.findLast((proxy) => proxy.name === name && proxy.place >= 0)?.place ?? 0
  }

  /** Members that there are, by the machine. */
  listed(): readonly (ListedCheckpointMember & { readonly wedged: boolean })[] {
    const { members } = this.query('group', this.name) as ListedCheckpointGroup
    return members.map((member) => ({ ...member, wedged: member.status === 'wedged' }))
  }

  /** -1: there is no such member. */
  memberPlace(name: string): number {
    return this.listed().find((member) => member.name === name)?.place ?? -1
  }

  query(question: string, ...args: readonly unknown[]): unknown {
    return this.machine.query(question, args)
  }

  #distribute(): void {
    const { replies, notes, changes } = this.driver
    while (this.#changes < changes.length) {
      const { kind, value } = changes[this.#changes++]!
      if (kind === 'line') this.#wentBack(value as Line)
    }
    while (this.#notes < notes.length) {
      const { session: to, body } = notes[this.#notes++]!
      const note = body as unknown as ProxyNote
      // The members of one session are told apart by their place; one that joins does not know it yet.
      const proxy = this.proxies.findLast((each) => each.session === to && (each.place === note[2] || each.place < 0))
      proxy?.notes.push(note)
    }
    while (this.#replies < replies.length) {
      const { caller, number, outcome } = replies[this.#replies++]!
      const key = caller.kind === 'session' ? `${caller.id} ${number}` : ''
      const heard = this.#waiting.get(key)
      this.#waiting.delete(key)
      heard?.(outcome)
    }
  }

  /** Everybody without a proxy has failed too. Who joins in the same entry is told so after it. */
  #wentBack({ line, epoch }: Line): void {
    const places: (number | 'current')[] = this.proxies.map(() => 'current')
    for (const { name, place } of this.listed()) {
      places[place] = line[name] ?? 'current'
      if (this.#down.has(name)) this.truth.failed.add(place)
    }
    this.truth.wentBack(places, epoch)
  }
}

function newSpaces(): SpaceMachine {
  return new SpaceMachine({ start: () => undefined })
}

const DOWN: readonly string[] = ['crashed', 'suspected', 'wedged']

interface Line {
  readonly line: Record<string, number | 'current'>
  readonly epoch: number
}
