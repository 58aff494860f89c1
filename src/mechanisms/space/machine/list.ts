/**
 * A doubly linked list whose links are held by whoever may want to take the item out again: adding at the end and removing
 * anywhere cost the same however long the list is. Tuples and waiting templates are both kept in several such lists at once.
 *
 * Boundary: order of insertion and nothing else.
 */

export class List<T> {
  first: Link<T> | undefined = undefined
  last: Link<T> | undefined = undefined
  size = 0

  push(item: T): Link<T> {
    const link = new Link(item, this, this.last)
    if (this.last === undefined) this.first = link
    else this.last.next = link
    this.last = link
    this.size += 1
    return link
  }

  /** Puts an item behind the last one that precedes it; in an ordered list it costs a walk over those that do not. */
  insert(item: T, precedes: (other: T) => boolean): Link<T> {
    let previous = this.last
    while (previous !== undefined && !precedes(previous.item)) previous = previous.previous
    const link = new Link(item, this, previous)
    const next = previous === undefined ? this.first : previous.next
    link.next = next
    if (previous === undefined) this.first = link
    else previous.next = link
    if (next === undefined) this.last = link
    else next.previous = link
    this.size += 1
    return link
  }
}

/** The place of one item in one list. */
export class Link<T> {
  readonly item: T
  readonly list: List<T>
  previous: Link<T> | undefined
  next: Link<T> | undefined = undefined

  constructor(item: T, list: List<T>, previous: Link<T> | undefined) {
    this.item = item
    this.list = list
    this.previous = previous
  }

  /** Takes the item out of the list; at most once. */
  remove(): void {
    const { list, previous, next } = this
    if (previous === undefined) list.first = next
    else previous.next = next
    if (next === undefined) list.last = previous
    else next.previous = previous
    list.size -= 1
  }
}
