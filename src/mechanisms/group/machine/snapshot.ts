/**
 * The state of the groups as parts of a snapshot, and back.
 *
 * Values of users are in it as bytes: nothing is shared with the machine, and no depth is added to deep values.
 *
 * Boundary: data to data. Equal states give equal parts. Suspects and groups that are still to be looked at are no state: there are none
 * between two entries.
 */
import { invariant } from '../../../errors.ts'
import { decode, encode } from '../../../log/codec/codec.ts'
import { inParts } from '../../../log/machine.ts'
import type { MemberRecord, View } from '../membership.ts'
import type { Base, GroupSpec, RecordedBallot } from './protocol.ts'
import {
  type Call,
  type Decided,
  type Donation,
  type Group,
  type GroupsState,
  type Member,
  newCall,
  newGroup,
  type Start,
  type Waiter,
} from './state.ts'
import type { Due, IsWanted, SavedLane } from './timers.ts'

export function* snapshotOf(state: GroupsState, isWanted: IsWanted): Generator<Part> {
  const { nextGroup, nextCall, timers } = state
  yield ['state', { nextGroup, nextCall, nextToken: timers.nextToken }]
  for (const { session, node, boot, labels, members } of state.hosts.values()) {
    yield ['host', { session, node, boot, labels: [...labels].sort(), members }]
  }
  for (const group of state.groups.values()) {
    yield ['group', savedGroup(group)]
    yield* inParts('calls', savedCalls(group), group.id) as Generator<Part>
    // Members that execute side by side finish in another order than they began: the history has its own.
    yield* inParts('order', group.history.keys(), group.id) as Generator<Part>
  }
  for (const lane of timers.saved(isWanted)) {
    const { dues, ...rest } = lane
    yield ['lane', { ...rest, dues: [] }]
    yield* inParts('dues', dues, lane.token) as Generator<Part>
  }
}

/** Parts come in the order in which `snapshotOf` gives them. */
export function restoreInto(state: GroupsState, part: unknown): void {
  const saved = part as Part
  switch (saved[0]) {
    case 'state': {
      const { nextGroup, nextCall, nextToken } = saved[1]
      Object.assign(state, { nextGroup, nextCall })
      return state.timers.restoreNextToken(nextToken)
    }
    case 'host': {
      const { labels, ...host } = saved[1]
      state.hosts.set(host.session, { ...host, labels: new Set(labels) })
      return
    }
    case 'group':
      return state.add(groupFrom(saved[1]))
    case 'calls':
      for (const call of saved[2]) restoreCall(state, groupIn(state, saved[1]), call)
      return
    case 'order': {
      const { history } = groupIn(state, saved[1])
      for (const id of saved[2]) {
        const call = history.get(id)
        invariant(call !== undefined, `a snapshot has no call ${id}`)
        history.delete(id)
        history.set(id, call)
      }
      return
    }
    case 'lane':
      return state.timers.restore([saved[1]])
    case 'dues':
      return state.timers.restoreDues(saved[1], saved[2])
  }
}

function restoreCall(state: GroupsState, group: Group, saved: SavedCall): void {
  const call = callFrom(group, saved)
  if (saved.place !== 'over') state.calls.set(call.id, call)
  if (saved.place === 'queue') group.queue.push(call)
  if (saved.place === 'running') group.running.set(call.id, call)
  if (saved.isPast) {
    group.history.set(call.id, call)
    group.historyWeight += call.weight
  }
  if (call.decided === undefined) group.open += 1
  if (saved.waiter !== null) state.await(call, saved.waiter)
}

function groupIn(state: GroupsState, id: number): Group {
  const group = state.groups.get(id)
  invariant(group !== undefined, `a snapshot has a call of group ${id}, but not the group`)
  return group
}

interface SavedMember extends Omit<Member, 'host' | 'record'> {
  readonly host: number | null
  readonly record: MemberRecord
}

interface SavedGroup {
  readonly id: number
  readonly name: string
  readonly key: string
  readonly spec: Uint8Array
  readonly members: readonly SavedMember[]
  readonly view: View
  readonly fronts: readonly number[]
  readonly base: Uint8Array
  readonly replayable: boolean
  readonly donation: Uint8Array
  readonly begun: number
  readonly sinceBase: number
  readonly decided: number
  readonly acting: string | null
  readonly diverged: string | null
}

