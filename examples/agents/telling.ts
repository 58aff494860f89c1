/**
 * What people are told.
 *
 * Boundary: data to lines of text.
 */
import type { Line, Trace } from 'perdure/checkpoint'
import type { Answer } from './agent.ts'
import type { Findings } from './check.ts'

export const MOST_KILLS = 100

export const HELP = `node --import tsx examples/agents/agents.ts [options]

  --kills N    how often a process is killed, 0 to ${MOST_KILLS} (default 5)
  --url DIR    where the log and the picture lie (default perdure-data)
  --help       this

Exit codes: 0 the answer is there, and no letter was lost, doubled or orphaned; 1 something is wrong; 2 wrong usage.`

/** Who goes back to which of its checkpoints, and who stays. */
export function wentBack(line: Line, { events }: Trace): string {
  const goers = Object.entries(line).filter(([, to]) => to !== 'current')
  const stayers = Object.keys(line).filter((name) => line[name] === 'current')
  const forced = (name: string, to: number | 'current') =>
    events.some((event) => event.kind === 'checkpoint' && event.object === name && event.index === to && event.forced)
  const gone = goers.map(([name, to]) => `${name} to ${to}${forced(name, to) ? ' (forced)' : ''}`)
  return `${gone.join(', ')}; ${stayers.length === 0 ? 'nobody goes on' : `${stayers.join(', ')} ${stayers.length === 1 ? 'goes' : 'go'} on`}`
}

export interface Round {
  readonly undone: number
  readonly replayed: number
}

export function undoneLine({ undone, replayed }: Round): string {
  if (undone === 0) return 'nothing that we had heard of'
  return `${letters(undone)} forgotten: ${replayed} given again, ${Math.max(0, undone - replayed)} taken back by their senders`
}

export function answerLine({ tasks, thrown, inside }: Answer): string {
  return `pi is about ${((4 * inside) / thrown).toFixed(3)}, by ${thrown.toLocaleString('en')} darts in ${tasks} tasks`
}

export function findingsLine(found: Findings): string {
  const { lost, doubled, orphaned, misplaced } = found
  return `${letters(found.letters)} between agents: ${lost.length} lost, ${doubled.length} doubled, ${orphaned.length} orphaned, ${misplaced.length} out of order`
}

export function letters(count: number): string {
  return `${count} ${count === 1 ? 'letter' : 'letters'}`
}

/** A line with its key word. */
export function say(word: string, text: string): void {
  console.log(`${word.padEnd(10)}${text}`)
}
