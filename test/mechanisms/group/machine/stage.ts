/**
 * A group machine with everything around it that talks to it: hosts whose members are real objects, callers, time.
 *
 * A host does what the notes tell it, member by member, in order, when the test lets it. So a test can stop between any two steps: a
 * ballot is cast only when its host is let go on.
 */
import type { Fault } from '../../../../src/fault.ts'
import { copyValue } from '../../../../src/log/codec/codec.ts'
import type { Caller, Failure, Machine, Outcome } from '../../../../src/log/machine.ts'
import { stateDigest } from '../../../../src/mechanisms/group/machine/digest.ts'
import { GroupMachine } from '../../../../src/mechanisms/group/machine/machine.ts'
import type {
  BallotExtra,
  BufferedOut,
  FrontNote,
  GroupSpec,
  HostNote,
  ListedGroup,
} from '../../../../src/mechanisms/group/machine/protocol.ts'
import type { Ports } from '../../../../src/mechanisms/group/machine/world.ts'
import { MachineDriver, type Reply, session } from '../../machine-driver.ts'

export const NAME = 'sums'
export const KEY = 'one'

/** Something with a state: `add` and `get`; what else it can do is in the tests that need it. */
export interface Sum {
  total: number
  log: unknown[]
}

/** How an object executes a method: returns a value or throws; may make choices, and put things out. */
export type Behaviour = (state: Sum, method: string, args: readonly unknown[], at: At) => unknown

export interface At {
  readonly call: number
  readonly member: string
  choose(make: () => unknown): unknown
  out(out: BufferedOut): void
}

export const plain: Behaviour = (state, method, args, at) => {
  switch (method) {
    case 'add':
      state.total += Number(args[0])
      state.log.push(args[0])
      return state.total
    case 'get':
      return state.total
    case 'pick': {
      const value = at.choose(() => `${at.member}'s`)
      state.log.push(value)
      return value
    }
    case 'put':
      at.out(['box', ['put', args[0]]])
      state.total += 1
      return state.total
    default:
      throw new Error(`no method ${method}`)
  }
}

export function spec(given: Partial<GroupSpec> = {}): GroupSpec {
  return {
    style: 'active',
    args: [],
    members: ['a', 'b', 'c'].map((id) => ({ id, label: 'Sum', node: null })),
    state: 'own',
    agree: 1,
    timeoutMs: null,
    memberMs: 1_000,
    hashEvery: 0,
    suspicion: { faults: 3, calls: 10, shadowCalls: 2, ejectMs: 500 },
    minimum: 1,
    ...given,
  }
}

interface Body {
  readonly epoch: number
  state: Sum
}

/** One session that hosts members. */
export class HostActor {
  readonly session: number
  readonly node: string
  readonly #stage: GroupStage
  readonly bodies: Map<string, Body> = new Map()
  /** Notes that it has not acted upon. */
  todo: HostNote[] = []
  /** Of all members here. */
  behaviour: Behaviour = plain
  /** Does nothing. */
  hung = false
  /** Its objects have no `[checkpoint]`. */
  stateless = false
  #number = 0
  /** What it was told to execute, as `member:call:role`. */
  readonly executed: string[] = []
  readonly replies: Reply[] = []

  constructor(stage: GroupStage, id: number, node: string) {
    this.#stage = stage
    this.session = id
    this.node = node
  }

  get caller(): Caller {
    return session(this.session)
  }

  issue(name: string, ...args: readonly unknown[]): Outcome | undefined {
    this.#number += 1
    const number = this.#number
    const replies = this.#stage.apply(this.caller, number, name, ...args)
    return replies.find(({ caller, number: n }) => caller.kind === 'session' && caller.id === this.session && n === number)
      ?.outcome
  }

  enlist(labels: readonly string[] = ['Sum']): Outcome | undefined {
    return this.issue('group.enlist', this.node, `boot-${this.session}`, labels)
  }

