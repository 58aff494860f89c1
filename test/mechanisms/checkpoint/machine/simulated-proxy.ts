/**
 * A proxy as small as it can be, over an object that remembers everything: what it was given, what it sent, what it put out.
 *
 * It reads one note at a time, when it is told to, so that what it says may come late. It obeys `protocol.ts` of the machine.
 */
import { decode, encode } from '../../../../src/log/codec/codec.ts'
import { bcs } from '../../../../src/mechanisms/checkpoint/bcs.ts'
import { type ExactState, skips } from '../../../../src/mechanisms/checkpoint/exact.ts'
import { fdas } from '../../../../src/mechanisms/checkpoint/fdas.ts'
import { hmnr } from '../../../../src/mechanisms/checkpoint/hmnr.ts'
import type {
  Answered,
  Grant,
  GroupProtocol,
  Mail,
  ProxyNote,
  SaveCause,
  WireLine,
} from '../../../../src/mechanisms/checkpoint/machine/protocol.ts'
import type { Rule, Token } from '../../../../src/mechanisms/checkpoint/protocol.ts'
import { encodeTemplate } from '../../../../src/support/template.ts'
import type { Heard, ProxySite } from './truth.ts'

/** Vectors are of this length from the beginning: as many members a test may ever have. */
const PLACES = 64

export interface Memory {
  /** Positions of messages, in order. */
  readonly received: number[]
  readonly sent: number[]
  readonly outputs: number[]
  /** Positions of what it asked spaces, and of calls with their argument. */
  readonly asked: number[]
  /** Those of them that take. */
  readonly takes: number[]
  readonly called: (readonly [position: number, argument: unknown])[]
  readonly answers: Answered[]
}

function noMemory(): Memory {
  return { received: [], sent: [], outputs: [], asked: [], takes: [], called: [], answers: [] }
}

type Queued = { readonly mail: Mail } | { readonly marker: number } | { readonly record: number }

export class SimulatedProxy {
  readonly stage: ProxySite
  readonly name: string
  readonly session: number
  readonly notes: ProxyNote[] = []
  /** `dead`: its process is gone; it says nothing any more. */
  state: 'joining' | 'working' | 'halted' | 'tentative' | 'broken' | 'over' | 'dead' = 'joining'
  place = -1
  epoch = 0
  index = -1
  delivered = 0
  queue: Queued[] = []
  memory: Memory = noMemory()
  /** Undefined for a proxy that says no position that it has to say. */
  refusals: string[] = []
  over: string | undefined
  readonly released = new Set<number>()
  readonly discarded: string[] = []
  leaving = false
  asked = 0
  #group = 0
  #exact: ExactState = { i: 0, y: 0, sent: false, received: [] }
  #rule: RuleDriver | undefined
  #mark = 0

  constructor(stage: ProxySite, name: string, session: number) {
    this.stage = stage
    this.name = name
    this.session = session
  }

  join(joined: () => void): this {
    this.stage.issue(this.session, 'checkpoint.join', [this.stage.name, this.name], (outcome) => {
      if ('value' in outcome) {
        joined()
        this.#begin(outcome.value as Grant)
      } else {
        this.refusals.push(String(outcome.error.code))
        this.state = 'over'
      }
    })
    return this
  }

  get canWork(): boolean {
    return this.state === 'working' && this.index >= 0 && !this.leaving
  }

  /** Reads the next note; false: there is none. */
  read(): boolean {
    if (this.state === 'joining' || this.state === 'dead') return false
    const note = this.notes.shift()
    if (note === undefined) return false
    this.#obey(note)
    return true
  }

  /** Halts before it reads anything else. */
  haltNow(): void {
    const at = this.notes.findIndex(([kind]) => kind === 'checkpoint.halt')
    for (const note of this.notes.splice(at, at < 0 ? 0 : 1)) this.#obey(note)
  }

  readAll(): void {
    while (this.read());
  }

  send(to: string, size = 1): number | string {
    const { index } = this
    const stamp = this.#rule?.send(this.stage.placeOf(to)) ?? null
    const answer = this.#say('checkpoint.send', index, this.delivered, to, new Uint8Array(size), stamp)
    this.#exact.sent = true
    if (typeof answer !== 'number') return answer as string
    this.memory.sent.push(answer)
    this.stage.truth.sent(answer, this.place, index, this.stage.placeOf(to))
    return answer
  }

  output(payload: Uint8Array = new Uint8Array(1)): number {
    const position = this.#say('checkpoint.output', this.index, this.delivered, ['output', payload]) as number
    if (typeof position === 'number') this.memory.outputs.push(position)
    return position
  }

