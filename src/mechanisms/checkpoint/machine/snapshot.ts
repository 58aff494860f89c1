/**
 * The state of checkpoint groups as parts of a snapshot, and back.
 *
 * Boundary: data to data. Equal states give equal parts: what is kept only because it has not been worth removing yet is not in them, and
 * what is numbered is numbered from the first that counts.
 */
import { invariant } from '../../../errors.ts'
import { decode, encode } from '../../../log/codec/codec.ts'
import { inParts } from '../../../log/machine.ts'
import type { MemberEvent } from './events.ts'
import type { GroupSpec, Mail } from './protocol.ts'
import {
  type Answer,
  type Checkpoint,
  type Group,
  type GroupsState,
  type Held,
  type Member,
  newGroup,
  newMember,
  type Recorded,
  type Request,
  recount,
  type SnapshotRun,
  type Waiter,
  type Want,
} from './state.ts'

export function* snapshotOf(state: GroupsState): Generator<Part> {
  yield ['state', state.nextGroup, state.nextMember]
  for (const group of state.groups.values()) {
    yield ['group', savedGroup(group)]
    for (let slot = 0; slot < group.graph.members; slot++)
      yield* inParts('rows', group.graph.saved(slot), group.id, slot) as Generator<Part>
    for (const member of group.byName.values()) yield* partsOf(member)
  }
  yield* inParts('waiters', savedWaiters(state)) as Generator<Part>
}

function* partsOf(member: Member): Generator<Part> {
  const { group, place, mailbox, events, checkpoints, outputs, released, requests, held, answers } = member
  const head = [group.id, place] as const
  const first = checkpoints[0]?.event ?? events.first
  yield ['member', group.id, savedMember(member)]
  yield* inParts('checkpoints', savedCheckpoints(checkpoints, first), ...head) as Generator<Part>
  yield* inParts('mail', savedMail(mailbox), ...head) as Generator<Part>
  yield ['told', ...head, mailbox.heard, mailbox.noted]
  yield* inParts('events', events.from(first), ...head) as Generator<Part>
  yield* inParts('outputs', savedBytes(outputs), ...head) as Generator<Part>
  yield* inParts('released', savedBytes(released), ...head) as Generator<Part>
  yield* inParts('requests', savedBytes([...requests.values()]), ...head) as Generator<Part>
  yield* inParts('held', savedBytes(held), ...head) as Generator<Part>
  yield* inParts('answers', savedBytes(answers), ...head) as Generator<Part>
}

/** Parts come in the order in which `snapshotOf` gives them. */
export function restoreInto(state: GroupsState, part: unknown): void {
  const saved = part as Part
  if (saved[0] === 'state') Object.assign(state, { nextGroup: saved[1], nextMember: saved[2] })
  else if (saved[0] === 'group') state.add(groupFrom(saved[1]))
  else if (saved[0] === 'waiters') for (const waiter of saved[1]) restoreWaiter(state, waiter)
  else restorePart(state, groupIn(state, saved[1]), saved)
}

function restorePart(state: GroupsState, group: Group, saved: PartOfGroup): void {
  switch (saved[0]) {
    case 'rows':
      for (const row of saved[3]) group.graph.restoreRow(saved[2], row)
      return
    case 'member':
      return restoreMember(state, group, saved[2])
    case 'checkpoints':
      return restoreCheckpoints(memberIn(group, saved[2]), saved[3])
    case 'mail': {
      const { mailbox } = memberIn(group, saved[2])
      for (const mail of saved[3]) mailbox.push(mail)
      return
    }
    case 'told':
      Object.assign(memberIn(group, saved[2]).mailbox, { heard: saved[3], noted: saved[4] })
      return recount(group)
    case 'events':
      for (const event of saved[3]) memberIn(group, saved[2]).events.add(...event)
      return
    case 'outputs':
      for (const bytes of saved[3]) memberIn(group, saved[2]).outputs.push(decode(bytes) as Recorded)
      return
    case 'released':
      for (const bytes of saved[3]) memberIn(group, saved[2]).released.push(decode(bytes) as Member['released'][number])
      return
    case 'requests':
      return restoreRequests(memberIn(group, saved[2]), saved[3])
    case 'held':
      for (const bytes of saved[3]) memberIn(group, saved[2]).held.push(decode(bytes) as Held)
      return
    case 'answers':
      for (const bytes of saved[3]) memberIn(group, saved[2]).answers.push(decode(bytes) as Answer)
      return
  }
}

