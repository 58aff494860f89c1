/** A small member for tests: a notebook that writes down what it is told, and what it is to do it is told as well. */
import type { CheckpointedObject, Self } from 'perdure/checkpoint'

/** `do`: sent on to others, in order. */
export interface Note {
  readonly text: string
  readonly tell?: readonly (readonly [to: string, note: Note])[]
  readonly save?: boolean
}

export class Notebook implements CheckpointedObject<readonly string[]> {
  readonly self: Self
  lines: string[] = []
  /** What this object has been given itself, with its sender. */
  readonly given: (readonly [text: string, from: string])[] = []
  /** What has been done with it, in order: for what the lines do not show. */
  readonly diary: string[] = []

  constructor(self: Self) {
    this.self = self
  }

  save(): readonly string[] {
    this.diary.push('save')
    return this.lines
  }

  restore(lines: readonly string[]): void {
    this.diary.push('restore')
    this.lines = [...lines]
  }

  receive(message: unknown, from: string): void {
    const { text, tell = [], save = false } = message as Note
    this.diary.push(text)
    this.given.push([text, from])
    this.lines.push(text)
    for (const [to, note] of tell) void this.self.send(to, note)
    if (save) void this.self.checkpoint()
  }
}

/** Makes notebooks, and keeps all it has made. */
export class Shelf<N extends Notebook = Notebook> {
  readonly all: N[] = []
  readonly #make: (self: Self) => N

  constructor(make: (self: Self) => N = (self) => new Notebook(self) as N) {
    this.#make = make
  }

  readonly factory = (self: Self): N => {
    const made = this.#make(self)
    this.all.push(made)
    return made
  }

  /** The one that is there now. */
  get last(): N {
    const last = this.all.at(-1)
    if (last === undefined) throw new Error('no notebook was made yet')
    return last
  }
}
