/**
 * The templates of one space that wait for a tuple.
 *
 * Here the tuple asks and the templates are searched, so the index is turned round: templates of the same pattern (the same
 * kinds, values in the same fields) are kept together, and for each pattern one look-up with the tuple's own values finds those that may
 * match. However many wait for other values, they are not looked at.
 *
 * Boundary: a data structure without I/O; it answers nobody.
 *   W1  `readers` are all that match in order of arrival; `taker` is the one that came first.
 *   W2  A group is found under the template of the element at which it is blocked.
 */
import type { Caller } from '../../../log/machine.ts'
import type { Group } from './atomic.ts'
import type { HoldTerms } from './holds.ts'
import { type Link, List } from './list.ts'
import { ANY_KIND, accepts, fits, type Key, type Kind, keyOf, type Template } from './match.ts'

export interface Waiter {
  /** Rises with every arrival; also the token of its deadline. */
  readonly order: number
  readonly position: number
  readonly mode: 'in' | 'rd' | 'atomic'
  readonly caller: Caller
  readonly number: number
  readonly space: string
  /** The template, or the elements of the group, as they came. */
  readonly encoded: readonly unknown[]
  readonly template: Template
  readonly deadlineMs: number | undefined
  /** Of an `in` that is to be held. */
  readonly hold?: HoldTerms | undefined
  /** Of an `atomic`. */
  readonly group?: Group | undefined
}

const NOBODY: readonly Waiter[] = []

export class WaitingTemplates {
  /** By number of fields, then by pattern. */
  readonly #patterns = new Map<number, Map<string, Pattern>>()
  readonly #places = new Map<Waiter, Place>()
  /** Those that are groups, and of these the ones that may match what they put themselves. */
  readonly #groups = new Set<Waiter>()
  readonly #ownOuts = new Set<Waiter>()

  get size(): number {
    return this.#places.size
  }

  add(waiter: Waiter): void {
    if (waiter.group !== undefined) this.#groups.add(waiter)
    if (waiter.group?.ownOuts) this.#ownOuts.add(waiter)
    this.#index(waiter, waiter.template)
  }

  remove(waiter: Waiter): void {
    this.#groups.delete(waiter)
    this.#ownOuts.delete(waiter)
    this.#unindex(waiter)
  }

