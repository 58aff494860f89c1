/**
 * `perdure run` on a terminal: a block that is drawn again and again, and in the end gives way to a summary.
 *
 *   farthest/demo · running · 12 s
 *     node-1   pid 7995   3 runs
 *     node-2   pid 7996   1 run
 *     runs    4 running, 12 done
 *     so far  120 steps executed, 1 node lost, 2 runs resumed, 40 replies replayed
 *   │ node-1 worker/demo/worker-1: task 17 done
 *
 * Boundary: the terminal behind standard error; the result goes to standard output.
 */
import { createLogUpdate } from 'log-update'
import { systemClock } from '../../clock.ts'
import type { HostEvent } from '../../log/site.ts'
import type { Overview } from '../../mechanisms/process/machine/queries.ts'
import { remark, styled } from './output.ts'
import {
  describeEvent,
  type Ending,
  interruptionText,
  type Report,
  type Subject,
  sayEnding,
  stateColor,
  statesText,
  summary,
} from './report.ts'
import { cut, duration, oneLine } from './table.ts'
import { SCREEN_WIDTH } from './values.ts'

/** Ten times a second looks like motion. */
const DRAW_EVERY_MS = 100

/** Lines for nodes and for the latest news, so that the block fits the smallest terminal. */
const MAX_NODE_LINES = 10
const NEWS_LINES = 6

export class LiveReport implements Report {
  readonly everyMs: number = DRAW_EVERY_MS
  readonly #subject: Subject
  readonly #draw = createLogUpdate(process.stderr)
  readonly #beganMs = systemClock.monotonicMs()
  /** Those that are not in the machine's list have just ended. */
  readonly #ended = new Map<string, string>()
  #news: string[] = []
  #over = false

  constructor(subject: Subject) {
    this.#subject = subject
    this.#draw(this.#title('starting', ''))
  }

  hear(event: HostEvent): void {
    if (this.#over) return
    if (event.event === 'node') this.#ended.delete(event.name)
    if (event.event === 'exit') this.#ended.set(event.name, event.reason)
    this.#tell(describeEvent(event))
  }

  output(name: string, line: string): void {
    this.#tell(`${name}: ${line}`)
  }

  started(): void {}

  progress(overview: Overview): void {
    if (this.#over) return
    const { run } = overview
    const why = run === null || run.state === 'running' || run.reason === undefined ? '' : ` (${run.reason})`
    this.#draw(
      [
        this.#title(run?.state ?? 'starting', why),
        ...this.#nodeLines(overview),
        this.#fit(`  runs    ${statesText(overview)}`),
        this.#fit(`  so far  ${summary(overview)}`),
        ...this.#news.map((line) => this.#dim(this.#fit(`│ ${oneLine(line)}`))),
      ].join('\n'),
    )
  }

  ended(ending: Ending, overview: Overview | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#draw.clear()
    this.#draw.done()
    const state = overview?.run?.state ?? ('error' in ending ? 'failed' : 'done')
    remark(this.#title(state, ''))
    if (overview) remark(summary(overview))
    sayEnding(ending)
  }

  interrupted(signal: string): void {
    this.close()
    remark(interruptionText(this.#subject, signal))
  }

  close(): void {
    if (this.#over) return
    this.#over = true
    this.#draw.clear()
    this.#draw.done()
  }

  #tell(line: string): void {
    this.#news.push(line)
    if (this.#news.length > NEWS_LINES) this.#news.shift()
  }

  #title(state: string, why: string): string {
    const { definition, key } = this.#subject
    const passed = duration(systemClock.monotonicMs() - this.#beganMs)
    const name = cut(oneLine(`${definition}/${key}`), this.#width - state.length - passed.length - 6)
    const rest = this.#width - name.length - state.length - passed.length - 6
    const colored = styled(stateColor(state), state, process.stderr)
    return `${styled('bold', name, process.stderr)} · ${colored} · ${passed}${rest > 10 ? cut(oneLine(why), rest) : ''}`
  }

  #nodeLines({ nodes }: Overview): readonly string[] {
    const alive = new Map(nodes.map((node) => [node.name, node]))
    const names = [...new Set([...alive.keys(), ...this.#ended.keys()])].sort(byNumber)
    const widest = Math.max(0, ...names.map((name) => name.length))
    const lines = names.slice(0, MAX_NODE_LINES).map((name) => {
      const node = alive.get(name)
      const reason = this.#ended.get(name)
      if (node === undefined || reason !== undefined) {
        const text = `  ${name.padEnd(widest)}  ${reason === undefined ? 'ended' : `ended: ${oneLine(reason)}`}`
        return styled('red', this.#fit(text), process.stderr)
      }
      const runs = `${node.runs} ${node.runs === 1 ? 'run' : 'runs'}`
      return this.#fit(
        `  ${name.padEnd(widest)}  pid ${String(node.pid).padEnd(8)} ${runs}${node.state === 'live' ? '' : '  suspected'}`,
      )
    })
    const hidden = names.length - lines.length
    return hidden > 0 ? [...lines, this.#dim(`  … and ${hidden} more`)] : lines
  }

  get #width(): number {
    return process.stderr.columns || SCREEN_WIDTH
  }

  /** One column is left free: a line that fills the last one makes some terminals begin another. */
  #fit(text: string): string {
    return cut(text, this.#width - 1)
  }

  #dim(text: string): string {
    return styled('dim', text, process.stderr)
  }
}

/** node-2 before node-10. */
function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
