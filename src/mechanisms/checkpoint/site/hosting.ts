/**
 * The members of this program in one site: one connection for all of them, and another one when it has ended.
 *
 * What a proxy knows it has heard before it was durable, so with the connection all objects here are thrown away; members join again
 * by themselves, which is their recovery (rule 7).
 *
 * Boundary: connections, and who of the members gets which note; what a note means is `proxy.ts`.
 *   H1  Notes come before the answer to the join they follow; they are kept until it is there.
 *   H2  What was noted before a grant concerns an earlier proxy of the same member, and reaches nobody.
 */
import type { Clock } from '../../../clock.ts'
import { PerdureError } from '../../../errors.ts'
import { REATTACH_MS } from '../../../log/attachments.ts'
import type { Connection } from '../../../log/connection.ts'
import type { SiteLink } from '../../../log/site.ts'
import { type Part, Rejoining } from '../../../support/rejoining.ts'
import type { Grant, ProxyNote } from '../machine/protocol.ts'
import type { JoinedMember, MemberHome } from './member.ts'
import { MemberProxy } from './proxy.ts'
import { outside } from './scope.ts'

/** Between two tries to join again a member whose last proxy the service still believes in. */
const PAUSE_MS = 200

/** One for all groups of a site in this program. */
export function hostingOf(link: SiteLink): MemberHosting {
  let hosting = HOSTINGS.get(link)
  if (hosting === undefined) {
    hosting = new MemberHosting(link)
    HOSTINGS.set(link, hosting)
  }
  return hosting
}

const HOSTINGS = new WeakMap<SiteLink, MemberHosting>()

export class MemberHosting implements MemberHome {
  readonly clock: Clock
  readonly #link: SiteLink
  readonly #members = new Set<JoinedMember>()
  readonly #rejoining: Rejoining<MemberHost>
  #host: MemberHost | undefined

  constructor(link: SiteLink) {
    this.clock = link.clock
    this.#link = link
    this.#rejoining = new Rejoining(link, {
      label: 'checkpoint members',
      begin: (connection) => {
        this.#host = new MemberHost(connection, link)
        return this.#host
      },
      enter: async (host) => this.#members.forEach((member) => void host.take(member)),
      gone: (reason) =>
        this.#endAll(new PerdureError('PERDURE_E_SESSION_LOST', `The members of this program are lost: ${reason}.`)),
    })
    link.beforeClose(async () => {
      this.#endAll(new PerdureError('PERDURE_E_CLOSED', 'The site is closed, and with it its members. Open it again to go on.'))
      this.#rejoining.close()
    })
  }

  /** Resolves when the member's object has been given everything that was there for it. */
  async join(member: JoinedMember): Promise<void> {
    const arrived = member.whenArrived()
    this.#members.add(member)
    this.#rejoining
      .patiently(async (host) => host.take(member))
      .catch((error: Error) => {
        member.end(error)
        this.#members.delete(member)
      })
    try {
      await arrived
    } catch (error) {
      this.#members.delete(member)
      throw error
    }
  }

  /** All members of this group here say how far they are; resolves when the service knows. */
  async tell(group: string): Promise<void> {
    const here = [...this.#members].filter((member) => member.recipe.group === group)
    await Promise.all(here.map((member) => member.tell()))
  }

  again(member: JoinedMember): void {
    this.#host?.forget(member)?.destroy(GIVEN_UP_ON)
    this.#host?.take(member)
  }

  async close(member: JoinedMember): Promise<void> {
    this.#members.delete(member)
    await this.#host?.close(member)
  }

  warn(member: JoinedMember, text: string): void {
    const name = `${member.recipe.group}/${member.name}`
    this.#link.hear({ event: 'warning', name, text: `member ${name}: ${text}` })
  }

  #endAll(error: PerdureError): void {
    for (const member of this.#members) member.end(error)
    this.#members.clear()
  }
}

const GIVEN_UP_ON = new PerdureError(
  'PERDURE_E_REVOKED',
  'The service has given up on this object of the member, and the member joins again.',
)

const GIVEN_UP = new PerdureError('PERDURE_E_ABORTED', 'The join was given up.')

/** A member whose grant is on its way. */
interface Joining {
  giveUp(): void
  /** Resolves when it has a proxy, or has none. */
  readonly seated: Promise<void>
}