  #unindex(waiter: Waiter): void {
    const place = this.#places.get(waiter)
    if (place === undefined) return
    this.#places.delete(waiter)
    const { pattern } = place
    pattern.remove(place)
    if (!pattern.isEmpty) return
    const ofLength = this.#patterns.get(pattern.length)
    ofLength?.delete(pattern.name)
    if (ofLength?.size === 0) this.#patterns.delete(pattern.length)
  }

  /** What it waits for at the moment. */
  templateOf(waiter: Waiter): Template | undefined {
    return this.#places.get(waiter)?.link.item.template
  }

  /** A group has got further, or less far, and now waits for this. */
  block(waiter: Waiter, template: Template): void {
    this.#unindex(waiter)
    this.#index(waiter, template)
  }

  #index(waiter: Waiter, template: Template): void {
    const { length } = template.kinds
    let ofLength = this.#patterns.get(length)
    if (ofLength === undefined) {
      ofLength = new Map()
      this.#patterns.set(length, ofLength)
    }
    const name = patternOf(template)
    let pattern = ofLength.get(name)
    if (pattern === undefined) {
      pattern = new Pattern(name, template)
      ofLength.set(name, pattern)
    }
    this.#places.set(waiter, pattern.add(waiter, template))
  }

  get hasGroups(): boolean {
    return this.#groups.size > 0
  }

  /** Groups for which it may matter that such a tuple has appeared: as the newest of all, or at an old place. */
  concerned(fields: readonly unknown[], kinds: readonly Kind[], place: 'newest' | 'old'): readonly Waiter[] {
    const found: Waiter[] = []
    for (const waiter of place === 'old' ? this.#groups : this.#ownOuts) {
      const { elements } = waiter.group as Group
      if (elements.some((element) => element.mode !== 'out' && matches(element.loose, fields, kinds))) found.push(waiter)
    }
    if (place === 'old') return found
    for (const pattern of this.#patterns.get(kinds.length)?.values() ?? []) {
      for (let link = pattern.bucketFor(fields, kinds)?.groups.first; link !== undefined; link = link.next) {
        if (accepts(link.item.template, fields)) found.push(link.item.waiter)
      }
    }
    return found
  }

  /** Who waits to read a tuple like this one. */
  readers(fields: readonly unknown[], kinds: readonly Kind[]): readonly Waiter[] {
    const ofLength = this.#patterns.get(kinds.length)
    if (ofLength === undefined) return NOBODY
    const readers: Waiter[] = []
    for (const pattern of ofLength.values()) {
      for (let link = pattern.bucketFor(fields, kinds)?.readers.first; link !== undefined; link = link.next) {
        if (accepts(link.item.template, fields)) readers.push(link.item.waiter)
      }
    }
    return readers.sort((a, b) => a.order - b.order)
  }

  /** Who is to take this tuple, groups aside. */
  taker(fields: readonly unknown[], kinds: readonly Kind[]): Waiter | undefined {
    const ofLength = this.#patterns.get(kinds.length)
    if (ofLength === undefined) return undefined
    let first: Waiter | undefined
    for (const pattern of ofLength.values()) {
      for (let link = pattern.bucketFor(fields, kinds)?.takers.first; link !== undefined; link = link.next) {
        const { waiter, template } = link.item
        if (first !== undefined && waiter.order >= first.order) break
        if (accepts(template, fields)) {
          first = waiter
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

/** A waiter and what it waits for at the moment. */
interface Entry {
  readonly waiter: Waiter
  readonly template: Template
}

interface Bucket {
  readonly key: Key
  readonly readers: List<Entry>
  readonly takers: List<Entry>
  readonly groups: List<Entry>
}

/** Where a waiter is, so that it can be taken out without a search. */
interface Place {
  readonly pattern: Pattern
  readonly bucket: Bucket
  readonly link: Link<Entry>
}

const LISTS = { rd: 'readers', in: 'takers', atomic: 'groups' } as const

/** Templates of one pattern, by the values they ask for. */
class Pattern {
  readonly name: string
  readonly length: number
  readonly #kinds: Template['kinds']
  readonly #keyed: readonly number[]
  readonly #buckets = new Map<Key, Bucket>()

  constructor(name: string, template: Template) {
    this.name = name
    this.length = template.kinds.length
    this.#kinds = template.kinds
    this.#keyed = template.checks.filter(({ test }) => test === 'literal').map(({ field }) => field)
  }

  get isEmpty(): boolean {
    return this.#buckets.size === 0
  }

  add(waiter: Waiter, template: Template): Place {
    const key = this.#keyOfFields(literalsOf(template))
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      bucket = { key, readers: new List(), takers: new List(), groups: new List() }
      this.#buckets.set(key, bucket)
    }
    return { pattern: this, bucket, link: bucket[LISTS[waiter.mode]].push({ waiter, template }) }
  }

  remove({ bucket, link }: Place): void {
    link.remove()
    const { readers, takers, groups, key } = bucket
    if (readers.size === 0 && takers.size === 0 && groups.size === 0) this.#buckets.delete(key)
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

/** The same for templates whose kinds are the same and which ask for values, or test them, in the same fields. */
function patternOf({ kinds, checks }: Template): string {
  let pattern = kinds.join()
  for (const { field, test } of checks) pattern += `,${field}${test}`
  return pattern
}

function matches(template: Template, fields: readonly unknown[], kinds: readonly Kind[]): boolean {
  return fits(template, kinds) && accepts(template, fields)
}
