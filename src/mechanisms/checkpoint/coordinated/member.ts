/**
 * The metaobject of one member: it receives what is for its object, saves it and puts it back, as the participant says (`koo-toueg.ts`).
 *
 * Boundary: one thing at a time. What comes in waits until the object has returned, or its promise is settled; so the object saves between
 * two calls only.
 *   M1  What the object sends goes out in the order of its labels: nothing is performed between labelling and the channel.
 *   M2  After the object has failed it is given nothing, until it has gone back.
 */
import { PerdureError } from '../../../errors.ts'
import { invoke } from '../../../support/offer.ts'
import { type Action, type ApplicationMessage, type Control, KooToueg, type Undertaking } from '../koo-toueg.ts'
import { MAX_LOGGED } from '../koo-toueg-books.ts'
import { History } from './history.ts'
import { SavedState } from './saved-state.ts'

/** A call as a message. */
export interface Call {
  readonly id: string
  readonly method: string
  readonly args: readonly unknown[]
  /** Whether the receiver has been given it once. */
  given: 'not yet' | 'once'
}

export type Wire = ApplicationMessage<Call> | Control

/** What a member needs of the set it is in. */
export interface Surroundings {
  carry(from: string, to: string, message: Wire): void
  /** The arguments as this member may have them. */
  argumentsFor(member: string, args: readonly unknown[]): unknown[]
  /** A reference; throws for a member itself. */
  isShared(instance: object): boolean
  outcome(member: Member, decision: 'commit' | 'abort', restored: 'restored' | 'kept'): void
  /** A control message that was carried has come to its turn. */
  heard(): void
  /** Something has been done: who waits for it may look. */
  stepped(): void
  failed(member: string, error: unknown): void
}

/** From whom calls come that no member has made; no name of a member. */
export const OUTSIDE = '@outside'

export class Member {
  readonly name: string
  readonly object: object
  readonly history: History
  /** Of the permanent checkpoint. */
  index = 0
  /** On their way here, or held back by who has sent them. */
  owed = 0
  /** Why this member could not save when it was asked last. */
  refusal: unknown
  readonly #set: Surroundings
  readonly #participant: KooToueg<Call>
  readonly #state: SavedState
  #permanent: unknown
  #tentative: unknown
  #forced: 'forced' | 'basic' = 'forced'
  /** To whom the messages are that the participant holds back, in order. */
  #held: Member[] = []
  #inbox: (() => Action<Call>[])[] = []
  #working = false

