/**
 * A front: conducts the calls of groups whose adjudicator, acceptance test or equality are functions of this program.
 *
 * One for each site and program, over a connection of its own. It founds its groups again whenever it has a new connection; the log then
 * tells it all calls it is to conduct, with everything that has come in so far.
 *
 * Boundary: notes in, operations out; a single call is `turn.ts`.
 *   F1  Nothing is sent while a note is being heard: a note comes in the middle of an operation that is being applied.
 *   F2  A call is forgotten only when the log says so, or when the connection ends.
 */
import { copyValue } from '../../../log/codec/codec.ts'
import type { Connection } from '../../../log/connection.ts'
import type { SiteLink } from '../../../log/site.ts'
import { Rejoining } from '../../../support/rejoining.ts'
import type { Founded, FrontNote, GroupSpec } from '../machine/protocol.ts'
import type { Finished } from '../record.ts'
import type { Strategy } from '../strategy.ts'
import { usage } from '../strategy-options.ts'
import { Turn, type TurnPort } from './turn.ts'

/** Calls after their end: a member in the shadow that is further behind is not compared. */
const MAX_DECIDED = 256

/** A group as its front has to know it. */
export interface Conducted {
  readonly name: string
  readonly key: string
  readonly spec: GroupSpec
  /** May be another one later: calls that begin then are conducted by that. */
  strategy: Strategy
  /** A call that was conducted here is over. */
  hear(call: Finished): void
}

/** All groups that this program conducts in one site. */
export class Front {
  readonly #groups = new Map<string, Conducted>()
  readonly #rejoining: Rejoining<FrontPart>

  constructor(link: SiteLink) {
    const { hear, pid } = link
    this.#rejoining = new Rejoining(link, {
      label: 'front of groups',
      begin: (connection) => new FrontPart(connection, link),
      enter: async (part) => {
        for (const group of this.#groups.values()) await part.foundAgain(group)
      },
      gone: (reason) => hear({ event: 'exit', name: 'front of groups', pid, reason }),
    })
    link.beforeClose(async () => this.#rejoining.close())
  }

  /** Makes the group, or finds it. Errors: `PERDURE_E_KEY_TAKEN`, `PERDURE_E_USAGE`. */
  async found(group: Conducted): Promise<Founded> {
    const id = JSON.stringify([group.name, group.key])
    const known = this.#groups.get(id)
    if (known !== undefined && known.strategy.kind !== group.strategy.kind)
      throw usage(
        `The group ${group.name}/${group.key} is conducted by ${known.strategy.kind} in this program, not by ${group.strategy.kind}.`,
      )
    const founded = await this.#rejoining.patiently((part) => part.found(group))
    this.#groups.set(id, group)
    return founded
  }

  forget({ name, key }: Pick<Conducted, 'name' | 'key'>): void {
    this.#groups.delete(JSON.stringify([name, key]))
  }
}

const fronts = new WeakMap<SiteLink, Front>()

/** The front of this program in a site; made when it is first asked for. */
export function frontOf(link: SiteLink): Front {
  const front = fronts.get(link) ?? new Front(link)
  fronts.set(link, front)
  return front
}

/** What is conducted over one connection. */
class FrontPart {
  readonly #connection: Connection
  readonly #link: SiteLink
  readonly #groups = new Map<number, Conducted>()
  readonly #turns = new Map<number, Turn>()
  /** Of groups that are just being founded: the answer comes after the first calls. */
  readonly #early: FrontNote[] = []
  /** Calls in `#turns` that are over for all members that count, in order. */
  readonly #decided: number[] = []
  #inbox: FrontNote[] = []
  #hopping = false
  #over = false

  constructor(connection: Connection, link: SiteLink) {
    this.#connection = connection
    this.#link = link
  }

  async found(group: Conducted): Promise<Founded> {
    const founded = (await this.#connection.client.issue('group.found', [group.name, group.key, group.spec])) as Founded
    this.#groups.set(founded.group, group)
    const early = this.#early.splice(0)
    this.#inbox = [...early, ...this.#inbox]
    this.#wake()
    return founded
  }

  /** Somebody may have closed it meanwhile: nobody wants it to begin anew. */
  async foundAgain(group: Conducted): Promise<void> {
    const there = await this.#connection.query('group', 'view', [group.name, group.key])
    if (there !== null) await this.found(group)
  }

  /** F1 */
  note(body: readonly unknown[]): void {
    if (this.#over) return
    this.#inbox.push(body as unknown as FrontNote)
    this.#wake()
  }

  destroy(): void {
    this.#over = true
    for (const turn of this.#turns.values()) turn.stop()
    this.#turns.clear()
  }

  #wake(): void {
    if (this.#hopping || this.#over || this.#inbox.length === 0) return
    this.#hopping = true
    this.#link.clock.hop(() => {
      this.#hopping = false
      const inbox = this.#inbox
      this.#inbox = []
      for (const note of inbox) if (!this.#over) this.#hear(note)
    })
  }

  #hear(note: FrontNote): void {
    const [, group, call] = note
    const conducted = this.#groups.get(group)
    if (conducted === undefined) return void this.#early.push(note)
    switch (note[0]) {
      case 'group.turn': {
        const [, , , method, args, members, , ballots] = note
        this.#turns.get(call)?.stop()
        const turn = new Turn(
          conducted.strategy,
          { call, method, args: copyValue(args), members },
          ballots,
          this.#port(group, call, conducted),
        )
        this.#turns.set(call, turn)
        return turn.begin()
      }
      case 'group.ballot':
        return this.#turns.get(call)?.ballot(note[3])
      case 'group.deadline':
        return this.#turns.get(call)?.deadline()
      case 'group.over':
        this.#turns.get(call)?.stop()
        this.#turns.delete(call)
    }
  }

  /** Members in the shadow may answer still later. */
  #retire(call: number): void {
    this.#decided.push(call)
    const oldest = this.#decided.length > MAX_DECIDED ? this.#decided.shift() : undefined
    if (oldest === undefined) return
    this.#turns.get(oldest)?.stop()
    this.#turns.delete(oldest)
  }

  #port(group: number, call: number, conducted: Conducted): TurnPort {
    const { clock } = this.#link
    const { client } = this.#connection
    // What is refused was said too late, or by a front that has been replaced: the log goes by what it has.
    const say = (name: string, args: readonly unknown[]) => void client.issue(name, args).catch(() => undefined)
    return {
      start: (members, args, attempt) => say('group.start', [call, members, args, attempt]),
      decide: (kind, answer, notes) => say('group.decide', [call, kind, answer, notes]),
      blame: (faulty, late) => say('group.blame', [group, call, faulty, late]),
      after: (ms, fire) => clock.background(ms, fire),
      done: (finished) => {
        this.#retire(call)
        conducted.hear(finished)
      },
    }
  }
}
