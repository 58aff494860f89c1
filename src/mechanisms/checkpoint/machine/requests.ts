/**
 * What members ask of spaces and object groups, and the answers, which come as messages.
 *
 * A space is asked at once, and what it gives up is only held; a group is called when nothing can undo the call any more. Both are asked in
 * the name of the member, not of its proxy: requests outlive proxies, and are undone by intervals.
 *
 *     asked in I(i,x)            I(i,x) is stable         I(i,x) is undone
 *     not answered               it goes on waiting       it is withdrawn
 *     answered with a tuple      the hold is acked        the hold is released, the message is a ghost
 *     answered otherwise         --                       the message is a ghost
 *
 * Boundary: functions over the state; the operations are those of other machines, performed in the same entry.
 *   Q1  A tuple that was taken is gone for good when the line of all has passed the interval that asked, and back in its space when that
 *       interval is undone; never both.
 *   Q2  Every request has one answer, or is undone, or its member goes. What is refused at once has no answer but the refusal.
 *   Q3  Each answer has a position of its own among the messages of its member, since positions say what was delivered.
 */
import { encode } from '../../../log/codec/codec.ts'
import type { Caller, Context, Outcome } from '../../../log/machine.ts'
import { put } from './messages.ts'
import type { Answered, Output, SpaceRequest } from './protocol.ts'
import type { Answer, Group, Held, Member, Request } from './state.ts'
import { intervalOf } from './state.ts'
import { tokenOf } from './timers.ts'
import type { World } from './world.ts'

/** For as long as it takes, and however often: that a group goes back is no fault of the tuple. */
const HOLD = { leaseMs: Number.POSITIVE_INFINITY, maxDeliveries: Number.POSITIVE_INFINITY } as const

/** Service time until an answer without a position looks for one again: the next record has another. */
const NEXT_MS = 1

const NO_STAMP: Uint8Array = new Uint8Array(0)

/** Asks a space for the member, in its present interval. Returns why the space refuses, if it does so at once. */
export function askSpace(member: Member, request: SpaceRequest, context: Context): Outcome | undefined {
  const [kind, space, template, options] = request
  const takes = kind === 'in' || kind === 'inp'
  const terms = takes ? [{ ...options, hold: HOLD }] : options === null ? [] : [options]
  const asked = newRequest(member, {
    position: context.position,
    interval: intervalOf(member),
    space,
    takes,
    sender: `@${space}`,
  })
  perform(member, asked.number, `space.${kind}`, [space, template, ...terms], context)
  return asked.refusal
}

/** Nothing can undo the interval any more in which this call was recorded. */
export function callGroup(
  member: Member,
  call: CallOutput,
  recorded: Pick<Request, 'position' | 'interval'>,
  context: Context,
): void {
  const [, name, key, method, args] = call
  const { position, interval } = recorded
  const asked = newRequest(member, { position, interval, space: null, takes: false, sender: `@${name}` })
  perform(member, asked.number, 'group.call', [name, key, method, args, null], context)
}

/** A space or a group has answered, at once or at any later position. */
export function settled({ state }: World, id: number, number: number, outcome: Outcome, context: Context): void {
  const member = state.members.get(id)
  const request = member?.requests.get(number)
  // What is said to end a hold is no request.
  if (member === undefined || request === undefined) return
  member.requests.delete(number)
  const { position: reply, interval, space, sender } = request
  if ('error' in outcome && space !== null && reply === context.position) {
    request.refusal = outcome
    return
  }
  const answered: Answered =
    'error' in outcome ? { reply, error: outcome.error } : { reply, value: taken(member, request, outcome.value, context) }
  const payload = new Uint8Array(encode(answered, Number.POSITIVE_INFINITY))
  const origin = space === null ? { from: -1, index: 0 } : { from: member.place, index: interval }
  deliver(member, { ...origin, sender, payload }, context)
}

