/**
 * The memory of the team: knows how many darts were thrown, and how many of them hit.
 *
 * Boundary: the object of the member `memory`. It saves when it has learnt something, at a pace of its own.
 */
import type { Self } from 'perdure/checkpoint'
import { Agent, type Letter, type Tell } from './agent.ts'

export interface Known {
  findings: number
  thrown: number
  inside: number
}

const FINDINGS_BETWEEN_SAVES = 8

export class Memory extends Agent<Known> {
  constructor(self: Self, tell: Tell) {
    super(self, tell, { findings: 0, thrown: 0, inside: 0 })
  }

  protected override hear(letter: Letter, from: string): void {
    const { work } = this
    if (letter.kind === 'recall') this.send(from, { kind: 'known', task: letter.task, thrown: work.thrown })
    if (letter.kind === 'sum') this.send(from, { kind: 'total', thrown: work.thrown, inside: work.inside })
    if (letter.kind !== 'finding') return
    work.findings += 1
    work.thrown += letter.thrown
    work.inside += letter.inside
    if (work.findings % FINDINGS_BETWEEN_SAVES === 0) void this.self.checkpoint()
  }
}
