/**
 * A checkpoint group as a program sees it: objects that save at their own pace, and go back together, as far as they must, when one fails.
 *
 *     const bank = await checkpointGroup(site, 'bank')
 *     const a = await bank.join('a', (self) => new Account(self))
 *     await a.send('b', { transfer: 5 })
 *
 * Boundary: the public calls. The members of this program are in `member.ts`, the group itself is on the log.
 */
import { PerdureError } from '../../../errors.ts'
import { decode } from '../../../log/codec/codec.ts'
import type { Site } from '../../../log/site.ts'
import { checkName } from '../../../support/definition.ts'
import { publishFaultsOf } from '../../../support/fault-channel.ts'
import { referCheckpointGroup } from '../../../support/reference.ts'
import type { Line } from '../line.ts'
import type { Snapshot } from '../machine/protocol.ts'
import type { Trace, TraceEvent } from '../trace.ts'
import { hostingOf, type MemberHosting } from './hosting.ts'
import { JoinedMember, type Member, messageOf, receiverOf } from './member.ts'
import type { ObjectFactory } from './member-object.ts'
import type { Recipe } from './recipe.ts'
import { currentCall } from './scope.ts'
import { type CheckpointGroupOptions, specificationOf, usage } from './specification.ts'
import { stateInSnapshot } from './states.ts'
import { type WaitOptions, within } from './waiting.ts'

/** As long as one turn of a run may take: an object that needs longer hangs. */
const MAX_TURN_MS = 30_000

/** Of who sends from outside the group, and is never undone. */
const OUTSIDE = '@outside'

export interface JoinOptions extends WaitOptions {
  /** What one call of the object, `receive` or `save`, may take in milliseconds before it counts as hung. Default 30,000. */
  readonly maxTurnMs?: number
}

/** The state of all members at one moment, and what was on its way between them. */
export interface GroupSnapshot {
  /** By member: what its `save` returned. */
  readonly states: Readonly<Record<string, unknown>>
  readonly channels: readonly { readonly from: string; readonly to: string; readonly messages: readonly unknown[] }[]
}

interface TracePage extends Trace {
  readonly next: number | null
}

export interface CheckpointGroup {
  readonly name: string
  /**
   * Makes a member of this name, or takes over one that nobody has at present: its recovery. Resolves when its object is built, has its
   * state, and was given the messages that were there for it. Errors: `PERDURE_E_MEMBER_TAKEN` while another program has it,
   * `_WEDGED` when its objects break again and again, `_UNKNOWN_GROUP`, `_NAME`, `_USAGE`.
   */
  join<S = unknown>(name: string, factory: ObjectFactory<S>, options?: JoinOptions): Promise<Member>
  /** A message from outside, which is never undone. Resolves with its id when it is durable. Errors: `PERDURE_E_UNKNOWN_MEMBER`, `_BUSY`, `_VALUE`. */
  send(to: string, message: unknown, options?: WaitOptions): Promise<number>
  /** Throws away the state of these members: the group goes back to its recovery line, which this resolves with. */
  recover(members: readonly string[], options?: WaitOptions): Promise<Line>
  /** Where `recover` would lead to now; nothing happens. */
  recoveryLine(members: readonly string[], options?: WaitOptions): Promise<Line>
  /** A consistent picture of the group, for inspection (Chandy and Lamport 1985). Members without a program are not in it. */
  snapshot(options?: WaitOptions): Promise<GroupSnapshot>
  /** What has happened since the line that nobody goes back behind; the members here say first how far they are. */
  trace(): Promise<Trace>
  /** Ends the group, for all programs. */
  delete(options?: WaitOptions): Promise<void>
}

/** Makes the group of this name, or finds it. Errors: `PERDURE_E_KEY_TAKEN` for one with other options, `_NAME`, `_USAGE`. */
export async function checkpointGroup(site: Site, name: string, options: CheckpointGroupOptions = {}): Promise<CheckpointGroup> {
  checkName(name, 'a checkpoint group')
  const spec = specificationOf(options)
  await site.issuer.issue('checkpoint.found', [name, spec])
  const group = new SiteCheckpointGroup(site, name, spec.protocol)
  referCheckpointGroup(group, name)
  publishFaultsOf(site.link, name)
  return group
}

class SiteCheckpointGroup implements CheckpointGroup {
  readonly name: string
  readonly #site: Site
  readonly #protocol: Recipe['protocol']
  readonly #hosting: MemberHosting

