/** A site with one checkpoint group and members that live in this process, for tests. */
import { open, type Site } from 'perdure'
import {
  type CheckpointGroup,
  type CheckpointGroupOptions,
  checkpointGroup,
  type JoinOptions,
  type Member,
} from 'perdure/checkpoint'
import { expect } from 'vitest'
import { Notebook, Shelf } from './notebooks.ts'

/** What happens does so within milliseconds; a machine that is busy with something else may need thousands of times that. */
const PATIENCE_MS = 60_000

/** Nothing is saved because of the time alone: a machine may stand still for the seconds that are the default. */
const NO_LAG = { undoneMs: 1e9 } as const

export function eventually<T>(what: () => T | Promise<T>) {
  return expect.poll(what, { interval: 5, timeout: PATIENCE_MS })
}

export class Scene implements AsyncDisposable {
  readonly site: Site
  readonly group: CheckpointGroup
  readonly shelves: Record<string, Shelf> = {}
  readonly members: Record<string, Member> = {}

  private constructor(site: Site, group: CheckpointGroup) {
    this.site = site
    this.group = group
  }

  static async open(options: CheckpointGroupOptions = {}, url = 'memory:'): Promise<Scene> {
    const site = await open(url)
    return new Scene(site, await checkpointGroup(site, 'bank', { lag: NO_LAG, ...options }))
  }

  /** Joins notebooks of these names. */
  async join(...names: readonly string[]): Promise<void> {
    for (const name of names) await this.joinAs(name, new Shelf())
  }

  async joinAs<N extends Notebook>(name: string, shelf: Shelf<N>, options?: JoinOptions): Promise<Member> {
    this.shelves[name] = shelf as unknown as Shelf
    const member = await this.group.join(name, shelf.factory, options)
    this.members[name] = member
    return member
  }

  member(name: string): Member {
    return this.members[name] as Member
  }

  shelf(name: string): Shelf {
    return this.shelves[name] as Shelf
  }

  /** What the object of this member knows now. */
  lines(name: string): readonly string[] {
    return this.shelf(name).last.lines
  }

  /** Resolves when the members know this much. */
  async knows(lines: Readonly<Record<string, readonly string[]>>): Promise<void> {
    await eventually(() => Object.fromEntries(Object.keys(lines).map((name) => [name, this.lines(name)]))).toEqual(lines)
  }

  /** How often each operation of the group is in the log. */
  async operations(): Promise<Readonly<Record<string, number>>> {
    const counts: Record<string, number> = {}
    await this.site.durable()
    for (let from = 1; ; ) {
      const page = (await this.site.link.main.query('log', 'entries', [from, 1_000])) as Page
      for (const { operation } of page.entries) counts[operation] = (counts[operation] ?? 0) + 1
      if (page.atEnd) return counts
      from = page.next.position
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site.close()
  }
}

interface Page {
  readonly entries: readonly { readonly operation: string }[]
  readonly next: { readonly position: number }
  readonly atEnd: boolean
}

export { Notebook, Shelf }
