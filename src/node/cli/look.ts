/**
 * `perdure nodes`, `perdure tuples [SPACE]`, `perdure faults` and `perdure log`: who executes, what lies in the spaces, what has gone wrong,
 * what has happened.
 *
 * Boundary: questions to the site and their answers on the screen.
 */
import { PerdureError } from '../../errors.ts'
import type { Connection } from '../../log/connection.ts'
import type { HistoryPage, ListedEntry } from '../../log/history.ts'
import type { Caller } from '../../log/machine.ts'
import type { ListedNode, RunName } from '../../mechanisms/process/machine/queries.ts'
import type { ListedTuple, ListedWaiter } from '../../mechanisms/space/machine/questions.ts'
import { checkName } from '../../support/definition.ts'
import type { FaultPage, ListedFault } from '../../support/faults.ts'
import { remark, say, sayJson, usage } from './output.ts'
import { reached } from './reach.ts'
import type { LookOptions } from './runs.ts'
import { clockTime, fitted, isoTime, oneLine, table } from './table.ts'
import { oneLineOf } from './values.ts'

/** `perdure nodes`. */
export function listNodes(options: LookOptions): Promise<void> {
  return reached(options.url, async (connection) => {
    const nodes = (await connection.query('process', 'nodes', [])) as readonly ListedNode[]
    if (options.json) return sayAll(nodes.map(nodeJson))
    if (nodes.length === 0) return say('No nodes: nobody executes runs of this site now.')
    const rows = nodes.map(({ name, pid, state, runs, capacity, definitions }) => {
      return [name, String(pid), state, `${runs} of ${capacity}`, definitions.join(', ')]
    })
    for (const line of table(['NODE', 'PID', 'STATE', 'RUNS', 'DEFINITIONS'], rows)) say(line)
  })
}

function sayAll(objects: readonly object[]): void {
  for (const object of objects) sayJson(object)
}

function nodeJson({ name, pid, parent, state, runs, capacity, definitions, epoch }: ListedNode): object {
  return { name, pid, parent, state, runs, capacity, definitions, epoch }
}

/** `perdure tuples [SPACE]`. */
export function listTuples(space: string | undefined, options: LookOptions): Promise<void> {
  if (space !== undefined) checkName(space, 'a space')
  return reached(options.url, async (connection) => {
    const args = space === undefined ? [] : [space]
    const { total, tuples } = (await connection.query('space', 'tuples', args)) as { total: number; tuples: ListedTuple[] }
    if (options.json) return sayAll(tuples.map(({ space: name, position, tuple }) => ({ space: name, position, tuple })))
    const rows = tuples.map(({ space: name, position, tuple }) => [name, String(position), oneLineOf(tuple)])
    if (rows.length > 0) for (const line of table(['SPACE', 'POSITION', 'TUPLE'], rows)) say(line)
    else say(space === undefined ? 'No tuples.' : `No tuples in ${space}.`)
    if (total > tuples.length) remark(`the oldest ${tuples.length} of ${total} tuples`)
    await listWaiting(connection, args)
  })
}

async function listWaiting(connection: Connection, args: readonly unknown[]): Promise<void> {
  const answer = (await connection.query('space', 'waiting', args)) as { total: number; waiting: ListedWaiter[] }
  if (answer.total === 0) return
  const names = await namesOf(connection, answer.waiting)
  const rows = answer.waiting.map(({ space, mode, template, caller }) => [space, whoText(caller, names), `${mode} ${template}`])
  say('')
  for (const line of table(['SPACE', 'WHO WAITS', 'FOR'], rows)) say(line)
  if (answer.total > answer.waiting.length) remark(`the first ${answer.waiting.length} of ${answer.total} who wait`)
}

export interface FaultOptions extends LookOptions {
  readonly limit?: string
}

/** `perdure faults`. */
export function listFaults(options: FaultOptions): Promise<void> {
  const limit = options.limit === undefined ? DEFAULT_LIMIT : countOf('--limit', options.limit)
  return reached(options.url, async (connection) => {
    const { faults, total } = (await connection.query('fault', 'recent', [0, limit])) as FaultPage
    if (options.json) return sayAll(faults.map(faultJson))
    if (faults.length === 0) return say('No faults were reported.')
    const rows = faults.map(({ atMs, code, entity, detector, data }) => {
      return [clockTime(atMs), code, `${entity.kind} ${entity.name}`, detector, data === undefined ? '' : oneLineOf(data)]
    })
    for (const line of table(['TIME', 'CODE', 'WHO', 'DETECTOR', 'MORE'], rows)) say(line)
    if (total > faults.length) remark(`the latest ${faults.length} of ${total} faults`)
  })
}

