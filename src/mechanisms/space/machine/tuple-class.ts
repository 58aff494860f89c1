/**
 * Tuples of one class: the same number of fields, of the same kinds.
 *
 * They form a list in their order. An index of a field leads from a value to the list of tuples that have it; a search walks the
 * shortest list there is. Indexes are built when they would have helped.
 *
 * Boundary: a data structure without I/O.
 *   I1  `find` answers with the lowest order that matches, whichever indexes there are: they decide speed, never answers, so
 *       they are in no snapshot and may differ between replicas.
 *   I2  Every list is in ascending order.
 */
import { type Link, List } from './list.ts'
import {
  type AlternativesCheck,
  accepts,
  type Check,
  isPrimitive,
  type Key,
  type Kind,
  keyOf,
  type LiteralCheck,
  type Template,
} from './match.ts'

/** What is known of a tuple beyond its fields. */
export interface Terms {
  /** Log time at which its lease ends. */
  readonly expiresMs: number | undefined
  /** How often it was handed out to be held, and came back. */
  readonly deliveries: number
}

/** A tuple and the place that it has among the others. */
export interface Placed {
  /** Above that of every tuple that appeared before: positions of the log, refined where one position puts several tuples. */
  readonly order: number
  /** Position in the log at which the tuple appeared. */
  readonly position: number
  readonly fields: readonly unknown[]
  readonly weight: number
  readonly terms: Terms | undefined
}

/** A tuple in its place. */
export class Stored implements Placed {
  readonly order: number
  readonly position: number
  readonly fields: readonly unknown[]
  /** What it counts for in quotas. */
  readonly weight: number
  /** Of most tuples nothing more is known. */
  readonly terms: Terms | undefined
  readonly home: TupleClass
  /** One for the list of the class and one for each of its indexes; exactly as long as that, for there are many of these. */
  links: readonly Link<Stored>[]

  constructor({ order, position, fields, weight, terms }: Placed, home: TupleClass, links: readonly Link<Stored>[]) {
    this.order = order
    this.position = position
    this.fields = fields
    this.weight = weight
    this.terms = terms
    this.home = home
    this.links = links
  }
}

/**
 * With so many tuples a class gets an index of the field that looks like their key before anybody asks by it: the first such search
 * among a million tuples would hold up everybody for a second or more.
 */
const LARGE = 1_024

/** When fields are indexed. A parameter only so that tests can show that it does not matter. */
export interface Indexing {
  /** Fields 0 to this, exclusive, are indexed from the start. */
  readonly fromStart: number
  /** A search that looked at more tuples than this asks for an index of the fields that would have shortened it. */
  readonly afterLooking: number
}

/** By habit the first field names what a tuple is; looking at 64 tuples costs about as much as keeping one more index entry. */
export const DEFAULT_INDEXING: Indexing = { fromStart: 1, afterLooking: 64 }

/** All tuples of the same number and kinds of fields. */
export class TupleClass {
  /** What it is part of. */
  readonly tree: object
  readonly kinds: readonly Kind[]
  readonly tuples: List<Stored> = new List()
  readonly #indexing: Indexing
  readonly #indexes: FieldIndex[] = []

  constructor(tree: object, kinds: readonly Kind[], indexing: Indexing) {
    this.tree = tree
    this.kinds = kinds
    this.#indexing = indexing
    // Keys of objects cost a walk through them on every `put`: they are indexed only for templates that ask for it.
    for (let field = 0; field < Math.min(kinds.length, indexing.fromStart); field++) {
      if (isPrimitive(kinds[field] as Kind)) this.#indexes.push(new FieldIndex(field, kinds[field] as Kind))
    }
  }

  add(placed: Placed): Stored {
    const indexes = this.#indexes
    const links: Link<Stored>[] = new Array(indexes.length + 1)
    const stored = new Stored(placed, this, links)
    links[0] = place(this.tuples, stored)
    for (let i = 0; i < indexes.length; i++) links[i + 1] = (indexes[i] as FieldIndex).add(stored)
    if (this.tuples.size === LARGE) this.#indexKey()
    return stored
  }

