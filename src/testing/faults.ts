/**
 * Which faults a seed meets, and when.
 *
 * Each seed turns a random part of the faults on (a swarm): some states are reached only in the absence of others. Faults that
 * strike at a moment get the number of the event before which they come; few at the start of a log matter more than many later,
 * so small numbers are as likely as large ones.
 *
 * Boundary: draws plans; carrying them out is `simulated-site.ts`.
 */
import type { SeededRandom } from './seeded-random.ts'

/**
 * `worker crash`: a worker process is killed. `owner crash`: the process that owns the log is. `power loss`: the machine stops,
 * unsynced writes are lost or torn. `disk error`: a write or sync fails. `pause`: a process does not run for some time, shorter or
 * longer than it takes to be suspected and fenced. `delay`: messages take long. `cut`: a connection breaks. `repeat`: messages to
 * the site arrive twice. `clock jump`: the wall clock of a new owner is an hour off.
 */
export type FaultKind =
  | 'worker crash'
  | 'owner crash'
  | 'power loss'
  | 'disk error'
  | 'pause'
  | 'delay'
  | 'cut'
  | 'repeat'
  | 'clock jump'

export const FAULT_KINDS: readonly FaultKind[] = [
  'worker crash',
  'owner crash',
  'power loss',
  'disk error',
  'pause',
  'delay',
  'cut',
  'repeat',
  'clock jump',
]

/** A fault that strikes before the event of this number. */
export interface Strike {
  readonly event: number
  readonly kind: 'worker crash' | 'owner crash' | 'power loss' | 'pause' | 'cut'
}

/** For `simulate`: exactly there, in every seed. A run without faults tells how many events there are. */
export function crashAt(event: number, kind: Strike['kind'] = 'worker crash'): Strike {
  return { event, kind }
}

export interface FaultPlan {
  readonly on: ReadonlySet<FaultKind>
  /** In the order of their events. */
  readonly strikes: readonly Strike[]
}

/** Most scenarios have ended by then. */
const LAST_EVENT = 1_500

/**
 * Strikes in one seed, and disk errors of a seed that has them: a run that dies five times at one place is wedged, and should be.
 * Other seeds strike elsewhere.
 */
const MOST_STRIKES = 4
export const MOST_DISK_ERRORS = 2

const STRIKES: readonly FaultKind[] = ['worker crash', 'owner crash', 'power loss', 'pause', 'cut']

/** `allowed`: kinds from which the seed chooses, and strikes that it must meet. */
export function drawFaults(random: SeededRandom, allowed: readonly (FaultKind | Strike)[]): FaultPlan {
  const on = new Set<FaultKind>()
  const strikes: Strike[] = []
  for (const fault of allowed) {
    if (typeof fault !== 'string') strikes.push(fault)
    else if (random.chance(0.5)) on.add(fault)
  }
  const kinds = [...on].filter(isStrike)
  const most = MOST_STRIKES - (on.has('disk error') ? MOST_DISK_ERRORS : 0)
  const count = kinds.length === 0 ? 0 : random.between(1, most)
  for (let n = 0; n < count; n++) {
    strikes.push({ kind: random.pick(kinds), event: Math.floor(10 * (LAST_EVENT / 10) ** random.next()) })
  }
  return { on, strikes: strikes.sort((a, b) => a.event - b.event) }
}

function isStrike(kind: FaultKind): kind is Strike['kind'] {
  return STRIKES.includes(kind)
}