function faultJson({ atMs, position, number, detector, entity, code, data }: ListedFault): object {
  return { number, position, time: isoTime(atMs), detector, entity, code, ...(data !== undefined && { data }) }
}

export interface LogOptions extends LookOptions {
  readonly from?: string
  readonly limit?: string
  readonly follow?: true
}

/** What fits two screens. */
const DEFAULT_LIMIT = 50

/** Entries asked for at once. */
const PAGE = 500

/** `perdure log`. */
export function showLog(options: LogOptions): Promise<void> {
  const from = options.from === undefined ? undefined : countOf('--from', options.from)
  const limit = options.limit === undefined ? DEFAULT_LIMIT : countOf('--limit', options.limit)
  const print = options.json ? printJson : printLine
  return reached(options.url, async (connection) => {
    const ask = (question: string, ...args: readonly number[]) => connection.query('log', question, args) as Promise<HistoryPage>
    const show = async ({ entries }: HistoryPage) => {
      const names = await namesOf(connection, entries)
      for (const entry of entries) print(entry, names)
      return entries.length
    }
    const begin = (position: number) => ask('entries', position, Math.min(limit, PAGE))
    let page = from === undefined ? await ask('last', limit) : await begin(from).catch((error) => begin(firstLeft(error)))
    let left = limit - (await show(page))
    while (left > 0 && !page.atEnd) {
      page = await ask('entries', page.next.position, Math.min(left, PAGE), page.next.index)
      left -= await show(page)
    }
    if (!options.follow) return
    const stopped = stop()
    for (;;) {
      const added = await Promise.race([ask('added', page.next.position, PAGE, page.next.index), stopped])
      if (added === undefined) return
      page = added
      await show(page)
    }
  })
}

/** The position from which on there is a log, when what was asked for has been trimmed. */
function firstLeft(error: unknown): number {
  const first = PerdureError.is(error, 'PERDURE_E_TRIMMED') ? error.data.first : undefined
  if (typeof first !== 'number') throw error
  remark(`the log begins at position ${first}; earlier entries were trimmed`)
  return first
}

/** Resolves when this process is told to stop. */
function stop(): Promise<undefined> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve(undefined))
    process.once('SIGTERM', () => resolve(undefined))
  })
}

type Names = ReadonlyMap<number, RunName>

/** The names of the runs among these callers. */
async function namesOf(connection: Connection, listed: readonly { readonly caller: Caller }[]): Promise<Names> {
  const ids = new Set(listed.flatMap(({ caller }) => (caller.kind === 'run' ? [caller.id] : [])))
  if (ids.size === 0) return new Map()
  const names = (await connection.query('process', 'names', [...ids])) as readonly (RunName & { id: number })[]
  return new Map(names.map(({ id, definition, key }) => [id, { definition, key }]))
}

function whoText(caller: Caller, names: Names): string {
  if (caller.kind === 'gateway') return 'site'
  const name = caller.kind === 'run' ? names.get(caller.id) : undefined
  return name ? `${name.definition}/${name.key}` : `${caller.kind} ${caller.id}`
}

function printJson({ position, wallMs, caller, operation, preview }: ListedEntry, names: Names): void {
  sayJson({ position, time: isoTime(wallMs), who: whoText(caller, names), operation, args: preview })
}

function printLine({ position, wallMs, caller, operation, preview }: ListedEntry, names: Names): void {
  const who = oneLine(whoText(caller, names))
  const line = `${String(position).padStart(7)}  ${clockTime(wallMs)}  ${who.padEnd(20)}  ${operation} ${oneLine(preview)}`
  say(fitted(line))
}

function countOf(option: string, text: string): number {
  const count = Number(text)
  if (Number.isSafeInteger(count) && count >= 1) return count
  throw usage(`${option} ${text} is no count. Expected a whole number from 1 on.`)
}
