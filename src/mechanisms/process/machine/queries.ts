/**
 * What people and hosts may ask the process machine; answers are values of the domain.
 *
 * Boundary: reads the state, changes nothing.
 */
import { preview } from '../../../log/codec/codec.ts'
import type { Layer } from '../../../support/definition.ts'
import { journalPage, type Stored } from './journal.ts'
import { manifestPage } from './manifest.ts'
import { placeUnder } from './replication.ts'
import { type Run, type RunState, type RunStatus, statusOf } from './run.ts'
import type { ProcessState, Statistics } from './state.ts'

/** Runs on one page of a list. With their reasons, which are error messages, they fit a frame. */
const MAX_LISTED = 500

/** A page of text: half of a frame, since input and result, of up to 128 kB each, share it. */
const PAGE_TEXT = 256 * 1024

/** Characters of the preview of a reply. */
const REPLY_PREVIEW = 80

/** Reasons in lists are cut; `status` and `show` have them in full. */
const LISTED_REASON = 500

/** `undefined` for a question nobody knows. */
export function ask(state: ProcessState, question: string, args: readonly unknown[]): unknown {
  switch (question) {
    case 'status': {
      const run = state.find(args[0], args[1])
      return run ? status(state, run) : null
    }
    case 'runs':
      return [...state.runs.values()].map((run) => ({ ...status(state, run), startedMs: run.startedMs, layer: run.layer }))
    case 'list':
      return list(state, Number(args[0] ?? 0))
    case 'named':
      return named(state, String(args[0]))
    case 'names':
      return names(state, args)
    case 'show': {
      const run = state.find(args[0], args[1])
      return run ? show(state, run, Number(args[2] ?? 0)) : null
    }
    case 'journal': {
      const run = state.runs.get(Number(args[0]))
      return run && placeUnder(run, args[1]) ? journalPage(run.journal, Number(args[2]), Number(args[3])) : null
    }
    case 'files': {
      const run = state.runs.get(Number(args[0]))
      return run?.files && run.fence === args[1] ? manifestPage(run.files, Number(args[2])) : null
    }
    case 'nodes':
      return nodes(state)
    case 'overview':
      return overview(state, args)
    case 'statistics':
      return { ...state.statistics }
  }
  return undefined
}

export interface ListedRun extends RunStatus {
  readonly id: number
  readonly startedMs: number
  readonly endedMs: number | null
  readonly layer: Layer
}

export interface RunPage {
  readonly runs: readonly ListedRun[]
  /** To be asked for the next page; null when this is the last. */
  readonly next: number | null
}

/** A page of all runs in the order of their starts: those after the run with this id. */
function list(state: ProcessState, after: number): RunPage {
  const runs: ListedRun[] = []
  for (const run of state.runs.values()) {
    if (run.id <= after) continue
    if (runs.length === MAX_LISTED) return { runs, next: runs.at(-1)?.id ?? null }
    const { reason, ...rest } = status(state, run)
    runs.push({
      id: run.id,
      ...rest,
      ...(reason !== undefined && { reason: reason.slice(0, LISTED_REASON).toWellFormed() }),
      startedMs: run.startedMs,
      endedMs: run.ended?.atMs ?? null,
      layer: run.layer,
    })
  }
  return { runs, next: null }
}

export interface RunName {
  readonly definition: string
  readonly key: string
}

/** The runs that somebody may mean by a key, or by `definition/key`. */
function named(state: ProcessState, text: string): readonly RunName[] {
  const found: RunName[] = []
  for (const { definition, key } of state.runs.values()) {
    if (`${definition}/${key}` === text) return [{ definition, key }]
    if (key === text && found.length < MAX_LISTED) found.push({ definition, key })
  }
  return found
}

/** The names of runs by their ids, for those that are still known. */
function names(state: ProcessState, ids: readonly unknown[]): readonly (RunName & { readonly id: number })[] {
  return ids.flatMap((id) => {
    const run = state.runs.get(Number(id))
    return run ? [{ id: run.id, definition: run.definition, key: run.key }] : []
  })
}

function status(state: ProcessState, run: Run): RunStatus {
  return statusOf(run, state.nodes.hosts(run.definition))
}

export interface ShownOperation {
  readonly number: number
  readonly kind: string
  readonly preview: string
  readonly state: 'open' | 'answered'
  /** Of its reply. */
  readonly position?: number
  readonly atMs?: number
  readonly reply?: string
}

