/**
 * What the checkpoint protocols force and ask, on the grids of the reference, and where that is worse than the reference.
 *
 * These figures are counts on seeded schedules, the same on every machine; so, unlike all others here, they can fail.
 */
import { type Protocol, type ProtocolName, protocols } from 'perdure/checkpoint'
import { type Plan, type Step, schedule, type Topology } from './checkpoint-schedules.ts'
import { type Coordinated, coordinated } from './coordinated.ts'

export const NAMES = ['fdas', 'bhmr', 'bcs', 'hmnr', 'cut', 'bare', 'exact'] as const satisfies readonly ProtocolName[]

/** More of this than the reference, as a share, is worse. */
const RATIO_MARGIN = 0.1
const QUESTIONS_MARGIN = 0.15

/** Of every member in a run of the grid. */
const SENDS = 200

type Forced = Readonly<Partial<Record<(typeof NAMES)[number], number>>>

interface Reference {
  readonly at: readonly [Topology, members: number, checkpointMean: number, delay: number]
  readonly forced: Forced
}

/** Forced by basic checkpoints, as an independent simulation found with three seeds. */
const REFERENCES: readonly Reference[] = [
  { at: ['uniform', 4, 100, 5], forced: { fdas: 4.07, bhmr: 3.46, bcs: 1.1, hmnr: 1.13, bare: 1.23, exact: 1.0 } },
  { at: ['uniform', 8, 100, 5], forced: { fdas: 4.32, bhmr: 4.09, bcs: 1.5, hmnr: 1.61, bare: 1.6, exact: 1.28 } },
  { at: ['uniform', 8, 100, 30], forced: { fdas: 3.84, bhmr: 3.71, bcs: 1.02, hmnr: 1.2, bare: 1.53, exact: 0.75 } },
  { at: ['uniform', 16, 100, 5], forced: { fdas: 4.66, bhmr: 4.57, bcs: 1.76, hmnr: 1.88, bare: 1.78, exact: 1.45 } },
  { at: ['uniform', 16, 100, 30], forced: { fdas: 4.31, bhmr: 4.22, bcs: 1.09, hmnr: 1.34, bare: 1.82, exact: 0.79 } },
  { at: ['group', 8, 100, 5], forced: { fdas: 4.43, bhmr: 3.85, bcs: 1.34, hmnr: 1.42, bare: 1.39, exact: 1.16 } },
  { at: ['ring', 16, 100, 5], forced: { fdas: 2.6, bhmr: 2.6, bcs: 1.07, hmnr: 1.43, bare: 0.54, exact: 0.41 } },
  { at: ['server', 4, 100, 5], forced: { fdas: 2.72, bhmr: 1.36, bcs: 0.86, hmnr: 0.82, bare: 0.95, exact: 0.75 } },
  { at: ['server', 16, 50, 5], forced: { fdas: 0.48, bhmr: 0.39, bcs: 0.25, hmnr: 0.21, bare: 0.22, exact: 0.17 } },
]

const TOPOLOGIES: readonly Topology[] = ['uniform', 'group', 'ring', 'server']

export interface Row {
  readonly plan: Plan
  readonly forced: Readonly<Record<(typeof NAMES)[number], number>>
  readonly reference: Forced | undefined
  readonly byAll: Coordinated
  readonly byOne: Coordinated
}

/** The rows that have a reference, or all of the grid. */
export function forcedRows(which: 'referenced' | 'all', seeds: number): readonly Row[] {
  const plans = which === 'all' ? grid() : REFERENCES.map(({ at }) => planOf(...at))
  return plans.map((plan) => rowOf(plan, seeds))
}

function grid(): Plan[] {
  return TOPOLOGIES.flatMap((topology) =>
    // A group of four in groups of four is uniform.
    [...(topology === 'group' ? [] : [4]), 8, 16].flatMap((members) =>
      [50, 100].flatMap((checkpointMean) => [5, 30].map((delay) => planOf(topology, members, checkpointMean, delay))),
    ),
  )
}

function planOf(topology: Topology, members: number, checkpointMean: number, delay: number): Plan {
  return { topology, members, checkpointMean, delay, sends: SENDS }
}

function rowOf(plan: Plan, seeds: number): Row {
  const forced = Object.fromEntries(NAMES.map((name) => [name, 0])) as Record<(typeof NAMES)[number], number>
  const [byAll, byOne] = [none(), none()]
  let basic = 0
  for (let seed = 1; seed <= seeds; seed += 1) {
    const steps = schedule(seed, plan)
    basic += steps.filter((step) => step.do === 'checkpoint').length
    for (const name of NAMES) forced[name] += play(protocols[name](plan.members), steps).forced
    count(byAll, coordinated(seed, plan, steps, 'by all'))
    count(byOne, coordinated(seed, plan, steps, 'by one'))
  }
  for (const name of NAMES) forced[name] /= basic
  const { topology, members, checkpointMean, delay } = plan
  const reference = REFERENCES.find(({ at }) => String(at) === String([topology, members, checkpointMean, delay]))?.forced
  return { plan, forced, reference, byAll, byOne }
}

