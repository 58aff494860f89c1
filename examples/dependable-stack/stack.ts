/**
 * The stack of the reflective paper (section 5.2): an abstract class, and two variants of it by authors who did not talk to each other.
 *
 * Boundary: ordinary classes. Nothing here knows that they will be members of a group.
 */

export abstract class Stack {
  abstract push(item: number): void
  /** Undefined when there is nothing on it. */
  abstract pop(): number | undefined
}

export class ArrayStack extends Stack {
  items: number[] = []

  push(item: number): void {
    this.items.push(item)
  }

  pop(): number | undefined {
    return this.items.pop()
  }
}

interface Link {
  readonly item: number
  readonly below: Link | undefined
}

export class ListStack extends Stack {
  top: Link | undefined = undefined

  push(item: number): void {
    this.top = { item, below: this.top }
  }

  pop(): number | undefined {
    const item = this.top?.item
    this.top = this.top?.below
    return item
  }
}
