/**
 * A worker: asks the memory what is known, thinks for a while, throws as many darts as it likes, and says what has come of it. On a whim it
 * writes to a colleague.
 *
 * Nothing of this could be executed again: the darts, the time it takes and the whims are drawn from clocks and chance, as the words of a
 * language model would be. A worker that has gone back does something else the second time.
 *
 * Boundary: the object of a member.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Self } from 'perdure/checkpoint'
import { Agent, type Letter, type Tell } from './agent.ts'
import { WORKERS } from './team.ts'

export interface Work {
  tasks: number
  thrown: number
  inside: number
  hints: number
  resting: boolean
}

const TASKS_BETWEEN_SAVES = 3
/** Of thinking and of whims: between half of it and one and a half times as long. */
const THOUGHT_MS = 120
const WHIM_MS = 500
const MOST_DARTS = 1_000

export class Worker extends Agent<Work> {
  #whim: NodeJS.Timeout | undefined

  constructor(self: Self, tell: Tell) {
    super(self, tell, { tasks: 0, thrown: 0, inside: 0, hints: 0, resting: false })
    self.signal.addEventListener('abort', () => clearTimeout(this.#whim))
  }

  protected override hear(letter: Letter): void | Promise<void> {
    if (letter.kind === 'task') this.send('memory', { kind: 'recall', task: letter.task })
    if (letter.kind === 'hint') this.work.hints += 1
    if (letter.kind === 'rest') this.work.resting = true
    this.#whim ??= setTimeout(() => this.#writeToSomebody(), about(WHIM_MS))
    return letter.kind === 'known' ? this.#throwDarts(letter.task) : undefined
  }

  async #throwDarts(task: number): Promise<void> {
    await pause(about(THOUGHT_MS))
    const thrown = Math.ceil(Math.random() * MOST_DARTS)
    const inside = Array.from({ length: thrown }, () => Math.hypot(Math.random(), Math.random()) < 1).filter(Boolean).length
    this.work.tasks += 1
    this.work.thrown += thrown
    this.work.inside += inside
    this.send('memory', { kind: 'finding', task, thrown, inside })
    this.send('planner', { kind: 'done', task })
    if (this.work.tasks % TASKS_BETWEEN_SAVES === 0) void this.self.checkpoint()
  }

  /** At a time of its own, whatever it is doing. */
  #writeToSomebody(): void {
    this.#whim = undefined
    if (this.work.resting) return
    const colleagues = WORKERS.filter((name) => name !== this.self.name)
    this.send(colleagues[Math.floor(Math.random() * colleagues.length)] as string, { kind: 'hint', at: Date.now() })
    this.#whim = setTimeout(() => this.#writeToSomebody(), about(WHIM_MS))
  }
}

function about(ms: number): number {
  return ms * (0.5 + Math.random())
}