function savedGroup(group: Group): SavedGroup {
  const { id, name, key, spec, members, view, fronts, base, replayable, donation, begun, sinceBase, decided } = group
  return {
    ...{ id, name, key, replayable, begun, sinceBase, decided },
    spec: bytesOf(spec),
    members: members.map(({ host, record, ...rest }) => ({ ...rest, host: host ?? null, record: structuredCopy(record) })),
    view: { ...view, members: [...view.members] },
    fronts: [...fronts].sort((a, b) => a - b),
    base: bytesOf(base),
    donation: bytesOf(donation),
    acting: group.acting ?? null,
    diverged: group.diverged ?? null,
  }
}

function groupFrom(saved: SavedGroup): Group {
  const { id, name, key, spec, members, view, fronts, base, replayable, donation, begun, sinceBase, decided, acting, diverged } =
    saved
  const restored = members.map(({ host, ...rest }): Member => ({ ...rest, host: host ?? undefined }))
  return {
    ...newGroup({ id, name, key, spec: decode(spec) as GroupSpec }, restored),
    ...{ view, replayable, begun, sinceBase, decided },
    fronts: new Set(fronts),
    base: decode(base) as Base | null,
    donation: decode(donation) as Donation | undefined,
    acting: acting ?? undefined,
    diverged: diverged ?? undefined,
  }
}

interface SavedCall {
  readonly id: number
  readonly method: string
  readonly args: Uint8Array
  readonly weight: number
  readonly choices: Uint8Array
  readonly place: 'queue' | 'running' | 'over'
  readonly isPast: boolean
  readonly deadlineMs: number | null
  readonly waiter: Waiter | null
  readonly electors: readonly string[] | null
  readonly starts: readonly (readonly [member: string, start: Start])[]
  readonly ballots: Uint8Array
  readonly hashes: Call['hashes']
  readonly wantHash: boolean
  readonly decided: Uint8Array
  readonly committed: boolean
  readonly wish: number | null
  readonly front: number | null
  readonly blamed: readonly string[]
}

/** Queue, running ones, and those that are only to be repeated. */
function* savedCalls(group: Group): Generator<SavedCall> {
  for (const call of group.queue) yield savedCall(call, 'queue')
  for (const call of group.running.values()) yield savedCall(call, 'running')
  for (const call of group.history.values()) if (!group.running.has(call.id)) yield savedCall(call, 'over')
}

function savedCall(call: Call, place: SavedCall['place']): SavedCall {
  const { id, group, method, weight, deadlineMs, waiter, electors, wantHash, committed, front } = call
  return {
    ...{ id, method, weight, place, deadlineMs, wantHash, committed },
    args: bytesOf(call.args),
    choices: bytesOf(call.choices),
    isPast: group.history.has(id),
    waiter: waiter === undefined ? null : { caller: { ...waiter.caller }, number: waiter.number },
    electors: electors === undefined ? null : [...electors],
    starts: [...call.starts].map(([member, start]) => [member, { ...start }]),
    ballots: bytesOf(call.ballots),
    hashes: call.hashes.map(([member, hash]) => [member, hash]),
    decided: bytesOf(call.decided),
    wish: call.wish ?? null,
    front: front ?? null,
    blamed: [...call.blamed],
  }
}

function callFrom(group: Group, saved: SavedCall): Call {
  const { id, method, weight, deadlineMs, electors, starts, hashes, wantHash, committed, front, blamed } = saved
  return {
    ...newCall({ id, group, method, args: decode(saved.args) as unknown[], weight, deadlineMs, wish: saved.wish ?? undefined }),
    ...{ hashes: [...hashes], wantHash, committed },
    electors: electors ?? undefined,
    starts: new Map(starts),
    ballots: decode(saved.ballots) as RecordedBallot[],
    choices: decode(saved.choices) as unknown[],
    decided: decode(saved.decided) as Decided | undefined,
    front: front ?? undefined,
    blamed: new Set(blamed),
  }
}

type Part =
  | readonly ['state', { readonly nextGroup: number; readonly nextCall: number; readonly nextToken: number }]
  | readonly ['host', { session: number; node: string; boot: string; labels: readonly string[]; members: number }]
  | readonly ['group', SavedGroup]
  | readonly ['calls', group: number, readonly SavedCall[]]
  | readonly ['order', group: number, readonly number[]]
  | readonly ['lane', SavedLane]
  | readonly ['dues', token: number, readonly Due[]]

function bytesOf(value: unknown): Uint8Array {
  return encode(value, Number.POSITIVE_INFINITY)
}

function structuredCopy(record: MemberRecord): MemberRecord {
  return { ...record, wrong: [...record.wrong], late: [...record.late] }
}
