/**
 * What `perdure run` says while it works, and the words that its reports share: one for programs (`report-json.ts`), one for
 * people (`report-lines.ts`), one for people who watch a terminal (`report-live.ts`).
 *
 * Boundary: formatting; the facts come from the site. The result goes to standard output, and for people everything else to
 * standard error.
 */
import type { HostEvent } from '../../log/site.ts'
import type { Overview } from '../../mechanisms/process/machine/queries.ts'
import { complain, say } from './output.ts'
import { shown } from './values.ts'

export interface Subject {
  readonly file: string
  readonly definition: string
  readonly key: string
  readonly url: string
  readonly nodes: number
  /** As it was written on the command line. */
  readonly input: string | undefined
}

export type Ending = { readonly value: unknown } | { readonly error: unknown }

export interface Report {
  /** How often `progress` is wanted. */
  readonly everyMs: number
  hear(event: HostEvent): void
  /** A line that a node process wrote; without this it goes to standard error by itself. */
  output?(name: string, line: string): void
  started(): void
  progress(overview: Overview): void
  /** The last word; nothing of what is heard later is shown. */
  ended(ending: Ending, overview: Overview | undefined): void
  interrupted(signal: string): void
  /** Leaves the terminal as it was. */
  close(): void
}

/** The result to standard output, an error to standard error. */
export function sayEnding(ending: Ending): void {
  if ('error' in ending) complain(ending.error)
  else say(shown(ending.value, process.stdout.isTTY && process.stdout.hasColors() ? 'colors' : 'plain'))
}

export function describeEvent(event: HostEvent): string {
  switch (event.event) {
    case 'node':
      return `${event.name} is process ${event.pid}`
    case 'exit':
      return event.pid === 0 ? `${event.name} ${event.reason}` : `${event.name} (process ${event.pid}) ended: ${event.reason}`
    case 'warning':
      return `${event.name}: warning: ${event.text}`
    case 'log':
      return `${event.name} ${event.definition}/${event.key}: ${event.text}`
  }
}

export function summary({ statistics }: Overview): string {
  const { nodesLost, runsResumed, stepsExecuted, repliesReplayed } = statistics
  return `${counted(stepsExecuted, 'step')} executed, ${counted(nodesLost, 'node')} lost, ${counted(runsResumed, 'run')} resumed, ${counted(repliesReplayed, 'reply')} replayed`
}

/** `3 running, 1 done`. */
export function statesText({ runs }: Overview): string {
  return Object.entries(runs)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ')
}

export function stateColor(state: string): 'green' | 'yellow' | 'red' | 'cyan' {
  if (state === 'done') return 'green'
  if (state === 'failed' || state === 'diverged' || state === 'wedged') return 'red'
  return state === 'running' ? 'cyan' : 'yellow'
}

function counted(count: number, noun: string): string {
  const plural = noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`
  return `${count} ${count === 1 ? noun : plural}`
}

export function interruptionText({ file, key, url, input }: Subject, signal: string): string {
  const given = input === undefined ? '' : ` --input ${quoted(input)}`
  return `\nStopped by ${signal}. Nothing is lost; go on with:\n  perdure run ${quoted(file)}${given} --key ${quoted(key)} --url ${quoted(url)}`
}

/** As a shell takes it. */
function quoted(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
