/**
 * Rare states, counted: a simulation that never reaches them proves nothing about them.
 *
 * Boundary: counts and names. Who sees a state says so.
 */

/** Every state that many seeds together must reach, with what it looks like from outside. */
export const STATES = {
  'torn tail cut': 'a record of which only a part was on the disk was cut off at reopening',
  'tail lost': 'records on which runs had gone on were not there after reopening',
  'duplicate suppressed': 'an operation arrived that the log had already',
  'stale fence refused': 'an operation of a run came from a placement that was over',
  'stale step refused': 'so did the result of a step',
  'suspicion refuted': 'a suspected node was heard again',
  'fenced by silence': 'a node was fenced because nothing was heard of it',
  'exit reported': 'a node was fenced because its process had ended',
  'long journal replayed': 'a run went on after more than three replies from its journal',
  'restored from checkpoint': 'a body began with the state of its last checkpoint',
  'effect repeated': 'an effect was executed again, under the same key',
  'effect of a dead generation': 'a worker executed an effect although its owner had died (the documented window)',
  'session lost': 'a client lost its session with operations under way',
  'disk failed': 'a write or sync failed under a site',
  'owner reopened': 'the log was opened again',
  'reopened with a clock behind': 'the new owner had a wall clock behind the time in the log',
  'opened from a snapshot': 'the log was opened again, and a snapshot was there to begin with',
  'reopened a trimmed log': 'the log was opened again, and no longer began with its first record',
  'opening failed': 'the log could not be opened because of a fault, and later could',
  'older snapshot used': 'the newest snapshot was damaged, and the state came from an older one and the log',
  'session reattached': 'a client whose connection broke went on with the same session and owner',
  'session reattached to a new owner': 'one went on with an owner that had opened the log after the one it knew',
  'hold returned by lease': 'a tuple that was held came back because its time was over',
  'ack of a lost hold': 'somebody said too late that the work on a held tuple was done',
  'dead letter': 'a tuple that came back too often went to the dead',
  'group blocked, then served': 'an atomic group found something missing, waited, and was carried out later',
  'handed over': 'a host gave up a run in order',
  'cut off': 'a run was taken from a host that did not give it up in time',
  'paused across a crash': 'a run was paused while the log was closed and opened again',
  'checkpoint forced': 'a member of a checkpoint group had to save before it was given a message',
  'member went back': 'a member whose program lived was told to go back to a checkpoint',
  'member went on': 'a member stayed as it was while others of its group went back',
  'member recovered': 'a member whose program had ended was joined again, and went on from a checkpoint',
} as const

export type StateName = keyof typeof STATES

export class Sometimes {
  readonly #counts = new Map<StateName, number>()

  saw(state: StateName, times = 1): void {
    if (times > 0) this.#counts.set(state, (this.#counts.get(state) ?? 0) + times)
  }

  /** What another seed has seen. */
  add(other: Sometimes): void {
    for (const [state, times] of other.#counts) this.saw(state, times)
  }

  get counts(): Readonly<Record<StateName, number>> {
    const names = Object.keys(STATES) as StateName[]
    return Object.fromEntries(names.map((name) => [name, this.#counts.get(name) ?? 0])) as Record<StateName, number>
  }
}

/** States that were never reached. */
export function unreached(counts: Readonly<Record<StateName, number>>): readonly StateName[] {
  return (Object.keys(STATES) as StateName[]).filter((name) => counts[name] === 0)
}