  /** Does everything that it has been told, and what comes of it. */
  work(steps: number = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < steps; i++) {
      if (this.hung) return
      const note = this.todo.shift()
      if (note === undefined) return
      this.#act(note)
    }
  }

  #act(note: HostNote): void {
    switch (note[0]) {
      case 'group.place': {
        const [, group, member, epoch, , , , base, calls] = note
        const body: Body = { epoch, state: base === null ? { total: 0, log: [] } : (copyValue(base.state) as Sum) }
        this.bodies.set(member, body)
        for (const [call, method, args, choices] of calls) {
          this.executed.push(`${member}:${call}:past`)
          this.#execute(body, member, call, method, args, [...choices])
        }
        this.issue('group.ready', group, member, epoch, null)
        return
      }
      case 'group.run':
        return this.#run(note)
      case 'group.end': {
        const [, , , chosen, state] = note
        for (const [id, body] of this.bodies) {
          if (state !== null && !(id === chosen && this.#stage.spec.style === 'passive')) body.state = copyValue(state[0]) as Sum
        }
        return
      }
      case 'group.drop':
        this.bodies.delete(note[2])
        return
      case 'group.donate': {
        const [, group, member, epoch, afterCall] = note
        const body = this.bodies.get(member)
        if (body?.epoch !== epoch) return
        const none: Failure = { name: 'Error', message: 'no state to be had' }
        this.issue('group.state', group, member, epoch, afterCall, this.stateless ? { error: none } : { value: body.state })
      }
    }
  }

  #run([, group, member, epoch, call, attempt, method, args, role, wantHash, choices]: HostNote & { 0: 'group.run' }): void {
    const body = this.bodies.get(member)
    if (body?.epoch !== epoch) return
    this.executed.push(`${member}:${call}:${role}`)
    const isCommon = this.#stage.spec.state === 'common' && role !== 'primary'
    const copy = isCommon ? { ...body, state: copyValue(body.state) } : body
    const before = isCommon ? copyValue(body.state) : undefined
    const made = [...choices]
    const outs: BufferedOut[] = []
    const answer = this.#execute(copy, member, call, method, args, made, { role, epoch, outs })
    if (role === 'replay') return
    const extra: BallotExtra = {
      ...(wantHash && !this.stateless && { hash: stateDigest(copy.state) }),
      ...((isCommon || role === 'primary') && { after: copyValue(copy.state) }),
      ...(isCommon && { before }),
      ...(outs.length > 0 && { outs }),
    }
    const kind = 'value' in answer ? 'value' : 'exception'
    void group
    this.issue('group.ballot', call, member, epoch, attempt, kind, answer, 1, extra)
  }

  #execute(
    body: Body,
    member: string,
    call: number,
    method: string,
    args: readonly unknown[],
    choices: unknown[],
    live?: { role: string; epoch: number; outs: BufferedOut[] },
  ): Outcome {
    let n = 0
    const at: At = {
      call,
      member,
      choose: (make) => {
        const index = n
        n += 1
        if (index < choices.length) return choices[index]
        if (live?.role !== 'leader') return make()
        const told = this.issue('group.choice', call, member, live.epoch, index, make())
        return told !== undefined && 'value' in told ? told.value : undefined
      },
      out: (out) => live?.outs.push(out),
    }
    try {
      return { value: this.behaviour(body.state, method, copyValue(args), at) }
    } catch (error) {
      return { error: { name: 'Error', message: (error as Error).message } }
    }
  }
}

export function makeMachine(ports: Ports): Machine {
  return new GroupMachine(ports)
}

export class GroupStage {
  readonly spec: GroupSpec
  driver: MachineDriver
  readonly faults: Omit<Fault, 'atMs'>[] = []
  readonly outs: BufferedOut[] = []
  readonly hosts: HostActor[] = []
  /** Notes to sessions that are no host, by session. */
  readonly fronts: Map<number, FrontNote[]> = new Map()
  /** Answers to calls, by the number of the call's caller. */
  readonly answers: Map<string, Outcome> = new Map()
  /** Every view there was, with the position at which it was seen first. */
  readonly views: { readonly id: number; readonly position: number; readonly seenAt: number }[] = []
  refuseOuts: Failure | undefined
  group = 0
  #nextSession = 100
  #numbers = new Map<number, number>()

  readonly #make: typeof makeMachine

  /** Another way to make the machine plants a bug in it. */
  constructor(given: Partial<GroupSpec> = {}, make: typeof makeMachine = makeMachine) {
    this.spec = spec(given)
    this.#make = make
    this.driver = new MachineDriver([this.machine()])
  }

