/**
 * Why two names in a call of Check are not enough, as traces: what happened, and the line that a service handed out, or would.
 * docs/checkpoint-protocols.md tells the stories.
 */
import { type Line, recoveryLine } from '../../../src/mechanisms/checkpoint/line.ts'
import { protocols } from '../../../src/mechanisms/checkpoint/protocols.ts'
import type { Trace, TraceEvent } from '../../../src/mechanisms/checkpoint/trace.ts'
import { trace } from './trace-words.ts'

export interface Picture {
  readonly title: string
  readonly trace: Trace
  readonly line?: Line
}

const ONE_EACH: Line = { A: 1, B: 1 }

/** Rounds in which one object answers the other, and each saves just before it sends. */
const ROUNDS = 8

/** By name of the file, without `checkpoint-` and the ending. */
export const PICTURES: Readonly<Record<string, Picture>> = {
  missing: {
    title: 'A missing message: sent before the line, received after it',
    trace: trace('A B', 'A send m B', 'A checkpoint 1', 'B checkpoint 1', 'B receive m A'),
    line: ONE_EACH,
  },
  orphan: {
    title: 'An orphan: sent after the line, received before it',
    trace: trace('A B', 'A checkpoint 1', 'A send m B', 'B receive m A', 'B checkpoint 1'),
    line: ONE_EACH,
  },
  domino: domino('domino'),
  'domino-exact': domino('exact'),
  'ce1-late-report': {
    title: 'CE1: a message overtakes the report of A 1',
    trace: trace(
      'A B',
      ...['B send m0 A', 'A receive m0 B', 'A checkpoint 1', 'A send m1 B', 'B receive m1 A', 'B checkpoint 1'],
    ),
    line: ONE_EACH,
  },
  'ce2-replay': {
    title: 'CE2, first run: m has to be replayed',
    trace: trace('A B', 'A send m B', 'A checkpoint 1', 'B checkpoint 1', 'B receive m A'),
    line: ONE_EACH,
  },
  'ce2-no-replay': {
    title: 'CE2, second run, with the same calls: m must not be replayed',
    trace: trace('A B', 'A checkpoint 1', 'B checkpoint 1', 'A send m B', 'B receive m A'),
    line: ONE_EACH,
  },
  'ce3-ghost': {
    title: 'CE3: m arrives from a future that has been undone',
    trace: trace('A B', ...['A checkpoint 1', 'B checkpoint 1', 'A send m B', 'A rollback 1', 'B rollback 1', 'B receive m A']),
  },
  'ce4-believed': {
    title: 'CE4, as the service believes: B has saved before m1',
    trace: trace('A B', ...['B send m0 A', 'A receive m0 B', 'A checkpoint 1', 'A send m1 B', 'B forced 1', 'B receive m1 A']),
    line: ONE_EACH,
  },
  'ce4-true': {
    title: 'CE4, as it is: the answer was lost, B 1 does not exist',
    trace: trace('A B', ...['B send m0 A', 'A receive m0 B', 'A checkpoint 1', 'A send m1 B', 'B receive m1 A']),
    line: { A: 1, B: 'current' },
  },
  'ce5-outage': {
    title: 'CE5: nobody was told that A received m before A 1',
    trace: trace('A B', 'B send m A', 'A receive m B', 'A checkpoint 1'),
    line: { A: 1, B: 0 },
  },
}

/** Where A goes back to if it fails, when nobody is told to save, and when `exact` says who has to. */
function domino(under: 'domino' | 'exact'): Picture {
  const protocol = protocols.exact(2)
  const saved = [0, 0]
  const events: TraceEvent[] = []
  const names = ['A', 'B'] as const
  const save = (k: 0 | 1, forced: boolean) => events.push({ object: names[k], kind: 'checkpoint', index: ++saved[k]!, forced })
  for (let round = 0; round < ROUNDS; round++) {
    const [from, to] = round % 2 === 0 ? ([1, 0] as const) : ([0, 1] as const)
    if (round > 0) {
      protocol.checkpoint(from)
      save(from, false)
    }
    const msg = `m${round}`
    events.push({ object: names[from], kind: 'send', msg, to: names[to] })
    const { force } = protocol.deliver(to, protocol.send(from, to))
    if (force && under === 'exact') save(to, true)
    events.push({ object: names[to], kind: 'receive', msg, from: names[from] })
  }
  const happened: Trace = { objects: names, events }
  const title =
    under === 'exact'
      ? 'The same messages under exact: A goes back to its last checkpoint'
      : 'The domino effect: A fails, and all goes back'
  return { title, trace: happened, line: recoveryLine(happened, ['A']) }
}
