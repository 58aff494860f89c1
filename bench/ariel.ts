/**
 * The recovery language: how fast a history is replayed, how long a large script takes to check, and whether that is linear.
 *
 * Of what the history holds one notification in four is an error, to which a section answers; one in four is a success, which starts
 * no pass; every pass goes through all sections. Not measured: actions that somebody carries out.
 */
import { check, compile, dryRun, readHistory } from 'perdure/ariel'
import { type Bench, type Effort, type Figure, inTurns, perSecond } from './measure.ts'

const SECTIONS = 50
const NOTIFICATIONS = 200_000

const LINES = 10_000
/** Whether the time for a line stays the same. */
const SIZES = [1_000, 3_000, 10_000, 30_000]
/** Scripts of other sizes are checked as often as makes as many lines, so that no figure is of some milliseconds. */
const LINES_A_FIGURE = 30_000
/** Of the generated script: two tasks, a filter and a section. */
const UNIT_LINES = 8

export const ariel: Bench = {
  name: 'ariel',
  async run(effort) {
    return [await replayed(effort, 'read and'), await replayed(effort, ''), await checked(effort), ...flat(effort)]
  },
}

function replayed(effort: Effort, read: 'read and' | ''): Promise<Figure> {
  const compiled = compile(plant(SECTIONS))
  const lines = recorded(Math.round(NOTIFICATIONS * effort.share))
  const text = lines.join('\n')
  const history = readHistory(text)
  const run = (): number => {
    const startedMs = performance.now()
    dryRun(compiled, read === '' ? history : text)
    return perSecond(lines.length, startedMs)
  }
  run()
  return inTurns(
    effort,
    {
      what: ['dry run:', read, `replay with ${SECTIONS} sections`].filter((part) => part !== '').join(' '),
      unit: 'notifications/s',
      floor: 'JSON.parse of each line',
      target: read === '' ? '' : '>= 200,000',
    },
    run,
    () => {
      const startedMs = performance.now()
      for (const line of lines) JSON.parse(line)
      return perSecond(lines.length, startedMs)
    },
  )
}

function checked(effort: Effort): Promise<Figure> {
  const script = plant(LINES / UNIT_LINES)
  const run = (): number => {
    const startedMs = performance.now()
    check(script)
    return performance.now() - startedMs
  }
  run()
  return inTurns(
    effort,
    { what: `check a script of ${LINES} lines`, unit: 'ms', floor: 'a regular expression finds its words', target: '< 300' },
    run,
    () => {
      const startedMs = performance.now()
      script.match(/\w+|\S/g)
      return performance.now() - startedMs
    },
  )
}

/** The time for a line, beside that of the smallest script in the same round. */
function flat({ rounds, share }: Effort): readonly Figure[] {
  const scripts = SIZES.map((lines) => plant(lines / UNIT_LINES))
  const found: number[][] = []
  for (let round = -1; round < rounds; round += 1) {
    const costs = scripts.map((script, at) => costOfLine(script, SIZES[at] as number, share))
    // The first round compiles what the others measure.
    if (round >= 0) found.push(costs)
  }
  const floor = { what: `of ${SIZES[0]} lines`, values: found.map(([first]) => first as number) }
  return SIZES.map((lines, at) => ({
    what: `check: a line of ${lines}`,
    unit: 'us',
    values: found.map((costs) => costs[at] as number),
    floor,
    target: at === 0 ? '' : 'ratio 1: linear',
    curve: 'The cost of checking a line, by the length of the script',
  }))
}

/** Microseconds. */
function costOfLine(script: string, lines: number, share: number): number {
  const times = Math.max(1, Math.round((LINES_A_FIGURE * share) / lines))
  const startedMs = performance.now()
  for (let time = 0; time < times; time += 1) check(script)
  return (1000 * (performance.now() - startedMs)) / (times * lines)
}

/** So many tasks with a spare, a filter and a section each. */
function plant(units: number): string {
  const each = <T>(make: (n: number) => T): T[] => Array.from({ length: Math.floor(units) }, (_, n) => make(n))
  const tasks = each((n) => [2 * n, 2 * n + 1].map((task) => `TASK ${task} = "t${task}" IS NODE ${n % 4}, TASKID ${task}`)).flat()
  const filters = each((n) => `ALPHACOUNT TASK ${2 * n} IS THRESHOLD = 3.0, FACTOR = 0.5 END`)
  return [...tasks, ...filters, ...each((n) => section(2 * n))].join('\n')
}

function section(n: number): string {
  return `IF [ FAULTY T${n} AND ERRN(T${n}) > 0 ] THEN
  IF [ TRANSIENT T${n} ] THEN RESTART T${n}
  ELSE STOP T${n} START T${n + 1} FI
  REMOVE ANY T${n} FROM ERRORLIST
FI`
}

function recorded(count: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const entity = `T${2 * ((at * 7) % SECTIONS)}`
    const notification = [
      { at, kind: 'error', entity, code: at % 3 },
      { at, kind: 'phase', entity, value: at % 9 },
      { at, kind: 'ok', entity },
      { at, kind: 'status', entity, status: 'running' },
    ][at % 4]
    return JSON.stringify(notification)
  })
}
