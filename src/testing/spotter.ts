/**
 * Rare states that show in the log of a seed: what became of holds, groups, runs on the move and members of checkpoint groups.
 *
 * Boundary: watches a replica that is fed with the log once more, and counts; it judges nothing.
 */
import type { Outcome } from '../log/machine.ts'
import type { IncomingOperation } from '../log/operation.ts'
import type { Replica } from '../log/replica.ts'
import type { Grant } from '../mechanisms/checkpoint/machine/protocol.ts'
import type { Sometimes } from './sometimes.ts'

/** The space for the dead has this behind the name of the one it belongs to, unless a program names another. */
const DEAD = '.dead'

interface ShownRun {
  readonly reason?: string
}

export class Spotter {
  readonly #replica: Replica
  readonly #sometimes: Sometimes
  /** What is being applied; undefined while a record opens and deadlines fall due. */
  #applying: IncomingOperation | undefined
  /** Held when a record opens. */
  #heldBefore: number | undefined
  /** Atomic groups without an answer, as `session:number`: whether they have waited. */
  readonly #groups = new Map<string, 'new' | 'waits'>()
  /** Members that are to be joined, as `session:number`. */
  readonly #joins = new Set<string>()
  /** Runs whose host was asked to give them up, by their fence. */
  readonly #leaving = new Map<unknown, unknown>()

  constructor(replica: Replica, sometimes: Sometimes) {
    this.#replica = replica
    this.#sometimes = sometimes
    replica.changes = (topic, kind) => {
      if (kind === 'out' && topic.endsWith(DEAD)) sometimes.saw('dead letter')
    }
  }

  /** This operation is about to be applied; undefined: a record is about to be opened. */
  before(operation: IncomingOperation | undefined): void {
    if (this.#heldBefore !== undefined && this.#applying === undefined)
      this.#sometimes.saw('hold returned by lease', this.#heldBefore - this.#held)
    this.#applying = operation
    this.#heldBefore = operation === undefined ? this.#held : undefined
    if (operation?.name === 'checkpoint.join') this.#joins.add(keyOf(operation))
    if (operation?.name === 'space.atomic') this.#groups.set(keyOf(operation), 'new')
    if (operation?.name === 'site.opened') this.#sometimes.saw('paused across a crash', this.#paused)
  }

  /** It has been applied. */
  after(operation: IncomingOperation): void {
    const key = keyOf(operation)
    const { name, args } = operation
    if (name === 'checkpoint.save' && args[5] === 'forced') this.#sometimes.saw('checkpoint forced')
    if (this.#groups.get(key) === 'new') this.#groups.set(key, 'waits')
  }

  replied(session: number, number: number, outcome: Outcome): void {
    const key = `${session}:${number}`
    if (this.#groups.get(key) === 'waits' && 'value' in outcome) this.#sometimes.saw('group blocked, then served')
    this.#groups.delete(key)
    if (this.#joins.delete(key) && 'value' in outcome && (outcome.value as Grant).index >= 0)
      this.#sometimes.saw('member recovered')
    if ('error' in outcome && outcome.error.code === 'PERDURE_E_HOLD_LOST') this.#sometimes.saw('ack of a lost hold')
  }

  noted(note: readonly unknown[]): void {
    const [kind, run, fence] = note
    if (kind === 'checkpoint.rollback') this.#sometimes.saw('member went back')
    if (kind === 'checkpoint.resume') this.#sometimes.saw('member went on')
    if (kind === 'quiesce') this.#leaving.set(run, fence)
    if (kind !== 'stop' || this.#leaving.get(run) !== fence) return
    this.#leaving.delete(run)
    if (this.#applying === undefined) this.#sometimes.saw('cut off')
    else if (this.#applying.name === 'process.handover') this.#sometimes.saw('handed over')
  }

  get #held(): number {
    return (this.#replica.query('space', 'holds', []) as { readonly total: number }).total
  }

  get #paused(): number {
    const runs = this.#replica.query('process', 'runs', []) as readonly ShownRun[]
    return runs.filter(({ reason }) => reason?.includes('paused: ')).length
  }
}

function keyOf({ caller, number }: IncomingOperation): string {
  return `${caller.kind === 'session' ? caller.id : 'other'}:${number}`
}
