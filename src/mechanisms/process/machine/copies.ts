/**
 * The copies of a replicated run: who is the first, and what happens when one is lost or differs.
 *
 * Boundary: functions over the state, for runs that have more than one copy; the last one is lost as the only one of any other run
 * (`ending.ts`). Where copies go is `spread.ts`, who executes a step `claims.ts`.
 *   D1  The loss of one of several copies stops none of the others: when it was the first, another one is from then on.
 *   D2  Only the first copy prints the lines of `p.log`; one that becomes the first prints what comes after all that the one before
 *       can have been given.
 *   D3  A copy that does something else than the journal says is stopped; what is recorded stays, and the others go on.
 */
import type { Context, Failure } from '../../../log/machine.ts'
import { failureOf } from '../../../log/outcome.ts'
import { blame, deadlySteps, regrant, release } from './claims.ts'
import { answerWaiters, countDeath, isSuspect, wedgeOver } from './ending.ts'
import { diverged, type JournalEntry } from './journal.ts'
import { displace, enqueue, occupy, place, tellPlace, vacate } from './placement.ts'
import { isOneOfSeveral, type Place, placesOf } from './replication.ts'
import type { Run } from './run.ts'
import type { ProcessState } from './state.ts'

/** One of several copies is gone: with its process, or in order. `place` must be called afterwards. */
export function lose(state: ProcessState, run: Run, lost: Place, why: 'died' | 'left', context: Context): void {
  if (why === 'died') {
    blame(run, lost)
    // Whoever waits had no part in it, and the others wait on.
    if (lost.begun && isSuspect(run)) countDeath(run)
  }
  drop(state, run, lost, null, context)
  const deadly = deadlySteps(run)
  if (deadly === undefined) return regrant(state, run, context)
  wedgeOver(state, run, deadly, context)
}

/** Takes away one of several copies. The next first is the one on this node, if it is given, or the one that has come furthest. */
export function drop(state: ProcessState, run: Run, dropped: Place, next: string | null, context: Context): void {
  const { replication } = run
  if (replication === undefined) return
  const first = dropped === run ? heirOf(state, replication.copies, next) : undefined
  vacate(state, run, dropped)
  if (first === undefined) replication.copies = replication.copies.filter((copy) => copy !== dropped)
  else {
    replication.copies = replication.copies.filter((copy) => copy !== first)
    Object.assign(run, first)
    tellLead(state, run, context)
  }
}

/** Makes a further copy the first. Both go on. */
export function lead(state: ProcessState, run: Run, next: Place, context: Context): void {
  const { replication } = run
  if (replication === undefined || next === run) return
  tellPlace(state, run, run, 'follow', context)
  const { node, fence, begun, loading, live, reached, repeating, replayed, leaving } = run
  const before: Place = { node, fence, begun, loading, live, reached, repeating, replayed, leaving }
  replication.copies = replication.copies.map((copy) => (copy === next ? before : copy))
  Object.assign(run, next)
  tellLead(state, run, context)
}

function tellLead(state: ProcessState, run: Run, context: Context): void {
  const node = state.nodes.get(run.node ?? '')
  if (node) context.note(node.session, ['lead', run.id, run.fence, run.journal.lastSeq])
}

function heirOf(state: ProcessState, copies: readonly Place[], next: string | null): Place | undefined {
  const wanted = (copy: Place) => copy.node === next || state.nodes.get(copy.node ?? '')?.parent === next
  return (next === null ? undefined : copies.find(wanted)) ?? copies.find(({ live }) => live) ?? copies[0]
}

/** What a copy has issued under a number that is recorded already; false if it differs, and then it is stopped (D3). */
export function follows(state: ProcessState, run: Run, sender: Place, issued: JournalEntry, context: Context): boolean {
  const { journal, replication } = run
  const recorded = journal.entries.get(issued.number)
  if (recorded === undefined) {
    const { base } = journal
    if (base.number !== issued.number || replication === undefined) return true
    if (issued.kind === 'process.checkpoint' && issued.digest === replication.cutDigest) return true
  } else if (recorded.kind === issued.kind && recorded.digest === issued.digest) return true
  const cut: JournalEntry = { number: issued.number, kind: 'process.checkpoint', digest: 0, preview: 'with another state' }
  diverges(state, run, sender, failureOf(diverged(recorded ?? cut, issued)), context)
  return false
}

/** A copy differs from the journal. As the only one it makes the run wait for another build. */
export function diverges(state: ProcessState, run: Run, differing: Place, error: Failure, context: Context): void {
  tellPlace(state, run, differing, 'stop', context)
  if (isOneOfSeveral(run)) return castOut(state, run, differing, error, context)
  run.diverged = { error: { error }, builds: [...(run.diverged?.builds ?? []), buildAt(state, run, differing)] }
  displace(state, run)
  enqueue(state, run)
  place(state, context)
  answerWaiters(state, run, context)
}

/** One of several copies cannot go on: none is placed again where its build is (V2). */
export function castOut(state: ProcessState, run: Run, copy: Place, error: Failure, context: Context): void {
  const { replication } = run
  if (replication === undefined) return
  const builds = new Set([...(replication.outcast?.builds ?? []), buildAt(state, run, copy)])
  replication.outcast = { error: { error }, builds: [...builds] }
  drop(state, run, copy, null, context)
  regrant(state, run, context)
  place(state, context)
}

function buildAt(state: ProcessState, run: Run, { node }: Place): string {
  return state.nodes.get(node ?? '')?.definitions.get(run.definition) ?? ''
}

/** Operations that a copy may be behind when the journal is cut: the replies that wait for it are kept by its host. */
const MAX_BEHIND = 1_000

/**
 * The journal is cut. Copies behind have been told all they need, except those that still fetch it: they begin again, from here. So do
 * those that are far behind, which spares them the way.
 */
export function cutFor(state: ProcessState, run: Run, digest: number, context: Context): void {
  const { replication } = run
  if (replication === undefined) return
  replication.cutDigest = digest
  const { number } = run.journal.base
  const late = placesOf(run).filter(({ loading, reached }) => loading || number - reached > MAX_BEHIND)
  for (const copy of late) beginAgain(state, run, copy, context)
}

/** A copy is executed anew where it is. One that is to leave has nothing yet that it could go on with, and leaves at once. */
export function beginAgain(state: ProcessState, run: Run, again: Place, context: Context): void {
  const node = state.nodes.get(again.node ?? '')
  if (node === undefined || again.leaving) return
  tellPlace(state, run, again, 'stop', context)
  release(run, again)
  occupy(run, again, node, context)
}