  /** Asks a space. */
  ask(kind: string, space: string, template: readonly unknown[], options: unknown = null): unknown {
    const position = this.#say('checkpoint.request', this.index, this.delivered, [kind, space, encodeTemplate(template), options])
    if (typeof position !== 'number') return position
    this.memory.asked.push(position)
    if (kind === 'in' || kind === 'inp') this.memory.takes.push(position)
    return position
  }

  /** Calls a group, when nothing can undo it any more. */
  call(method: string, argument: unknown): unknown {
    const output = ['call', 'stacks', 'main', method, [argument]]
    const position = this.#say('checkpoint.output', this.index, this.delivered, output)
    if (typeof position === 'number') this.memory.called.push([position, argument])
    return position
  }

  heard(): unknown {
    return this.#say('checkpoint.heard', this.delivered)
  }

  /** As the object likes to. */
  checkpoint(cause: SaveCause = 'basic'): unknown {
    if (this.stage.protocol === 'cut' && this.index >= 0) return this.#say('checkpoint.mark')
    return this.save(cause)
  }

  save(cause: SaveCause, state: unknown = this.memory, ref?: Uint8Array): unknown {
    const next = this.index + 1
    this.#taken()
    const rule = encode({ exact: this.#exact, rule: this.#rule?.saved ?? null, mark: this.#mark })
    const bytes = { kind: 'inline', bytes: encode(state) }
    const stored = state === null ? null : ref === undefined ? bytes : { kind: 'external', ref }
    const isTentative = this.stage.protocol === 'koo-toueg' && next > 0
    if (isTentative) this.state = 'tentative'
    let said: unknown
    const epoch = this.epoch
    this.#issue('checkpoint.save', [next, this.delivered, cause, stored, rule], (outcome) => {
      said = 'value' in outcome ? outcome.value : outcome.error.code
      if (said !== true || this.epoch !== epoch) {
        if (this.state === 'tentative' && this.epoch === epoch) this.state = 'working'
        if (said === true) throw new Error('a checkpoint of an epoch that is over became stable')
        return
      }
      this.index = next
      this.stage.truth.saved(this.place, next)
      if (this.state === 'tentative') this.state = 'working'
    })
    return said
  }