  remove(stored: Stored): void {
    for (const link of stored.links) link.remove()
    for (const index of this.#indexes) index.removed(stored)
  }

  /** The first match that is not among `except`, if it is before `best`; else `best`. */
  find(template: Template, best: Stored | undefined, except: ReadonlySet<Stored> | undefined): Stored | undefined {
    let lowest = best
    let looked = 0
    for (const list of this.#shortest(template)) {
      for (let link = list.first; link !== undefined; link = link.next) {
        if (lowest !== undefined && link.item.order >= lowest.order) break
        looked += 1
        if (accepts(template, link.item.fields) && !except?.has(link.item)) {
          lowest = link.item
          break
        }
      }
    }
    if (looked > this.#indexing.afterLooking) this.#indexFor(template)
    return lowest
  }

  /** Adds to `found` the first `limit` matches, and perhaps later ones. */
  gather(template: Template, limit: number, found: Stored[]): void {
    let looked = 0
    for (const list of this.#shortest(template)) {
      let taken = 0
      for (let link = list.first; link !== undefined && taken < limit; link = link.next) {
        looked += 1
        if (!accepts(template, link.item.fields)) continue
        found.push(link.item)
        taken += 1
      }
    }
    if (looked > limit + this.#indexing.afterLooking) this.#indexFor(template)
  }

  count(template: Template): number {
    if (template.checks.length === 0) return this.tuples.size
    let count = 0
    let looked = 0
    for (const list of this.#shortest(template)) {
      looked += list.size
      for (let link = list.first; link !== undefined; link = link.next) {
        if (accepts(template, link.item.fields)) count += 1
      }
    }
    if (looked > this.#indexing.afterLooking) this.#indexFor(template)
    return count
  }

  /** Lists without common items that together hold every match, with as few tuples as the indexes allow. */
  #shortest(template: Template): readonly List<Stored>[] {
    let shortest: readonly List<Stored>[] | undefined
    let size = this.tuples.size
    for (const index of this.#indexes) {
      const check = checkOf(template, index.field)
      if (check === undefined || !isKeyed(check)) continue
      const lists = index.lists(check)
      let together = 0
      for (const list of lists) together += list.size
      if (together < size || lists.length === 0) {
        shortest = lists
        size = together
      }
    }
    return shortest ?? [this.tuples]
  }

  #indexFor(template: Template): void {
    for (const check of template.checks) if (isKeyed(check)) this.#index(check.field)
  }

  /** Indexes the first field that tells tuples apart, if there is one. */
  #indexKey(): void {
    for (const [field, kind] of this.kinds.entries()) {
      if (!isPrimitive(kind)) continue
      const values = new Set<unknown>()
      for (let link = this.tuples.first; link !== undefined; link = link.next) values.add(link.item.fields[field])
      if (values.size > LARGE / 2) return this.#index(field)
    }
  }

  #index(field: number): void {
    if (this.#indexes.some((index) => index.field === field)) return
    const index = new FieldIndex(field, this.kinds[field] as Kind)
    for (let link = this.tuples.first; link !== undefined; link = link.next) {
      link.item.links = [...link.item.links, index.add(link.item)]
    }
    this.#indexes.push(index)
  }
}

/** From the values of one field to the tuples that have them. */
class FieldIndex {
  readonly field: number
  readonly #kind: Kind
  readonly #lists = new Map<Key, List<Stored>>()

  constructor(field: number, kind: Kind) {
    this.field = field
    this.#kind = kind
  }

  add(stored: Stored): Link<Stored> {
    const key = keyOf(stored.fields[this.field], this.#kind)
    let list = this.#lists.get(key)
    if (list === undefined) {
      list = new List()
      this.#lists.set(key, list)
    }
    return place(list, stored)
  }

  /** The tuple's links are gone; so goes its list, when it was the last in it. */
  removed(stored: Stored): void {
    const key = keyOf(stored.fields[this.field], this.#kind)
    if (this.#lists.get(key)?.size === 0) this.#lists.delete(key)
  }

  lists(check: LiteralCheck | AlternativesCheck): readonly List<Stored>[] {
    if (check.test === 'literal') {
      const list = this.#lists.get(keyOf(check.value, this.#kind))
      return list === undefined ? NO_LISTS : [list]
    }
    const lists: List<Stored>[] = []
    for (const key of check.keys.get(this.#kind) ?? NO_KEYS) {
      const list = this.#lists.get(key)
      if (list !== undefined) lists.push(list)
    }
    return lists
  }
}

function checkOf({ checks }: Template, field: number): Check | undefined {
  for (const check of checks) {
    if (check.field === field) return check
  }
  return undefined
}

const NO_LISTS: readonly List<Stored>[] = []
const NO_KEYS: readonly Key[] = []

/** Checks that an index can answer. */
function isKeyed(check: Check): check is LiteralCheck | AlternativesCheck {
  return check.test === 'literal' || check.test === 'alternatives'
}

/** Most tuples are newer than all there are; what comes back is put where it was. */
function place(list: List<Stored>, stored: Stored): Link<Stored> {
  if (list.last === undefined || list.last.item.order < stored.order) return list.push(stored)
  return list.insert(stored, (other) => other.order < stored.order)
}
