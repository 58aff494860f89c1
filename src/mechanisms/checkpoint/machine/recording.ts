/**
 * A snapshot for people: the states of all members at one place of the log, and what was on its way between them.
 *
 * The marker is the entry: every member records its state when it has been given all messages up to it. Messages sent after it by a
 * member that had not recorded yet are in the sender's state, and not in the receiver's: they are the state of the channel.
 *
 * Source: Chandy and Lamport 1985, with one marker in the order of all messages in place of one on every channel.
 * Boundary: functions over the state.
 *   C1  A recovery undoes states that were recorded: the snapshot begins anew, at a marker after it.
 */
import type { Caller, Context, Outcome } from '../../../log/machine.ts'
import { pump } from './messages.ts'
import type { Mail, Snapshot } from './protocol.ts'
import { MAX_SNAPSHOTS, snapshotTooLarge, tooManySnapshots } from './refusals.ts'
import { type Group, isNew, type Member, type SnapshotRun } from './state.ts'

/** Of an answer: with names around it, it fits a frame. */
export const MAX_SNAPSHOT_BYTES: number = 768 * 1024

export function takeSnapshot(group: Group, caller: Caller, number: number, context: Context): Outcome | undefined {
  if (group.snapshots.length >= MAX_SNAPSHOTS) return tooManySnapshots(group)
  const run = newRun(group, caller, number, context)
  group.snapshots.push(run)
  if (group.recovery === null) announce(group, run, context)
  finishIfRecorded(group, run, context)
  return undefined
}

function newRun(group: Group, caller: Caller, number: number, { position }: Context): SnapshotRun {
  const places = new Set<number>()
  for (const member of group.byName.values())
    if (member.session !== null && !isNew(member) && !member.leaving) places.add(member.place)
  return { position, places, left: new Set(places), states: new Map(), channels: [], bytes: 0, caller, number }
}

function announce(group: Group, { places, position }: SnapshotRun, context: Context): void {
  for (const place of places) {
    const member = group.places[place]!
    member.behind.push({ kind: 'record', position })
    pump(member, context)
  }
}

/** A message that is sent while snapshots are taken. */
export function passes(group: Group, receiver: Member, [, from, , , payload]: Mail): void {
  for (const run of group.snapshots) {
    if (!run.left.has(from) || !run.places.has(receiver.place)) continue
    run.channels.push({ from, to: receiver.place, payload })
    run.bytes += payload.length
  }
}

export function record(member: Member, position: number, state: Uint8Array, context: Context): void {
  const { group, place } = member
  for (const run of group.snapshots) {
    if (run.position !== position || !run.left.delete(place)) continue
    run.states.set(place, state)
    run.bytes += state.length
    finishIfRecorded(group, run, context)
  }
}

/** The member has left: nobody waits for its state. */
export function excuse({ group, place }: Member, context: Context): void {
  for (const run of group.snapshots) if (run.left.delete(place)) finishIfRecorded(group, run, context)
}

/** C1. */
export function restartSnapshots(group: Group, context: Context): void {
  const runs = group.snapshots
  group.snapshots = []
  for (const { caller, number } of runs) takeSnapshot(group, caller, number, context)
}

function finishIfRecorded(group: Group, run: SnapshotRun, context: Context): void {
  if (group.recovery !== null || (run.left.size > 0 && run.bytes <= MAX_SNAPSHOT_BYTES)) return
  group.snapshots = group.snapshots.filter((other) => other !== run)
  const outcome = run.bytes > MAX_SNAPSHOT_BYTES ? snapshotTooLarge(group, MAX_SNAPSHOT_BYTES) : { value: snapshotOf(group, run) }
  context.reply(run.caller, run.number, outcome)
}

function snapshotOf({ placeNames }: Group, { position, states, channels }: SnapshotRun): Snapshot {
  const pairs = new Map<string, { from: string; to: string; messages: Uint8Array[] }>()
  for (const { from, to, payload } of channels) {
    const key = `${from} ${to}`
    const pair = pairs.get(key)
    if (pair === undefined) pairs.set(key, { from: placeNames[from]!, to: placeNames[to]!, messages: [payload] })
    else pair.messages.push(payload)
  }
  const named = Object.fromEntries([...states].map(([place, state]) => [placeNames[place]!, state]))
  return { position, states: named, channels: [...pairs.values()] }
}
