/**
 * A judge of what protocols promise, by the definitions: it shares no code and no algorithm with the product, only knows which message
 * was sent and delivered in which interval, and in which order that happened.
 */
import type { Protocol } from '../../../src/mechanisms/checkpoint/protocol.ts'
import type { Step } from './schedules.ts'

export interface Sent {
  readonly from: number
  /** Interval of the sending. */
  readonly x: number
  readonly to: number
  /** Interval of the delivery; undefined: not delivered. */
  y: number | undefined
  /** Vector clock of the sending: the latest interval of each member in its past. */
  readonly past: readonly number[]
}

export interface Run {
  readonly members: number
  readonly basic: number
  readonly forced: number
  readonly messages: readonly Sent[]
  /** pasts[k][b]: the vector clock of C(k,b); the last one is that of the end. */
  readonly pasts: readonly (readonly (readonly number[])[])[]
}

/** Plays a schedule under a protocol. Stamps go through JSON, as over a wire. */
export function play(protocol: Protocol, steps: readonly Step[], receivers: 'named' | 'unnamed' = 'named'): Run {
  const n = protocol.members
  const clocks = Array.from({ length: n }, (_, k) => Array.from<unknown, number>({ length: n }, (_, l) => (k === l ? 0 : -1)))
  const pasts = clocks.map((clock) => [clock.slice()])
  const messages: Sent[] = []
  const stamps: string[] = []
  const count = { basic: 0, forced: 0 }
  const save = (k: number) => {
    pasts[k]!.push(clocks[k]!.slice())
    clocks[k]![k]!++
  }
  for (const step of steps) {
    if (step.do === 'checkpoint') {
      protocol.checkpoint(step.member)
      save(step.member)
      count.basic++
    } else if (step.do === 'send') {
      const { from, to } = step
      stamps[step.message] = JSON.stringify(receivers === 'named' ? protocol.send(from, to) : protocol.send(from))
      messages[step.message] = { from, to, x: clocks[from]![from]!, y: undefined, past: clocks[from]!.slice() }
    } else {
      const message = messages[step.message]!
      const { force } = protocol.deliver(message.to, JSON.parse(stamps[step.message]!))
      if (force) {
        save(message.to)
        count.forced++
      }
      const clock = clocks[message.to]!
      message.y = clock[message.to]!
      for (const [k, known] of message.past.entries()) clock[k] = Math.max(clock[k]!, known)
    }
  }
  for (let k = 0; k < n; k++) pasts[k]!.push(clocks[k]!.slice())
  return { members: n, ...count, messages, pasts }
}

/**
 * The least interval of every member at which a Z-path from C(i,a) arrives, by its definition as a chain of messages: the first is sent
 * in an interval >= a of i, each later one by the receiver of the one before, in the same or a later interval than that arrived.
 */
export function zigzag(messages: readonly Sent[], i: number, a: number): Map<number, number> {
  const arrivals = new Map<number, number>()
  const chain = new Set<Sent>(messages.filter((m) => m.from === i && m.x >= a && m.y !== undefined))
  for (const m of chain) {
    if (m.y! >= (arrivals.get(m.to) ?? Number.POSITIVE_INFINITY)) continue
    arrivals.set(m.to, m.y!)
    for (const next of messages) if (next.y !== undefined && next.from === m.to && next.x >= m.y!) chain.add(next)
  }
  return arrivals
}

/** Checkpoints on a Z-cycle, which are in no consistent global checkpoint (Netzer and Xu 1995). */
export function useless({ members, messages, pasts }: Pick<Run, 'members' | 'messages' | 'pasts'>): string[] {
  const found: string[] = []
  for (let i = 0; i < members; i++)
    for (let a = 1; a < pasts[i]!.length - 1; a++)
      if ((zigzag(messages, i, a).get(i) ?? Number.POSITIVE_INFINITY) < a) found.push(`C(${i},${a})`)
  return found
}

/** Z-paths between checkpoints that no causal path doubles (Wang 1997); the end of the run counts as a checkpoint of all. */
export function untracked({ members, messages, pasts }: Run): string[] {
  const found: string[] = []
  for (let i = 0; i < members; i++)
    for (let a = 1; a < pasts[i]!.length - 1; a++)
      for (const [k, interval] of zigzag(messages, i, a))
        if (pasts[k]![interval + 1]![i]! < a) found.push(`C(${i},${a}) ~> C(${k},${interval + 1})`)
  return found
}

/**
 * The greatest consistent cut, found by going back one interval at a time whenever there is an orphan. `ends[k]`: the first interval of k
 * that is certainly undone; an interval more than the last if k has not failed.
 */
export function greatestLine(messages: readonly Sent[], ends: readonly number[]): number[] {
  const line = ends.slice()
  for (let again = true; again; ) {
    again = false
    for (const { from, x, to, y } of messages) {
      if (y === undefined || x < line[from]! || y >= line[to]!) continue
      line[to]!--
      again = true
    }
  }
  return line
}
