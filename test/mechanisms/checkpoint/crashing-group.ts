/**
 * A group in which everything happens at random: sends, deliveries in the order of their channel or in any, checkpoints, losses,
 * duplicates, and crashes of any subset, also before the replay of the last one is over. It keeps the truth by its own bookkeeping, compares every answer of the protocol and of the
 * functions over traces with it, and throws where they differ.
 */
import { isDeepStrictEqual } from 'node:util'
import { dropSet, garbageSet, type Line, recoveryLine, replaySet } from '../../../src/mechanisms/checkpoint/line.ts'
import type { Protocol, Stamp } from '../../../src/mechanisms/checkpoint/protocol.ts'
import type { Trace, TraceEvent } from '../../../src/mechanisms/checkpoint/trace.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { greatestLine, type Sent, useless } from './judge.ts'

interface Mail extends Sent {
  readonly id: string
  readonly stamp: Stamp
  /** The sending has been undone. */
  undone: boolean
  /** Place in the order of the receiver's log; undefined: never delivered. */
  logged: number | undefined
}

const NOTHING = { deliveries: 0, recoveries: 0, ghosts: 0, replayed: 0, freed: 0, duringReplay: 0, lost: 0, duplicates: 0 }

const LOSS = 0.05
const DUPLICATES = 0.05

/** Of one trace: long enough for several recoveries, short enough for many. */
const LEAST_STEPS = 60
const MOST_STEPS = 400

/** As many traces as are asked for, of 2 to 16 members each; what has happened in all of them together. */
export function crashAgainAndAgain(make: (members: number) => Protocol, traces: number): typeof NOTHING {
  const sum = { ...NOTHING }
  for (let seed = 1; seed <= traces; seed++) {
    const random = new SeededRandom(seed)
    const group = new CrashingGroup(make(random.between(2, 16)), seed, random.pick(['fifo', 'any']))
    const { counts } = group.run(random.between(LEAST_STEPS, MOST_STEPS))
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += counts[key]
  }
  return sum
}

export class CrashingGroup {
  readonly counts: typeof NOTHING = { ...NOTHING }
  readonly #order: 'fifo' | 'any'
  readonly #protocol: Protocol
  readonly #random: SeededRandom
  readonly #last: number[]
  readonly #events: TraceEvent[] = []
  #mail: Mail[] = []
  #wire: Mail[] = []
  #queue: Mail[] = []
  #logged = 0
  #garbage = { line: [] as number[], messages: new Set<string>() }

  constructor(protocol: Protocol, seed: number, order: 'fifo' | 'any' = 'any') {
    this.#protocol = protocol
    this.#order = order
    this.#random = new SeededRandom(seed)
    this.#last = new Array<number>(protocol.members).fill(0)
    this.#garbage.line = this.#last.slice()
  }

  run(steps: number): this {
    for (let step = 0; step < steps; step++) {
      const die = this.#random.next()
      if (die < 0.4) this.#send()
      else if (die < 0.85) this.#deliver()
      else if (die < 0.97) this.#checkpoint(this.#random.below(this.#last.length), false)
      else if (die < 0.985) this.#crash()
      else this.#free()
    }
    const pasts = this.#last.map((last) => new Array<number[]>(last + 2).fill([]))
    const found = useless({ members: this.#last.length, messages: this.#alive(), pasts })
    this.#same('checkpoints that became useless', found, [])
    return this
  }

  #send(): void {
    const from = this.#random.below(this.#last.length)
    const to = this.#random.below(this.#last.length)
    const stamp = JSON.parse(JSON.stringify(this.#protocol.send(from, to)))
    const copies = this.#random.chance(DUPLICATES) ? 2 : 1
    this.counts.duplicates += copies - 1
    // A protocol does not know the messages by their names: to it the copy is another message with the same stamp.
    for (let copy = 0; copy < copies; copy++) {
      const id = `m${this.#mail.length}`
      const mail: Mail = { id, from, to, x: this.#last[from]!, y: undefined, past: [], stamp, undone: false, logged: undefined }
      this.#mail.push(mail)
      this.#wire.push(mail)
      this.#events.push({ object: name(from), kind: 'send', msg: id, to: name(to) })
    }
  }

  #deliver(): void {
    const replay = this.#queue.length > 0 && this.#random.chance(0.5)
    const mail = replay ? this.#queue.shift() : this.#arrival()
    if (mail === undefined) return
    if (!replay && this.#random.chance(LOSS)) {
      this.counts.lost++
      return
    }
    this.#same(`whether ${mail.id} is accepted`, this.#protocol.accepts(mail.stamp), !mail.undone)
    if (mail.undone) {
      this.counts.ghosts++
      return
    }
    const { force } = this.#protocol.deliver(mail.to, mail.stamp)
    if (force) this.#saved(mail.to, true)
    mail.y = this.#last[mail.to]!
    mail.logged ??= this.#logged++
    this.counts.deliveries++
    const receipt = { object: name(mail.to), kind: 'receive', msg: mail.id, from: name(mail.from) } as const
    this.#events.push(replay ? { ...receipt, replay: true } : receipt)
  }

  #arrival(): Mail | undefined {
    const any = this.#wire[this.#random.below(this.#wire.length)]
    const place = this.#wire.findIndex((mail) =>
      this.#order === 'any' ? mail === any : mail.from === any?.from && mail.to === any.to,
    )
    return place < 0 ? undefined : this.#wire.splice(place, 1)[0]
  }

  #checkpoint(k: number, forced: boolean): void {
    this.#protocol.checkpoint(k)
    this.#saved(k, forced)
  }

