/** Stacks of independent design, as in the paper's example (Buzato, Rubira and Lisboa, section 5.2), and one that is wrong. */

export abstract class Stack {
  static readonly kinds: readonly string[] = ['array', 'list', 'careless']
  readonly capacity: number

  constructor(capacity = 16) {
    this.capacity = capacity
  }

  abstract push(item: number): number
  abstract pop(): number | undefined
  abstract get size(): number
  isEmpty(): boolean {
    return this.size === 0
  }
}

export class ArrayStack extends Stack {
  readonly #items: number[] = []
  override push(item: number): number {
    return this.#items.push(item)
  }
  override pop(): number | undefined {
    return this.#items.pop()
  }
  override get size(): number {
    return this.#items.length
  }
}

type Link = { readonly item: number; readonly below: Link } | undefined

export class ListStack extends Stack {
  #top: Link
  #size = 0
  override push(item: number): number {
    this.#top = { item, below: this.#top }
    this.#size += 1
    return this.#size
  }
  override pop(): number | undefined {
    const top = this.#top
    if (top === undefined) return
    this.#top = top.below
    this.#size -= 1
    return top.item
  }
  override get size(): number {
    return this.#size
  }
}

/** Wrong in its third answer to pop. */
export class CarelessStack extends ArrayStack {
  #pops = 0
  override pop(): number | undefined {
    this.#pops += 1
    const item = super.pop()
    return this.#pops === 3 ? -1 : item
  }
}