  /** A fresh one with the ports of this stage. */
  machine(): Machine {
    return this.#make({
      report: (fault) => {
        this.faults.push(fault)
        if (fault.code === 'view-changed') this.#sawView(Number(fault.data?.view), this.driver.position)
      },
      out: (out) => {
        if (this.refuseOuts === undefined) this.outs.push(out)
        return this.refuseOuts
      },
    })
  }

  /** Founded by session 1, with one host for each name, all members active. */
  static ready(given: Partial<GroupSpec> = {}, nodes: readonly string[] = ['n1', 'n2', 'n3']): GroupStage {
    const stage = new GroupStage(given)
    for (const node of nodes) stage.join(node)
    stage.found()
    stage.work()
    return stage
  }

  join(node: string): HostActor {
    const host = new HostActor(this, this.#nextSession, node)
    this.#nextSession += 1
    this.hosts.push(host)
    host.enlist()
    return host
  }

  found(by = 1): Outcome | undefined {
    const founded = this.issue(by, 'group.found', NAME, KEY, this.spec)
    if (founded !== undefined && 'value' in founded) this.group = (founded.value as { group: number }).group
    return founded
  }

  /** An operation of a plain session, with its next number; its answer, if there is one at once. */
  issue(by: number, name: string, ...args: readonly unknown[]): Outcome | undefined {
    const number = (this.#numbers.get(by) ?? 0) + 1
    this.#numbers.set(by, number)
    this.apply(session(by), number, name, ...args)
    return this.answers.get(`session:${by}:${number}`)
  }

  /** A call; returns the name under which its answer will be found. */
  call(method: string, args: readonly unknown[] = [], timeoutMs: number | null = null, by = 1): string {
    this.issue(by, 'group.call', NAME, KEY, method, args, timeoutMs)
    return `session:${by}:${this.#numbers.get(by)}`
  }

  /** What a call has come to; undefined while it is not decided. */
  answer(call: string): unknown {
    const outcome = this.answers.get(call)
    if (outcome === undefined) return undefined
    return 'value' in outcome ? outcome.value : (outcome.error.code ?? outcome.error.message)
  }

  apply(caller: Caller, number: number, name: string, ...args: readonly unknown[]): readonly Reply[] {
    return this.#took(this.driver.apply(caller, number, name, ...args))
  }

  advance(ms: number): void {
    this.#took(this.driver.advance(ms))
  }

  /** A session is over: a host with its members, a front, a caller. */
  end(id: number): void {
    const at = this.hosts.findIndex((host) => host.session === id)
    if (at >= 0) this.hosts.splice(at, 1)
    this.#took(this.driver.ended(session(id), 'lost'))
  }

  /** Goes on with a machine that was restored from a snapshot of the one before; returns the parts of both. */
  restore(): readonly [before: unknown[], after: unknown[]] {
    const before = [...(this.driver.machines[0] as Machine).snapshot()]
    this.driver = this.driver.restored([this.machine()])
    return [before, [...(this.driver.machines[0] as Machine).snapshot()]]
  }

  /** Everything that was connected is gone; the log is not. */
  reopen(): void {
    const machine = this.driver.machines[0] as Machine
    const sessions = this.hosts.splice(0).map(({ session: id }) => id)
    this.#took(this.driver.entry(machine, (context) => machine.reopened?.(context)))
    for (const id of sessions) this.#took(this.driver.ended(session(id), 'lost'))
  }

  /** All hosts do all that they have been told, until there is nothing left to do. */
  work(): void {
    while (this.hosts.some(({ todo, hung }) => todo.length > 0 && !hung)) for (const host of [...this.hosts]) host.work()
  }

  host(node: string): HostActor {
    const found = this.hosts.find((host) => host.node === node)
    if (found === undefined) throw new Error(`no host ${node}`)
    return found
  }

  /** The host that has this member. */
  hostOf(member: string): HostActor {
    const on = this.view().members.find(({ id }) => id === member)?.host
    return this.host(on ?? 'nowhere')
  }

  view(): ListedGroup {
    return this.driver.machines[0]?.query('view', [NAME, KEY]) as ListedGroup
  }

  /** Ids of the members with this status. */
  those(status: string): string[] {
    return this.view().members.flatMap((member) => (member.status === status ? [member.id] : []))
  }

  /** Codes of the faults so far. */
  codes(): string[] {
    return this.faults.map(({ code }) => code)
  }

  #took(replies: readonly Reply[]): readonly Reply[] {
    for (const { caller, number, outcome } of replies) {
      if (caller.kind !== 'gateway') this.answers.set(`${caller.kind}:${caller.id}:${number}`, outcome)
    }
    const view = this.view() as ListedGroup | null
    if (view !== null) this.#sawView(view.id, view.position)
    for (const { session: to, body } of this.driver.notes.splice(0)) this.#deliver(to, copyValue(body))
    return replies
  }

  /** An entry may make several: one member leaves, another is called up. */
  #sawView(id: number, position: number): void {
    if (id !== this.views.at(-1)?.id) this.views.push({ id, position, seenAt: this.driver.position })
  }

  #deliver(to: number, body: readonly unknown[]): void {
    const host = this.hosts.find(({ session: id }) => id === to)
    if (host !== undefined) host.todo.push(body as HostNote)
    else this.fronts.set(to, [...(this.fronts.get(to) ?? []), body as FrontNote])
  }
}
