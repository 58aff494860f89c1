/**
 * Which reply goes to which operation of a run, and in which order the body will see it.
 *
 * Boundary: functions over the state.
 *   Y1  Each operation of a run is delivered one reply, except quiet ones, which are delivered none.
 *   Y2  What is delivered is kept, in order, until a checkpoint: a re-executed body is given the same.
 */
import { invariant } from '../../../errors.ts'
import type { Caller, Context, Operation, Outcome } from '../../../log/machine.ts'
import type { Stored } from './journal.ts'
import { copiesOf, type Place } from './replication.ts'
import type { Race, Run } from './run.ts'
import type { ProcessState } from './state.ts'

/** An `out` needs no reply; the host asks for one now and then to be held back. */
export function isQuiet(name: string, args: readonly unknown[]): boolean {
  return (name === 'space.out' && !isAcknowledged(args[2])) || name === 'process.withdraw'
}

function isAcknowledged(options: unknown): boolean {
  return typeof options === 'object' && options !== null && 'acknowledge' in options
}

export function keepsJournal(run: Run): boolean {
  return run.layer !== 'none' && run.layer !== 'restart'
}

/** Appends to what the body of a run is given. */
export function deliver(state: ProcessState, run: Run, number: number, outcome: Stored, context: Context): void {
  const { journal } = run
  const { wallMs, position } = context
  journal.lastSeq += 1
  run.position = position
  if (keepsJournal(run)) journal.deliveries.push({ seq: journal.lastSeq, number, outcome, wallMs, position })
  const told = ({ node: name, fence }: Place) => {
    const node = name === undefined ? undefined : state.nodes.get(name)
    if (node) context.note(node.session, ['deliver', run.id, fence, journal.lastSeq, number, outcome, wallMs])
  }
  told(run)
  for (const copy of copiesOf(run)) told(copy)
}

/** Answers one operation of a run. Returns the error of a quiet operation, which nobody is there to be told. */
export function answer(state: ProcessState, run: Run, number: number, outcome: Outcome, context: Context): Outcome | undefined {
  const race = run.races.get(number)
  if (race) {
    decide(state, run, race, number, outcome, context)
    return undefined
  }
  if (run.open.delete(number)) {
    deliver(state, run, number, outcome, context)
    return undefined
  }
  return 'error' in outcome ? outcome : undefined
}

/** The first answer of a race takes the others back, in the same entry. */
function decide(state: ProcessState, run: Run, race: Race, winner: number, outcome: Outcome, context: Context): void {
  const caller: Caller = { kind: 'run', id: run.id }
  let winnerKey: string | undefined
  for (const [key, number] of race.alternatives) {
    run.races.delete(number)
    if (number === winner) winnerKey = key
    else context.withdraw(caller, number)
  }
  invariant(winnerKey !== undefined && run.open.delete(race.number), `race ${race.number} of run ${run.id} was decided twice`)
  const decided = 'value' in outcome ? { value: { key: winnerKey, value: outcome.value } } : outcome
  deliver(state, run, race.number, decided, context)
}

/** Performs the alternatives in the order of their keys' appearance until one is answered at once. */
export function startRace(run: Run, { caller, number, args }: Operation, context: Context): void {
  const alternatives = args[0] as readonly (readonly [key: string, number: number, name: string, args: readonly unknown[]])[]
  const race: Race = { number, alternatives: alternatives.map(([key, n]) => [key, n]) }
  for (const [, n] of alternatives) run.races.set(n, race)
  for (const [, n, name, alternativeArgs] of alternatives) {
    if (!run.races.has(n)) return
    context.perform({ caller, number: n, name, args: alternativeArgs })
  }
}
