/**
 * What members say: messages, questions, checkpoints, outputs, and how far they are.
 *
 * Boundary: functions over the state, one for each operation. That the proxy may speak has been seen to (`machine.ts`, C2).
 */
import type { Context, Operation, Outcome } from '../../../log/machine.ts'
import { saveTentatively } from './coordinated.ts'
import { noteActivity, noteWaiting, OUTPUT_PATIENCE_MS } from './lag.ts'
import { answerLines } from './lines.ts'
import { addEdge, hear, pump, put, refuseMail } from './messages.ts'
import type { Mail, Output, SaveCause, StoredState } from './protocol.ts'
import { isBytes, isBytesOrNull, isCause, isCount, isCounts, isOutput, isReason, isRequest, isState } from './read.ts'
import { passes, record } from './recording.ts'
import { completeIfHalted, failed, lost } from './recovering.ts'
import {
  MAX_LIVE,
  MAX_OUTPUTS,
  MAX_REQUESTS,
  tooManyCheckpoints,
  tooManyOutputs,
  tooManyRequests,
  unknownMember,
} from './refusals.ts'
import { askSpace } from './requests.ts'
import { collect, isNextIndex, keep, settle, tend } from './saving.ts'
import { intervalOf, isNew, type Member, type Tentative } from './state.ts'
import type { World } from './world.ts'

/** Markers that somebody may still have to save for; who falls back further than that saves for the oldest ones together. */
const MAX_MARKERS = 1_024

const TRUE: Outcome = { value: true }
const FALSE: Outcome = { value: false }

/** An answer, or a text that says why the arguments cannot be understood; nothing where it waits or was answered already. */
export type Result = Outcome | string | undefined

export function said(world: World, member: Member, operation: Operation, context: Context): Result {
  switch (operation.name) {
    case 'checkpoint.send':
      return send(member, operation, context)
    case 'checkpoint.check':
      return check(member, operation, context)
    case 'checkpoint.save':
      return save(world, member, operation, context)
    case 'checkpoint.output':
      return output(member, operation, context)
    case 'checkpoint.request':
      return request(member, operation, context)
    case 'checkpoint.heard':
      return heard(world, member, operation, context)
    case 'checkpoint.halted':
      return halted(world, member, operation, context)
    case 'checkpoint.fail':
      return fail(world, member, operation, context)
    case 'checkpoint.leave':
      return leave(world, member, operation, context)
    case 'checkpoint.mark':
      return mark(member, operation, context)
    case 'checkpoint.released':
      return released(world, member, operation, context)
    case 'checkpoint.recorded':
      return recorded(member, operation, context)
    case 'checkpoint.close':
      lost(world, [member], context)
      return TRUE
    default:
      return 'it is no operation of checkpoint groups'
  }
}

function send(member: Member, { args }: Operation, context: Context): Result {
  const [, place, , index, delivered, to, payload, stamp] = args
  if (args.length !== 8 || !isCount(delivered) || !isBytes(payload) || !isBytesOrNull(stamp)) return SEND
  const { group, name } = member
  if (isNew(member) || index !== intervalOf(member) || member.tentative !== null) return INTERVAL
  if (!hear(member, delivered, context)) return DELIVERED
  const receiver = group.byName.get(to as string)
  if (receiver === undefined) return unknownMember(group, to)
  const refused = refuseMail(receiver)
  if (refused !== undefined) return refused
  const mail: Mail = [context.position, place as number, name, index, payload, stamp]
  member.events.add('send', context.position, receiver.place)
  noteActivity(member, context)
  if (group.snapshots.length > 0) passes(group, receiver, mail)
  put(receiver, mail, context)
  return { value: context.position }
}

function check(member: Member, { args }: Operation, context: Context): Result {
  const [, , , index, position] = args
  if (args.length !== 5 || !isCount(position)) return 'it takes group, place, epoch, interval and the position of a message'
  const { group, slot, mailbox, checked } = member
  if (isNew(member) || index !== intervalOf(member)) return INTERVAL
  if (checked !== null && checked.position === position && checked.index === index) return checked.forces ? TRUE : FALSE
  if (!hear(member, Math.max(member.delivered, position - 1), context)) return DELIVERED
  const mail = mailbox.at(mailbox.heard)
  if (mail?.[0] !== position || mailbox.noted === mailbox.heard) return 'the message at that position is not the next one'
  const sender = mail[1] < 0 ? undefined : group.places[mail[1]]
  const forces = sender !== undefined && group.graph.rewinds(sender.slot, mail[3], slot, index)
  member.checked = { position, index, forces }
  if (!forces) {
    // It is delivered next: who asks after it has to be answered with that known.
    addEdge(member, mail, index)
    noteActivity(member, context)
  }
  return forces ? TRUE : FALSE
}

function save(world: World, member: Member, { caller, number, args }: Operation, context: Context): Result {
  const [, , , index, delivered, cause, given, rule] = args
  if (args.length !== 8 || !isCount(index) || !isCount(delivered) || !isCause(cause) || !isBytesOrNull(rule)) return SAVE
  if (!(given === null ? !isNew(member) : isState(given))) return SAVE
  if (!isNextIndex(member, index) || member.tentative !== null) return `the next checkpoint is that after ${intervalOf(member)}`
  const { group } = member
  if (group.graph.live >= MAX_LIVE) return tooManyCheckpoints(group)
  if (!hear(member, delivered, context)) return DELIVERED
  const state = given as StoredState | null
  const saved: Tentative = {
    index,
    position: context.position,
    delivered: member.delivered,
    cause: cause as SaveCause,
    state,
    rule,
  }
  if (group.spec.protocol === 'koo-toueg' && !isNew(member)) {
    if (group.recovery !== null) return FALSE
    world.state.hold(group, { caller, number }, { kind: 'save', place: member.place })
    saveTentatively(world, member, saved, context)
    return undefined
  }
  keep(world, member, saved, context)
  settle(world, group, context)
  return TRUE
}

