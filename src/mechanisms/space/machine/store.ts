/**
 * The tuples of one space, found by template.
 *
 * A tree that branches by kind leads to the class of a tuple (number and kinds of its fields); a template with open kinds follows
 * several branches. Nearly all tuples are newer than those before them and go to the end of every list. Those that come back to
 * an old place are kept in a tree of their own, so that finding their place is a walk among their like and not among all tuples.
 *
 * Boundary: a data structure without I/O; it knows neither callers nor spaces.
 *   I1, I2  as in `tuple-class.ts`
 */
import { weightOf } from '../../../log/weight.ts'
import type { Link, List } from './list.ts'
import { ANY_KIND, KINDS, type Kind, kindsOf, type Template } from './match.ts'
import { DEFAULT_INDEXING, type Indexing, type Placed, type Stored, TupleClass } from './tuple-class.ts'

/** Empty classes kept, with their indexes, for tuples that come and go; more are a sign of classes that do not come back. */
const MAX_CLASSES_KEPT = 64

export class TupleStore {
  readonly #newest: TupleTree
  readonly #returned: TupleTree
  #weight = 0

  constructor(indexing: Indexing = DEFAULT_INDEXING) {
    this.#newest = new TupleTree(indexing)
    this.#returned = new TupleTree(indexing)
  }

  get size(): number {
    return this.#newest.size + this.#returned.size
  }

  /** Of all tuples together. */
  get weight(): number {
    return this.#weight
  }

  put(order: number, position: number, fields: readonly unknown[], kinds: readonly Kind[] = kindsOf(fields)): Stored {
    return this.place({ order, position, fields, weight: weightOf(fields), terms: undefined }, kinds)
  }

  /** Puts a tuple where its order says, which may be before others. */
  place(placed: Placed, kinds: readonly Kind[] = kindsOf(placed.fields)): Stored {
    this.#weight += placed.weight
    return this.#newest.addLast(placed, kinds) ?? this.#returned.add(placed, kinds)
  }

  /** The first tuple that matches and is not among `except`. */
  find(template: Template, except?: ReadonlySet<Stored>): Stored | undefined {
    const returned = this.#returned.size === 0 ? undefined : this.#returned.find(template, undefined, except)
    return this.#newest.find(template, returned, except)
  }

