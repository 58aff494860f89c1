/**
 * The tuples of one space, found by template.
 *
 * Tuples of one class (number and kinds of fields) form a list in the order in which they came, and a tree that branches by
 * kind leads to it; a template with open kinds follows several branches. Inside a class an index of a field leads from a value
 * to the list of tuples that have it; a search walks the shortest list there is.
 *
 * Boundary: a data structure without I/O; it knows neither callers nor spaces.
 *   I1  `find` answers with the lowest order that matches, whichever indexes there are: they decide speed, never answers, so
 *       they are in no snapshot and may differ between replicas.
 *   I2  Every list is in ascending order, because tuples enter with an order above all before.
 */
import { invariant } from '../../errors.ts'
import { type Link, List } from './list.ts'
import {
  type AlternativesCheck,
  ANY_KIND,
  accepts,
  type Check,
  isPrimitive,
  type Key,
  KINDS,
  type Kind,
  keyOf,
  kindsOf,
  type LiteralCheck,
  type Template,
} from './match.ts'

/** A tuple in its place. */
export class Stored {
  /** Above that of every tuple before: positions of the log, refined where one position puts several tuples. */
  readonly order: number
  /** Position in the log at which the tuple appeared. */
  readonly position: number
  readonly fields: readonly unknown[]
  readonly home: TupleClass
  /** One for the list of the class and one for each of its indexes; exactly as long as that, for there are many of these. */
  links: readonly Link<Stored>[]

  constructor(order: number, position: number, fields: readonly unknown[], home: TupleClass, links: readonly Link<Stored>[]) {
    this.order = order
    this.position = position
    this.fields = fields
    this.home = home
    this.links = links
  }
}

/** When fields are indexed. A parameter only so that tests can show that it does not matter. */
export interface Indexing {
  /** Fields 0 to this, exclusive, are indexed from the start. */
  readonly fromStart: number
  /** A search that looked at more tuples than this asks for an index of the fields that would have shortened it. */
  readonly afterLooking: number
}

/** By habit the first field names what a tuple is; looking at 64 tuples costs about as much as keeping one more index entry. */
export const DEFAULT_INDEXING: Indexing = { fromStart: 1, afterLooking: 64 }

/** Empty classes kept, with their indexes, for tuples that come and go; more are a sign of classes that do not come back. */
const MAX_CLASSES_KEPT = 64

export class TupleStore {
  readonly #indexing: Indexing
  readonly #root = new Branch(undefined, 0)
  #classes = 0
  #lastOrder = 0
  size = 0

  constructor(indexing: Indexing = DEFAULT_INDEXING) {
    this.#indexing = indexing
  }

  put(order: number, position: number, fields: readonly unknown[], kinds: readonly Kind[] = kindsOf(fields)): void {
    invariant(order > this.#lastOrder, 'a tuple entered a space out of order')
    this.#lastOrder = order
    this.#classOf(kinds).add(order, position, fields)
    this.size += 1
  }

  find(template: Template): Stored | undefined {
    return this.#find(this.#root, 0, template, undefined)
  }

  remove(stored: Stored): void {
    const { home } = stored
    home.remove(stored)
    this.size -= 1
    if (home.tuples.size === 0 && this.#classes > MAX_CLASSES_KEPT) this.#drop(home)
  }

  count(template: Template): number {
    return this.#count(this.#root, 0, template)
  }

  /** The first `limit` tuples in order. */
  first(limit: number): Stored[] {
    const found: Stored[] = []
    this.#collect(this.#root, limit, found)
    return found.sort((a, b) => a.order - b.order).slice(0, limit)
  }

  /** Follows the branches that the template's kinds allow; `best` is the lowest match so far. */
  #find(branch: Branch, depth: number, template: Template, best: Stored | undefined): Stored | undefined {
    const { kinds } = template
    if (depth === kinds.length) return branch.tuples?.find(template, best) ?? best
    const kind = kinds[depth] as Kind | typeof ANY_KIND
    if (kind !== ANY_KIND) {
      const child = branch.children[kind]
      return child === undefined ? best : this.#find(child, depth + 1, template, best)
    }
    let lowest = best
    for (const child of branch.children) {
      if (child !== undefined) lowest = this.#find(child, depth + 1, template, lowest)
    }
    return lowest
  }

  #count(branch: Branch, depth: number, template: Template): number {
    const { kinds } = template
    if (depth === kinds.length) return branch.tuples?.count(template) ?? 0
    const kind = kinds[depth] as Kind | typeof ANY_KIND
    let count = 0
    for (const child of kind === ANY_KIND ? branch.children : [branch.children[kind]]) {
      if (child !== undefined) count += this.#count(child, depth + 1, template)
    }
    return count
  }

