/**
 * Kills processes on the way: the first one that is in a task, the second the one that executes the coordinator, and so on in turn.
 *
 * When and whom is decided by the work done and by a seed, not by a clock: on a slow machine the same things are killed.
 *
 *   K1  A kill waits until the recovery from the one before is visible, unless the work is nearly done.
 *
 * Boundary: looks at the board, sends real SIGKILLs, and asks a function where the coordinator is.
 */
import type { Board } from './board.ts'

export interface Kill {
  readonly pid: number
  readonly node: string
  /** The task it was in, if any. */
  readonly task: number | undefined
  readonly coordinator: boolean
  readonly atMs: number
  /** How it went on, once that is visible. */
  recovery?: { readonly node: string; readonly afterMs: number }
}

/** Where the coordinator is executed; undefined while nobody does. */
export type FindCoordinator = () => Promise<string | undefined>

/** From here on a kill does not wait for the recovery from the one before. */
const NEARLY_DONE = 0.85

/** The last kill comes when so much is done, so that there is something left to go on with. */
const LAST_KILL = 0.65

/** How much earlier than its turn a kill may come, as a part of the distance between two. */
const JITTER = 0.3

export class Killer {
  readonly kills: Kill[] = []
  readonly #board: Board
  readonly #findCoordinator: FindCoordinator
  readonly #planned: readonly { readonly atPart: number; readonly dice: number }[]
  #busy = false

  constructor(board: Board, findCoordinator: FindCoordinator, { kills, seed }: { kills: number; seed: number }) {
    this.#board = board
    this.#findCoordinator = findCoordinator
    const random = dice(seed)
    const left = 1 - board.done / board.cells.length
    this.#planned = Array.from({ length: kills }, (_, place) => {
      const part = (LAST_KILL * (place + 1 - JITTER * random())) / kills
      return { atPart: 1 - left * (1 - part), dice: random() }
    })
  }

  /** To be called whenever something has happened. */
  look(): void {
    if (this.#busy) return
    this.#busy = true
    this.#act()
      .catch(() => undefined) // The work has ended, and with it who could say where the coordinator is.
      .finally(() => {
        this.#busy = false
      })
  }

  async #act(): Promise<void> {
    const last = this.kills.at(-1)
    if (last && last.recovery === undefined) await this.#lookForRecovery(last)
    const due = this.#planned[this.kills.length]
    const part = this.#board.done / this.#board.cells.length
    if (due === undefined || part < due.atPart || part === 1) return
    if (last && last.recovery === undefined && part < NEARLY_DONE) return
    const coordinator = await this.#findCoordinator()
    const wanted = this.kills.length % 2 === 1 ? coordinator : this.#someoneInATask(coordinator, due.dice)
    if (wanted !== undefined) this.#kill(wanted, wanted === coordinator)
  }

  #someoneInATask(coordinator: string | undefined, random: number): string | undefined {
    const names = this.#board.members.filter(({ pid }) => pid !== undefined).map(({ name }) => name)
    const others = names.length > 1 ? names.filter((name) => name !== coordinator) : names
    const busy = others.filter((name) => this.#board.tasksOf(name, 'taken').length > 0)
    return busy[Math.floor(random * busy.length)]
  }

  #kill(node: string, coordinator: boolean): void {
    const pid = this.#board.member(node)?.pid
    if (pid === undefined) return
    const [task] = this.#board.tasksOf(node, 'taken')
    process.kill(pid, 'SIGKILL')
    this.kills.push({ pid, node, task, coordinator, atMs: performance.now() })
  }

  async #lookForRecovery(kill: Kill): Promise<void> {
    if (this.#board.member(kill.node)?.pid === kill.pid) return // Its parent has not noticed yet.
    const heir = kill.coordinator ? await this.#findCoordinator() : this.#heirOf(kill)
    if (heir !== undefined) kill.recovery = { node: heir, afterMs: performance.now() - kill.atMs }
  }

  /** Who has done the task that was lost; the killed one itself where the kill came a moment too late. */
  #heirOf({ node, task }: Kill): string | undefined {
    if (task === undefined) return node
    const cell = this.#board.cells[task]
    return cell?.state === 'done' ? cell.node : undefined
  }
}

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
