/**
 * Where a group goes back to, and what becomes of its messages, computed from a trace.
 *
 *     const line = recoveryLine(trace, ['b'])          // { a: 3, b: 2, c: 'current' }
 *     replaySet(trace, line)                            // back into the queues of their receivers
 *     dropSet(trace, line)                              // thrown away wherever they turn up
 *
 * For a message sent by i in interval x and delivered to j in interval y, and a line L:
 *
 * | sent        | delivered | it is     |                                                             |
 * | ----------- | --------- | --------- | ----------------------------------------------------------- |
 * | x < L[i]    | y < L[j]  | past      | neither end is undone                                       |
 * | x < L[i]    | y >= L[j] | missing   | the receipt is undone: **replayed** from the receiver's log |
 * | x < L[i]    | not yet   | in transit | it comes by itself                                         |
 * | x >= L[i]   | y >= L[j] | undone    | **dropped**; the sender sends it again or not               |
 * | x >= L[i]   | y < L[j]  | an orphan | cannot be, in a recovery line                               |
 *
 * Boundary: pure functions of a trace.
 * Sources: Zweiacker 1997, "Consistency criteria for distributed checkpoints" (missing, orphan); Wang 1997 (line by rollback
 * propagation).
 */
import { PerdureError } from '../../errors.ts'
import { RollbackGraph } from './rollback-graph.ts'
import { type Message, type Reading, read, type Trace } from './trace.ts'

/** For each object the index of the checkpoint it goes back to, or `current`: it goes on. */
export type Line = Readonly<Record<string, number | 'current'>>

export interface Garbage {
  /** The line when all fail: nobody ever goes back behind it. */
  readonly line: Readonly<Record<string, number>>
  /** For each object the indices of the checkpoints that nobody will need. */
  readonly checkpoints: Readonly<Record<string, readonly number[]>>
  /** Ids of logged messages that will never be replayed. */
  readonly messages: readonly string[]
}

/**
 * The greatest consistent global checkpoint when the objects `failed` have only their checkpoints and the others their current state
 * as well. It is unique. `PERDURE_E_USAGE` for an object that is not in the trace, or a trace that contradicts itself.
 */
export function recoveryLine(trace: Trace, failed: readonly string[]): Line {
  const reading = read(trace)
  if (!Array.isArray(failed)) throw usage(`The failed objects are ${String(failed)}: expected an array of their names.`)
  const places = failed.map((name) => placeOf(reading, name))
  const cut = graphOf(reading).line(places)
  return byName(reading, (k) => (cut[k] === 'current' ? 'current' : reading.checkpoints[k]![cut[k]!]!))
}

/**
 * Ids of the messages that have to be given to their receivers again, in the order in which each receiver got them first. A message of
 * an earlier recovery that has not been replayed yet is among them.
 */
export function replaySet(trace: Trace, line: Line): string[] {
  const { messages, ...ends } = against(trace, line)
  return messages.filter((m) => m.logged && ends.sendKept(m) && !ends.receiptKept(m)).map((m) => m.msg)
}

/** Ids of the messages whose sending this line, or a rollback before, has undone; delivered or still on the wire. */
export function dropSet(trace: Trace, line: Line): string[] {
  const { messages, sendKept } = against(trace, line)
  return messages.filter((m) => !sendKept(m)).map((m) => m.msg)
}

/** Ids of the messages whose sending the line undoes and whose receipt it keeps. Empty exactly if the line is consistent. */
export function orphanSet(trace: Trace, line: Line): string[] {
  const { messages, sendKept, receiptKept } = against(trace, line)
  return messages.filter((m) => !sendKept(m) && receiptKept(m)).map((m) => m.msg)
}

/** What can be freed, whatever fails next. */
export function garbageSet(trace: Trace): Garbage {
  const reading = read(trace)
  const floor = graphOf(reading).floor()
  const done = (m: Message) => m.sent === 'undone' || (m.delivered !== undefined && m.delivered < floor[m.to!]!)
  return {
    line: byName(reading, (k) => reading.checkpoints[k]![floor[k]!]!),
    checkpoints: byName(reading, (k) => reading.checkpoints[k]!.slice(0, floor[k])),
    messages: reading.messages.filter((m) => m.logged && done(m)).map((m) => m.msg),
  }
}

interface Ends {
  readonly messages: readonly Message[]
  sendKept(message: Message): boolean
  receiptKept(message: Message): boolean
}

function against(trace: Trace, line: Line): Ends {
  const reading = read(trace)
  if (typeof line !== 'object' || line === null)
    throw usage(`The line is ${String(line)}: expected an entry for each object, as recoveryLine gives.`)
  const ranks = reading.objects.map((name, k) => rankOf(reading, k, line[name]))
  return {
    messages: reading.messages,
    sendKept: ({ from, sent }) => sent !== 'undone' && (from === undefined || sent < ranks[from]!),
    receiptKept: ({ to, delivered }) => delivered !== undefined && delivered < ranks[to!]!,
  }
}

/** Ranks below this are kept. */
function rankOf(reading: Reading, k: number, to: number | 'current' | undefined): number {
  if (to === 'current') return Number.POSITIVE_INFINITY
  const rank = reading.checkpoints[k]!.indexOf(to ?? -1)
  if (rank >= 0) return rank
  const indices = reading.checkpoints[k]!.join(', ')
  const text = `The line names checkpoint ${to} of ${reading.objects[k]}, which is not in the trace: expected one of ${indices}, or 'current'. Compute the line with recoveryLine.`
  throw usage(text)
}

function graphOf({ objects, checkpoints, messages }: Reading): RollbackGraph {
  const graph = new RollbackGraph(objects.length)
  for (const [k, indices] of checkpoints.entries()) for (let rank = 1; rank < indices.length; rank++) graph.open(k)
  for (const { from, sent, to, delivered } of messages)
    if (from !== undefined && sent !== 'undone' && delivered !== undefined) graph.add(from, sent, to!, delivered)
  return graph
}

function byName<T>({ objects }: Reading, entryOf: (k: number) => T): Record<string, T> {
  return Object.fromEntries(objects.map((name, k) => [name, entryOf(k)]))
}

function placeOf({ objects }: Reading, name: string): number {
  const place = objects.indexOf(name)
  if (place >= 0) return place
  throw usage(`${name} is no object of the trace: expected one of ${objects.join(', ')}.`)
}

function usage(text: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', text)
}
