/**
 * One member over one connection: heeds what the service says, in its order, and keeps an object there for as long as the connection lives.
 *
 * A note comes in the middle of an operation that is being applied. What it changes here is changed at once, so that the next
 * note finds it; what has to be said or called because of it comes in a turn of its own.
 *
 * Boundary: notes in, operations out; turns of the object are `incarnation.ts`, the handle of the program is `member.ts`.
 *   P1  Nothing is issued and no code of the program called while a note is being heard.
 *   P2  An object that is thrown away is followed by another one when the service has said to which checkpoint it goes back.
 *   P3  Outputs and references are dealt with when what released them is durable.
 */
import type { Clock } from '../../../clock.ts'
import { PerdureError } from '../../../errors.ts'
import type { Connection } from '../../../log/connection.ts'
import type { Grant, ProxyNote } from '../machine/protocol.ts'
import { called } from './calls.ts'
import { Incarnation } from './incarnation.ts'
import type { IncarnationPort } from './incarnation-port.ts'
import type { CheckpointedObject, Self } from './member-object.ts'
import { type OutputPort, Outputs } from './outputs.ts'
import type { Recipe } from './recipe.ts'
import { outside } from './scope.ts'

/** Who has joined the member. */
export interface ProxyOwner {
  readonly recipe: Recipe
  selfOf(incarnation: Incarnation): Self
  /** Another object is, or is being made, the member's. */
  began(incarnation: Incarnation): void
  /** The object has been given everything that was there for it. */
  arrived(incarnation: Incarnation): void
  /** The service does not want this proxy any more. */
  over(why: Over, reason: string): void
  warn(text: string): void
}

export type Over = Extract<ProxyNote, readonly ['checkpoint.over', ...unknown[]]>[3]

export interface ProxySite {
  readonly connection: Connection
  readonly clock: Clock
  readonly logId: string
}

export class MemberProxy {
  readonly group: number
  readonly place: number
  readonly #site: ProxySite
  readonly #owner: ProxyOwner
  readonly #outputs: Outputs
  #incarnation: Incarnation
  /** How the object broke, until the service is told. */
  #broke: readonly [message: number | null, reason: string] | undefined
  /** Positions of outputs that were done, and nobody could be told. */
  #done: number[] = []
  #over = false

  constructor(site: ProxySite, owner: ProxyOwner, grant: Grant) {
    this.group = grant.group
    this.place = grant.place
    this.#site = site
    this.#owner = owner
    this.#outputs = new Outputs(this.#outputPort())
    this.#incarnation = this.#begin(grant)
  }

  note(note: ProxyNote, position: number): void {
    if (this.#over) return
    const incarnation = this.#incarnation
    switch (note[0]) {
      case 'checkpoint.mail':
        return incarnation.add(note[3])
      case 'checkpoint.halt':
        incarnation.halt()
        return this.#soon(() => this.#answerHalt(incarnation))
      case 'checkpoint.rollback':
        return this.#rollback(note[3])
      case 'checkpoint.resume':
        incarnation.resume(note[3], note[4])
        return this.#soon(() => this.#resumed(incarnation))
      case 'checkpoint.please':
        return incarnation.please()
      case 'checkpoint.tentative':
        return incarnation.tentative()
      case 'checkpoint.marker':
        return incarnation.marker(note[3])
      case 'checkpoint.record':
        return incarnation.record(note[3], note[4])
      case 'checkpoint.tell':
        return this.#soon(() => void incarnation.tell())
      case 'checkpoint.names':
        return incarnation.rename(note[3])
      case 'checkpoint.release':
        this.#outputs.add(note[3], position)
        return this.#soon(() => this.#pump())
      case 'checkpoint.discard':
        this.#outputs.discard(note[3], position)
        return this.#soon(() => this.#pump())
      case 'checkpoint.over': {
        const [, , , why, reason] = note
        incarnation.retire()
        return this.#soon(() => this.#owner.over(why, reason))
      }
    }
  }

  /** More has become durable. */
  durable(): void {
    this.#incarnation.schedule()
    this.#pump()
  }

  /** Nothing is heard or said any more; `destroy` follows, outside of any operation. */
  retire(): void {
    this.#over = true
    this.#incarnation.retire()
  }

  /** Its connection, or the member, is over. */
  destroy(reason: PerdureError): void {
    this.#over = true
    this.#incarnation.abandon(reason)
  }

  /** The proxy goes, and with it the member's object. Rejects where the service does not answer any more. */
  async close(): Promise<void> {
    const { of } = this.#incarnation
    this.destroy(closedHere(this.#owner.recipe.member))
    await this.#issue('checkpoint.close', of)
  }

  #begin(grant: Grant): Incarnation {
    const { connection, clock } = this.#site
    const port: IncarnationPort = {
      clock,
      blobs: connection.blobs,
      get durablePosition() {
        return connection.durablePosition
      },
      issue: this.#issue,
      broken: (message, reason) => this.#broken(incarnation, message, reason),
      arrived: () => this.#owner.arrived(incarnation),
      live: () => this.#pump(),
      warn: (text) => this.#owner.warn(text),
    }
    const incarnation = new Incarnation(this.#owner.recipe, grant, port)
    const self = this.#owner.selfOf(incarnation)
    this.#soon(() => {
      if (incarnation.over) return
      this.#owner.began(incarnation)
      void incarnation.build(self)
    })
    return incarnation
  }

  #rollback(grant: Grant): void {
    const old = this.#incarnation
    old.retire()
    this.#broke = undefined
    this.#soon(() => old.abandon(rolledBack(this.#owner.recipe.member, grant.index)))
    this.#incarnation = this.#begin(grant)
  }

