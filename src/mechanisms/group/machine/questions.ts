/**
 * What people and programs may ask about groups; answers are values of the domain.
 *
 * Boundary: reads the state, changes nothing.
 */
import type { ListedGroup, ListedMember } from './protocol.ts'
import type { Group, GroupsState, Member } from './state.ts'

/** On one page. With 64 members each, it fits a frame. */
const MAX_LISTED = 50

export interface GroupPage {
  readonly groups: readonly ListedGroup[]
  /** To be asked for the next page; null when this is the last. */
  readonly next: number | null
}

export interface ListedHost {
  readonly node: string
  readonly session: number
  readonly labels: readonly string[]
  readonly members: number
}

/** `undefined` for a question nobody knows. */
export function ask(state: GroupsState, question: string, args: readonly unknown[]): unknown {
  switch (question) {
    case 'view': {
      const group = state.find(args[0], args[1])
      return group === undefined ? null : listed(state, group)
    }
    case 'groups':
      return page(state, Number(args[0] ?? 0))
    case 'hosts':
      return [...state.hosts.values()].map(
        ({ node, session, labels, members }): ListedHost => ({ node, session, labels: [...labels], members }),
      )
  }
  return undefined
}

/** Those with an id above `after`, in the order in which they were founded. */
function page(state: GroupsState, after: number): GroupPage {
  const groups: ListedGroup[] = []
  for (const group of state.groups.values()) {
    if (group.id <= after) continue
    if (groups.length === MAX_LISTED) return { groups, next: groups.at(-1)?.group ?? null }
    groups.push(listed(state, group))
  }
  return { groups, next: null }
}

function listed(state: GroupsState, group: Group): ListedGroup {
  const { id, name, key, spec, view, acting, members, open, decided, diverged } = group
  return {
    group: id,
    name,
    key,
    style: spec.style,
    id: view.id,
    position: view.position,
    acting: acting ?? null,
    members: members.map((member) => listedMember(state, member)),
    open,
    calls: decided,
    refusing: diverged ?? null,
  }
}

function listedMember(state: GroupsState, { id, label, node, status, host, epoch, record }: Member): ListedMember {
  const { faults, suspensions } = record
  const on = host === undefined ? null : (state.hosts.get(host)?.node ?? null)
  return { id, label, node, status, host: on, epoch, faults, suspensions }
}
