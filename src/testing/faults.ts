/**
 * Which faults a seed meets, and when.
 *
 * Each seed turns a random part of the faults on (a swarm): some states are reached only in the absence of others. Faults that
 * strike at a moment get the number of the event before which they come; few at the start of a log matter more than many later,
 * so small numbers are as likely as large ones.
 *
 * What is drawn, or written down after it happened, is data: a list of faults that can be given to `simulate` again.
 *
 * Boundary: names faults and draws plans; which of them happen when is `injector.ts`, what they do is `simulated-site.ts`.
 */
import type { SeededRandom } from './seeded-random.ts'

/**
 * `worker crash`: a worker process is killed. `owner crash`: the process that owns the log is. `power loss`: the machine stops,
 * unsynced writes are lost or torn. `disk error`: a write or sync fails. `pause`: a process does not run for some time, shorter or
 * longer than it takes to be suspected and fenced. `delay`: messages take long. `cut`: a connection breaks. `repeat`: messages to
 * the site arrive twice. `clock jump`: the wall clock of a new owner is an hour off. `rot`: a bit of the newest snapshot turns over,
 * while there is another one.
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
  | 'rot'

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
  'rot',
]

/** Kinds that strike before an event; the others belong to something that happens anyway. */
export type StrikeKind = 'worker crash' | 'owner crash' | 'power loss' | 'pause' | 'cut'

/** One fault, as it was injected or is to be. */
export interface Fault {
  readonly kind: FaultKind
  /**
   * Which one it meets, counted from 1: the event before which it strikes; of a disk error the changing call; of a delay or
   * repetition the message; of a clock jump or rot the opening of the log.
   */
  readonly at: number
  /** The process or connection it struck; without it the simulation chooses. */
  readonly who?: string
  /** Of a pause, delay or clock jump. */
  readonly ms?: number
  /** What the disk says. */
  readonly code?: string
  /** Of a pause: not before the event, but in it, when the process begins a step or asks a question. */
  readonly within?: true
}

/** One that strikes before an event, or in it. */
export interface Strike extends Fault {
  readonly kind: StrikeKind
}

/**
 * For `simulate`: exactly there, in every seed. A run without faults tells how many events there are. A worker crash meets the
 * worker to which the event happens, if it happens to one.
 */
export function crashAt(event: number, kind: StrikeKind = 'worker crash'): Strike {
  return { kind, at: event }
}

/** As a line for people. */
export function describeFault({ kind, at, who, ms, code, within }: Fault): string {
  const of = who === undefined ? '' : ` of ${who}`
  const lasting = ms === undefined ? '' : `, ${Math.round(ms)} ms`
  if (kind === 'disk error') return `disk error ${code ?? 'EIO'} at the changing call ${at}`
  if (kind === 'delay' || kind === 'repeat') return `${kind} of message ${at}${lasting}`
  if (kind === 'clock jump' || kind === 'rot') return `${kind} at opening ${at}${lasting}`
  return `${kind}${of} ${within ? 'in' : 'before'} event ${at}${lasting}`
}

export interface FaultPlan {
  /** Of these kinds some are drawn on the way. */
  readonly on: ReadonlySet<FaultKind>
  /** These happen. */
  readonly fixed: readonly Fault[]
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

/** `allowed`: kinds from which the seed chooses, and faults that it must meet. */
export function drawFaults(random: SeededRandom, allowed: readonly (FaultKind | Fault)[]): FaultPlan {
  const on = new Set<FaultKind>()
  const fixed: Fault[] = []
  for (const fault of allowed) {
    if (typeof fault !== 'string') fixed.push(fault)
    else if (random.chance(0.5)) on.add(fault)
  }
  const kinds = [...on].filter(isStrikeKind)
  const most = MOST_STRIKES - (on.has('disk error') ? MOST_DISK_ERRORS : 0)
  const count = kinds.length === 0 ? 0 : random.between(1, most)
  for (let n = 0; n < count; n++) {
    fixed.push({ kind: random.pick(kinds), at: Math.floor(10 * (LAST_EVENT / 10) ** random.next()) })
  }
  return { on, fixed }
}

export function isStrike(fault: Fault): fault is Strike {
  return isStrikeKind(fault.kind)
}

function isStrikeKind(kind: FaultKind): kind is StrikeKind {
  return STRIKES.includes(kind)
}