  #answerHalt(incarnation: Incarnation): void {
    if (!incarnation.over) this.#say('checkpoint.halted', [...incarnation.of, incarnation.delivered])
    else if (incarnation === this.#incarnation) this.#failNow()
  }

  #resumed(incarnation: Incarnation): void {
    if (incarnation !== this.#incarnation) return
    incarnation.reopen()
    this.#failNow()
    this.#pump()
  }

  #broken(incarnation: Incarnation, message: number | null, reason: string): void {
    incarnation.abandon(new PerdureError('PERDURE_E_REVOKED', `The object of this member was thrown away: ${reason}.`))
    this.#owner.warn(`${reason.replace(/\.$/, '')}; the object is thrown away and built again from a checkpoint`)
    if (incarnation !== this.#incarnation) return
    this.#broke = [message, reason]
    if (!incarnation.halted) this.#failNow()
  }

  #failNow(): void {
    const broke = this.#broke
    const { of, delivered } = this.#incarnation
    this.#broke = undefined
    if (broke !== undefined) this.#say('checkpoint.fail', [...of, delivered, ...broke])
  }

  #outputPort(): OutputPort {
    const { connection } = this.#site
    return {
      get durablePosition() {
        return connection.durablePosition
      },
      give: (payload, position) => {
        const idempotencyKey = `${this.#site.logId}:${this.group}:${this.place}:${position}`
        return this.#giveTo('output', (object) => object.output?.(payload, { idempotencyKey }) ?? noOutput(object))
      },
      discard: (ref) => this.#giveTo('discard', (object) => object.discard?.(ref)),
      done: (positions) => {
        this.#done.push(...positions)
        this.#tellDone()
      },
    }
  }

  #giveTo(what: string, give: (object: CheckpointedObject) => void | Promise<void>): Promise<void> | undefined {
    const incarnation = this.#incarnation
    const { object } = incarnation
    if (object === undefined || !incarnation.isGoing) return undefined
    const terms = { clock: this.#site.clock, maxTurnMs: this.#owner.recipe.maxTurnMs, object: incarnation, what }
    return called(terms, () => give(object)).catch((error: unknown) => {
      if (incarnation === this.#incarnation) incarnation.breaks(error)
      else this.#soon(() => this.#pump())
      throw error
    })
  }

  #tellDone(): void {
    if (this.#over || !this.#incarnation.isGoing || this.#done.length === 0) return
    this.#say('checkpoint.released', [...this.#incarnation.of, this.#done])
    this.#done = []
  }

  #pump(): void {
    if (this.#over) return
    this.#tellDone()
    void this.#outputs.pump()
  }

  #say(name: string, args: readonly unknown[]): void {
    // Refused is what comes from a member that has been replaced meanwhile, or over a connection that has ended: it is gone.
    this.#issue(name, args).catch(() => undefined)
  }

  readonly #issue = (name: string, args: readonly unknown[], signal?: AbortSignal): Promise<unknown> =>
    outside(this.#send, name, args, signal)

  readonly #send = (name: string, args: readonly unknown[], signal?: AbortSignal): Promise<unknown> =>
    this.#site.connection.client.issue(name, args, { signal })

  #soon(act: () => void): void {
    this.#site.clock.hop(() => {
      if (!this.#over) outside(act)
    })
  }
}

function noOutput(object: CheckpointedObject): void {
  if (object.output === undefined) throw new Error('it has no output(payload, info), and outputs were recorded for it')
}

function closedHere(member: string): PerdureError {
  return new PerdureError('PERDURE_E_CLOSED', `The member ${member} is closed here. Join it again to go on.`)
}

function rolledBack(member: string, index: number): PerdureError {
  const to = index < 0 ? 'its beginning' : `checkpoint ${index}`
  const text = `The member ${member} has gone back to ${to}; this object of it was thrown away. What it has done since is undone: do not go on with it.`
  return new PerdureError('PERDURE_E_REVOKED', text)
}