  leave(): void {
    if (this.save('asked') === undefined && this.stage.protocol !== 'koo-toueg') throw new Error('not saved')
    this.leaving = true
    this.#issue('checkpoint.leave', [], (outcome) => {
      this.leaving = false
      if ('error' in outcome) return
      this.state = 'over'
      this.over = 'left'
    })
  }

  fail(message: number | null = null): unknown {
    this.state = 'broken'
    return this.#say('checkpoint.fail', this.delivered, message, 'the object threw')
  }

  close(): void {
    this.#say('checkpoint.close')
    this.state = 'dead'
  }

  /** Gives the next message to the object, after whatever the protocol wants. False: there is none. */
  deliver(): boolean {
    const next = this.queue[0]
    if (next === undefined || !this.canWork) return false
    if ('marker' in next) return this.#passMarker(next.marker)
    if ('record' in next) {
      this.queue.shift()
      this.#say('checkpoint.recorded', next.record, encode(this.memory))
      return true
    }
    const { mail } = next
    if (mail[0] <= this.delivered) throw new Error(`message ${mail[0]} came after ${this.delivered}`)
    if (mail[2].startsWith('@')) return this.#deliverFromOutside(mail)
    while (this.#exact.received.length <= mail[1]) this.#exact.received.push(-1)
    const token: Token = { from: mail[1], epoch: 0, index: mail[3] }
    if (mail[1] >= 0 && this.#forces(mail, token)) {
      if (this.save('forced') !== true) return false
    }
    this.queue.shift()
    this.#rule?.merge(mail)
    if (mail[1] >= 0) this.#exact.received[mail[1]] = Math.max(mail[3], this.#exact.received[mail[1]] ?? -1)
    this.delivered = mail[0]
    this.memory.received.push(mail[0])
    this.stage.truth.delivered(mail[0], this.index, this.epoch)
    return true
  }

  #deliverFromOutside(mail: Mail): boolean {
    this.queue.shift()
    this.delivered = mail[0]
    if (mail[5] !== null) this.memory.answers.push(decode(mail[4]) as Answered)
    else {
      this.memory.received.push(mail[0])
      this.stage.truth.delivered(mail[0], this.index, this.epoch)
    }
    return true
  }

  #forces(mail: Mail, token: Token): boolean {
    if (this.stage.protocol !== 'exact') return this.#rule?.forces(mail) ?? false
    if (skips(this.#exact, token)) return false
    this.asked += 1
    return this.#say('checkpoint.check', this.index, mail[0]) === true
  }

  #passMarker(marker: number): boolean {
    if (marker > this.#mark) {
      this.#mark = marker
      if (this.save('forced') !== true) return false
    }
    this.queue.shift()
    return true
  }

  #taken(): void {
    this.#exact.y = this.index + 1
    this.#exact.sent = false
    this.#rule?.take()
  }

  #begin(grant: Grant): void {
    this.#group = grant.group
    this.place = grant.place
    this.epoch = grant.epoch
    this.delivered = grant.delivered
    this.index = grant.index
    this.queue = []
    this.leaving = false
    this.state = 'working'
    const rule = grant.rule === null ? undefined : (decode(grant.rule) as { exact: ExactState; rule: unknown; mark: number })
    this.#exact = rule?.exact ?? { i: grant.place, y: 0, sent: false, received: [] }
    this.#mark = rule?.mark ?? 0
    this.#rule = ruleOf(this.stage.protocol, grant.place, rule?.rule ?? undefined)
    const { state } = grant
    this.memory = state?.kind === 'inline' ? (decode(state.bytes) as Memory) : noMemory()
    if (grant.index < 0) this.save('basic')
  }

  #obey(note: ProxyNote): void {
    switch (note[0]) {
      case 'checkpoint.mail':
        this.queue.push(...note[3].map((mail) => ({ mail })))
        return
      case 'checkpoint.halt':
        this.#say('checkpoint.halted', this.delivered)
        if (this.state !== 'over') this.state = 'halted'
        return
      case 'checkpoint.rollback':
        return this.#begin(note[3])
      case 'checkpoint.resume':
        this.epoch = note[3]
        this.state = 'working'
        this.#dropGhosts(note[4])
        return
      case 'checkpoint.please':
        if (this.canWork || (this.state === 'working' && this.leaving)) this.checkpoint('asked')
        return
      case 'checkpoint.tentative':
        if (this.state === 'working') this.save('forced')
        return
      case 'checkpoint.marker':
        this.queue.push({ marker: note[3] })
        return
      case 'checkpoint.record':
        this.queue.push({ record: note[3] })
        return
      case 'checkpoint.release':
        for (const [position] of note[3]) this.released.add(position)
        for (const [position] of note[3]) this.stage.truth.released(position)
        this.#say(
          'checkpoint.released',
          note[3].map(([position]) => position),
        )
        return
      case 'checkpoint.discard':
        this.discarded.push(...note[3].map((ref) => String(decode(ref))))
        return
      case 'checkpoint.tell':
        this.heard()
        return
      case 'checkpoint.over':
        this.state = 'over'
        this.over = note[3]
        return
      case 'checkpoint.names':
        return
    }
  }

  #dropGhosts(line: WireLine): void {
    this.queue = this.queue.filter((queued) => {
      if (!('mail' in queued)) return true
      const [, from, , index] = queued.mail
      const to = from < 0 ? null : line[from]
      return to === null || to === undefined || index < to
    })
  }

  #say(name: string, ...args: readonly unknown[]): unknown {
    let said: unknown
    this.#issue(name, args, (outcome) => {
      said = 'value' in outcome ? outcome.value : outcome.error.code
    })
    return said
  }

  #issue(name: string, args: readonly unknown[], heard: Heard): void {
    this.stage.issue(this.session, name, [this.#group, this.place, this.epoch, ...args], (outcome) => {
      if ('error' in outcome) this.refusals.push(String(outcome.error.code))
      heard(outcome)
    })
  }
}

interface RuleDriver {
  readonly saved: unknown
  send(to: number): Uint8Array
  take(): void
  forces(mail: Mail): boolean
  merge(mail: Mail): void
}

function ruleOf(protocol: GroupProtocol, place: number, saved: unknown): RuleDriver | undefined {
  if (protocol === 'bcs') return drive(bcs, place, saved)
  if (protocol === 'fdas') return drive(fdas(PLACES), place, saved)
  if (protocol === 'hmnr') return drive(hmnr(PLACES), place, saved)
  return undefined
}

function drive<State, S extends Token>(rule: Rule<State, S>, place: number, saved: unknown): RuleDriver {
  const state = saved === undefined ? rule.begin(place) : (saved as State)
  const stampOf = (mail: Mail) => decode(mail[5]!) as S
  let forcing: S | undefined
  return {
    get saved() {
      return rule.copy(state)
    },
    send: (to) => encode(rule.send(state, { from: place, epoch: 0, index: 0 }, to)),
    take() {
      rule.take(state, forcing)
      forcing = undefined
    },
    forces(mail) {
      const stamp = stampOf(mail)
      forcing = rule.forces(state, stamp) ? stamp : undefined
      return forcing !== undefined
    },
    merge(mail) {
      if (mail[5] !== null) rule.merge(state, stampOf(mail))
    },
  }
}
