/**
 * The recovery language: how fast a history is replayed, and how long a large script takes to check.
 *
 * Of what the history holds one notification in four is an error, to which a section answers; one in four is a success, which starts
 * no pass; every pass goes through all sections. Not measured: actions that somebody carries out.
 */
import { check, compile, dryRun, readHistory } from 'perdure/ariel'
import { type Bench, type Effort, type Figure, inTurns, perSecond } from './measure.ts'

const SECTIONS = 50
const NOTIFICATIONS = 200_000

const LINES = 10_000
/** Of the generated script, one section. */
const SECTION_LINES = 5

export const ariel: Bench = {
  name: 'ariel',
  async run(effort) {
    return [await replayed(effort, 'read and'), await replayed(effort, ''), await checked(effort)]
  },
}

function replayed(effort: Effort, read: 'read and' | ''): Promise<Figure> {
  const compiled = compile(plant())
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
  const script = Array.from({ length: LINES / SECTION_LINES }, (_, n) => section(n)).join('\n')
  const run = (): number => {
    const startedMs = performance.now()
    check(script)
    return performance.now() - startedMs
  }
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

function plant(): string {
  const tasks = Array.from({ length: 2 * SECTIONS }, (_, n) => `TASK ${n} = "t${n}" IS NODE ${n % 4}, TASKID ${n}`)
  const filters = Array.from({ length: SECTIONS }, (_, n) => `ALPHACOUNT TASK ${n} IS THRESHOLD = 3.0, FACTOR = 0.5 END`)
  return [...tasks, ...filters, ...Array.from({ length: SECTIONS }, (_, n) => section(n))].join('\n')
}

function section(n: number): string {
  return `IF [ FAULTY T${n} AND ERRN(T${n}) > 0 ] THEN
  IF [ TRANSIENT T${n} ] THEN RESTART T${n}
  ELSE STOP T${n} START T${n + SECTIONS} FI
  REMOVE ANY T${n} FROM ERRORLIST
FI`
}

function recorded(count: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const entity = `T${(at * 7) % SECTIONS}`
    const notification = [
      { at, kind: 'error', entity, code: at % 3 },
      { at, kind: 'phase', entity, value: at % 9 },
      { at, kind: 'ok', entity },
      { at, kind: 'status', entity, status: 'running' },
    ][at % 4]
    return JSON.stringify(notification)
  })
}
