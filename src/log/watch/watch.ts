/**
 * Who watches what: every change that a machine tells of goes to those who want to hear of it, in log order, once durable.
 *
 * Whoever watches asks for the next changes when it has used up the last ones, so nothing is sent that nobody takes. What gathers
 * meanwhile is bounded, and a watcher beyond its bound is told where to go on (`watcher.ts`). While nobody watches, a change costs
 * one look at an absent listener.
 *
 * Boundary: in the process that owns the log, under the gateway. Questions come from a connection, in this process or another;
 * all of them may be asked again after a break, with the same answer.
 *   H1  A change leaves when its position is durable, and not before.
 *   H2  Watchers belong to a session and end with it; a session whose connection is away keeps them.
 */
import { PerdureError } from '../../errors.ts'
import { encode } from '../codec/codec.ts'
import { type Change, isStart, MAX_REPLAYS, Places, type Start, type Watched } from './past.ts'
import { WATCH } from './stream.ts'
import { Watcher } from './watcher.ts'

/** A program that needs more has a watcher for each of its objects; one for all of them, and a Map, does the same. */
export const MAX_WATCHERS_OF_SESSION = 64

/** Every change is compared with all of its topic. */
const MAX_WATCHERS = 1_024

export class Watches {
  readonly #site: Watched
  /** By session, then by the session's own number of it. */
  readonly #sessions = new Map<number, Map<number, Watcher>>()
  /** Those who hear of changes as they happen. */
  readonly #topics = new Map<string, Set<Watcher>>()
  readonly #replays = new Places(MAX_REPLAYS)
  /** Those who have heard of something that is not durable yet. */
  readonly #held = new Set<Watcher>()
  #count = 0

  constructor(site: Watched) {
    this.#site = site
  }

  /**
   * `['open', [id, machine, args, start]]` answers with the position from which the watcher's changes count; `['next', [id,
   * received]]` with further changes, at least one, to whoever has received so many; `['close', [id]]`.
   */
  async ask(session: number, question: string, args: readonly unknown[]): Promise<unknown> {
    const id = Number(args[0])
    const watcher = this.#sessions.get(session)?.get(id)
    switch (question) {
      case 'open':
        return watcher?.after ?? this.#open(session, id, args)
      case 'next':
        if (watcher === undefined) throw unknown(id)
        return watcher.next(Number(args[1]))
      case 'close':
        this.#close(session, id, closedHere())
        return null
    }
    throw new PerdureError('PERDURE_E_PROTOCOL', `Nobody can answer the question ${WATCH}.${question}.`)
  }

  /** Everything up to here may leave. */
  durableTo(position: number): void {
    for (const watcher of this.#held) if (watcher.durableTo(position)) this.#held.delete(watcher)
  }

  /** A session is over. */
  ended(session: number): void {
    for (const id of [...(this.#sessions.get(session)?.keys() ?? [])]) this.#close(session, id, closedHere())
  }

  /** The site is closed or has failed. */
  end(error: PerdureError): void {
    for (const session of [...this.#sessions.keys()]) {
      for (const id of [...(this.#sessions.get(session)?.keys() ?? [])]) this.#close(session, id, error)
    }
  }

  #open(session: number, id: number, [, machine, args, start]: readonly unknown[]): number {
    if (typeof machine !== 'string' || !Array.isArray(args) || !isStart(start)) {
      throw new PerdureError(
        'PERDURE_E_PROTOCOL',
        'A request to watch cannot be understood. Both sides must run the same version.',
      )
    }
    const mine = this.#sessions.get(session) ?? new Map<number, Watcher>()
    if (mine.size >= MAX_WATCHERS_OF_SESSION) throw tooMany(`This program has ${mine.size} watchers open`)
    if (this.#count >= MAX_WATCHERS) throw tooMany(`The site has ${this.#count} watchers`)
    const watcher = this.#start(machine, args, start)
    mine.set(id, watcher)
    this.#sessions.set(session, mine)
    this.#count += 1
    return watcher.after
  }

  #start(machine: string, args: readonly unknown[], start: Start): Watcher {
    const watcher = new Watcher(this.#site, { machine, args, start }, this.#replays, {
      attach: () => this.#attach(watcher),
      detach: () => this.#detach(watcher),
    })
    watcher.begin()
    return watcher
  }

  #close(session: number, id: number, error: PerdureError): void {
    const mine = this.#sessions.get(session)
    const watcher = mine?.get(id)
    if (mine === undefined || watcher === undefined) return
    mine.delete(id)
    if (mine.size === 0) this.#sessions.delete(session)
    this.#count -= 1
    this.#held.delete(watcher)
    watcher.end(error)
  }

  #attach(watcher: Watcher): void {
    const watchers = this.#topics.get(watcher.topic) ?? new Set()
    this.#topics.set(watcher.topic, watchers.add(watcher))
    this.#site.replica.changes = this.#changed
  }

  #detach(watcher: Watcher): void {
    const watchers = this.#topics.get(watcher.topic)
    if (!watchers?.delete(watcher)) return
    if (watchers.size === 0) this.#topics.delete(watcher.topic)
    if (this.#topics.size === 0) this.#site.replica.changes = undefined
  }

  /** Encoded once, however many want it: what is kept for a slow reader shares nothing with the machine. */
  readonly #changed = (topic: string, kind: string, value: unknown): void => {
    const watchers = this.#topics.get(topic)
    if (watchers === undefined) return
    let change: Change | undefined
    for (const watcher of watchers) {
      if (!watcher.wants(value)) continue
      change ??= [kind, this.#site.replica.position, encode(value, Number.POSITIVE_INFINITY)]
      watcher.push(change)
      this.#held.add(watcher)
    }
  }
}

/** The client starts it again where it was (`stream.ts`): the session came back to an owner that never had it. */
function unknown(id: number): PerdureError {
  return new PerdureError('PERDURE_E_SESSION_LOST', `The site has no watcher ${id} of this program.`, { data: { watcher: id } })
}

function tooMany(what: string): PerdureError {
  return new PerdureError(
    'PERDURE_E_BUSY',
    `${what}, and no more are possible; this one was not started. End some of them, or watch with one wider template.`,
  )
}

function closedHere(): PerdureError {
  return new PerdureError('PERDURE_E_CLOSED', 'The connection that watched is closed. Open the site again to go on.')
}
