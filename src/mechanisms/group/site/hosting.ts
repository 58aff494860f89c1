/**
 * Hosts members of groups in this process: joins the site, builds and executes what it is given, and joins again, as somebody
 * new, when its connection has ended.
 *
 * What a host knows it has heard before it was durable, and whoever replaces it builds its members anew from the log. So when the connection
 * ends, everything here is thrown away; joining again is the same as joining for the first time (rule 7).
 *
 * Boundary: one connection at a time; the user's classes are executed by `hosted-member.ts`, and the machine says which of them.
 *   G1  Nothing is sent while a note is being heard: a note comes in the middle of an operation that is being applied.
 *   G2  Notes of an older connection reach nobody.
 */
import type { Clock } from '../../../clock.ts'
import { PerdureError } from '../../../errors.ts'
import type { Connection } from '../../../log/connection.ts'
import { failureOf } from '../../../log/outcome.ts'
import type { SiteLink } from '../../../log/site.ts'
import { Rejoining } from '../../../support/rejoining.ts'
import type { HostNote } from '../machine/protocol.ts'
import type { VariantClass } from '../strategy.ts'
import { HostedMember, type MemberPort } from './hosted-member.ts'

/** By the name under which groups ask for them. */
export type HostedClasses = ReadonlyMap<string, VariantClass>

/** A host of members as the program that started it sees it. */
export class MemberNode {
  readonly #rejoining: Rejoining<MemberHost>

  constructor(link: SiteLink, name: string, classes: HostedClasses) {
    const { clock, hear, pid } = link
    this.#rejoining = new Rejoining(link, {
      label: `members ${name}`,
      begin: (connection) => new MemberHost(connection, clock, name, classes),
      enter: (host) => host.enlist(clock.randomId()),
      gone: (reason) => hear({ event: 'exit', name, pid, reason }),
    })
  }

  /** Rejects with `PERDURE_E_NODE_TAKEN`. */
  join(): Promise<void> {
    return this.#rejoining.join()
  }

  /** Its members go on elsewhere, or wait for somebody who has their class. */
  close(): void {
    this.#rejoining.close()
  }
}

/** What one connection hosts. */
export class MemberHost {
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #name: string
  readonly #classes: HostedClasses
  readonly #groups = new Map<number, Map<string, HostedMember>>()
  readonly #awake = new Set<HostedMember>()
  #hopping = false
  #over = false

  constructor(connection: Connection, clock: Clock, name: string, classes: HostedClasses) {
    this.#connection = connection
    this.#clock = clock
    this.#name = name
    this.#classes = classes
  }

  /** Makes the host known to the site; members may come before that. */
  async enlist(boot: string): Promise<void> {
    await this.#connection.client.issue('group.enlist', [this.#name, boot, [...this.#classes.keys()]])
  }

  note(body: readonly unknown[]): void {
    if (this.#over) return
    const note = body as HostNote
    switch (note[0]) {
      case 'group.place':
        return this.#place(note)
      case 'group.run': {
        const [, group, member, epoch, call, attempt, method, args, role, wantHash, choices] = note
        const hosted = this.#find(group, member, epoch)
        hosted?.run({ call, attempt, method, args, role, wantHash, choices })
        return this.#wake(hosted)
      }
      case 'group.end': {
        const [, group, call, chosen, state] = note
        for (const hosted of this.#groups.get(group)?.values() ?? []) {
          hosted.end(call, chosen, state)
          this.#wake(hosted)
        }
        return
      }
      case 'group.drop':
        return this.#drop(note[1], note[2])
      case 'group.donate': {
        const [, group, member, epoch, afterCall] = note
        const hosted = this.#find(group, member, epoch)
        hosted?.donate(afterCall)
        this.#wake(hosted)
      }
    }
  }

  destroy(): void {
    this.#over = true
    for (const members of this.#groups.values()) for (const hosted of members.values()) hosted.destroy()
    this.#groups.clear()
    this.#awake.clear()
  }

  #place([, group, member, epoch, label, args, mode, base, calls]: HostNote & readonly ['group.place', ...unknown[]]): void {
    this.#drop(group, member)
    const variant = this.#classes.get(label)
    if (variant === undefined) return
    const hosted = new HostedMember(variant, { member, epoch, args, mode, base, calls }, this.#port(group, member, epoch))
    const members = this.#groups.get(group) ?? new Map<string, HostedMember>()
    members.set(member, hosted)
    this.#groups.set(group, members)
    this.#wake(hosted)
  }

  #drop(group: number, member: string): void {
    const members = this.#groups.get(group)
    const hosted = members?.get(member)
    if (hosted === undefined) return
    hosted.destroy()
    this.#awake.delete(hosted)
    members?.delete(member)
    if (members?.size === 0) this.#groups.delete(group)
  }

  #find(group: number, member: string, epoch: number): HostedMember | undefined {
    const hosted = this.#groups.get(group)?.get(member)
    return hosted?.epoch === epoch ? hosted : undefined
  }

  /** In a turn of its own (G1); all that are to be woken share one. */
  #wake(hosted: HostedMember | undefined): void {
    if (hosted === undefined) return
    this.#awake.add(hosted)
    if (this.#hopping) return
    this.#hopping = true
    this.#clock.hop(() => {
      this.#hopping = false
      const awake = [...this.#awake]
      this.#awake.clear()
      for (const member of awake) member.pump()
    })
  }

  #port(group: number, member: string, epoch: number): MemberPort {
    const { client } = this.#connection
    // What is refused comes from a member that has been replaced meanwhile, or from a connection that has ended: it is gone.
    const say = (name: string, args: readonly unknown[]) => void client.issue(name, args).catch(() => undefined)
    return {
      clock: this.#clock,
      ready: (failure) => say('group.ready', [group, member, epoch, failure]),
      cast: ({ call, attempt }, { kind, answer, ms, extra }) => {
        const about = [call, member, epoch, attempt] as const
        client.issue('group.ballot', [...about, kind, answer, ms, extra]).catch((error: unknown) => {
          // Too deep, or too large together with what travels around it.
          if (PerdureError.is(error, 'PERDURE_E_VALUE'))
            say('group.ballot', [...about, 'error', { error: failureOf(error) }, ms, {}])
        })
      },
      choose: (call, n, value) => client.issue('group.choice', [call, member, epoch, n, value]),
      donate: (afterCall, state) => say('group.state', [group, member, epoch, afterCall, state]),
    }
  }
}
