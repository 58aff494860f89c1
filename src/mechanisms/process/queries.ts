/**
 * What people and hosts may ask the process machine; answers are values of the domain.
 *
 * Boundary: reads the state, changes nothing.
 */
import { journalPage } from './journal.ts'
import { type Run, statusOf } from './run.ts'
import type { ProcessState } from './state.ts'

/** `undefined` for a question nobody knows. */
export function ask(state: ProcessState, question: string, args: readonly unknown[]): unknown {
  switch (question) {
    case 'status': {
      const run = state.find(args[0], args[1])
      return run ? status(state, run) : null
    }
    case 'runs':
      return [...state.runs.values()].map((run) => ({ ...status(state, run), startedMs: run.startedMs, layer: run.layer }))
    case 'show': {
      const run = state.find(args[0], args[1])
      return run ? show(state, run) : null
    }
    case 'journal': {
      const run = state.runs.get(Number(args[0]))
      return run && run.fence === args[1] ? journalPage(run.journal, Number(args[2]), Number(args[3])) : null
    }
    case 'nodes':
      return nodes(state)
    case 'statistics':
      return { ...state.statistics }
  }
  return undefined
}

function status(state: ProcessState, run: Run): object {
  return statusOf(run, state.nodes.hosts(run.definition))
}

function show(state: ProcessState, run: Run): object {
  const replies = new Map(run.journal.deliveries.map((delivery) => [delivery.number, delivery]))
  const operations = [...run.journal.entries.values()].map(({ number, kind, preview }) => ({
    number,
    kind,
    preview,
    state: run.open.has(number) ? 'open' : 'answered',
    ...(replies.has(number) && { position: replies.get(number)?.position, atMs: replies.get(number)?.wallMs }),
  }))
  return {
    ...status(state, run),
    layer: run.layer,
    input: run.input,
    startedMs: run.startedMs,
    incarnation: run.incarnation,
    checkpoint: run.journal.base.number,
    operations,
    ...(run.ended && { outcome: run.ended.outcome, endedMs: run.ended.atMs }),
  }
}

function nodes(state: ProcessState): unknown {
  return [...state.nodes.all].map((node) => ({
    name: node.name,
    pid: node.pid,
    parent: node.parent,
    boot: node.boot,
    session: node.session,
    state: node.suspectedAt === undefined ? 'live' : 'suspected',
    suspectedAt: node.suspectedAt ?? null,
    runs: node.runs.size,
    capacity: node.capacity,
    definitions: [...node.definitions.keys()],
    epoch: node.epoch,
  }))
}