function output(member: Member, { args }: Operation, context: Context): Result {
  const [, , , index, delivered, output] = args
  if (args.length !== 6 || !isCount(delivered) || !isOutput(output))
    return 'it takes group, place, epoch, interval, position, output'
  if (isNew(member) || index !== intervalOf(member) || member.tentative !== null) return INTERVAL
  if (member.outputs.length + member.released.length + member.requests.size >= MAX_OUTPUTS) return tooManyOutputs(member)
  if (!hear(member, delivered, context)) return DELIVERED
  const { position, serviceMs: atMs } = context
  member.outputs.push({ position, interval: index as number, atMs, output: output as Output })
  noteActivity(member, context)
  noteWaiting(member.group, OUTPUT_PATIENCE_MS, context)
  return { value: position }
}

/** A space takes its time, or none; a look can be undone as well, since its answer is. */
function request(member: Member, { args }: Operation, context: Context): Result {
  const [, , , index, delivered, asked] = args
  if (args.length !== 6 || !isCount(delivered) || !isRequest(asked)) return REQUEST
  if (isNew(member) || index !== intervalOf(member) || member.tentative !== null) return INTERVAL
  if (member.requests.size + member.held.length + member.answers.length >= MAX_REQUESTS) return tooManyRequests(member)
  if (!hear(member, delivered, context)) return DELIVERED
  const refused = refuseMail(member) ?? askSpace(member, asked, context)
  if (refused !== undefined) return refused
  noteActivity(member, context)
  return { value: context.position }
}

function released(world: World, member: Member, { args }: Operation, context: Context): Result {
  const [, , , positions] = args
  if (args.length !== 4 || !isCounts(positions)) return 'it takes group, place, epoch and positions'
  const done = new Set(positions)
  member.released = member.released.filter(([position]) => !done.has(position))
  if (member.leaving) collect(world, member.group, context)
  return TRUE
}

function heard(world: World, member: Member, { args }: Operation, context: Context): Result {
  const [, , , delivered] = args
  if (args.length !== 4 || !isCount(delivered)) return 'it takes group, place, epoch and a position'
  if (!hear(member, delivered, context)) return DELIVERED
  // A leave that was withdrawn has held back what came meanwhile.
  pump(member, context)
  const { group, place } = member
  for (const waiter of world.state.waiters.values())
    if (waiter.group === group.id && waiter.want.kind === 'line') waiter.want.left.delete(place)
  answerLines(world, group, context)
  return TRUE
}

function halted(world: World, member: Member, { args }: Operation, context: Context): Result {
  const [, , , delivered] = args
  if (args.length !== 4 || !isCount(delivered)) return 'it takes group, place, epoch and a position'
  if (member.halt === 'no') return 'nobody has asked the member to halt'
  if (!hear(member, delivered, context)) return DELIVERED
  member.halt = 'halted'
  completeIfHalted(world, member.group, context)
  return TRUE
}

function fail(world: World, member: Member, { args }: Operation, context: Context): Result {
  const [, , , delivered, message, reason] = args
  if (args.length !== 6 || !isCount(delivered) || !(message === null || isCount(message)) || !isReason(reason))
    return 'it takes group, place, epoch, position, a message or null, and a reason'
  if (!hear(member, delivered, context)) return DELIVERED
  failed(world, member, message, reason, context)
  return TRUE
}

function leave(world: World, member: Member, { caller, number, args }: Operation, context: Context): Result {
  if (args.length !== 3) return 'it takes group, place and epoch'
  const { group, place } = member
  if (member.leaving) return 'it is leaving already'
  member.leaving = true
  world.state.hold(group, { caller, number }, { kind: 'leave', place })
  noteWaiting(group, 0, context)
  if (group.recovery === null) tend(world, group, context)
  return undefined
}

function mark(member: Member, { args }: Operation, context: Context): Result {
  if (args.length !== 3) return 'it takes group, place and epoch'
  const { group } = member
  const { position } = context
  group.markers.push(position)
  if (group.markers.length > MAX_MARKERS) group.markers.shift()
  for (const each of group.byName.values()) {
    if (each.session === null) continue
    each.behind.push({ kind: 'marker', position })
    pump(each, context)
  }
  return TRUE
}

function recorded(member: Member, { args }: Operation, context: Context): Result {
  const [, , , snapshot, state] = args
  if (args.length !== 5 || !isCount(snapshot) || !isBytes(state)) return 'it takes group, place, epoch, a snapshot and bytes'
  record(member, snapshot, state, context)
  return TRUE
}

const SEND = 'it takes group, place, epoch, interval, position, receiver, payload, and a stamp or null'
const SAVE = 'it takes group, place, epoch, index, position, cause, a state (null only if there is one before), and bytes or null'
const REQUEST =
  'it takes group, place, epoch, interval, position, and [in | rd | inp | rdp, space, template, { timeoutMs } or null]'
const INTERVAL = 'that is not the interval in which the member is, or it may do nothing now'
const DELIVERED = 'the position up to which it was given messages is before the last one, or after all it was told of'