  #saved(k: number, forced: boolean): void {
    this.#last[k]!++
    this.#events.push({ object: name(k), kind: 'checkpoint', index: this.#last[k]!, forced })
  }

  #crash(): void {
    const failed = this.#last.map((_, k) => k).filter(() => this.#random.chance(0.4))
    const ends = this.#last.map((last, k) => (failed.includes(k) ? last : last + 1))
    const line = greatestLine(this.#alive(), ends)
    const cut = line.map((to, k) => (to > this.#last[k]! ? ('current' as const) : to))
    const named = Object.fromEntries(cut.map((to, k) => [name(k), to]))
    this.#same('the line in the trace', recoveryLine(this.trace, failed.map(name)), named)
    this.#same('the line of the protocol', this.#protocol.recover(failed), cut)
    for (const [k, to] of line.entries())
      if (to < this.#garbage.line[k]!) throw new Error(`${name(k)} goes back behind the line of all`)
    const undone = this.#mail.filter((m) => m.undone || m.x >= line[m.from]!)
    const missing = this.#mail
      .filter((m) => m.logged !== undefined && !undone.includes(m) && (m.y === undefined || m.y >= line[m.to]!))
      .sort((a, b) => a.logged! - b.logged!)
    this.#sets(named, undone, missing)
    for (const m of undone) m.undone = true
    for (const m of this.#mail) if (m.y !== undefined && m.y >= line[m.to]!) m.y = undefined
    if (this.#queue.length > 0) this.counts.duringReplay++
    this.#queue = missing
    this.counts.recoveries++
    this.counts.replayed += missing.length
    for (const [k, to] of cut.entries()) {
      if (to === 'current') continue
      this.#last[k] = to
      this.#events.push({ object: name(k), kind: 'rollback', to })
    }
  }

  #sets(line: Line, undone: readonly Mail[], missing: readonly Mail[]): void {
    const replay = replaySet(this.trace, line)
    for (let k = 0; k < this.#last.length; k++) {
      const mine = replay.filter((id) => this.#mail[Number(id.slice(1))]!.to === k)
      const expected = missing.filter((m) => m.to === k).map((m) => m.id)
      this.#same(`what is replayed to ${name(k)}`, mine, expected)
    }
    this.#same('what is dropped', dropSet(this.trace, line).sort(), undone.map((m) => m.id).sort())
    for (const m of missing) if (this.#garbage.messages.has(m.id)) throw new Error(`${m.id} is needed and was freed`)
  }

  #free(): void {
    const line = greatestLine(this.#alive(), this.#last)
    const garbage = garbageSet(this.trace)
    this.#same('the line of all', garbage.line, Object.fromEntries(line.map((to, k) => [name(k), to])))
    const free = this.#mail.filter((m) => m.logged !== undefined && (m.undone || (m.y !== undefined && m.y < line[m.to]!)))
    this.#same('the log entries that can go', [...garbage.messages].sort(), free.map((m) => m.id).sort())
    for (const [k, to] of line.entries()) {
      const below = Array.from({ length: to }, (_, index) => index)
      this.#same(`the checkpoints of ${name(k)} that can go`, garbage.checkpoints[name(k)], below)
    }
    this.#garbage = { line, messages: new Set(garbage.messages) }
    this.counts.freed += free.length
  }

  #alive(): Mail[] {
    return this.#mail.filter((m) => !m.undone)
  }

  get trace(): Trace {
    return { objects: this.#last.map((_, k) => name(k)), events: this.#events }
  }

  #same(what: string, found: unknown, expected: unknown): void {
    if (isDeepStrictEqual(found, expected)) return
    throw new Error(`${what}: found ${JSON.stringify(found)}, the truth is ${JSON.stringify(expected)}`)
  }
}

function name(k: number): string {
  return String.fromCharCode(97 + k)
}