export interface ShownRun extends RunStatus {
  readonly layer: Layer
  readonly input: Stored
  readonly startedMs: number
  readonly incarnation: number
  /** Why it was last begun anew by hand. */
  readonly restarted?: { readonly reason: string; readonly atMs: number }
  /** Why somebody holds it. */
  readonly paused?: string
  /** What its version gates have answered. */
  readonly versions: readonly (readonly [name: string, version: number])[]
  /** Number of the checkpoint that the journal starts from; 0 for the very start. */
  readonly checkpoint: number
  /** A page of the journal. */
  readonly operations: readonly ShownOperation[]
  /** To be asked for the next page; null when this is the last. */
  readonly next: number | null
  readonly outcome?: Stored
  readonly endedMs?: number
}

/** A run in full, with its operations numbered above `after`. */
function show(state: ProcessState, run: Run, after: number): ShownRun {
  const { operations, next } = shownOperations(run, after)
  return {
    ...status(state, run),
    layer: run.layer,
    input: run.input,
    startedMs: run.startedMs,
    incarnation: run.incarnation,
    ...(run.restarted && { restarted: run.restarted }),
    ...(run.paused !== undefined && { paused: run.paused }),
    versions: [...run.versions],
    checkpoint: run.journal.base.number,
    operations,
    next,
    ...(run.ended && { outcome: run.ended.outcome, endedMs: run.ended.atMs }),
  }
}

function shownOperations(run: Run, after: number): Pick<ShownRun, 'operations' | 'next'> {
  const replies = new Map(run.journal.deliveries.map((delivery) => [delivery.number, delivery]))
  const operations: ShownOperation[] = []
  let text = 0
  for (const { number, kind, preview: args } of run.journal.entries.values()) {
    if (number <= after) continue
    if (text > PAGE_TEXT) return { operations, next: operations.at(-1)?.number ?? null }
    const reply = replies.get(number)
    const answered = reply && { position: reply.position, atMs: reply.wallMs, reply: replyPreview(reply.outcome) }
    operations.push({ number, kind, preview: args, state: run.open.has(number) ? 'open' : 'answered', ...answered })
    // The numbers and names of the fields take about as much as a long preview.
    text += 3 * args.length + 3 * (answered?.reply.length ?? 0) + REPLY_PREVIEW
  }
  return { operations, next: null }
}

function replyPreview(outcome: Stored): string {
  if ('error' in outcome) return preview(`${outcome.error.name}: ${outcome.error.message}`, REPLY_PREVIEW)
  return 'blob' in outcome ? '(a large value)' : preview(outcome.value, REPLY_PREVIEW)
}

/** What somebody who waits for one run wants to see all the time: small, however many runs there are. */
export interface Overview {
  readonly run: RunStatus | null
  /** How many runs are in each state. */
  readonly runs: Readonly<Partial<Record<RunState, number>>>
  readonly nodes: readonly ListedNode[]
  readonly statistics: Readonly<Statistics>
}

function overview(state: ProcessState, args: readonly unknown[]): Overview {
  const run = state.find(args[0], args[1])
  const runs: Partial<Record<RunState, number>> = {}
  for (const each of state.runs.values()) {
    const { state: name } = status(state, each)
    runs[name] = (runs[name] ?? 0) + 1
  }
  return { run: run ? status(state, run) : null, runs, nodes: nodes(state), statistics: { ...state.statistics } }
}

export interface ListedNode {
  readonly name: string
  readonly pid: number
  readonly parent: string | null
  readonly boot: string
  readonly session: number
  readonly state: 'live' | 'suspected' | 'draining'
  readonly suspectedAt: number | null
  /** How many runs it has. */
  readonly runs: number
  readonly capacity: number
  readonly definitions: readonly string[]
  readonly epoch: number
}

function nodes(state: ProcessState): ListedNode[] {
  return [...state.nodes.all].map((node) => ({
    name: node.name,
    pid: node.pid,
    parent: node.parent,
    boot: node.boot,
    session: node.session,
    state: node.suspectedAt !== undefined ? 'suspected' : node.draining === undefined ? 'live' : 'draining',
    suspectedAt: node.suspectedAt ?? null,
    runs: node.runs.size,
    capacity: node.capacity,
    definitions: [...node.definitions.keys()],
    epoch: node.epoch,
  }))
}