  remove(stored: Stored): void {
    this.#weight -= stored.weight
    if (this.#returned.has(stored)) this.#returned.remove(stored)
    else this.#newest.remove(stored)
  }

  count(template: Template): number {
    return this.#newest.count(template) + this.#returned.count(template)
  }

  /** The first `limit` tuples that match, in order. */
  gather(template: Template, limit: number): Stored[] {
    const found = [...this.#returned.gather(template, limit), ...this.#newest.gather(template, limit)]
    return found.sort((a, b) => a.order - b.order).slice(0, limit)
  }

  /** The first `limit` tuples in order. */
  first(limit: number): Stored[] {
    const found = [...this.#returned.first(limit), ...this.#newest.first(limit)]
    return found.sort((a, b) => a.order - b.order).slice(0, limit)
  }

  /** All tuples, class by class and there in order, so that none waits for the others to be sorted. Equal stores give the same. */
  all(): Generator<Stored> {
    return allOf(this.#newest.root, this.#returned.root)
  }
}

function* allOf(newest: Branch | undefined, returned: Branch | undefined): Generator<Stored> {
  yield* merged(newest?.tuples?.tuples, returned?.tuples?.tuples)
  for (let kind = 0; kind < KINDS; kind++) {
    const [a, b] = [newest?.children[kind], returned?.children[kind]]
    if (a !== undefined || b !== undefined) yield* allOf(a, b)
  }
}

/** Two lists in ascending order as one. */
function* merged(one: List<Stored> | undefined, other: List<Stored> | undefined): Generator<Stored> {
  let [a, b] = [one?.first, other?.first]
  while (a !== undefined || b !== undefined) {
    if (b === undefined || (a !== undefined && a.item.order < b.item.order)) {
      yield (a as Link<Stored>).item
      a = a?.next
    } else {
      yield b.item
      b = b.next
    }
  }
}

class TupleTree {
  readonly #indexing: Indexing
  readonly root: Branch = new Branch(undefined, 0)
  #classes = 0
  size = 0

  constructor(indexing: Indexing) {
    this.#indexing = indexing
  }

  add(placed: Placed, kinds: readonly Kind[]): Stored {
    this.size += 1
    return this.#classOf(kinds).add(placed)
  }

  /** As `add`, but only behind all others of its class. */
  addLast(placed: Placed, kinds: readonly Kind[]): Stored | undefined {
    const home = this.#classOf(kinds)
    const { last } = home.tuples
    if (last !== undefined && last.item.order >= placed.order) return undefined
    this.size += 1
    return home.add(placed)
  }

  has(stored: Stored): boolean {
    return this.size > 0 && stored.home.tree === this
  }

  remove(stored: Stored): void {
    const { home } = stored
    home.remove(stored)
    this.size -= 1
    if (home.tuples.size === 0 && this.#classes > MAX_CLASSES_KEPT) this.#drop(home)
  }

  find(template: Template, best: Stored | undefined, except: Except): Stored | undefined {
    return this.#find(this.root, 0, template, best, except)
  }

  count(template: Template): number {
    return this.#count(this.root, 0, template)
  }

  /** The first `limit` matches of every class, unordered. */
  gather(template: Template, limit: number): Stored[] {
    const found: Stored[] = []
    this.#gather(this.root, 0, template, limit, found)
    return found
  }

  /** The first `limit` of every class, unordered. */
  first(limit: number): Stored[] {
    const found: Stored[] = []
    this.#first(this.root, limit, found)
    return found
  }

  /** Follows the branches that the template's kinds allow; `best` is the lowest match so far. */
  #find(branch: Branch, depth: number, template: Template, best: Stored | undefined, except: Except): Stored | undefined {
    const { kinds } = template
    if (depth === kinds.length) return branch.tuples?.find(template, best, except) ?? best
    const kind = kinds[depth] as Kind | typeof ANY_KIND
    if (kind !== ANY_KIND) {
      const child = branch.children[kind]
      return child === undefined ? best : this.#find(child, depth + 1, template, best, except)
    }
    let lowest = best
    for (const child of branch.children) {
      if (child !== undefined) lowest = this.#find(child, depth + 1, template, lowest, except)
    }
    return lowest
  }

  #count(branch: Branch, depth: number, template: Template): number {
    if (depth === template.kinds.length) return branch.tuples?.count(template) ?? 0
    let count = 0
    for (const child of branch.allowed(template.kinds[depth] as Kind | typeof ANY_KIND)) {
      count += this.#count(child, depth + 1, template)
    }
    return count
  }

  #gather(branch: Branch, depth: number, template: Template, limit: number, found: Stored[]): void {
    if (depth === template.kinds.length) return branch.tuples?.gather(template, limit, found)
    for (const child of branch.allowed(template.kinds[depth] as Kind | typeof ANY_KIND)) {
      this.#gather(child, depth + 1, template, limit, found)
    }
  }

  #first(branch: Branch, limit: number, found: Stored[]): void {
    let taken = 0
    for (let link = branch.tuples?.tuples.first; link !== undefined && taken < limit; link = link.next) {
      found.push(link.item)
      taken += 1
    }
    for (const child of branch.allowed(ANY_KIND)) this.#first(child, limit, found)
  }

  #classOf(kinds: readonly Kind[]): TupleClass {
    let branch = this.root
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[i] as Kind
      branch = branch.children[kind] ??= new Branch(branch, kind)
    }
    if (branch.tuples === undefined) {
      branch.tuples = new TupleClass(this, kinds, this.#indexing)
      this.#classes += 1
    }
    return branch.tuples
  }

  #drop(home: TupleClass): void {
    let branch = this.root
    for (const kind of home.kinds) branch = branch.children[kind] as Branch
    branch.tuples = undefined
    this.#classes -= 1
    while (branch.parent !== undefined && branch.tuples === undefined && branch.children.every((child) => child === undefined)) {
      branch.parent.children[branch.kind] = undefined
      branch = branch.parent
    }
  }
}

type Except = ReadonlySet<Stored> | undefined

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

  allowed(kind: Kind | typeof ANY_KIND): readonly Branch[] {
    const children = kind === ANY_KIND ? this.children : [this.children[kind]]
    return children.filter((child) => child !== undefined)
  }
}
