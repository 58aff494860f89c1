/**
 * What all agents have in common: they write each other letters, and remember which.
 *
 * Every letter has an id drawn at random when it is written. So an agent that went back and writes again writes *another* letter, and
 * whoever compares what all have sent with what all have received finds every letter that was lost, doubled, or never written by anybody
 * (an orphan). This is for the check at the end, and for readers; perdure needs no such ids.
 *
 * Boundary: the object of a member; what it is for is in `planner.ts`, `worker.ts` and `memory.ts`.
 */
import { randomUUID } from 'node:crypto'
import type { CheckpointedObject, Self } from 'perdure/checkpoint'

export type Letter = { readonly id: string } & Content

/** What agents have to say. */
export type Content =
  /** Outside to planner: begin, and later: bring it to an end. */
  | { readonly kind: 'begin' | 'finish' }
  /** Planner to worker. */
  | { readonly kind: 'task'; readonly task: number }
  | { readonly kind: 'rest' }
  /** Worker to memory, and its answer: how many darts were thrown so far. */
  | { readonly kind: 'recall'; readonly task: number }
  | { readonly kind: 'known'; readonly task: number; readonly thrown: number }
  /** Worker to memory, and to planner. */
  | { readonly kind: 'finding'; readonly task: number; readonly thrown: number; readonly inside: number }
  | { readonly kind: 'done'; readonly task: number }
  /** Worker to worker, when it feels like it. */
  | { readonly kind: 'hint'; readonly at: number }
  /** Planner to memory, and its answer. */
  | { readonly kind: 'sum' }
  | { readonly kind: 'total'; readonly thrown: number; readonly inside: number }

/** Ids of letters, by colleague, in order. */
export interface Correspondence {
  readonly sent: Readonly<Record<string, readonly string[]>>
  readonly received: Readonly<Record<string, readonly string[]>>
}

/** What an agent saves. */
export interface Saved<Work> {
  readonly letters: Correspondence
  readonly work: Work
}

/** What a process says to the one that has started it. */
export type News =
  | { readonly event: 'ready' }
  /** `count`: letters of colleagues that the agent has been given, with this one. */
  | { readonly event: 'received'; readonly agent: string; readonly id: string; readonly count: number }
  | { readonly event: 'restored'; readonly agent: string; readonly count: number }
  | { readonly event: 'answer'; readonly answer: Answer; readonly key: string }

export interface Answer {
  readonly tasks: number
  readonly thrown: number
  readonly inside: number
}

export type Tell = (news: News) => void

export abstract class Agent<Work extends object> implements CheckpointedObject<Saved<Work>> {
  protected readonly self: Self
  protected readonly tell: Tell
  protected work: Work
  #sent: Record<string, string[]> = {}
  #received: Record<string, string[]> = {}

  constructor(self: Self, tell: Tell, work: Work) {
    this.self = self
    this.tell = tell
    this.work = work
  }

  save(): Saved<Work> {
    return structuredClone({ letters: { sent: this.#sent, received: this.#received }, work: this.work })
  }

  restore({ letters: { sent, received }, work }: Saved<Work>): void {
    this.#sent = sent as Record<string, string[]>
    this.#received = received as Record<string, string[]>
    this.work = work
    this.tell({ event: 'restored', agent: this.self.name, count: this.#count() })
  }

  receive(message: unknown, from: string): void | Promise<void> {
    const letter = message as Letter
    if (!from.startsWith('@')) this.#book(letter, from)
    return this.hear(letter, from)
  }

  protected abstract hear(letter: Letter, from: string): void | Promise<void>

  protected send(to: string, content: Content): void {
    const id = randomUUID()
    append(this.#sent, to, id)
    void this.self.send(to, { id, ...content })
  }

  /** Only letters of colleagues: nobody books what comes from outside when it is sent. */
  #book({ id }: Letter, from: string): void {
    append(this.#received, from, id)
    this.tell({ event: 'received', agent: this.self.name, id, count: this.#count() })
  }

  #count(): number {
    return Object.values(this.#received).reduce((sum, ids) => sum + ids.length, 0)
  }
}

function append(lists: Record<string, string[]>, name: string, id: string): void {
  const list = lists[name] ?? []
  list.push(id)
  lists[name] = list
}
