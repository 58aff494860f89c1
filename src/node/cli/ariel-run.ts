/**
 * `perdure ariel run`: a policy at work on notifications as they come on standard input, its actions on standard output.
 *
 * Both are lines as `dry-run` has them, so that whatever sees faults can be put before it and whatever acts behind it; with `--record`
 * what came is a history afterwards, of which a dry run performs the same.
 *
 * Boundary: streams, the clock, signals and the file of the record; what is decided, and when, is in `mechanisms/ariel/live-run.ts`.
 * Exit codes: 0 at the end of the input or when interrupted, 1 if a line was refused or the script has errors, 2 wrong usage.
 */
import { once } from 'node:events'
import { closeSync, openSync, writeSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { PerdureError } from '../../errors.ts'
import { type HistoryEvent, readEvent } from '../../mechanisms/ariel/history.ts'
import { historyLines } from '../../mechanisms/ariel/history-lines.ts'
import { LiveRun } from '../../mechanisms/ariel/live-run.ts'
import { MAX_WAITING, type Policy } from '../../support/backbone/rint.ts'
import { type PolicyOptions, readPolicy } from './ariel-policy.ts'
import { EXIT_FAILED, remark, say, styled, usage } from './output.ts'

export interface RunOptions extends PolicyOptions {
  readonly record?: string
}

/** Characters of a line: the longest notification, a deadlock of all the tasks there may be, has a fraction of it. */
const MAX_LINE = 1024 * 1024

/** A timer of Node cannot be longer; what comes later is looked at again then. */
const MAX_TIMER_MS = 2 ** 31 - 1

export async function runPolicy(file: string, options: RunOptions): Promise<number> {
  const policy = readPolicy(file, options)
  if (policy === undefined) return EXIT_FAILED
  using record = recordFor(options.record)
  const player = new Player(policy, { classic: options.classic === true, keep: record.keep })
  const again = () => player.reload(readAgain(file, options))
  process.on('SIGHUP', again)
  if (process.stdin.isTTY) remark('Notifications are read from standard input, one JSON object a line; end with Ctrl-D.')
  try {
    await player.play(process.stdin)
  } finally {
    process.off('SIGHUP', again)
  }
  return player.refused === 0 ? 0 : EXIT_FAILED
}

/** Undefined for what is no good policy any more: why has been said. */
function readAgain(file: string, options: PolicyOptions): Policy | undefined {
  try {
    return readPolicy(file, options)
  } catch (error) {
    remark((error as Error).message)
    return undefined
  }
}

/** What was recorded before is never written over. */
function recordFor(file: string | undefined): Disposable & { readonly keep: (event: HistoryEvent) => void } {
  if (file === undefined) return { keep: () => undefined, [Symbol.dispose]: () => undefined }
  let opened: number
  try {
    opened = openSync(file, 'wx')
  } catch (error) {
    throw usage(
      `--record ${file} cannot be made: ${(error as Error).message}. Expected the name of a file that is not there yet.`,
    )
  }
  return {
    keep: (event) => void writeSync(opened, historyLines([event])),
    [Symbol.dispose]: () => closeSync(opened),
  }
}

interface PlayerOptions {
  readonly classic: boolean
  /** Is given every notification with the time at which it arrived, before anything follows from it. */
  readonly keep: (event: HistoryEvent) => void
}

/** Drives a live run by the clock of this machine. */
class Player {
  /** Lines that were refused so far. */
  refused = 0
  readonly #live: LiveRun
  readonly #keep: PlayerOptions['keep']
  readonly #start = performance.now()
  readonly #interrupted = new AbortController()
  #line = 0
  /** Of a history nothing comes after its `end`. */
  #ended = false
  #timer: NodeJS.Timeout | undefined
  /** Whoever waits for time to pass. */
  #passed: () => void = () => undefined

  constructor(policy: Policy, { classic, keep }: PlayerOptions) {
    this.#keep = keep
    this.#live = new LiveRun(policy, {
      classic,
      perform: (action) => say(JSON.stringify(action)),
      refuse: (reason) => this.#refuse(reason),
    })
  }

  /** SPEC 10: takes over another policy; one with errors is refused, and the one before stays. */
  reload(policy: Policy | undefined): void {
    if (policy === undefined) return remark('The policy stays as it was.')
    this.#live.reload(policy)
    this.#advance()
    remark('The policy was read again.')
  }

  /** To the end of the input, or of the history in it, or until this process is asked to end; a PAUSE that lasts then is waited for. */
  async play(input: Readable): Promise<void> {
    const interrupt = () => this.#interrupted.abort()
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
    try {
      for await (const lines of linesOf(input, this.#interrupted.signal)) {
        await this.#takeAll(lines)
        if (this.#ended) break
        this.#advance()
        if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
      }
      if (!this.#ended) this.#queue({ kind: 'end', atUs: this.#live.arrival(this.#nowUs()) })
      await this.#until(() => this.#live.isIdle)
    } finally {
      clearTimeout(this.#timer)
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
    }
  }

  async #takeAll(lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      if (this.#live.waiting >= MAX_WAITING) await this.#until(() => this.#live.waiting < MAX_WAITING)
      this.#take(line)
      if (this.#ended) return
    }
  }

  #take(line: string): void {
    this.#line += 1
    if (line.trim() === '') return
    try {
      if (line.length > MAX_LINE) throw tooLong(this.#line)
      this.#queue(readEvent(line, { line: this.#line, atUs: this.#live.arrival(this.#nowUs()) }))
    } catch (error) {
      if (!PerdureError.is(error, 'PERDURE_E_HISTORY')) throw error
      this.#refuse(error)
    }
  }

  #queue(event: HistoryEvent): void {
    this.#keep(event)
    this.#live.take(event)
    this.#ended = event.kind === 'end'
  }

  /** Does what is due, and comes back when more is. */
  #advance(): void {
    this.#live.advance(this.#nowUs())
    clearTimeout(this.#timer)
    this.#passed()
    const { nextUs } = this.#live
    if (nextUs === undefined) return
    // Due is what is past: a microsecond later.
    const ms = Math.ceil((nextUs + 1 - this.#nowUs()) / 1000)
    this.#timer = setTimeout(() => this.#advance(), Math.min(Math.max(ms, 0), MAX_TIMER_MS))
  }

  async #until(holds: () => boolean): Promise<void> {
    this.#advance()
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#passed = resolve
      })
    }
  }

  /** It has changed nothing; what comes after it counts. */
  #refuse({ message }: PerdureError): void {
    this.refused += 1
    remark(`${styled('red', 'refused', process.stderr)}: ${message}`)
  }

  #nowUs(): number {
    return Math.floor((performance.now() - this.#start) * 1000)
  }
}

function tooLong(line: number): PerdureError {
  const message = `Line ${line} of the history: it has more than ${MAX_LINE} characters; expected one notification.`
  return new PerdureError('PERDURE_E_HISTORY', message, { data: { line } })
}

/** The lines of a stream as they come, some at a time; of one that is too long, as much as shows it. Ends with the signal. */
async function* linesOf(input: Readable, signal: AbortSignal): AsyncGenerator<readonly string[]> {
  const stop = () => input.destroy()
  signal.addEventListener('abort', stop, { once: true })
  let rest = ''
  try {
    for await (const chunk of input.setEncoding('utf8')) {
      const lines = String(chunk).split('\n')
      lines[0] = rest + lines[0]
      rest = (lines.pop() as string).slice(0, MAX_LINE + 1)
      if (lines.length > 0) yield lines
    }
    if (rest !== '') yield [rest]
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
