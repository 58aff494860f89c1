/**
 * More bugs for `mutants.test.ts`: of what is held, watched, moved, and gone on with after a break.
 *
 * Boundary: data, as in `mutants.ts`.
 */
import type { Mutant } from './mutants.ts'

export const LASTING_MUTANTS: readonly Mutant[] = [
  // Snapshots
  {
    name: 'a replay after a snapshot that skips a record',
    file: 'log/replay.ts',
    find: 'await replay(log, replica, (from?.header.index ?? 0) + 1, through, pace, options)',
    replace: 'await replay(log, replica, from ? from.header.index + 2 : 1, through, pace, options)',
    scenario: 'watchers',
    faults: ['owner crash', 'power loss'],
  },
  {
    name: 'a log that is trimmed up to the newer snapshot',
    file: 'log/snapshots/keeper.ts',
    find: 'const older = this.#snapshots.kept[1]',
    replace: 'const older = this.#snapshots.kept[0]',
    scenario: 'groups',
    faults: ['owner crash', 'power loss', 'rot'],
  },
  {
    name: 'a damaged snapshot that is believed',
    file: 'log/replay.ts',
    find: "      if (!PerdureError.is(error, 'PERDURE_E_CORRUPT')) throw error\n      passedOver(error, stored)",
    replace: '      throw error',
    scenario: 'groups',
    faults: ['owner crash', 'power loss', 'rot'],
  },
  // Holds
  {
    name: 'a hold that comes back twice',
    file: 'mechanisms/space/machine/machine.ts',
    find: 'if (hold !== undefined) return this.#serving.bringBack(hold, context)',
    replace:
      'if (hold !== undefined) {\n      this.#serving.bringBack(hold, context)\n      return this.#serving.bringBack(hold, context)\n    }',
    scenario: 'holds',
  },
  {
    name: 'an ack that counts after the lease',
    file: 'mechanisms/space/machine/machine.ts',
    find: 'if (hold?.space !== space) return holdLost(space, id)',
    replace: 'if (hold?.space !== space) return void context.reply(caller, number, NOTHING)',
    scenario: 'holds',
  },
  {
    name: 'a lease of a hold that also runs while the site is down',
    file: 'mechanisms/space/machine/serving.ts',
    find: "context.schedule(hold.dueMs, hold.id, 'service')",
    replace: 'context.schedule(context.wallMs + terms.leaseMs, hold.id)',
    scenario: 'holds',
    faults: ['owner crash', 'power loss', 'clock jump'],
  },
  {
    name: 'a tuple that is handed out once too often',
    file: 'mechanisms/space/machine/serving.ts',
    find: 'const isDead = deliveries >= terms.maxDeliveries &&',
    replace: 'const isDead = deliveries > terms.maxDeliveries &&',
    scenario: 'holds',
    faults: [],
  },
  {
    name: 'a failure tuple of those who have closed in order',
    file: 'mechanisms/space/machine/machine.ts',
    find: "if (how === 'lost') this.#serving.appear",
    replace: 'this.#serving.appear',
    scenario: 'holds',
    faults: [],
  },
  {
    name: 'a lost session whose failure tuple is forgotten with the owner',
    file: 'log/sessions.ts',
    find: "if (secretHash === '') this.#leave(id, 'lost', context)",
    replace: "if (secretHash === '') this.#leave(id, 'left', context)",
    scenario: 'holds',
    faults: ['owner crash', 'power loss'],
  },
  // Groups and watchers
  {
    name: 'a group that puts only the first of its tuples',
    file: 'mechanisms/space/machine/serving.ts',
    find: 'this.#arrivals.push(...outs)',
    replace: 'this.#arrivals.push(...outs.slice(0, 1))',
    scenario: 'groups',
    faults: [],
  },
  {
    name: 'a collection that copies what it was to move',
    file: 'mechanisms/space/machine/machine.ts',
    find: 'if (isTaking) for (const stored of found) this.#serving.take(stored, space, context)',
    replace: 'if (isTaking && into === undefined) for (const stored of found) this.#serving.take(stored, space, context)',
    scenario: 'groups',
    faults: [],
  },
  {
    name: 'a tuple for later that is there at once',
    file: 'mechanisms/space/machine/machine.ts',
    find: 'context.schedule(dueMs, order)\n    } else {',
    replace: 'context.schedule(dueMs, order)\n      this.#serving.appear({ space, fields, weight }, context)\n    } else {',
    scenario: 'groups',
    faults: [],
  },
  {
    name: 'a watch that tells before it is durable',
    file: 'log/watch/watch.ts',
    find: 'watcher.push(change)\n',
    replace: 'watcher.push(change)\n      watcher.durableTo(change[1])\n',
    scenario: 'watchers',
    faults: ['owner crash', 'power loss', 'disk error'],
  },
  {
    name: 'a watcher that goes on a position too late after a break',
    file: 'log/watch/past.ts',
    find: 'return { after: this.#last - 1, initial: false, skip: this.#atLast }',
    replace: 'return { after: this.#last, initial: false, skip: this.#atLast }',
    scenario: 'watchers',
    faults: ['owner crash', 'power loss', 'cut'],
  },
  // Sessions
  {
    name: 'a session that is given up although it has come back',
    file: 'log/attachments.ts',
    find: 'this.#present(session)\n    this.#listeners.set(session, listener)',
    replace: 'this.#listeners.set(session, listener)',
    scenario: 'holds',
  },
  {
    name: 'a session that goes on for whoever knows its number',
    file: 'log/gateway.ts',
    find: 'if (hash === undefined || !fitsHash(secret, hash)) return false',
    replace: 'if (hash === undefined) return false',
    scenario: 'holds',
    faults: [],
  },
  // Moves
  {
    name: 'a handover before a step has ended',
    file: 'mechanisms/process/host/steps.ts',
    find: 'if (this.#calling === 0) this.#whenIdle?.()',
    replace: 'this.#whenIdle?.()',
    scenario: 'moves',
    faults: [],
  },
  {
    name: 'a paused run that is placed anew',
    file: 'mechanisms/process/machine/placement.ts',
    find: 'if (run.paused === undefined) state.nodes.wait(run)',
    replace: 'state.nodes.wait(run)',
    scenario: 'moves',
  },
  {
    name: 'a run that is begun anew under its old keys',
    file: 'mechanisms/process/machine/ending.ts',
    find: 'run.incarnation += 1',
    replace: '',
    scenario: 'moves',
  },
  {
    name: 'a version marker that is sent after the operations that go by it',
    file: 'mechanisms/process/host/attempt.ts',
    find: "const sending = this.#gates.take().map((marker) => this.#control('process.version', marker))",
    replace:
      "for (const marker of this.#gates.take()) this.port.clock.after(1, () => this.sendControl('process.version', marker))\n    const sending: Uint8Array[] = []",
    scenario: 'moves',
  },
]