function restoreRequests({ requests }: Member, saved: readonly Uint8Array[]): void {
  for (const bytes of saved) {
    const request = decode(bytes) as Request
    requests.set(request.number, request)
  }
}

function groupIn(state: GroupsState, id: number): Group {
  const group = state.groups.get(id)
  invariant(group !== undefined, `a snapshot has something of the checkpoint group ${id}, but not the group`)
  return group
}

function memberIn({ places }: Group, place: number): Member {
  const member = places[place]
  invariant(member !== undefined, `a snapshot has something of the member at place ${place}, but not the member`)
  return member
}

interface SavedGroup {
  readonly id: number
  readonly name: string
  readonly spec: Uint8Array
  readonly epoch: number
  readonly placeNames: readonly string[]
  readonly first: readonly number[]
  readonly free: readonly number[]
  readonly recovery: { readonly failed: readonly number[]; readonly haltByMs: number } | null
  readonly saves: number
  readonly lagAtMs: number | null
  readonly askAgainMs: number
  readonly coordinated: readonly number[] | null
  readonly markers: readonly number[]
  readonly snapshots: Uint8Array
}

function savedGroup(group: Group): SavedGroup {
  const { id, name, spec, epoch, placeNames, graph, recovery, saves, lagAtMs, askAgainMs, coordinated, markers, snapshots } =
    group
  return {
    ...{ id, name, epoch, saves, lagAtMs, askAgainMs },
    spec: bytesOf(spec),
    placeNames: [...placeNames],
    first: Array.from({ length: graph.members }, (_, slot) => graph.oldest(slot)),
    free: [...graph.left],
    recovery: recovery === null ? null : { failed: sorted(recovery.failed), haltByMs: recovery.haltByMs },
    coordinated: coordinated === null ? null : [...coordinated],
    markers: [...markers],
    snapshots: bytesOf(
      snapshots.map((run) => ({ ...run, places: sorted(run.places), left: sorted(run.left), states: [...run.states] })),
    ),
  }
}

function groupFrom(saved: SavedGroup): Group {
  const { id, name, spec, epoch, placeNames, first, free, recovery, saves, lagAtMs, askAgainMs, coordinated, markers } = saved
  const group = newGroup(id, name, decode(spec) as GroupSpec)
  group.graph.restore(first, free)
  group.placeNames.push(...placeNames)
  for (let place = 0; place < placeNames.length; place++) group.places.push(undefined)
  for (let slot = 0; slot < first.length; slot++) group.bySlot.push(undefined)
  const runs = decode(saved.snapshots) as (Omit<SnapshotRun, 'places' | 'left' | 'states'> & SavedSets)[]
  return Object.assign(group, {
    ...{ epoch, saves, lagAtMs, askAgainMs, markers: [...markers] },
    recovery: recovery === null ? null : { failed: new Set(recovery.failed), haltByMs: recovery.haltByMs },
    coordinated: coordinated === null ? null : new Set(coordinated),
    snapshots: runs.map((run) => ({
      ...run,
      places: new Set(run.places),
      left: new Set(run.left),
      states: new Map(run.states),
    })),
  })
}

interface SavedSets {
  readonly places: readonly number[]
  readonly left: readonly number[]
  readonly states: readonly (readonly [number, Uint8Array])[]
}

type Copied = 'checked' | 'fails' | 'asked'

type SavedMember = Pick<
  Member,
  'id' | 'name' | 'place' | 'slot' | 'session' | 'wedged' | 'halt' | 'leaving' | 'delivered' | 'reached' | 'numbered' | Copied