/** Q1. The line of all has passed what the member did in these intervals. */
export function keepTaken(member: Member, context: Context): void {
  const { held } = member
  let stable = 0
  while (stable < held.length && isStable(member, held[stable]!.interval)) stable += 1
  for (const { space, id } of held.splice(0, stable)) perform(member, nextNumber(member), 'space.ack', [space, id], context)
}

/** What the member asked for in interval `to` and later is undone, if it was not answered; `giveBack` follows when all members have gone back. */
export function withdrawFrom(member: Member, to: number, context: Context): void {
  for (const { number, interval } of [...member.requests.values()]) {
    if (interval < to) continue
    member.requests.delete(number)
    context.withdraw(callerOf(member), number)
  }
  member.answers = member.answers.filter(({ from, index }) => from < 0 || index < to)
}

/** Q1. Whoever waits for one of these tuples has it at once. */
export function giveBack(member: Member, to: number, context: Context): void {
  const gone = member.held.filter(({ interval }) => interval >= to)
  if (gone.length === 0) return
  member.held = member.held.filter(({ interval }) => interval < to)
  for (const { space, id } of gone) perform(member, nextNumber(member), 'space.release', [space, id], context)
}

/** The members are none any more: nobody waits for them, and what they hold goes back. */
export function forgetCallers({ state }: World, members: readonly Member[], context: Context): void {
  for (const member of members) {
    state.members.delete(member.id)
    // All of them first: what one holds must not go to another.
    withdrawFrom(member, 0, context)
  }
  for (const member of members) context.ended(callerOf(member), 'left')
}

/** Q3. More records have come. */
export function placeAnswers(group: Group, context: Context): void {
  let more = false
  for (const member of group.byName.values()) {
    const [first] = member.answers
    if (first !== undefined && hasPosition(member, context)) {
      member.answers.shift()
      place(member, first, context)
    }
    more ||= member.answers.length > 0
  }
  if (more) waitForPosition(group, context)
}

type CallOutput = Extract<Output, readonly ['call', ...unknown[]]>

function newRequest(member: Member, asked: Omit<Request, 'number' | 'refusal'>): Request {
  const request: Request = { ...asked, number: nextNumber(member) }
  member.requests.set(request.number, request)
  return request
}

function nextNumber(member: Member): number {
  member.numbered += 1
  return member.numbered
}

function perform(member: Member, number: number, name: string, args: readonly unknown[], context: Context): void {
  context.perform({ caller: callerOf(member), number, name, args })
}

function callerOf({ id }: Member): Caller {
  return { kind: 'member', id }
}

/** What the member is told. A tuple that it has taken is held from here on, or kept. */
function taken(member: Member, { takes, space, interval }: Request, value: unknown, context: Context): unknown {
  if (!takes || value === null || space === null) return value
  const { id, tuple } = value as { readonly id: number; readonly tuple: unknown }
  const hold: Held = { space, id, interval }
  if (isStable(member, interval)) perform(member, nextNumber(member), 'space.ack', [space, id], context)
  else addHeld(member, hold)
  return tuple
}

/** In the order of intervals: a request that waited for long is answered after later ones. */
function addHeld({ held }: Member, hold: Held): void {
  const after = held.findIndex(({ interval }) => interval > hold.interval)
  held.splice(after < 0 ? held.length : after, 0, hold)
}

function isStable({ checkpoints }: Member, interval: number): boolean {
  return interval < checkpoints[0]!.index
}

function deliver(member: Member, answer: Answer, context: Context): void {
  if (member.answers.length === 0 && hasPosition(member, context)) return place(member, answer, context)
  member.answers.push(answer)
  waitForPosition(member.group, context)
}

/** No message of the member has this one yet. */
function hasPosition({ mailbox, delivered }: Member, { position }: Context): boolean {
  return mailbox.lastPosition < position && delivered < position
}

function place(member: Member, { from, sender, index, payload }: Answer, context: Context): void {
  put(member, [context.position, from, sender, index, payload, NO_STAMP], context)
}

function waitForPosition(group: Group, context: Context): void {
  context.schedule(context.serviceMs + NEXT_MS, tokenOf(group, 'answers'), 'service')
}
