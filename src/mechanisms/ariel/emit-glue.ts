/**
 * Typed glue for each tool block of a script (SPEC 8; REL, section 2.2, steps 5 and 6: "configured instances of the BTs").
 *
 * One constant a block says what was configured; one type a block says what the program must supply: a function for each version, the
 * metric, the acceptance test. So a version that the script has and the program lacks is an error of the compiler, not of a night.
 * A watchdog comes with the heartbeat call, "the only change in user code".
 *
 * Boundary: pure, text out. The text needs nothing at run time.
 *   M1  Names are unique: two entities that would have the same identifier get their numbers appended.
 */
import type { TaskEntry, ToolEntry, Topology, WatchdogEntry } from '../../support/backbone/topology.ts'
import { keyOf, literal, quoted } from './emit-literal.ts'
import { generatedFrom } from './emit-module.ts'
import { Identifiers } from './emit-names.ts'

/** Microseconds in a millisecond. */
const MILLISECOND = 1000

export function writeGlue(topology: Topology, script: string): string {
  const names = new Identifiers()
  const taskNames = new Map(topology.tasks.map(({ number, name }) => [number, name]))
  const nameOf = (number: number): string => taskNames.get(number) ?? `T${number}`
  const parts = [
    ...(topology.tasks.length > 0 ? [taskNumbers(topology.tasks)] : []),
    ...topology.watchdogs.map((watchdog) => watchdogGlue(watchdog, topology, names, nameOf)),
    ...topology.tools.map((tool) => toolGlue(tool, topology, names, nameOf)),
  ]
  return `${generatedFrom(script, 'glue')}\n${parts.length === 0 ? '\nexport {}\n' : parts.map((part) => `\n${part}`).join('')}`
}

function constant(name: string, value: object): string {
  const [before, behind] = [`export const ${name} = `, ' as const']
  return `${before}${literal(value, 0, before.length + behind.length)}${behind}`
}

function taskNumbers(tasks: readonly TaskEntry[]): string {
  const numbers = Object.fromEntries(tasks.map(({ number, name }) => [name, number]))
  return `/** The declared tasks and their numbers. */
${constant('tasks', numbers)}

/** What the program has for each task, whatever it calls a task. */
export type Tasks<Task> = Readonly<Record<keyof typeof tasks, Task>>
`
}

type NameOf = (task: number) => string

function watchdogGlue(watchdog: WatchdogEntry, topology: Topology, names: Identifiers, nameOf: NameOf): string {
  const { number, watched, periodUs, onError } = watchdog
  const name = nameOf(number)
  const identifier = names.of(name, 'watchdog', number)
  const alarm = typeof onError === 'object' ? `warn ${onError.warn} ${alarmed(onError, topology, nameOf)}` : onError
  const config = {
    tool: 'watchdog',
    number,
    name,
    watched: nameOf(watched),
    periodMs: periodUs / MILLISECOND,
    onError: alarm,
  }
  return `/** Line ${watchdog.line}: ${commented(nameOf(watched))} must give a sign of life every ${periodUs / MILLISECOND} ms once it has begun. */
${constant(identifier, config)}

/** The sign of life, to be called by the watched task; \`to\` is its connection to the backbone. */
export function ${names.of(`${name}-heartbeat`, 'watchdog', number)}<T>(to: { heartbeat(watchdog: number): T }): T {
  return to.heartbeat(${number})
}
`
}

function alarmed({ warn, number }: { warn: 'task' | 'group'; number: number }, topology: Topology, nameOf: NameOf): string {
  if (warn === 'task') return nameOf(number)
  return topology.groups.find((group) => group.number === number)?.name ?? `G${number}`
}

function toolGlue(entry: ToolEntry, topology: Topology, names: Identifiers, nameOf: NameOf): string {
  const { tool, number, line } = entry
  const name = nameOfTool(entry, nameOf)
  const identifier = names.of(name, tool, number)
  const type = names.typeOf(identifier)
  const members = [...variantMembers(entry, nameOf), ...judgeMembers(entry)]
  const needs =
    members.length === 0
      ? ''
      : `\n/** What the program supplies for it. */\nexport interface ${type}<Input, Output> {\n${members.join('')}}\n`
  return `/** Line ${line}: ${tool} ${number}${purpose(entry)}. */
${constant(identifier, configOf(entry, name, topology, nameOf))}
${needs.replace('<Input, Output>', parameters(members))}`
}

/** Only those that are used: an unused one is an error in strict projects. */
function parameters(members: readonly string[]): string {
  const text = members.join('')
  const used = ['Input', 'Output'].filter((name) => new RegExp(`\\b${name}\\b`).test(text))
  return used.length === 0 ? '' : `<${used.join(', ')}>`
}

function variantMembers({ tool, variants }: ToolEntry, nameOf: NameOf): string[] {
  const called = '(input: Input) => Output | Promise<Output>'
  if (tool === 'retry-block') return [`  readonly attempt: ${called}\n`]
  if (variants === undefined || variants.length === 0) return []
  const keys = [...new Set(variants.map(({ task }) => nameOf(task)))]
  return [`  readonly versions: {\n${keys.map((key) => `    readonly ${keyOf(key)}: ${called}\n`).join('')}  }\n`]
}

function judgeMembers({ metric, acceptance }: ToolEntry): string[] {
  return [
    ...(metric === undefined
      ? []
      : [
          `  /** ${commented(metric)}: how far two outputs are apart, 0 for equal ones. */\n  readonly metric: (a: Output, b: Output) => number\n`,
        ]),
    ...(acceptance === undefined
      ? []
      : [`  /** ${commented(acceptance)}: whether an output may be used. */\n  readonly accept: (output: Output) => boolean\n`]),
  ]
}

function configOf(entry: ToolEntry, name: string, topology: Topology, nameOf: NameOf): object {
  const { variants, spare, onSuccess, onError, pauseUs, timeoutUs, group, line: _, number, tool, ...rest } = entry
  const times = { pauseMs: milliseconds(pauseUs), timeoutMs: milliseconds(timeoutUs) }
  const task = (of: number | undefined): string | undefined => (of === undefined ? undefined : nameOf(of))
  const versions = variants?.map((variant) => ({
    number: variant.number,
    task: nameOf(variant.task),
    timeoutMs: milliseconds(variant.timeoutUs),
  }))
  const groupName = group === undefined ? undefined : (topology.groups.find((of) => of.number === group)?.name ?? `G${group}`)
  const tasks = { spare: task(spare), onSuccess: task(onSuccess), onError: task(onError) }
  return {
    tool,
    number,
    name,
    ...rest,
    versions: versions?.length === 0 ? undefined : versions,
    ...times,
    group: groupName,
    ...tasks,
  }
}

/** Stabilizers and barriers have numbers of their own; the others bear the number of a task. */
function nameOfTool({ tool, number }: ToolEntry, nameOf: NameOf): string {
  return tool === 'stabilizer' || tool === 'barrier' ? `${tool}-${number}` : nameOf(number)
}

function purpose({ variants, voting, acceptance }: ToolEntry): string {
  const many = variants === undefined || variants.length === 0 ? '' : `, ${variants.length} versions`
  const vote = voting === undefined ? '' : `, voted by ${voting}`
  return `${many}${vote}${acceptance === undefined ? '' : `, accepted by ${commented(quoted(acceptance))}`}`
}

function milliseconds(us: number | undefined): number | undefined {
  return us === undefined ? undefined : us / MILLISECOND
}

/** A text of the script inside a comment: it must not end it. */
function commented(text: string): string {
  return text.replaceAll('*/', '* /')
}