function none(): { -readonly [K in keyof Coordinated]: number } {
  return { initiated: 0, committed: 0, taken: 0, control: 0 }
}

function count(sum: ReturnType<typeof none>, found: Coordinated): void {
  for (const key of Object.keys(sum) as (keyof Coordinated)[]) sum[key] += found[key]
}

function play(protocol: Protocol, steps: readonly Step[]): { readonly forced: number; readonly delivered: number } {
  const onTheWay = new Map<number, ReturnType<Protocol['send']>>()
  let forced = 0
  let delivered = 0
  for (const step of steps) {
    if (step.do === 'checkpoint') protocol.checkpoint(step.member)
    else if (step.do === 'send') onTheWay.set(step.message, protocol.send(step.from, step.to))
    else {
      delivered += 1
      if (protocol.deliver(step.to, onTheWay.get(step.message)!).force) forced += 1
      onTheWay.delete(step.message)
    }
  }
  return { forced, delivered }
}

/** `exact` by another, beside the same of the reference. */
export function ratios({ forced, reference }: Row, by: 'bcs' | 'bare'): { readonly found: number; readonly reference: number } {
  return { found: forced.exact / forced[by], reference: (reference?.exact ?? Number.NaN) / (reference?.[by] ?? Number.NaN) }
}

/** What is worse than it may be, in words. */
export function tooManyForced(rows: readonly Row[]): string[] {
  return rows.flatMap((row) => {
    const where = nameOf(row.plan)
    const fewer = NAMES.filter((name) => row.forced[name] < row.forced.exact)
    const wrong = fewer.map((name) => `${where}: ${name} forces fewer than exact`)
    for (const by of ['bcs', 'bare'] as const) {
      const { found, reference } = ratios(row, by)
      if (found > reference * (1 + RATIO_MARGIN))
        wrong.push(`${where}: exact by ${by} is ${found.toFixed(3)}, the reference has ${reference.toFixed(3)}`)
    }
    return wrong
  })
}

export function nameOf({ topology, members, checkpointMean, delay }: Plan): string {
  return `${topology} ${members}, ${checkpointMean}, ${delay}`
}

export interface Asked {
  readonly perBasic: number
  readonly members: number
  /** Questions by messages delivered. */
  readonly found: number
  readonly reference: number
  /** Checkpoints forced by basic ones. */
  readonly forced: number
}

/** Messages that a member sends in the time between two of its basic checkpoints, and the questions asked for each, with 4 and 16 members. */
const QUESTIONS: readonly (readonly [perBasic: number, of4: number, of16: number])[] = [
  [5, 0.4, 0.63],
  [10, 0.37, 0.66],
  [30, 0.22, 0.67],
  [150, 0.06, 0.55],
  [1000, 0.012, 0.24],
]

/** At the beginning everybody is new to everybody: enough intervals of every member that this does not show. */
const INTERVALS = 5

export function questionRows(seeds: number): readonly Asked[] {
  return QUESTIONS.flatMap(([perBasic, of4, of16]) => [
    { perBasic, members: 4, ...asked(4, perBasic, seeds), reference: of4 },
    { perBasic, members: 16, ...asked(16, perBasic, seeds), reference: of16 },
  ])
}

function asked(members: number, perBasic: number, seeds: number): { found: number; forced: number } {
  const plan: Plan = {
    topology: 'uniform',
    members,
    sends: Math.max(SENDS, INTERVALS * perBasic),
    checkpointMean: 10 * perBasic,
    delay: 5,
  }
  let [questions, messages, forced, basic] = [0, 0, 0, 0]
  for (let seed = 1; seed <= seeds; seed += 1) {
    const protocol = protocols.exact(members)
    const steps = schedule(seed, plan)
    const run = play(protocol, steps)
    messages += run.delivered
    forced += run.forced
    basic += steps.filter((step) => step.do === 'checkpoint').length
    questions += protocol.questions
  }
  return { found: questions / messages, forced: forced / basic }
}

/** Fewer than the reference are welcome. */
export function tooManyAsked(rows: readonly Asked[]): string[] {
  return rows
    .filter(({ found, reference }) => found > reference * (1 + QUESTIONS_MARGIN))
    .map(
      ({ perBasic, members, found, reference }) =>
        `${members} members, ${perBasic} messages per checkpoint: ${found.toFixed(3)} questions a message, the reference has ${reference}`,
    )
}
