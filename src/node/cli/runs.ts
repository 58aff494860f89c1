/**
 * `perdure ps`, `perdure show RUN` and `perdure cancel RUN`: what runs there are, one of them in full, and its end.
 *
 * Boundary: questions to the site and their answers on the screen.
 */
import { systemClock } from '../../clock.ts'
import { PerdureError } from '../../errors.ts'
import type { Connection } from '../../log/connection.ts'
import type { Failure } from '../../log/machine.ts'
import { fetchStored } from '../../mechanisms/process/host/storing.ts'
import type { Stored } from '../../mechanisms/process/machine/journal.ts'
import type { ListedRun, RunName, RunPage, ShownOperation, ShownRun } from '../../mechanisms/process/machine/queries.ts'
import { say, sayJson, styled, usage } from './output.ts'
import { reached } from './reach.ts'
import { stateColor } from './report.ts'
import { clockTime, duration, fitted, isoTime, oneLine, table } from './table.ts'
import { shown } from './values.ts'

export interface LookOptions {
  readonly url?: string
  readonly json?: true
}

export interface CancelOptions extends LookOptions {
  readonly reason?: string
}

/** `perdure ps`. */
export function listRuns(options: LookOptions): Promise<void> {
  return reached(options.url, async (connection) => {
    const runs: ListedRun[] = []
    for (let after: number | null = 0; after !== null; ) {
      const page = (await connection.query('process', 'list', [after])) as RunPage
      if (options.json) for (const run of page.runs) sayJson(runJson(run))
      else runs.push(...page.runs)
      after = page.next
    }
    if (options.json) return
    if (runs.length === 0) return say('No runs. Start one with: perdure run FILE')
    const nowMs = systemClock.wallMs()
    const rows = runs.map((run) => [
      `${run.definition}/${run.key}`,
      run.state,
      run.node ?? '-',
      String(run.attempt),
      duration((run.endedMs ?? nowMs) - run.startedMs),
      run.reason ?? '',
    ])
    for (const line of table(['RUN', 'STATE', 'NODE', 'ATTEMPT', 'TIME', 'WHY'], rows)) say(line)
  })
}

function runJson({ id: _, definition, key, state, startedMs, endedMs, ...run }: ListedRun): object {
  return { definition, key, state, ...run, started: isoTime(startedMs), ...(endedMs !== null && { ended: isoTime(endedMs) }) }
}

/** `perdure cancel RUN`. */
export function cancelRun(text: string, options: CancelOptions): Promise<void> {
  return reached(options.url, async (connection) => {
    const { definition, key } = await resolveRun(connection, text)
    const reason = options.reason ?? 'cancelled on the command line'
    const cancelled = (await connection.client.issue('process.cancel', [definition, key, reason])) === true
    if (options.json) return sayJson({ definition, key, cancelled })
    say(
      cancelled
        ? `The run ${definition}/${key} is told to stop; it may clean up for 5 s.`
        : `The run ${definition}/${key} has ended already, or is being cancelled.`,
    )
  })
}

/** `perdure show RUN`. */
export function showRun(text: string, options: LookOptions): Promise<void> {
  return reached(options.url, async (connection) => {
    const { definition, key } = await resolveRun(connection, text)
    const run = await wholeRun(connection, definition, key)
    const input = await shownStored(run.input, connection)
    const outcome = run.outcome && (await shownStored(run.outcome, connection))
    if (options.json) sayJson(shownJson(run, input, outcome))
    else for (const line of shownLines(run, input, outcome)) say(line)
  })
}

/** RUN is a key, or definition/key where several definitions have a run of this key. */
export async function resolveRun(connection: Connection, text: string): Promise<RunName> {
  const found = (await connection.query('process', 'named', [text])) as readonly RunName[]
  const [first, ...others] = found
  if (first === undefined) {
    throw new PerdureError(
      'PERDURE_E_UNKNOWN_RUN',
      `There is no run with the key "${text}". Look with perdure ps; finished runs are forgotten after a while.`,
      { data: { run: text } },
    )
  }
  if (others.length === 0) return first
  const names = found.map(({ definition, key }) => `${definition}/${key}`).join(', ')
  throw usage(`Several runs have the key "${text}": ${names}. Name one of them like this, with its definition.`)
}

async function wholeRun(connection: Connection, definition: string, key: string): Promise<ShownRun> {
  const operations: ShownOperation[] = []
  let run: ShownRun | null = null
  for (let after: number | null = 0; after !== null; ) {
    run = (await connection.query('process', 'show', [definition, key, after])) as ShownRun | null
    if (run === null) throw new PerdureError('PERDURE_E_UNKNOWN_RUN', `The run ${definition}/${key} has just been forgotten.`)
    operations.push(...run.operations)
    after = run.next
  }
  return { ...(run as ShownRun), operations }
}

