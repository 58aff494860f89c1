/**
 * The planner: gives out tasks, and the answer in the end.
 *
 * The answer leaves the group, and nobody outside could take it back. So it is an *output*: recorded now, handed out once no failure can
 * undo what has led to it.
 *
 * Boundary: the object of the member `planner`.
 */
import type { OutputInfo, Self } from 'perdure/checkpoint'
import { Agent, type Answer, type Letter, type Tell } from './agent.ts'
import { WORKERS } from './team.ts'

export interface Plan {
  given: number
  done: number
  finishing: boolean
}

const TASKS_BETWEEN_SAVES = 10

export class Planner extends Agent<Plan> {
  constructor(self: Self, tell: Tell) {
    super(self, tell, { given: 0, done: 0, finishing: false })
  }

  output(payload: unknown, { idempotencyKey }: OutputInfo): void {
    this.tell({ event: 'answer', answer: payload as Answer, key: idempotencyKey })
  }

  protected override hear(letter: Letter, from: string): void {
    const { work } = this
    if (letter.kind === 'begin') for (const worker of WORKERS) this.#give(worker)
    if (letter.kind === 'finish') work.finishing = true
    if (letter.kind === 'done') {
      work.done += 1
      if (!work.finishing) this.#give(from)
      if (work.done % TASKS_BETWEEN_SAVES === 0) void this.self.checkpoint()
    }
    if (letter.kind === 'total') void this.self.output({ tasks: work.done, thrown: letter.thrown, inside: letter.inside })
    else if (work.finishing && work.done === work.given) this.#end()
  }

  #give(worker: string): void {
    this.work.given += 1
    this.send(worker, { kind: 'task', task: this.work.given })
  }

  #end(): void {
    for (const worker of WORKERS) this.send(worker, { kind: 'rest' })
    this.send('memory', { kind: 'sum' })
  }
}
