/**
 * What is known of the work at a moment: which task is where, and who is alive. The demo shows it and decides by it whom to kill.
 *
 * Boundary: events in, state out; no time, no terminal, no process.
 */
import { addVotes, NO_VOTES, type Votes } from './geodesic.ts'
import type { JobEvent } from './job-process.ts'

export type Cell =
  | { readonly state: 'waiting' }
  /** Done, or at least taken, before this command was started. */
  | { readonly state: 'before' }
  | { readonly state: 'taken' | 'done'; readonly node: string }
  /** Its process was killed; whoever goes on with the run does it again. */
  | { readonly state: 'lost'; readonly node: string }

export interface Member {
  readonly name: string
  /** Of its present process; undefined while there is none. */
  readonly pid: number | undefined
  readonly done: number
  readonly deaths: number
}

export class Board {
  readonly #cells: Cell[]
  readonly #members = new Map<string, Member>()
  #votes = NO_VOTES

  /** `before` are the tasks that an earlier command with the same key has left no more to take. */
  constructor(tasks: number, before: ReadonlySet<number>) {
    this.#cells = Array.from({ length: tasks }, (_, task) => ({ state: before.has(task) ? 'before' : 'waiting' }))
  }

  get cells(): readonly Cell[] {
    return this.#cells
  }

  /** In the order of their names, whatever order they started in. */
  get members(): readonly Member[] {
    return [...this.#members.values()].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
  }

  /** Of the tasks that were done before the eyes of this command; of all, once the work is finished. */
  get votes(): Votes {
    return this.#votes
  }

  get done(): number {
    return this.#cells.filter(({ state }) => state === 'done' || state === 'before').length
  }

  member(name: string): Member | undefined {
    return this.#members.get(name)
  }

  /** The tasks that this node has in this state. */
  tasksOf(node: string, state: 'taken' | 'lost'): number[] {
    return this.#cells.flatMap((cell, task) => (cell.state === state && cell.node === node ? [task] : []))
  }

  hear(event: JobEvent): void {
    if (event.event === 'node') this.#update(event.name, { pid: event.pid })
    else if (event.event === 'exit') this.#exited(event.name)
    else if (event.event === 'log') {
      const [, task, state, votes] = /^task (\d+) (taken|done)(?: (\{.*\}))?$/.exec(event.text) ?? []
      if (task === undefined) return
      const isNew = this.#moved(Number(task), state as 'taken' | 'done', event.name)
      if (isNew && votes !== undefined) this.#votes = addVotes(this.#votes, JSON.parse(votes) as Votes)
    }
  }

  /** The work is finished, so every task is done; the line that said so may have died with its process. */
  finish(votes: Votes = this.#votes): void {
    this.#votes = votes
    for (const [task, cell] of this.#cells.entries()) if ('node' in cell) this.#moved(task, 'done', cell.node)
  }

  #exited(name: string): void {
    const member = this.#members.get(name)
    if (member === undefined) return
    this.#update(name, { pid: undefined, deaths: member.deaths + 1 })
    for (const task of this.tasksOf(name, 'taken')) this.#cells[task] = { state: 'lost', node: name }
  }

  /** Whether that is news. */
  #moved(task: number, state: 'taken' | 'done', node: string): boolean {
    if (task >= this.#cells.length) return false
    const again = this.#cells[task]?.state === 'done'
    this.#cells[task] = { state, node }
    if (state === 'done' && !again) this.#update(node, { done: (this.#members.get(node)?.done ?? 0) + 1 })
    return !again
  }

  #update(name: string, change: Partial<Member>): void {
    this.#members.set(name, { ...(this.#members.get(name) ?? { name, pid: undefined, done: 0, deaths: 0 }), ...change })
  }
}