type Content = { readonly value: unknown } | { readonly error: Failure }

/** Large values lie beside the log. */
async function shownStored(stored: Stored, connection: Connection): Promise<Content> {
  if ('error' in stored) return stored
  return { value: await fetchStored(stored, connection.blobs) }
}

function shownJson(run: ShownRun, input: Content, outcome: Content | undefined): object {
  const { definition, key, state, startedMs, endedMs, next: _, operations, outcome: __, restarted, versions, ...rest } = run
  return {
    definition,
    key,
    state,
    ...rest,
    ...(restarted && { restarted: { reason: restarted.reason, at: isoTime(restarted.atMs) } }),
    versions: Object.fromEntries(versions),
    ...('value' in input && { input: input.value }),
    started: isoTime(startedMs),
    ...(endedMs !== undefined && { ended: isoTime(endedMs) }),
    journal: operations.map(({ atMs, ...operation }) => ({ ...operation, ...(atMs !== undefined && { at: isoTime(atMs) }) })),
    ...(outcome && ('error' in outcome ? { error: outcome.error } : { result: outcome.value })),
  }
}

function shownLines(run: ShownRun, input: Content, outcome: Content | undefined): readonly string[] {
  const field = (name: string, text: string) => `${styled('dim', name.padEnd(9))} ${text}`
  const lines = [
    styled('bold', oneLine(`${run.definition}/${run.key}`)),
    field('state', styled(stateColor(run.state), run.state)),
  ]
  // Of a run that failed, the reason is the error below.
  if (run.reason !== undefined && outcome === undefined) lines.push(field('why', run.reason))
  if (run.node !== undefined) lines.push(field('node', (run.replicas?.nodes ?? [run.node]).join(', ')))
  const ended =
    run.endedMs === undefined ? '' : `, ended ${clockTime(run.endedMs)} after ${duration(run.endedMs - run.startedMs)}`
  lines.push(field('started', clockTime(run.startedMs) + ended))
  lines.push(field('attempt', `${run.attempt} (layer ${run.layer}, last touched at position ${run.position})`))
  lines.push(...lifeLines(run).map(([name, text]) => field(name, text)))
  if ('value' in input) lines.push(field('input', shown(input.value)))
  lines.push(...journalLines(run))
  if (outcome && 'value' in outcome) lines.push(field('result', shown(outcome.value)))
  if (outcome && 'error' in outcome) lines.push(field('error', failureText(outcome.error)))
  return lines
}

/** What people have done with it, and by which versions it goes. */
function lifeLines({ incarnation, restarted, versions }: ShownRun): readonly (readonly [string, string])[] {
  const anew = restarted ? `: begun anew on ${clockTime(restarted.atMs)}, ${restarted.reason}` : ''
  return [
    ...(incarnation > 1 ? [['life', `${incarnation}${anew}`] as const] : []),
    ...(versions.length > 0 ? [['versions', versions.map(([name, version]) => `${name} ${version}`).join(', ')] as const] : []),
  ]
}

function journalLines({ operations, checkpoint, endedMs, layer }: ShownRun): readonly string[] {
  if (endedMs !== undefined) return [styled('dim', 'journal   (a run that has ended needs none)')]
  if (layer === 'none' || layer === 'restart') return [styled('dim', `journal   (layer ${layer} keeps none)`)]
  const since = checkpoint === 0 ? '' : ` since the checkpoint, operation ${checkpoint}`
  const lines = [styled('dim', `journal   ${operations.length} ${operations.length === 1 ? 'operation' : 'operations'}${since}`)]
  return [...lines, ...operations.flatMap(operationLines)]
}

/** The reply beside the operation where both fit, else below it. */
function operationLines({ number, kind, preview, atMs, reply, state }: ShownOperation): readonly string[] {
  const time = atMs === undefined ? '' : clockTime(atMs).slice(-8)
  const line = `  ${String(number).padStart(5)}  ${time.padEnd(8)}  ${kind} ${oneLine(preview)}`
  const answer = reply !== undefined ? `= ${oneLine(reply)}` : state === 'open' ? '… waits' : ''
  const width = process.stdout.columns ?? WIDE
  if (line.length + 1 + answer.length <= width) return [`${line} ${answer}`.trimEnd()]
  return [fitted(line), fitted(' '.repeat(19) + answer)]
}

/** Where nobody says how wide a line may be. */
const WIDE = 120

function failureText({ name, code, message, cause }: Failure): string {
  const head = `${code ?? name}: ${message}`
  return isFailure(cause) ? `${head}\n  caused by ${failureText(cause)}` : head
}

function isFailure(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && 'message' in value && 'name' in value
}
