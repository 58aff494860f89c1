/**
 * `perdure checkpoints`, `perdure checkpoints diagram GROUP` and `perdure checkpoint GROUP MEMBER`: which checkpoint groups there are, what
 * has happened in one, as a picture, and a checkpoint that somebody wants to be taken now.
 *
 * Boundary: questions to the site; answers on the screen and in the file that was named.
 */
import { writeFileSync } from 'node:fs'
import { PerdureError } from '../../errors.ts'
import type { Connection } from '../../log/connection.ts'
import { diagram } from '../../mechanisms/checkpoint/diagram.ts'
import { type Line, recoveryLine } from '../../mechanisms/checkpoint/line.ts'
import type { Trace } from '../../mechanisms/checkpoint/trace.ts'
import { checkName } from '../../support/definition.ts'
import { remark, say, sayJson, usage } from './output.ts'
import { reached } from './reach.ts'
import type { LookOptions } from './runs.ts'
import { table } from './table.ts'

/** More names than this are no help. */
const MAX_NAMED = 20

export interface DiagramCommandOptions extends LookOptions {
  readonly output?: string
  readonly failed?: string
}

interface ListedGroup {
  readonly name: string
  readonly protocol: string
  readonly epoch: number
  /** How many. */
  readonly members: number
  /** How many of them have no proxy. */
  readonly lost: number
}

/** `perdure checkpoints`. */
export function listGroups(options: LookOptions): Promise<void> {
  return reached(options.url, async (connection) => {
    const groups = await groupsOf(connection)
    if (options.json) {
      for (const { name, protocol, epoch, members, lost } of groups) sayJson({ name, protocol, members, lost, recoveries: epoch })
      return
    }
    if (groups.length === 0) return say('No checkpoint groups.')
    const rows = groups.map(({ name, protocol, epoch, members, lost }) => {
      return [name, protocol, lost === 0 ? `${members}` : `${members}, ${lost} lost`, String(epoch)]
    })
    for (const line of table(['GROUP', 'PROTOCOL', 'MEMBERS', 'RECOVERIES'], rows)) say(line)
  })
}

/** `perdure checkpoints diagram`. */
export function drawGroup(name: string, options: DiagramCommandOptions): Promise<void> {
  checkName(name, 'a checkpoint group')
  return reached(options.url, async (connection) => {
    const trace = await traceOf(connection, name)
    const line = options.failed === undefined ? undefined : recoveryLine(trace, failedOf(trace, options.failed))
    const title = line === undefined ? `Checkpoint group ${name}` : `Checkpoint group ${name}, if ${options.failed} fails`
    const svg = diagram(trace, { title, ...(line !== undefined && { line }) })
    if (options.output === undefined) say(svg.trimEnd())
    else write(options.output, svg)
    if (options.output !== undefined) told(options, { file: options.output, events: trace.events.length, line })
  })
}

/** `perdure checkpoint`. */
export function askToSave(group: string, member: string, options: LookOptions): Promise<void> {
  checkName(group, 'a checkpoint group')
  checkName(member, 'a member')
  return reached(options.url, async ({ client }) => {
    const index = Number(await client.issue('checkpoint.ask', [group, member]))
    if (options.json) return sayJson({ event: 'checkpoint', group, member, index })
    say(`${member} of ${group} has taken checkpoint ${index}`)
  })
}

async function groupsOf(connection: Connection): Promise<readonly ListedGroup[]> {
  const groups: ListedGroup[] = []
  for (let after: number | null = 0; after !== null; ) {
    const page = (await connection.query('checkpoint', 'groups', [after])) as { groups: ListedGroup[]; next: number | null }
    groups.push(...page.groups)
    after = page.next
  }
  return groups
}

async function traceOf(connection: Connection, name: string): Promise<Trace> {
  // All at once: between two pages the group would go on.
  const trace = (await connection.query('checkpoint', 'trace', [name]).catch(tooLong)) as Trace | null
  if (trace !== null) return trace
  const known = (await groupsOf(connection)).map((group) => group.name).slice(0, MAX_NAMED)
  throw new PerdureError(
    'PERDURE_E_UNKNOWN_GROUP',
    `There is no checkpoint group ${name} in this site: ${known.length === 0 ? 'there is none at all' : `expected one of ${known.join(', ')}`}. "perdure checkpoints" lists them.`,
    { data: { group: name } },
  )
}

/** What does not fit the answer to a question is not worth a picture either. */
function tooLong(error: unknown): never {
  if (!PerdureError.is(error, 'PERDURE_E_VALUE')) throw error
  throw new PerdureError(
    'PERDURE_E_VALUE',
    'The trace of this group since its last line is too long to draw. Let the member that holds the line back save then draw again.',
    { cause: error },
  )
}

/** `a,b`: names of members, who may be spelt wrong. */
function failedOf({ objects }: Trace, list: string): readonly string[] {
  const failed = list.split(',').map((name) => name.trim())
  const wrong = failed.find((name) => !objects.includes(name))
  if (wrong === undefined) return failed
  throw usage(
    `--failed ${list} names ${wrong || 'nobody'}, who is no member. Expected some of ${objects.join(', ')}, as in --failed a,b.`,
  )
}

function write(file: string, svg: string): void {
  try {
    writeFileSync(file, svg)
  } catch (cause) {
    throw usage(
      `${file} cannot be written (${(cause as Error).message}). Expected a file in a folder that exists, as in -o group.svg.`,
    )
  }
}

function told(options: LookOptions, { file, events, line }: { file: string; events: number; line: Line | undefined }): void {
  if (options.json) return sayJson({ event: 'diagram', file, events, ...(line !== undefined && { line }) })
  const where =
    line === undefined
      ? ''
      : `; the line: ${Object.entries(line)
          .map(([name, to]) => `${name} ${to}`)
          .join(', ')}`
  remark(`${file}: ${events} events${where}`)
}