  constructor(site: Site, name: string, protocol: Recipe['protocol']) {
    this.name = name
    this.#site = site
    this.#protocol = protocol
    this.#hosting = hostingOf(site.link)
  }

  async join<S>(name: string, factory: ObjectFactory<S>, options: JoinOptions = {}): Promise<Member> {
    checkName(name, 'a member')
    const { maxTurnMs = MAX_TURN_MS } = options
    if (typeof factory !== 'function')
      throw usage(
        `join('${name}', …) was given no factory: expected a function that makes the object, as in join('${name}', () => new Account()).`,
      )
    if (!(Number.isFinite(maxTurnMs) && maxTurnMs > 0))
      throw usage(`maxTurnMs of join('${name}', …) is ${String(maxTurnMs)}: expected milliseconds above 0.`)
    const recipe: Recipe = {
      group: this.name,
      member: name,
      protocol: this.#protocol,
      factory: factory as ObjectFactory,
      maxTurnMs,
    }
    const member = new JoinedMember(recipe, this.#hosting)
    try {
      await this.#within(`join('${name}')`, options, () => this.#hosting.join(member))
    } catch (error) {
      await member.close().catch(() => undefined)
      throw error
    }
    return member
  }

  async send(to: string, message: unknown, options: WaitOptions = {}): Promise<number> {
    if (currentCall() !== undefined) {
      const text = `An object of a member used the handle of the group ${this.name} to send: nobody could undo that. Use self.send, or self.output for what goes to the outside.`
      throw new PerdureError('PERDURE_E_USAGE', text)
    }
    return (await this.#issue('send', 'checkpoint.post', [receiverOf(to), OUTSIDE, messageOf(message)], options)) as number
  }

  async recover(members: readonly string[], options: WaitOptions = {}): Promise<Line> {
    return (await this.#issue('recover', 'checkpoint.recover', [namesOf(members)], options)) as Line
  }

  async recoveryLine(members: readonly string[], options: WaitOptions = {}): Promise<Line> {
    return (await this.#issue('recoveryLine', 'checkpoint.line', [namesOf(members)], options)) as Line
  }

  async snapshot(options: WaitOptions = {}): Promise<GroupSnapshot> {
    if (currentCall()?.open)
      throw usage('snapshot() was called inside a receive: it waits for the state of all members, and so for itself.')
    const { states, channels } = (await this.#issue('snapshot', 'checkpoint.snapshot', [], options)) as Snapshot
    const { blobs } = this.#site.link.main
    const shown = Object.entries(states).map(async ([name, state]) => [name, await stateInSnapshot(state, blobs)] as const)
    return {
      states: Object.fromEntries(await Promise.all(shown)),
      channels: channels.map(({ from, to, messages }) => ({ from, to, messages: messages.map(decode) })),
    }
  }

  async trace(): Promise<Trace> {
    await this.#hosting.tell(this.name)
    const events: TraceEvent[] = []
    for (let from = 0; ; ) {
      const page = (await this.#site.link.main.query('checkpoint', 'trace', [this.name, from])) as TracePage | null
      if (page === null) throw unknownGroup(this.name)
      events.push(...page.events)
      if (page.next === null) return { objects: page.objects, events }
      from = page.next
    }
  }

  async delete(options: WaitOptions = {}): Promise<void> {
    await this.#issue('delete', 'checkpoint.delete', [], options)
  }

  #issue(what: string, operation: string, args: readonly unknown[], options: WaitOptions): Promise<unknown> {
    const { issuer } = this.#site
    return this.#within(what, options, (signal) => issuer.issue(operation, [this.name, ...args], { signal }))
  }

  #within<T>(what: string, options: WaitOptions, act: (signal?: AbortSignal) => Promise<T>): Promise<T> {
    if (options.signal === undefined && options.timeoutMs === undefined) return act()
    return within(this.#site.link.clock, `${what} of the group ${this.name}`, options, act)
  }
}

function namesOf(members: unknown): readonly string[] {
  if (Array.isArray(members) && members.every((name) => typeof name === 'string')) return members
  throw usage('The failed members were given as something else than an array of names: expected one, as in recover(["b"]).')
}

function unknownGroup(name: string): PerdureError {
  const text = `There is no checkpoint group ${name}. Make it with checkpointGroup(site, '${name}').`
  return new PerdureError('PERDURE_E_UNKNOWN_GROUP', text)
}
