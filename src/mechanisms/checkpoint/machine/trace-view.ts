/**
 * The trace of a group as programs see it (`trace.ts`), back to the line of all.
 *
 * Boundary: reads the state.
 *   T1  Of what a recovery has undone, the delivery of a message is left out if its sending is undone and lies before the beginning of the
 *       trace: without it, it would look like a message from outside, which never goes back.
 */
import type { TraceEvent } from '../trace.ts'
import type { MemberEvent } from './events.ts'
import type { Group, Member } from './state.ts'

/** In each member's own order, one member after the other. */
export function* bySendings(group: Group): Generator<TraceEvent> {
  const members = [...group.byName.values()]
  const sent = new Set<number>()
  for (const member of members) for (const [kind, position] of eventsOf(member)) if (kind === 'send') sent.add(position)
  for (const member of members)
    for (const event of eventsOf(member)) {
      const shown = show(group, member, event, sent)
      if (shown !== undefined) yield shown
    }
}

function eventsOf({ events, checkpoints }: Member): Iterable<MemberEvent> {
  return events.from(checkpoints[0]?.event ?? 0)
}

function show(group: Group, member: Member, [kind, what, other]: MemberEvent, sent: ReadonlySet<number>): TraceEvent | undefined {
  const object = member.name
  switch (kind) {
    case 'send':
      return { object, kind, msg: String(what), to: group.placeNames[other as number]! }
    case 'receive':
    case 'replay': {
      // T1
      if (!sent.has(what) && !member.mailbox.has(what)) return undefined
      const receipt = { object, kind: 'receive', msg: String(what), from: String(other) } as const
      return kind === 'replay' ? { ...receipt, replay: true } : receipt
    }
    case 'rollback':
      return { object, kind, to: what }
    default:
      // The initial state is where a trace begins.
      return what === 0 ? undefined : { object, kind: 'checkpoint', index: what, forced: kind === 'forced' }
  }
}
