/**
 * Whether all is well in the end, found without asking perdure: by comparing what agents say they have sent with what others say they
 * have received, and by reading the trace from its beginning.
 *
 * Boundary: pure, data to findings.
 */
import type { GroupSnapshot, Trace, TraceEvent } from 'perdure/checkpoint'
import type { Letter, Saved } from './agent.ts'

export interface Findings {
  /** Letters between agents that were sent, and not undone. */
  readonly letters: number
  /** Of them, those that are still on their way. */
  readonly underWay: number
  /** Sent, and neither received nor on the way. */
  readonly lost: readonly string[]
  /** Received twice. */
  readonly doubled: readonly string[]
  /** Received, though nobody has sent it. */
  readonly orphaned: readonly string[]
  /** Received in another order than sent. */
  readonly misplaced: readonly string[]
}

/** From the states of all agents, and what is on its way between them. */
export function checkLetters({ states, channels }: GroupSnapshot): Findings {
  const agents = states as Readonly<Record<string, Saved<unknown>>>
  const names = Object.keys(agents)
  const lists = { lost: [] as string[], doubled: [] as string[], orphaned: [] as string[], misplaced: [] as string[] }
  let letters = 0
  let underWay = 0
  for (const from of names)
    for (const to of names) {
      const sent = agents[from]?.letters.sent[to] ?? []
      const received = agents[to]?.letters.received[from] ?? []
      const onTheWay = channels
        .filter((channel) => channel.from === from && channel.to === to)
        .flatMap(({ messages }) => messages)
      const arriving = [...received, ...onTheWay.map((message) => (message as Letter).id)]
      letters += sent.length
      underWay += onTheWay.length
      lists.lost.push(...sent.filter((id) => !arriving.includes(id)))
      lists.orphaned.push(...arriving.filter((id) => !sent.includes(id)))
      lists.doubled.push(...arriving.filter((id, place) => arriving.indexOf(id) !== place))
      lists.misplaced.push(...arriving.filter((id, place) => sent.includes(id) && sent[place] !== id))
    }
  return { letters, underWay, ...lists }
}

/** What is wrong in a trace, in words, after all that was undone in it is left out. Empty: nothing. */
export function checkTrace({ objects, events }: Trace): string[] {
  const surviving = objects.flatMap((object) => survivingOf(events.filter((event) => event.object === object)))
  const sent = new Set(surviving.filter(({ kind }) => kind === 'send').map(messageOf))
  const everSent = new Set(events.filter(({ kind }) => kind === 'send').map(messageOf))
  const received = surviving.filter(({ kind }) => kind === 'receive').map(messageOf)
  const orphaned = received.filter((msg) => everSent.has(msg) && !sent.has(msg))
  const doubled = received.filter((msg, place) => received.indexOf(msg) !== place)
  return [
    ...orphaned.map((msg) => `${msg} was received, and its sending is undone`),
    ...doubled.map((msg) => `${msg} was received twice`),
  ]
}

/** Of one agent: without what lies between a checkpoint and a rollback to it. */
function survivingOf(events: readonly TraceEvent[]): readonly TraceEvent[] {
  const surviving: TraceEvent[] = []
  for (const event of events) {
    if (event.kind === 'rollback') {
      const isGoal = (other: TraceEvent) => other.kind === 'checkpoint' && other.index === event.to
      surviving.length = surviving.findLastIndex(isGoal) + 1
    } else surviving.push(event)
  }
  return surviving
}

function messageOf(event: TraceEvent): string {
  return event.kind === 'send' || event.kind === 'receive' ? event.msg : ''
}
