/**
 * `perdure run` where nobody watches a terminal: a line when something happens, and none when nothing does.
 *
 * Boundary: lines of standard error; the result goes to standard output.
 */
import type { HostEvent } from '../../log/site.ts'
import type { Overview } from '../../mechanisms/process/machine/queries.ts'
import { remark } from './output.ts'
import { describeEvent, type Ending, interruptionText, type Report, type Subject, sayEnding, summary } from './report.ts'

/** Often enough to see a run change its state; a line is printed only when something has changed. */
const LINES_EVERY_MS = 250

export class LineReport implements Report {
  readonly everyMs: number = LINES_EVERY_MS
  readonly #subject: Subject
  #lastState = ''
  #over = false

  constructor(subject: Subject) {
    this.#subject = subject
  }

  hear(event: HostEvent): void {
    if (!this.#over) remark(describeEvent(event))
  }

  started(): void {
    const { definition, key } = this.#subject
    if (this.#over) return
    remark(`run ${definition}/${key} is started; after an interruption go on with --key ${key}`)
  }

  progress({ run }: Overview): void {
    if (run === null || run.state === this.#lastState || this.#over) return
    this.#lastState = run.state
    const where = run.node === undefined ? '' : ` on ${run.node}`
    const why = run.state === 'running' || run.reason === undefined ? '' : `: ${run.reason}`
    remark(`run ${this.#subject.definition}/${this.#subject.key} is ${run.state}${where}${why}`)
  }

  ended(ending: Ending, overview: Overview | undefined): void {
    if (this.#over) return
    this.#over = true
    if (overview) remark(summary(overview))
    sayEnding(ending)
  }

  interrupted(signal: string): void {
    this.#over = true
    remark(interruptionText(this.#subject, signal))
  }

  close(): void {
    this.#over = true
  }
}
