/**
 * What people and programs may ask about checkpoint groups; answers are values of the domain.
 *
 * Boundary: reads the state, changes nothing.
 */
import type { TraceEvent } from '../trace.ts'
import { type Group, type GroupsState, intervalOf, isNew, type Member } from './state.ts'
import { bySendings } from './trace-view.ts'

/** On one page: it is made in one turn, and fits a frame. */
const MAX_LISTED = 256

/** Events on one page, where pages are asked for: they fit a frame. */
const MAX_EVENTS = 4_096

export interface ListedCheckpointMember {
  readonly name: string
  readonly place: number
  readonly status: 'joining' | 'working' | 'halting' | 'lost' | 'wedged'
  /** Of its last checkpoint; null: it has saved nothing yet. */
  readonly index: number | null
  /** Of the checkpoint behind which it will never go. */
  readonly floor: number | null
  /** Messages that it has not been given yet, as far as is known. */
  readonly waiting: number
  /** Messages kept, those it would be given again among them, and their bytes. */
  readonly kept: number
  readonly bytes: number
  /** Outputs that wait for the line of all, and for the object. */
  readonly outputs: number
  readonly released: number
  /** Asked of spaces and groups and not answered, and tuples taken that may have to go back. */
  readonly requests: number
  readonly held: number
  readonly reason: string | null
}

export interface ListedCheckpointGroup {
  readonly id: number
  readonly name: string
  readonly protocol: string
  readonly epoch: number
  readonly members: readonly ListedCheckpointMember[]
  readonly recovering: boolean
}

export interface CountedCheckpointGroup {
  readonly name: string
  readonly protocol: string
  readonly epoch: number
  /** How many. */
  readonly members: number
  /** How many of them have no proxy. */
  readonly lost: number
}

export interface CheckpointGroupsPage {
  /** In the order in which they were made. */
  readonly groups: readonly CountedCheckpointGroup[]
  /** To be asked for the next page; null when this is the last. */
  readonly next: number | null
}

export interface TracePage {
  readonly objects: readonly string[]
  readonly events: readonly TraceEvent[]
  /** To be asked for the next page; null when this is the last. */
  readonly next: number | null
}

/**
 * `groups`, [from]: a page of them, 0 for the first. `group`, [name]. `trace`, [name]: all of it, or [name, from]: a page.
 * Null where there is no such group; `undefined` for a question nobody knows.
 */
export function ask(state: GroupsState, question: string, args: readonly unknown[]): unknown {
  if (question === 'groups') return page(state, Number(args[0] ?? 0))
  if (question !== 'group' && question !== 'trace') return undefined
  const group = state.byName.get(String(args[0]))
  if (group === undefined) return null
  return question === 'group' ? listed(group) : trace(group, args[1])
}

function page(state: GroupsState, from: number): CheckpointGroupsPage {
  const groups: CountedCheckpointGroup[] = []
  for (const { id, name, epoch, spec, byName } of state.groups.values()) {
    if (id < from) continue
    if (groups.length === MAX_LISTED) return { groups, next: id }
    const lost = [...byName.values()].filter(({ session }) => session === null).length
    groups.push({ name, protocol: spec.protocol, epoch, members: byName.size, lost })
  }
  return { groups, next: null }
}

function listed(group: Group): ListedCheckpointGroup {
  const { id, name, epoch, spec, byName, recovery } = group
  const members = [...byName.values()].map(listedMember)
  return { id, name, protocol: spec.protocol, epoch, members, recovering: recovery !== null }
}

function listedMember(member: Member): ListedCheckpointMember {
  const { name, place, mailbox, checkpoints, outputs, released, requests, held, wedged } = member
  return {
    ...{ name, place },
    status: statusOf(member),
    index: isNew(member) ? null : intervalOf(member),
    floor: checkpoints[0]?.index ?? null,
    waiting: mailbox.length - mailbox.heard,
    kept: mailbox.length,
    bytes: mailbox.bytes,
    outputs: outputs.length,
    released: released.length,
    requests: requests.size,
    held: held.length,
    reason: wedged,
  }
}

function statusOf(member: Member): ListedCheckpointMember['status'] {
  if (member.wedged !== null) return 'wedged'
  if (member.session === null) return 'lost'
  if (member.group.recovery !== null) return 'halting'
  return isNew(member) ? 'joining' : 'working'
}

function trace(group: Group, from: unknown): TracePage {
  const objects = [...group.byName.keys()]
  const events = bySendings(group)
  if (from === undefined || from === null) return { objects, events: [...events], next: null }
  const first = Number(from)
  const all = [...events]
  const last = first + MAX_EVENTS
  return { objects, events: all.slice(first, last), next: last < all.length ? last : null }
}