/** What one connection hosts. */
class MemberHost implements Part {
  readonly #connection: Connection
  readonly #link: SiteLink
  readonly #proxies = new Map<number, Map<number, MemberProxy>>()
  readonly #taken = new Map<JoinedMember, MemberProxy | Joining>()
  /** Notes for those whose grant is still on its way. */
  #early: { readonly note: ProxyNote; readonly position: number }[] = []
  #joining = 0
  #over = false
  #hopping = false

  constructor(connection: Connection, link: SiteLink) {
    this.#connection = connection
    this.#link = link
  }

  note(body: readonly unknown[], position: number): void {
    const note = body as ProxyNote
    const proxy = this.#proxies.get(note[1])?.get(note[2])
    if (proxy !== undefined) proxy.note(note, position)
    else if (this.#joining > 0) this.#early.push({ note, position })
  }

  durable(): void {
    if (this.#hopping || this.#over) return
    this.#hopping = true
    this.#link.clock.hop(() => {
      this.#hopping = false
      for (const proxies of this.#proxies.values()) for (const proxy of proxies.values()) proxy.durable()
    })
  }

  destroy(): void {
    if (this.#over) return
    this.#over = true
    const reason = new PerdureError(
      'PERDURE_E_REVOKED',
      'The connection to the site is over, and with it this object of the member.',
    )
    const proxies = [...this.#proxies.values()].flatMap((each) => [...each.values()])
    this.#proxies.clear()
    // A connection may end in the middle of an operation.
    for (const proxy of proxies) proxy.retire()
    this.#link.clock.hop(() => outside(() => proxies.forEach((proxy) => void proxy.destroy(reason))))
  }

  /** Joins the member over this connection, if it does not yet. Whatever comes of it, the member hears of. */
  take(member: JoinedMember): void {
    if (this.#over || this.#taken.has(member)) return
    const controller = new AbortController()
    this.#joining += 1
    const seated = this.#granted(member, controller.signal)
      .then(
        (grant) => this.#seat(member, grant),
        (error: Error) => {
          this.#taken.delete(member)
          if (!this.#over) member.end(error)
        },
      )
      .finally(() => {
        this.#joining -= 1
        if (this.#joining === 0) this.#early = []
      })
    this.#taken.set(member, { giveUp: () => controller.abort(GIVEN_UP), seated })
  }

  /** Nothing reaches the member over this connection any more. */
  forget(member: JoinedMember): MemberProxy | undefined {
    const taken = this.#taken.get(member)
    this.#taken.delete(member)
    if (!(taken instanceof MemberProxy)) return undefined
    this.#proxies.get(taken.group)?.delete(taken.place)
    return taken
  }

  /** Resolves when the member has no proxy here any more. */
  async close(member: JoinedMember): Promise<void> {
    const taken = this.#taken.get(member)
    const proxy = this.forget(member)
    if (taken !== undefined && 'giveUp' in taken) {
      taken.giveUp()
      await taken.seated
    }
    // Over a connection that has ended the member is dead anyway.
    await proxy?.close().catch(() => undefined)
  }

  async #granted(member: JoinedMember, signal: AbortSignal): Promise<Grant> {
    const { clock } = this.#link
    const { group } = member.recipe
    const sinceMs = clock.monotonicMs()
    for (;;) {
      try {
        return (await this.#connection.client.issue('checkpoint.join', [group, member.name], { signal })) as Grant
      } catch (error) {
        const believed = PerdureError.is(error, 'PERDURE_E_MEMBER_TAKEN') && member.hasArrived
        if (this.#over || !believed || clock.monotonicMs() - sinceMs > REATTACH_MS) throw error
      }
      await new Promise<void>((resolve) => void clock.after(PAUSE_MS, resolve))
    }
  }

  async #seat(member: JoinedMember, grant: Grant): Promise<void> {
    if (this.#over) return
    const site = { connection: this.#connection, clock: this.#link.clock, logId: this.#link.logId }
    const proxy = new MemberProxy(site, member, grant)
    if (member.ended !== undefined || !this.#taken.has(member)) return proxy.close().catch(() => undefined)
    this.#taken.set(member, proxy)
    const proxies = this.#proxies.get(grant.group) ?? new Map<number, MemberProxy>()
    proxies.set(grant.place, proxy)
    this.#proxies.set(grant.group, proxies)
    const mine = ({ note }: { readonly note: ProxyNote }) => note[1] === grant.group && note[2] === grant.place
    const early = this.#early.filter(mine)
    this.#early = this.#early.filter((each) => !mine(each))
    for (const { note, position } of early) if (position >= grant.position) proxy.note(note, position)
  }
}
