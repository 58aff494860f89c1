/**
 * A service that answers when the test says so: for what a real one does only in moments that no test can wait for.
 *
 * Operations are written down in the order in which they are issued; notes and durability come from the test.
 */
import { systemClock } from '../../../../src/clock.ts'
import { decode, encode } from '../../../../src/log/codec/codec.ts'
import type { Connection } from '../../../../src/log/connection.ts'
import type { Grant, GroupProtocol, Mail, ProxyNote } from '../../../../src/mechanisms/checkpoint/machine/protocol.ts'
import type { Incarnation } from '../../../../src/mechanisms/checkpoint/site/incarnation.ts'
import type { JoinedMember } from '../../../../src/mechanisms/checkpoint/site/member.ts'
import type { CheckpointedObject, ObjectFactory, Self } from '../../../../src/mechanisms/checkpoint/site/member-object.ts'
import { MemberProxy, type ProxyOwner } from '../../../../src/mechanisms/checkpoint/site/proxy.ts'

const GROUP = 1
const PLACE = 0

export interface ScriptedOptions {
  readonly protocol?: GroupProtocol
  readonly grant?: Partial<Grant>
  readonly maxTurnMs?: number
  /** Who has joined; by default only the service looks. */
  readonly member?: JoinedMember
}

interface Issued {
  readonly name: string
  readonly args: readonly unknown[]
  answer(value: unknown): void
}

export class ScriptedService {
  readonly issued: Issued[] = []
  readonly warnings: string[] = []
  arrivals = 0
  over: string | undefined
  readonly proxy: MemberProxy
  #durable = 0
  #position = 100
  self: Self | undefined
  incarnation: Incarnation | undefined

  constructor(
    factory: ObjectFactory,
    { protocol = 'exact' as GroupProtocol, grant = {}, maxTurnMs = 30_000, member }: ScriptedOptions = {},
  ) {
    const service = this
    const connection = {
      get durablePosition() {
        return service.#durable
      },
      blobs: { put: () => Promise.reject(new Error('no blobs')), get: () => Promise.reject(new Error('no blobs')) },
      client: {
        issue: (name: string, args: readonly unknown[]) =>
          new Promise((answer) => this.issued.push({ name: name.slice('checkpoint.'.length), args, answer })),
      },
    } as unknown as Connection
    const owner: ProxyOwner = member ?? {
      recipe: { group: 'g', member: 'a', protocol, factory, maxTurnMs },
      selfOf: (incarnation) => service.#selfOf(incarnation),
      began: () => undefined,
      arrived: () => {
        this.arrivals += 1
      },
      over: (why) => {
        this.over = why
      },
      warn: (text) => void this.warnings.push(text),
    }
    this.proxy = new MemberProxy({ connection, clock: systemClock, logId: 'log' }, owner, { ...NEW, ...grant })
  }

  /** What was issued, as name and what follows the member. */
  get said(): readonly (readonly unknown[])[] {
    return this.issued.map(({ name, args }) => [name, ...args.slice(2)])
  }

  /** The last operation of this name is answered. */
  async answer(name: string, value: unknown): Promise<void> {
    const issued = this.issued.findLast((each) => each.name === name)
    if (issued === undefined) throw new Error(`nobody has said ${name}: ${this.issued.map((each) => each.name).join(', ')}`)
    issued.answer(value)
    await turns()
  }

  /** Notes that come in one piece, as over a socket. */
  async note(...notes: readonly (readonly [name: string, ...rest: readonly unknown[]])[]): Promise<void> {
    for (const [name, ...rest] of notes) {
      this.#position += 1
      this.proxy.note([`checkpoint.${name}`, GROUP, PLACE, ...rest] as unknown as ProxyNote, this.#position)
    }
    await turns()
  }

  async durable(position: number): Promise<void> {
    this.#durable = position
    this.proxy.durable()
    await turns()
  }

  #selfOf(incarnation: Incarnation): Self {
    const self = {
      name: 'a',
      signal: incarnation.signal,
      send: (to: string, message: unknown) => incarnation.send(to, encode(message)),
      checkpoint: () => incarnation.checkpoint(),
      output: (payload: unknown) => incarnation.issue('checkpoint.output', [['output', encode(payload)]]) as Promise<number>,
      space: notHere,
      call: notHere,
    }
    this.self = self
    this.incarnation = incarnation
    return self
  }
}

function notHere(): never {
  throw new Error('not in these tests')
}

const NEW: Grant = {
  group: GROUP,
  place: PLACE,
  epoch: 3,
  position: 100,
  index: 4,
  state: { kind: 'inline', bytes: encode('state 4') },
  rule: null,
  delivered: 10,
  replayTo: 10,
  names: ['a', 'b', 'c'],
}

/** A message of b, of its interval `index`. */
export function mailOf(position: number, message: unknown, index = 0, from = 1): Mail {
  return [position, from, from < 0 ? '@outside' : 'b', index, encode(message), null]
}

/** Everything that can happen now has happened. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => systemClock.hop(resolve))
}

/** Writes down what is done with it. */
export class Diary implements CheckpointedObject {
  readonly lines: unknown[]
  readonly self: Self
  sends = false

  constructor(self: Self, lines: unknown[]) {
    this.self = self
    this.lines = lines
  }

  save(): unknown {
    this.lines.push('save')
    return this.lines.length
  }

  restore(state: unknown): void {
    this.lines.push(`restore ${String(state)}`)
  }

  receive(message: unknown): void | Promise<void> {
    this.lines.push(message)
  }

  output(payload: unknown): void {
    this.lines.push(`output ${String(payload)}`)
  }
}

export function sentBy(service: ScriptedService): readonly unknown[] {
  return service.issued.filter(({ name }) => name === 'send').map(({ args }) => decode(args[6] as Uint8Array))
}
