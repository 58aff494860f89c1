/**
 * Messages on their way: into the receiver's log, to its proxy, and the edges of the graph that their delivery makes.
 *
 * The path of every message: nothing here is done for all members, or all messages, at once.
 *
 * Boundary: functions over the state.
 *   M1  What a member says it has been given is put into the graph before anything it says in the same operation counts.
 *   M2  Marker and record notes come after all mail up to their position.
 */
import type { Context, Outcome } from '../../../log/machine.ts'
import { noteActivity } from './lag.ts'
import { type Mail, type ProxyNote, WINDOW } from './protocol.ts'
import { inboxFull, logsFull, MAX_INBOX, MAX_KEPT_BYTES } from './refusals.ts'
import { type Group, intervalOf, isNew, type Member } from './state.ts'

/** From a full window on, mail is noted in batches: a member that is behind says how far it is before half a window is empty. */
const HALF_WINDOW: number = WINDOW / 2

/** Payloads in one note: with the longest single one, it fits a frame. */
const NOTE_BYTES: number = 512 * 1024

/**
 * The member has been given everything up to this position. False where that cannot be: it goes back, or is more than there was.
 */
export function hear(member: Member, delivered: number, context: Context): boolean {
  if (delivered === member.delivered) return true
  const { mailbox, group } = member
  const told = mailbox.noted === mailbox.heard ? member.delivered : mailbox.at(mailbox.noted - 1)![0]
  if (delivered < member.delivered || delivered > told) return false
  const before = mailbox.heard
  const interval = intervalOf(member)
  for (let mail = mailbox.at(mailbox.heard); mail !== undefined && mail[0] <= delivered; mail = mailbox.at(mailbox.heard)) {
    addEdge(member, mail, interval)
    member.events.received(mail, mail[0] <= member.reached ? 'replay' : 'receive')
    member.delivered = mail[0]
    mailbox.heard += 1
  }
  if (mailbox.heard === before) return true
  if (member.delivered > member.reached) member.reached = member.delivered
  if (member.fails?.message != null && member.fails.message < member.delivered) member.fails = null
  group.undone += mailbox.heard - before
  noteActivity(member, context)
  if (mailbox.noted < mailbox.length || member.behind.length > 0) pump(member, context)
  return true
}

/** The edge of a message that is delivered to the member in this interval. From nobody, or from one who has left, there is none. */
export function addEdge({ group, slot }: Member, mail: Mail, interval: number): void {
  const from = mail[1]
  const sender = from < 0 ? undefined : group.places[from]
  if (sender !== undefined) group.graph.add(sender.slot, mail[3], slot, interval)
}

/** Where the receiver, or the group, has too much already. */
export function refuseMail(receiver: Member): Outcome | undefined {
  const { mailbox, group } = receiver
  if (mailbox.length - mailbox.heard >= MAX_INBOX) return inboxFull(receiver)
  const most = Math.max(MAX_KEPT_BYTES, 2 * group.spec.lag.logBytes)
  return group.bytes >= most ? logsFull(group, group.bytes) : undefined
}

/** The message comes into the receiver's log and, if there is room, to its proxy. */
export function put(receiver: Member, mail: Mail, context: Context): void {
  const { group, mailbox } = receiver
  group.bytes += mailbox.push(mail)
  const isNext = mailbox.noted === mailbox.length - 1
  if (!isNext || mailbox.noted - mailbox.heard >= WINDOW || receiver.behind.length > 0 || !takesMail(receiver)) return
  mailbox.noted += 1
  tell(receiver, context, ['checkpoint.mail', group.id, receiver.place, [mail]])
}

/** Tells the proxy of what waits, as far as there is room, and then what had to come after it (M2). */
export function pump(member: Member, context: Context): void {
  if (!takesMail(member)) return
  const { mailbox, group, place, behind } = member
  let room = mailbox.noted - mailbox.heard <= HALF_WINDOW ? WINDOW - (mailbox.noted - mailbox.heard) : 0
  for (;;) {
    const stop = behind[0]?.position ?? Number.POSITIVE_INFINITY
    const count = batch(member, room, stop)
    if (count > 0) {
      tell(member, context, ['checkpoint.mail', group.id, place, mailbox.takeNoted(count)])
      room -= count
      continue
    }
    const next = behind[0]
    if (next === undefined || (mailbox.at(mailbox.noted)?.[0] ?? Number.POSITIVE_INFINITY) <= next.position) return
    behind.shift()
    if (next.kind === 'marker') tell(member, context, ['checkpoint.marker', group.id, place, next.position])
    else tell(member, context, ['checkpoint.record', group.id, place, next.position, next.position])
  }
}

/** How many messages the next note has: those up to this position for which there is room, and that fit. */
function batch({ mailbox }: Member, room: number, stop: number): number {
  let count = 0
  for (let bytes = 0; count < room; count++) {
    const mail = mailbox.at(mailbox.noted + count)
    if (mail === undefined || mail[0] > stop) return count
    bytes += mail[4].length + (mail[5]?.length ?? 0)
    if (count > 0 && bytes > NOTE_BYTES) return count
  }
  return count
}

/** Whether mail goes to its proxy now. */
function takesMail(member: Member): boolean {
  return member.session !== null && !isNew(member) && !member.leaving && member.group.recovery === null
}

export function tell({ session }: Member, context: Context, note: ProxyNote): void {
  if (session !== null) context.note(session, note)
}

/** Tells every proxy of the group but this one's. */
export function tellOthers(group: Group, except: Member | null, context: Context, noteOf: (member: Member) => ProxyNote): void {
  for (const member of group.byName.values()) if (member !== except) tell(member, context, noteOf(member))
}
