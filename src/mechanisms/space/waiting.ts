/**
 * The templates of one space that wait for a tuple.
 *
 * Here the tuple asks and the templates are searched, so the index is turned round: templates of the same pattern (the same
 * kinds, values in the same fields) form a group, and in a group one look-up with the tuple's own values finds those that may
 * match. However many wait for other values, they are not looked at.
 *
 * Boundary: a data structure without I/O; it answers nobody.
 *   W1  `readers` are all that match in order of arrival; `taker` is the one that came first.
 */
import type { Caller } from '../../log/machine.ts'
import { type Link, List } from './list.ts'
import { ANY_KIND, accepts, type Key, type Kind, keyOf, type Template } from './match.ts'

export interface Waiter {
  /** Rises with every arrival; also the token of its deadline. */
  readonly order: number
  readonly position: number
  readonly mode: 'in' | 'rd'
  readonly caller: Caller
  readonly number: number
  readonly space: string
  readonly encoded: readonly unknown[]
  readonly template: Template
  readonly deadlineMs: number | undefined
}

const NOBODY: readonly Waiter[] = []

export class WaitingTemplates {
  /** By number of fields, then by pattern. */
  readonly #groups = new Map<number, Map<string, Group>>()
  readonly #places = new Map<Waiter, Place>()

  get size(): number {
    return this.#places.size
  }

  add(waiter: Waiter): void {
    const { length } = waiter.template.kinds
    let ofLength = this.#groups.get(length)
    if (ofLength === undefined) {
      ofLength = new Map()
      this.#groups.set(length, ofLength)
    }
    const pattern = patternOf(waiter)
    let group = ofLength.get(pattern)
    if (group === undefined) {
      group = new Group(pattern, waiter.template)
      ofLength.set(pattern, group)
    }
    this.#places.set(waiter, group.add(waiter))
  }

  remove(waiter: Waiter): void {
    const place = this.#places.get(waiter)
    if (place === undefined) return
    this.#places.delete(waiter)
    const { group } = place
    group.remove(place)
    if (!group.isEmpty) return
    const { length } = waiter.template.kinds
    const ofLength = this.#groups.get(length)
    ofLength?.delete(group.pattern)
    if (ofLength?.size === 0) this.#groups.delete(length)
  }

  /** Who waits to read a tuple like this one. */
  readers(fields: readonly unknown[], kinds: readonly Kind[]): readonly Waiter[] {
    const ofLength = this.#groups.get(kinds.length)
    if (ofLength === undefined) return NOBODY
    const readers: Waiter[] = []
    for (const group of ofLength.values()) {
      for (let link = group.bucketFor(fields, kinds)?.readers.first; link !== undefined; link = link.next) {
        if (accepts(link.item.template, fields)) readers.push(link.item)
      }
    }
    return readers.sort((a, b) => a.order - b.order)
  }

  /** Who is to take this tuple. */
  taker(fields: readonly unknown[], kinds: readonly Kind[]): Waiter | undefined {
    const ofLength = this.#groups.get(kinds.length)
    if (ofLength === undefined) return undefined
    let first: Waiter | undefined
    for (const group of ofLength.values()) {
      for (let link = group.bucketFor(fields, kinds)?.takers.first; link !== undefined; link = link.next) {
        if (first !== undefined && link.item.order >= first.order) break
        if (accepts(link.item.template, fields)) {
          first = link.item
          break
        }
      }
    }
    return first
  }

  /** All of them in order of arrival. */
  all(): Waiter[] {
    return [...this.#places.keys()].sort((a, b) => a.order - b.order)
  }
}

interface Bucket {
  readonly key: Key
  readonly readers: List<Waiter>
  readonly takers: List<Waiter>
}

/** Where a waiter is, so that it can be taken out without a search. */
interface Place {
  readonly group: Group
  readonly bucket: Bucket
  readonly link: Link<Waiter>
}

/** Templates of one pattern, by the values they ask for. */
class Group {
  readonly pattern: string
  readonly #kinds: Template['kinds']
  readonly #keyed: readonly number[]
  readonly #buckets = new Map<Key, Bucket>()

  constructor(pattern: string, template: Template) {
    this.pattern = pattern
    this.#kinds = template.kinds
    this.#keyed = template.checks.filter(({ test }) => test === 'literal').map(({ field }) => field)
  }

  get isEmpty(): boolean {
    return this.#buckets.size === 0
  }

  add(waiter: Waiter): Place {
    const key = this.#keyOfFields(literalsOf(waiter.template))
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      bucket = { key, readers: new List(), takers: new List() }
      this.#buckets.set(key, bucket)
    }
    return { group: this, bucket, link: (waiter.mode === 'rd' ? bucket.readers : bucket.takers).push(waiter) }
  }

  remove({ bucket, link }: Place): void {
    link.remove()
    if (bucket.readers.size === 0 && bucket.takers.size === 0) this.#buckets.delete(bucket.key)
  }

  bucketFor(fields: readonly unknown[], kinds: readonly Kind[]): Bucket | undefined {
    for (let i = 0; i < kinds.length; i++) {
      if (this.#kinds[i] !== kinds[i] && this.#kinds[i] !== ANY_KIND) return undefined
    }
    return this.#buckets.get(this.#keyOfFields(fields))
  }

  /** The values at this pattern's literal fields as one key; with more than one, text in which no two lists of values agree. */
  #keyOfFields(fields: readonly unknown[]): Key {
    const keyed = this.#keyed
    if (keyed.length === 0) return undefined
    if (keyed.length === 1) return this.#keyOfField(fields, keyed[0] as number)
    let key = ''
    for (const field of keyed) {
      const part = String(this.#keyOfField(fields, field))
      key += `${part.length}:${part}`
    }
    return key
  }

  #keyOfField(fields: readonly unknown[], field: number): Key {
    // A literal has a kind, and the pattern names it.
    return keyOf(fields[field], this.#kinds[field] as Kind)
  }
}

/** The template's values at their fields. */
function literalsOf(template: Template): unknown[] {
  const values: unknown[] = []
  for (const check of template.checks) {
    if (check.test === 'literal') values[check.field] = check.value
  }
  return values
}

/** The same for templates whose kinds are the same and which have values in the same fields. */
function patternOf({ encoded, template }: Waiter): string {
  let pattern = encoded[0] as string
  for (const { field } of template.checks) pattern += `,${template.kinds[field]}`
  return pattern
}
