/**
 * Checkpoints that somebody waits for, and what is to be done before the first message behind a position: markers, and records of a
 * snapshot.
 *
 * Boundary: lists; whose turn it is, `incarnation.ts` says.
 */
import type { SaveCause } from '../machine/protocol.ts'

export interface Wish {
  readonly cause: SaveCause
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class Wishes {
  #wishes: Wish[] = []

  get isEmpty(): boolean {
    return this.#wishes.length === 0
  }

  /** Resolves when a checkpoint that begins later than now is stable. */
  add(cause: SaveCause): Promise<void> {
    return new Promise((resolve, reject) => this.#wishes.push({ cause, resolve, reject }))
  }

  push(wishes: readonly Wish[]): void {
    this.#wishes.push(...wishes)
  }

  /** One checkpoint is for all of them; what the member likes to do itself comes first. */
  takeAll(): { readonly wishes: readonly Wish[]; readonly cause: SaveCause } {
    const wishes = this.#wishes
    this.#wishes = []
    const cause = wishes.find((wish) => wish.cause === 'basic')?.cause ?? wishes[0]?.cause ?? 'asked'
    return { wishes, cause }
  }

  reject(error: unknown): void {
    for (const { reject } of this.takeAll().wishes) reject(error)
  }
}

interface Mark {
  readonly position: number
  readonly act: () => void
  /** The object was thrown away before. */
  readonly reject?: (error: unknown) => void
}

export class Marks {
  #marks: Mark[] = []

  add(mark: Mark): void {
    this.#marks.push(mark)
  }

  /** Resolves when nothing up to this position is left. */
  passed(position: number): Promise<void> {
    return new Promise((resolve, reject) => this.add({ position, act: resolve, reject }))
  }

  reject(error: unknown): void {
    const marks = this.#marks
    this.#marks = []
    for (const { reject } of marks) reject?.(error)
  }

  /** Takes out what is due before a message at this position; undefined: before nothing. */
  takeDue(next: number | undefined): Mark | undefined {
    const first = this.#marks[0]
    return first !== undefined && (next === undefined || next > first.position) ? this.#marks.shift() : undefined
  }
}