  constructor(name: string, object: object, names: readonly string[], set: Surroundings) {
    this.name = name
    this.object = object
    this.history = new History(name)
    this.#set = set
    this.#participant = new KooToueg(
      name,
      names.filter((other) => other !== name),
    )
    this.#state = new SavedState(object, (instance) => set.isShared(instance))
    this.#permanent = this.#state.save()
  }

  get hasFailed(): boolean {
    return this.#participant.hasFailed
  }

  get isIdle(): boolean {
    return !this.#working && this.owed === 0
  }

  /** The object calls another member. */
  send(to: Member, call: Call): void {
    if (this.#participant.hasFailed) return
    to.expectOne()
    const actions = this.#participant.send(to.name, call)
    to.owed += 1
    this.history.sent(call.id, to.name)
    if (actions.length === 0) this.#held.push(to)
    this.#performAll(actions)
  }

  /** The object calls itself, which is part of what it does. */
  callItself({ method, args }: Call): void {
    invoke(this.object, method, this.#set.argumentsFor(this.name, args))
  }

  /** A call from no member. */
  post(call: Call): void {
    this.expectOne()
    this.owed += 1
    this.#enqueue(() => {
      this.owed -= 1
      return this.#participant.post(call)
    })
  }

  arrived(from: string, message: Wire): void {
    this.#enqueue(() => {
      if (message.kind === 'application') this.owed -= 1
      else this.#set.heard()
      if (message.kind !== 'take') return this.#participant.receive(from, message)
      return this.#savedFor(from, message, this.#participant.receive(from, message))
    })
  }

  /** `refused` is told what keeps it from beginning. */
  undertake(what: Undertaking, refused: (error: unknown) => void): void {
    this.#enqueue(() => {
      try {
        if (what === 'rollback') return this.#participant.rollback()
        const state = this.#state.save()
        const actions = this.#participant.checkpoint()
        this.#forced = 'basic'
        this.#tentative = state
        return actions
      } catch (error) {
        refused(error)
        return []
      }
    })
  }

  /** `PERDURE_E_BUSY` when the log could not take one more message. */
  expectOne(): void {
    if (this.#participant.logged + this.owed < MAX_LOGGED) return
    const text = `${this.name} has ${MAX_LOGGED} messages since its last permanent checkpoint, those on their way counted: expected fewer. Take a checkpoint of ${this.name}, then call it again.`
    throw new PerdureError('PERDURE_E_BUSY', text)
  }

  /** Who cannot save refuses, and those it would have asked are not. */
  #savedFor(from: string, { instance }: Control, actions: Action<Call>[]): Action<Call>[] {
    if (actions[0]?.do !== 'take') return actions
    try {
      this.#tentative = this.#state.save()
      this.#forced = 'forced'
      return actions
    } catch (error) {
      this.refusal = error
      return [{ do: 'send', to: from, message: { kind: 'answer', instance, willing: 'no' } }]
    }
  }

  #enqueue(task: () => Action<Call>[]): void {
    this.#inbox.push(task)
    if (this.#working) return
    this.#working = true
    // Whatever objects throw is caught where they are called.
    this.#work().catch((error: unknown) => this.#set.failed(this.name, error))
  }

  async #work(): Promise<void> {
    while (this.#inbox.length > 0) {
      const tasks = this.#inbox
      this.#inbox = []
      for (const task of tasks) {
        for (const action of task()) {
          const pending = this.#perform(action)
          if (pending !== undefined) await pending
        }
        this.#set.stepped()
      }
    }
    this.#working = false
    this.#set.stepped()
  }

  #perform(action: Action<Call>): Promise<void> | undefined {
    return action.do === 'deliver' ? this.#deliver(action.from ?? OUTSIDE, action.payload) : this.#performNow(action)
  }

  #deliver(from: string, call: Call): Promise<void> | undefined {
    if (this.#participant.hasFailed) return undefined
    this.history.received(call.id, from, call.given === 'once' ? 'replay' : 'first time')
    call.given = 'once'
    try {
      const result = invoke(this.object, call.method, this.#set.argumentsFor(this.name, call.args))
      return result instanceof Promise ? result.then(ignored, (error: unknown) => this.#fail(error)) : undefined
    } catch (error) {
      return this.#fail(error)
    }
  }

  /** Of inputs that give the object nothing. */
  #performAll(actions: readonly Action<Call>[]): void {
    for (const action of actions) if (action.do !== 'deliver') this.#performNow(action)
  }

  #performNow(action: Exclude<Action<Call>, { do: 'deliver' }>): undefined {
    switch (action.do) {
      case 'send':
        if (action.message.kind === 'application') this.#held.shift()
        return void this.#set.carry(this.name, action.to, action.message)
      case 'take':
        return void this.history.taken()
      case 'make-permanent':
        this.#permanent = this.#tentative
        this.index += 1
        this.history.madePermanent(this.index, this.#forced)
        return this.#over('commit')
      case 'undo':
        return this.#over('abort')
      case 'restore':
        return this.#goBack()
      case 'resume':
        return this.#over('abort')
    }
  }

  #over(decision: 'commit' | 'abort', restored: 'restored' | 'kept' = 'kept'): undefined {
    this.#tentative = undefined
    this.#set.outcome(this, decision, restored)
  }

  #goBack(): undefined {
    this.#forget()
    this.history.wentBack(this.index)
    try {
      this.#state.load(this.#permanent)
    } catch (error) {
      this.#fail(error)
    }
    return this.#over('commit', 'restored')
  }

  #fail(error: unknown): undefined {
    this.#forget()
    this.#performAll(this.#participant.fail())
    this.#set.failed(this.name, error)
  }

  /** What was held back is undone with the state that has sent it. */
  #forget(): void {
    for (const to of this.#held) to.owed -= 1
    this.#held = []
  }
}

function ignored(): void {}