> & { readonly lists: Uint8Array }

function savedMember(member: Member): SavedMember {
  const { id, name, place, slot, session, wedged, halt, leaving, delivered, reached, numbered, checked, fails, asked } = member
  const { discards, behind, tentative } = member
  const copies = { checked: checked && { ...checked }, fails: fails && { ...fails }, asked: asked && { ...asked } }
  return {
    ...{ id, name, place, slot, session, wedged, halt, leaving, delivered, reached, numbered },
    ...copies,
    lists: bytesOf({ discards, behind, tentative }),
  }
}

function restoreMember(state: GroupsState, group: Group, { lists, session, ...rest }: SavedMember): void {
  const member = Object.assign(newMember(group, rest), rest, decode(lists) as Partial<Member>)
  state.attach(member, session)
  state.members.set(member.id, member)
  group.places[member.place] = member
  group.bySlot[member.slot] = member
  group.byName.set(member.name, member)
}

/** `state` is null where it is that of the one before; `event` counts from the first. */
type SavedCheckpoint = Omit<Checkpoint, 'state'> & { readonly state: Uint8Array | null }

function* savedCheckpoints(checkpoints: readonly Checkpoint[], first: number): Generator<SavedCheckpoint> {
  let before: Checkpoint | undefined
  for (const checkpoint of checkpoints) {
    const { state, rule, event } = checkpoint
    const isSame = before?.state === state
    yield { ...checkpoint, state: isSame ? null : bytesOf(state), rule: rule?.slice() ?? null, event: event - first }
    before = checkpoint
  }
}

function restoreCheckpoints({ checkpoints }: Member, saved: readonly SavedCheckpoint[]): void {
  for (const { state, ...rest } of saved) {
    const known = state === null ? checkpoints.at(-1)!.state : (decode(state) as Checkpoint['state'])
    checkpoints.push({ ...rest, state: known })
  }
}

function* savedMail(mailbox: Iterable<Mail>): Generator<Mail> {
  for (const [position, from, sender, index, payload, stamp] of mailbox)
    yield [position, from, sender, index, payload.slice(), stamp?.slice() ?? null]
}

function* savedBytes(values: readonly unknown[]): Generator<Uint8Array> {
  for (const value of values) yield bytesOf(value)
}

interface SavedWaiter extends Omit<Waiter, 'want'> {
  readonly want: Uint8Array
}

function* savedWaiters({ waiters }: GroupsState): Generator<SavedWaiter> {
  for (const { caller, number, group, want } of waiters.values()) {
    const plain = want.kind === 'line' ? { ...want, left: sorted(want.left) } : want
    yield { caller: { ...caller }, number, group, want: bytesOf(plain) }
  }
}

function restoreWaiter(state: GroupsState, { group, want, ...asking }: SavedWaiter): void {
  const plain = decode(want) as Want
  state.hold(groupIn(state, group), asking, plain.kind === 'line' ? { ...plain, left: new Set(plain.left) } : plain)
}

type PartOfGroup =
  | readonly ['rows', group: number, slot: number, readonly Int32Array[]]
  | readonly ['member', group: number, SavedMember]
  | readonly ['checkpoints', group: number, place: number, readonly SavedCheckpoint[]]
  | readonly ['mail', group: number, place: number, readonly Mail[]]
  | readonly ['told', group: number, place: number, heard: number, noted: number]
  | readonly ['events', group: number, place: number, readonly MemberEvent[]]
  | readonly ['outputs' | 'released' | 'requests' | 'held' | 'answers', group: number, place: number, readonly Uint8Array[]]

type Part =
  | readonly ['state', nextGroup: number, nextMember: number]
  | readonly ['group', SavedGroup]
  | readonly ['waiters', readonly SavedWaiter[]]
  | PartOfGroup

function sorted(places: Iterable<number>): number[] {
  return [...places].sort((a, b) => a - b)
}

function bytesOf(value: unknown): Uint8Array {
  return encode(value, Number.POSITIVE_INFINITY)
}
