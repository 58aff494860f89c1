/**
 * `perdure run --json`: one object a line, the last one the result.
 *
 * Boundary: the names of events and fields are a contract; programs read them.
 */
import type { HostEvent } from '../../log/site.ts'
import type { Overview } from '../../mechanisms/process/machine/queries.ts'
import { complain, errorJson, say, sayJson } from './output.ts'
import type { Ending, Report, Subject } from './report.ts'

/** Four times a second: enough for any program that draws. */
const JSON_EVERY_MS = 250

export class JsonReport implements Report {
  readonly everyMs: number = JSON_EVERY_MS
  readonly #subject: Subject
  #lastProgress = ''
  #over = false

  constructor(subject: Subject) {
    this.#subject = subject
  }

  hear(event: HostEvent): void {
    if (!this.#over) sayJson(event)
  }

  started(): void {
    const { definition, key, url } = this.#subject
    if (this.#over) return
    sayJson({ event: 'started', key, definition, url })
  }

  progress({ run, runs, nodes, statistics }: Overview): void {
    const state = { state: run?.state, reason: run?.reason, node: run?.node }
    const shownNodes = nodes.map(({ name, pid, runs: hosted }) => ({ name, pid, runs: hosted }))
    const event = { event: 'progress', key: this.#subject.key, ...state, runs, nodes: shownNodes, stats: statistics }
    const line = JSON.stringify(event)
    if (line === this.#lastProgress || this.#over) return
    this.#lastProgress = line
    say(line)
  }

  ended(ending: Ending, overview: Overview | undefined): void {
    if (this.#over) return
    this.#over = true
    const { key } = this.#subject
    if ('error' in ending) complain(ending.error)
    const outcome = 'error' in ending ? { error: errorJson(ending.error) } : { value: ending.value }
    sayJson({ event: 'result', key, ...outcome, stats: overview?.statistics ?? NOTHING })
  }

  interrupted(signal: string): void {
    this.#over = true
    sayJson({ event: 'interrupted', key: this.#subject.key, signal })
  }

  close(): void {
    this.#over = true
  }
}

const NOTHING: Overview['statistics'] = { nodesLost: 0, runsResumed: 0, stepsExecuted: 0, repliesReplayed: 0 }
