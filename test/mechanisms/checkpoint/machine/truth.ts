/**
 * The truth about a group: what has happened by the proxies' own word, judged by brute force that shares no code with the machine.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Outcome } from '../../../../src/log/machine.ts'
import type { GroupProtocol } from '../../../../src/mechanisms/checkpoint/machine/protocol.ts'
import { greatestLine, type Sent, useless } from '../judge.ts'

export type Heard = (outcome: Outcome) => void

/** What a proxy needs of its site. */
export interface ProxySite {
  readonly name: string
  readonly protocol: GroupProtocol
  readonly truth: Truth
  placeOf(name: string): number
  issue(from: number, name: string, args: readonly unknown[], heard: Heard): void
}

interface Message extends Sent {
  readonly position: number
  undone: boolean
}

/** What has happened, by the proxies' own word. */
export class Truth {
  /** By place: index of the last checkpoint. */
  readonly last: number[] = []
  readonly messages = new Map<number, Message>()
  readonly given = new Set<number>()
  /** Places that have failed since the last line. */
  readonly failed = new Set<number>()
  epoch = 0
  lines = 0
  undone = 0

  sent(position: number, from: number, x: number, to: number): void {
    this.messages.set(position, { position, from, x, to, y: undefined, past: [], undone: false })
  }

  /** In an epoch that is over, the object will be thrown away as soon as its proxy hears of it. */
  delivered(position: number, y: number, epoch: number): void {
    if (epoch !== this.epoch) return
    const message = this.messages.get(position)
    if (message === undefined) return
    if (message.undone) throw new Error(`message ${position} of an undone future was delivered`)
    message.y = y
  }

  saved(place: number, index: number): void {
    this.last[place] = index
    for (let i = 0; i < this.last.length; i++) this.last[i] ??= 0
  }

  released(position: number): void {
    this.given.add(position)
  }

  /** Compares the machine's line with the greatest consistent one. */
  wentBack(line: readonly (number | 'current')[], epoch: number): void {
    this.lines += 1
    this.epoch = epoch
    for (let k = 0; k < line.length; k++) this.last[k] ??= 0
    const ends = this.last.map((last, k) => (this.failed.has(k) ? last : last + 1))
    const greatest = greatestLine(this.alive, ends)
    const cut = greatest.map((to, k) => (to > this.last[k]! ? 'current' : to))
    if (!isDeepStrictEqual(cut, line))
      throw new Error(`the line is ${JSON.stringify(line)}, the greatest consistent one ${JSON.stringify(cut)}`)
    for (const message of this.messages.values()) {
      const from = line[message.from]
      const to = line[message.to]
      if (from !== undefined && from !== 'current' && message.x >= from && !message.undone) {
        message.undone = true
        this.undone += 1
      }
      if (to !== undefined && to !== 'current' && message.y !== undefined && message.y >= to) message.y = undefined
    }
    for (const [k, to] of line.entries()) if (to !== 'current') this.last[k] = to
    this.failed.clear()
  }

  get alive(): Message[] {
    return [...this.messages.values()].filter((message) => !message.undone)
  }

  get useless(): string[] {
    const pasts = this.last.map((last) => new Array<number[]>(last + 2).fill([]))
    return useless({ members: this.last.length, messages: this.alive, pasts })
  }
}
