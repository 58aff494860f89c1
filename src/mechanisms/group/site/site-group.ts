/**
 * A group in a site, as the program that asked for it holds it: calls are operations, answers come from the log.
 *
 * The group itself is on the log: it was there before this program, and is there when it has ended. Whoever uses the same name and key
 * holds the same group.
 *
 * Boundary: the public calls. The members live in hosts (`hosting.ts`); who decides is the machine, or a front (`front.ts`).
 *   S1  A call is an operation of this program's session: it takes effect once, also over a broken connection and a new owner.
 */
import { PerdureError } from '../../../errors.ts'
import type { Site } from '../../../log/site.ts'
import { checkName } from '../../../support/definition.ts'
import { publishFaultsOf } from '../../../support/fault-channel.ts'
import type { Metaobject } from '../../../support/interception.ts'
import type { GroupReference } from '../../../support/reference.ts'
import type { Verdict } from '../ballot.ts'
import { withoutSignal } from '../caller-signal.ts'
import type { GroupMember } from '../enrolment.ts'
import type { ListedGroup, ListedMember, MemberSpec } from '../machine/protocol.ts'
import { groupName } from '../machine/world.ts'
import type { View } from '../membership.ts'
import type { GroupHandle } from '../object-group.ts'
import { Counts, type Finished, outcomesOf, verdictOf } from '../record.ts'
import { redecide } from '../redecide.ts'
import type { Placed, Strategy, VariantClass } from '../strategy.ts'
import { usage } from '../strategy-options.ts'
import type { NamedVariant } from '../variants.ts'
import { type Conducted, type Front, frontOf } from './front.ts'
import { type SiteGroupOptions, specificationOf } from './specification.ts'

/** Bytes of UTF-8, as of the keys of runs: a key is an index, not a document. */
const MAX_KEY_BYTES = 256

export interface SiteGroupParts extends SiteGroupOptions {
  readonly site: Site
  readonly name: string
  readonly key: string
  /** Of every member's constructor, when the group is made. */
  readonly args: readonly unknown[]
  readonly strategy: Strategy
  readonly variants: readonly NamedVariant[]
  readonly onVerdict?: ((verdict: Verdict) => void) | undefined
}

/** A member of a variant class that lives on the node of this name: its class is given to that node's `host`. */
export function on<C extends VariantClass>(node: string, variant: C): { readonly node: string; readonly variant: C } {
  checkName(node, 'a node')
  if (typeof variant !== 'function')
    throw usage(`on("${node}", …) was given no class: expected one, as in on("${node}", ArrayStack).`)
  return { node, variant }
}

/** Makes the group of this name and key, or finds it. Errors: `PERDURE_E_KEY_TAKEN`, `_NAME`, `_STATE`, `_USAGE`. */
export async function siteGroup(parts: SiteGroupParts): Promise<SiteGroup> {
  const { site, strategy, variants, args, key } = parts
  const name = checkName(parts.name, 'a group')
  if (typeof key !== 'string' || key === '' || Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw usage(`The key of a group of ${name} must be a text of 1 to ${MAX_KEY_BYTES} bytes, as in create({ key: 'main' }).`)
  const spec = specificationOf(strategy, variants, args, parts)
  const group = new SiteGroup(parts)
  publishFaultsOf(site.link, groupName(group.reference))
  if (spec.style === 'vote') {
    const conducted: Conducted = { name, key, spec, strategy, hear: (call) => group.hear(call) }
    group.conductedBy(frontOf(site.link), conducted)
    await frontOf(site.link).found(conducted)
  } else await site.issuer.issue('group.found', [name, key, spec])
  return group
}

export class SiteGroup implements Metaobject {
  readonly reference: GroupReference
  readonly handle: GroupHandle
  /** Members live elsewhere: only calls reach them. */
  readonly primary: undefined = undefined
  readonly #site: Site
  readonly #onVerdict: ((verdict: Verdict) => void) | undefined
  /** Of calls that were conducted in this program. */
  readonly #counts = new Counts()
  #strategy: Strategy
  #conducting: { readonly front: Front; readonly group: Conducted } | undefined
  #isClosed = false

  constructor({ site, name, key, strategy, onVerdict }: SiteGroupParts) {
    this.#site = site
    this.#strategy = strategy
    this.#onVerdict = onVerdict
    this.reference = { name, key }
    this.handle = this.#makeHandle()
  }

  conductedBy(front: Front, group: Conducted): void {
    this.#conducting = { front, group }
  }

  call(method: string, args: readonly unknown[]): Promise<unknown> {
    const { name, key } = this.reference
    if (this.#isClosed) return Promise.reject(closed(name))
    const { signal, rest } = withoutSignal(args)
    return this.#site.issuer.issue('group.call', [name, key, method, rest, null], { signal })
  }

  /** A call that was conducted here is over. */
  hear(call: Finished): void {
    const outcomes = outcomesOf(call)
    this.#counts.add(call, outcomes)
    try {
      this.#onVerdict?.(verdictOf(call, outcomes, this.#site.link.clock.wallMs()))
    } catch {
      // A listener's error has nowhere to go: the call it is about is over.
    }
  }

  #makeHandle(): GroupHandle {
    const { name, key } = this.reference
    const group = this
    const issue = (operation: string, ...args: readonly unknown[]) =>
      this.#site.issuer.issue(`group.${operation}`, [name, key, ...args])
    return {
      get view() {
        return group.#listed().then(viewOf)
      },
      get members() {
        return group.#listed().then(({ members }) => members.map(shown))
      },
      get counts() {
        const { calls, masked, failed, members, pairs } = group.#counts
        return { calls, masked, failed, members, pairs }
      },
      add: (id, member) => issue('add', memberSpec(id, member)),
      remove: (id) => issue('remove', id),
      suspend: (id) => issue('suspend', id),
      promote: (id) => issue('promote', id),
      setAdjudicator: (adjudicator) => {
        if (this.#strategy.judgedBy === undefined)
          throw usage(`${this.#strategy.kind} has no adjudicator that could be replaced.`)
        this.#strategy = this.#strategy.judgedBy(adjudicator)
        if (this.#conducting !== undefined) this.#conducting.group.strategy = this.#strategy
      },
      replay: (verdict) => redecide(this.#strategy, verdict),
      close: async () => {
        if (this.#isClosed) return
        this.#isClosed = true
        this.#conducting?.front.forget({ name, key })
        await issue('close')
      },
    }
  }

  async #listed(): Promise<ListedGroup> {
    const { name, key } = this.reference
    const listed = (await this.#site.link.main.query('group', 'view', [name, key])) as ListedGroup | null
    if (listed === null) throw closed(name)
    return listed
  }
}

function viewOf({ id, position, members }: ListedGroup): View {
  return { id, position, members: members.filter(({ status }) => status === 'active').map((member) => member.id) }
}

function shown({ id, status, faults, suspensions }: ListedMember): GroupMember {
  return { id, status: status as GroupMember['status'], faults, suspensions }
}

function memberSpec(id: string, member: object): MemberSpec {
  const { node, variant } = 'node' in member ? (member as Placed) : { node: null, variant: member as VariantClass }
  if (typeof variant !== 'function' || variant.name === '')
    throw usage(`The member ${id} of a group in a site is a class with a name, or on("node", Class): hosts make the objects.`)
  return { id, label: variant.name, node }
}

function closed(name: string): PerdureError {
  return new PerdureError('PERDURE_E_CLOSED', `The group ${name} is closed, or was never made. Make it with create({ key }).`)
}