  #collect(branch: Branch, limit: number, found: Stored[]): void {
    let taken = 0
    for (let link = branch.tuples?.tuples.first; link !== undefined && taken < limit; link = link.next) {
      found.push(link.item)
      taken += 1
    }
    for (const child of branch.children) {
      if (child !== undefined) this.#collect(child, limit, found)
    }
  }

  #classOf(kinds: readonly Kind[]): TupleClass {
    let branch = this.#root
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[i] as Kind
      branch = branch.children[kind] ??= new Branch(branch, kind)
    }
    if (branch.tuples === undefined) {
      branch.tuples = new TupleClass(kinds, this.#indexing)
      this.#classes += 1
    }
    return branch.tuples
  }

  #drop(home: TupleClass): void {
    let branch = this.#root
    for (const kind of home.kinds) branch = branch.children[kind] as Branch
    branch.tuples = undefined
    this.#classes -= 1
    while (branch.parent !== undefined && branch.tuples === undefined && branch.children.every((child) => child === undefined)) {
      branch.parent.children[branch.kind] = undefined
      branch = branch.parent
    }
  }
}

/** One step of the way from the number and kinds of fields to a class: the branch at depth n has fixed n kinds. */
class Branch {
  readonly parent: Branch | undefined
  readonly kind: number
  readonly children: (Branch | undefined)[] = new Array(KINDS).fill(undefined)
  tuples: TupleClass | undefined = undefined

  constructor(parent: Branch | undefined, kind: number) {
    this.parent = parent
    this.kind = kind
  }
}

/** All tuples of the same number and kinds of fields. */
class TupleClass {
  readonly kinds: readonly Kind[]
  readonly tuples: List<Stored> = new List()
  readonly #indexing: Indexing
  readonly #indexes: FieldIndex[] = []

  constructor(kinds: readonly Kind[], indexing: Indexing) {
    this.kinds = kinds
    this.#indexing = indexing
    // Keys of objects cost a walk through them on every `put`: they are indexed only for templates that ask for it.
    for (let field = 0; field < Math.min(kinds.length, indexing.fromStart); field++) {
      if (isPrimitive(kinds[field] as Kind)) this.#indexes.push(new FieldIndex(field, kinds[field] as Kind))
    }
  }

  add(order: number, position: number, fields: readonly unknown[]): void {
    const indexes = this.#indexes
    const links: Link<Stored>[] = new Array(indexes.length + 1)
    const stored = new Stored(order, position, fields, this, links)
    links[0] = this.tuples.push(stored)
    for (let i = 0; i < indexes.length; i++) links[i + 1] = (indexes[i] as FieldIndex).add(stored)
  }

  remove(stored: Stored): void {
    for (const link of stored.links) link.remove()
    for (const index of this.#indexes) index.removed(stored)
  }

  /** The first match, if it is before `best`; else `best`. */
  find(template: Template, best: Stored | undefined): Stored | undefined {
    let lowest = best
    let looked = 0
    for (const list of this.#shortest(template)) {
      for (let link = list.first; link !== undefined; link = link.next) {
        if (lowest !== undefined && link.item.order >= lowest.order) break
        looked += 1
        if (accepts(template, link.item.fields)) {
          lowest = link.item
          break
        }
      }
    }
    if (looked > this.#indexing.afterLooking) this.#indexFor(template)
    return lowest
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
    for (const check of template.checks) {
      if (!isKeyed(check) || this.#indexes.some((index) => index.field === check.field)) continue
      const index = new FieldIndex(check.field, this.kinds[check.field] as Kind)
      for (let link = this.tuples.first; link !== undefined; link = link.next) {
        link.item.links = [...link.item.links, index.add(link.item)]
      }
      this.#indexes.push(index)
    }
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
    return list.push(stored)
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
