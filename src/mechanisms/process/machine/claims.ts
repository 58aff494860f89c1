/**
 * Which copy of a replicated run executes which step.
 *
 * Boundary: functions over the state; what a copy does with a step it has been given is `granted.ts`.
 *   K1  A step has at most one holder at any position, and only from its holder a result or a failed try counts.
 *   K2  A step whose holder is lost is given to another copy in the same entry, if there is one; else to the first that comes.
 *   K3  A step is executed a second time only when its holder was lost before its result was recorded; the idempotency key is the
 *       same, and the epoch it is executed under is higher.
 *   K4  A step during which a bounded number of processes have died is given to no further one.
 */
import { preview } from '../../../log/codec/codec.ts'
import type { Context, Operation } from '../../../log/machine.ts'
import type { Node } from './nodes.ts'
import { type Claim, type Place, placesOf } from './replication.ts'
import { MAX_DEATHS, type Run } from './run.ts'
import type { ProcessState } from './state.ts'

/** Of the name of a step, in characters. */
const MAX_STEP_NAME = 80

/** A step as it is given to a copy. */
export interface Grant {
  readonly number: number
  /** What a resource outside may refuse older writers by. */
  readonly epoch: number
  /** Processes that died while they executed it. */
  readonly deaths: number
  /** Tries that have failed. */
  readonly failed: number
}

/** What the host of a copy needs beside what it needs for any run. */
export interface CopySpec {
  readonly leads: boolean
  /** Of the placement. */
  readonly position: number
  readonly granted: readonly Grant[]
}

/** The first copy that comes to a step gets it, unless it is about to go. */
export function claim(state: ProcessState, run: Run, sender: Place, { number, args }: Operation, context: Context): void {
  const { replication } = run
  if (replication === undefined) return
  const holder = sender.leaving === undefined ? sender : heirOf(state, run)
  const { position } = context
  const came = [sender.fence]
  replication.claims.set(number, { name: String(args[0]), position, holder: holder?.fence ?? 0, begun: true, deaths: 0, came })
  if (holder) tellGrant(state, run, holder, number, context)
}

/** Another copy comes to a step: it may be given to it, should the one that has it be lost. */
export function came(run: Run, sender: Place, number: number): void {
  const claimed = run.replication?.claims.get(number)
  if (claimed && !claimed.came.includes(sender.fence)) claimed.came = [...claimed.came, sender.fence]
}

/** Whether this copy may say what the step has come to (K1). */
export function holds(run: Run, sender: Place, number: number): boolean {
  return run.replication?.claims.get(number)?.holder === sender.fence && run.open.has(number)
}

/** A step that may have ended a process begins again. */
export function announced(run: Run, sender: Place, number: number): void {
  const claimed = run.replication?.claims.get(number)
  if (claimed?.holder === sender.fence) claimed.begun = true
}

/** The process of this copy has died, perhaps because of the steps it had begun. */
export function blame(run: Run, { fence }: Place): void {
  for (const claimed of run.replication?.claims.values() ?? []) {
    if (claimed.holder === fence && claimed.begun) claimed.deaths += 1
  }
}

/** The steps that no process is to be given any more, for people (K4). */
export function deadlySteps(run: Run): string | undefined {
  const deadly: string[] = []
  for (const [number, { name, deaths }] of run.replication?.claims ?? []) {
    if (deaths >= MAX_DEATHS) deadly.push(`${preview(name, MAX_STEP_NAME)} (operation ${number})`)
  }
  return deadly.length === 0 ? undefined : deadly.slice(0, MAX_DEATHS).join(' or ')
}

/** What stood in the way of copies and steps has been mended. */
export function forgive({ replication }: Run): void {
  if (replication === undefined) return
  replication.outcast = undefined
  for (const claimed of replication.claims.values()) claimed.deaths = 0
}

/** The steps of this copy have no holder any more. */
export function release({ replication }: Run, { fence }: Place): void {
  for (const claimed of replication?.claims.values() ?? []) if (claimed.holder === fence) claimed.holder = 0
}

/** Gives what no copy has to one that lives, and tells the others of the new epoch (K2, K3). */
export function regrant(state: ProcessState, run: Run, context: Context): void {
  const { replication } = run
  if (replication === undefined) return
  const free = [...replication.claims.values()].filter(({ holder }) => holder === 0)
  for (const claimed of free) {
    const heir = heirOf(state, run, claimed.came)
    if (heir) give(claimed, heir)
  }
  if (free.length === 0) return
  replication.epoch = context.position
  const places = new Map(placesOf(run).map((place) => [place.fence, place]))
  for (const [number, { holder }] of replication.claims) {
    const place = places.get(holder)
    if (place) tellGrant(state, run, place, number, context)
  }
}

/** Gives what no copy has to this one. */
export function takeFree({ replication }: Run, { fence }: Place, position: number): void {
  if (replication === undefined) return
  const free = [...replication.claims.values()].filter(({ holder }) => holder === 0)
  for (const claimed of free) give(claimed, { fence })
  if (free.length > 0) replication.epoch = position
}

function give(claimed: Claim, { fence }: Pick<Place, 'fence'>): void {
  claimed.holder = fence
  // After a death it is told when it begins again.
  claimed.begun = claimed.deaths === 0
}

/** What this copy has. */
export function grantsOf(run: Run, { fence }: Place): readonly Grant[] {
  return [...(run.replication?.claims ?? [])].flatMap(([number, claimed]) =>
    claimed.holder === fence ? [grantOf(run, number, claimed)] : [],
  )
}

function grantOf({ replication, journal }: Run, number: number, { deaths }: Claim): Grant {
  return { number, epoch: replication?.epoch ?? 0, deaths, failed: journal.retries.get(number) ?? 0 }
}

function tellGrant(state: ProcessState, run: Run, place: Place, number: number, context: Context): void {
  const node = nodeOf(state, place)
  const claimed = run.replication?.claims.get(number)
  if (node && claimed) context.note(node.session, ['granted', run.id, place.fence, grantOf(run, number, claimed)])
}

/** The copy that is surest to execute a step soon; `cameTo` are those that wait for it. */
function heirOf(state: ProcessState, run: Run, cameTo: readonly number[] = []): Place | undefined {
  const staying = placesOf(run).filter((place) => place.leaving === undefined && nodeOf(state, place))
  const heard = staying.filter((place) => nodeOf(state, place)?.suspectedAt === undefined)
  return heard.find(({ fence }) => cameTo.includes(fence)) ?? heard.find(({ live }) => live) ?? heard[0] ?? staying[0]
}

function nodeOf(state: ProcessState, place: Place): Node | undefined {
  return state.nodes.get(place.node ?? '')
}
