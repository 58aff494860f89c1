/**
 * Bugs that a real implementation could have: one change of the source each, and the scenario in which the simulator is to find it.
 *
 * Boundary: data; `mutants.test.ts` plants them in a copy of the source. A text that is not in its file exactly once fails the test of
 * its mutant: whoever changes that code writes the bug anew.
 */
import type { FaultKind } from 'perdure/testing'

export interface Mutant {
  /** What the mutated code does. */
  readonly name: string
  /** Below src/. */
  readonly file: string
  readonly find: string
  readonly replace: string
  readonly scenario: string
  /** Without those that have nothing to do with it the simulator comes to the point sooner. Default: all. */
  readonly faults?: readonly FaultKind[]
}

const CRASHES: readonly FaultKind[] = ['worker crash', 'owner crash', 'power loss']

export const MUTANTS: readonly Mutant[] = [
  // The log
  {
    name: 'a commit that does not sync its file',
    file: 'testing/faulty-disk.ts',
    find: 'this.#disk.sync(commit.name)',
    replace: '',
    scenario: 'ring',
    faults: CRASHES,
  },
  {
    name: 'a new segment whose name is not synced',
    file: 'testing/faulty-disk.ts',
    find: 'this.#disk.syncFolder()',
    replace: '',
    scenario: 'beads',
    faults: CRASHES,
  },
  {
    name: 'a reader that does not look at checksums, so that a torn tail is accepted',
    file: 'log/engines/segment-reader.ts',
    find: 'if (!frameHolds(this.#piece, at, length, this.#segment.seed)) return',
    replace: 'if (length < 0) return',
    scenario: 'beads',
    faults: CRASHES,
  },
  {
    name: 'a recovery that leaves the torn tail in its file',
    file: 'log/engines/recovery.ts',
    find: 'if (newest && endIndex === undefined) writeAnew(disk, newest.name, found.end)',
    replace: 'if (newest && endIndex === undefined) disk.sync(newest.name)',
    scenario: 'beads',
  },
  {
    name: 'a recovery that believes a page in memory after a failed sync',
    file: 'log/engines/recovery.ts',
    find: 'copyBytes(disk, name, copy, end)\n    disk.sync(copy)',
    replace: 'copyBytes(disk, name, copy, end)',
    scenario: 'beads',
  },
  {
    name: 'a replay that leaves out the last record',
    file: 'log/engines/disk.ts',
    find: 'Number.POSITIVE_INFINITY : this.#tail.lastIndex',
    replace: 'Number.POSITIVE_INFINITY : this.#tail.lastIndex - 1',
    scenario: 'ring',
    faults: CRASHES,
  },
  {
    name: 'a replay that does not give the replica the time of the record',
    file: 'log/replay.ts',
    find: '      replica.advance(wallMs, serviceMs)\n',
    replace: '',
    scenario: 'patience',
    faults: CRASHES,
  },
  {
    name: 'log time that follows a wall clock set back',
    file: 'log/gateway.ts',
    find: 'Math.max(replica.wallMs, clock.wallMs())',
    replace: 'clock.wallMs()',
    scenario: 'patience',
    faults: ['owner crash', 'clock jump'],
  },
  {
    name: 'a gateway that releases replies before they are durable',
    file: 'log/gateway.ts',
    find: 'this.#releases.push({ position, session, number, outcome })',
    replace: 'this.#releases.unshift({ position: 0, session, number, outcome })\n    this.#releaseDurable()',
    scenario: 'clients',
    faults: CRASHES,
  },
  // Sessions
  {
    name: 'a session that forgets replies before they were received',
    file: 'log/sessions.ts',
    find: 'number <= last; number++) {\n      const outcome = session.kept.get(number)\n      if (!outcome) break',
    replace: 'number <= last + 4; number++) {\n      const outcome = session.kept.get(number) as Outcome',
    scenario: 'clients',
  },
  {
    name: 'a window of remembered operations that is too short',
    file: 'log/sessions.ts',
    find: "if (operation.number < session.next) return 'settled'",
    replace: "if (operation.number < session.next) return session.kept.get(operation.number) === null ? 'settled' : 'fresh'",
    scenario: 'clients',
    faults: ['repeat', 'delay'],
  },
  // Spaces
  {
    name: 'an `in` that leaves its tuple where it was',
    file: 'mechanisms/space/machine/serving.ts',
    find: 'state.store.remove(stored)',
    replace: '',
    scenario: 'clients',
    faults: [],
  },
  {
    name: 'an `rd` that takes',
    file: 'mechanisms/space/machine/machine.ts',
    find: "} else if (name === 'space.rd') context.reply(caller, number, { value: copyValue(found.fields) })",
    replace:
      "} else if (name === 'space.rd') {\n      context.reply(caller, number, { value: copyValue(found.fields) })\n      this.#serving.take(found, space, context)\n    }",
    scenario: 'ring',
    faults: [],
  },
  {
    name: 'a template that does not look at kinds',
    file: 'mechanisms/space/machine/match.ts',
    find: 'kinds.push(formal)',
    replace: 'kinds.push(ANY_KIND)',
    scenario: 'kinds',
    faults: [],
  },
  {
    name: 'a tuple that is given to a reader and to nobody else',
    file: 'mechanisms/space/machine/serving.ts',
    find: '      readers = this.#state.get(space)?.waiting.readers(fields, kinds)\n    }',
    replace: '      return\n    }',
    scenario: 'seats',
    faults: [],
  },
  {
    name: 'a run whose blocked operations are dropped with its node',
    file: 'mechanisms/process/machine/ending.ts',
    find: "if (run.layer === 'none') return end(state, run, { error: lost(run) }, context)",
    replace:
      "if (run.layer === 'none') return end(state, run, { error: lost(run) }, context)\n  context.ended({ kind: 'run', id: run.id })",
    scenario: 'farm',
    faults: ['worker crash'],
  },
  {
    name: 'a race that takes a tuple for an alternative that has lost',
    file: 'mechanisms/process/machine/delivery.ts',
    find: 'if (!run.races.has(n)) return\n',
    replace: '\n',
    scenario: 'seats',
    faults: [],
  },
  {
    name: 'a race whose losers go on waiting, and take a tuple for nobody',
    file: 'mechanisms/process/machine/delivery.ts',
    find: 'else context.withdraw(caller, number)',
    replace: '',
    scenario: 'patience',
    faults: [],
  },
  {
    name: 'a failed run that never fills the field of its active tuple',
    file: 'mechanisms/space/machine/eval.ts',
    find: 'if (placeholder === undefined || !placeholder.pending.delete(field)) return undefined',
    replace: "if (placeholder === undefined || 'error' in outcome || !placeholder.pending.delete(field)) return undefined",
    scenario: 'actives',
    faults: [],
  },
  {
    name: 'an active tuple that appears with its first field',
    file: 'mechanisms/space/machine/eval.ts',
    find: 'if (placeholder.pending.size > 0) return undefined\n    this.#placeholders.delete(id)',
    replace: 'this.#placeholders.delete(id)',
    scenario: 'actives',
    faults: [],
  },
  // Runs
  {
    name: 'a step whose effect does not wait until its run is durable',
    file: 'mechanisms/process/host/steps.ts',
    find: 'await port.durableTo(Math.max(deliveredPosition, port.files?.position ?? 0))',
    replace: '',
    scenario: 'seats',
    faults: CRASHES,
  },
  {
    name: 'a step that begins without asking whether its node still counts',
    file: 'mechanisms/process/host/host.ts',
    find: 'return this.#clock.monotonicMs() - this.#confirmedMs < SUSPICION_MS / 2',
    replace: 'return true',
    scenario: 'slow',
    faults: ['pause'],
  },
  {
    name: 'a replay that executes the effects of steps again',
    file: 'mechanisms/process/host/attempt.ts',
    find: 'if (expected.kind !== issued.kind || expected.digest !== issued.digest) {',
    replace:
      'if (issued.step) this.steps.start(issued.step)\n        if (expected.kind !== issued.kind || expected.digest !== issued.digest) {',
    scenario: 'farm',
    faults: CRASHES,
  },
  {
    name: 'a body that is given two replies in one turn',
    file: 'mechanisms/process/host/attempt.ts',
    find: 'else if (issued) this.#settle(issued, outcome)\n',
    replace: `else if (issued) this.#settle(issued, outcome)
      const next = this.#live ? this.#queue[0] : undefined
      const waits = next && this.#outstanding.get(next.number)
      if (next === undefined || waits === undefined) return
      this.#queue.shift()
      this.nowMs = next.wallMs
      this.deliveredPosition = next.position
      this.#settle(waits, next.outcome as Outcome)
`,
    scenario: 'weave',
  },
  {
    name: 'a body that sees the time of its host',
    file: 'mechanisms/process/host/attempt.ts',
    find: 'this.nowMs = delivery.wallMs',
    replace: 'this.nowMs = this.port.clock.wallMs()',
    scenario: 'weave',
    faults: CRASHES,
  },
  {
    name: 'a checkpoint that forgets how often the body has asked for randomness',
    file: 'mechanisms/process/host/host.ts',
    find: 'const p = contextOf(attempt, this.#own(restored), base.randoms)',
    replace: 'const p = contextOf(attempt, this.#own(restored), 0)',
    scenario: 'beads',
    faults: CRASHES,
  },
  {
    name: 'a checkpoint that cuts the journal and keeps no state',
    file: 'mechanisms/process/host/host.ts',
    find: 'const p = contextOf(attempt, this.#own(restored), base.randoms)',
    replace: 'const p = contextOf(attempt, undefined, base.randoms)',
    scenario: 'beads',
    faults: CRASHES,
  },
  {
    name: 'an operation of an old placement that counts',
    file: 'mechanisms/process/machine/machine.ts',
    find: 'const sender = run && placeUnder(run, operation.fence)',
    replace: 'const sender = run && (placeUnder(run, operation.fence) ?? run)',
    scenario: 'slow',
    faults: ['pause'],
  },
  {
    name: 'a run whose operations take effect again when its body is re-executed',
    file: 'mechanisms/process/machine/machine.ts',
    find: 'if (run.journal.entries.has(number) || run.open.has(number) ||',
    replace: 'if (run.open.has(number) ||',
    scenario: 'ring',
    faults: [...CRASHES, 'repeat'],
  },
  {
    name: 'a journal that keeps replies in the order of their operations',
    file: 'mechanisms/process/machine/journal.ts',
    find: 'journal.deliveries.slice(fromDelivery)',
    replace: 'journal.deliveries.toSorted((a, b) => a.number - b.number).slice(fromDelivery)',
    scenario: 'weave',
    faults: CRASHES,
  },
  {
    name: 'a child that is started while its parent is cancelled, and goes on',
    file: 'mechanisms/process/machine/machine.ts',
    find: 'if (reason !== undefined) cancel(this.#state, run, reason, context)',
    replace: '',
    scenario: 'patience',
  },
  {
    name: 'a cancelled run whose waits stay behind and take a tuple',
    file: 'mechanisms/process/machine/ending.ts',
    find: 'context.withdraw(caller, number)\n    if (run.open.delete(number))',
    replace: 'if (run.open.delete(number))',
    scenario: 'patience',
  },
  // Nodes and the watchdog
  {
    name: 'a watchdog that any beat winds up for everybody',
    file: 'support/watchdog.ts',
    find: 'if (watched) watched.heardMs = nowMs',
    replace: 'for (const each of this.#watched.values()) each.heardMs = nowMs\n    if (watched) watched.heardMs = nowMs',
    scenario: 'slow',
    faults: ['pause'],
  },
  {
    name: 'nodes of a generation before that keep their runs',
    file: 'mechanisms/process/machine/machine.ts',
    find: "fenceTogether(this.#state, [...this.#state.nodes.all], 'reopened', context)",
    replace: '',
    scenario: 'farm',
    faults: CRASHES,
  },
  // Held tuples, groups, leases
  {
    name: 'an acknowledged tuple that comes back',
    file: 'mechanisms/space/machine/machine.ts',
    find: "if (name === 'space.ack') this.#serving.drop(hold)",
    replace: "if (name === 'space.ack') this.#serving.bringBack(hold, context)",
    scenario: 'parcels',
  },
  {
    name: 'a held tuple that is lost with its lease',
    file: 'mechanisms/space/machine/machine.ts',
    find: 'if (hold !== undefined) return this.#serving.bringBack(hold, context)',
    replace: 'if (hold !== undefined) return this.#serving.drop(hold)',
    scenario: 'parcels',
  },
  {
    name: 'a group that takes its first tuple only',
    file: 'mechanisms/space/machine/atomic.ts',
    find: "if (mode === 'in') taken.add(found)",
    replace: "if (mode === 'in' && taken.size === 0) taken.add(found)",
    scenario: 'swaps',
  },
  {
    name: 'a lease that never ends',
    file: 'mechanisms/space/machine/machine.ts',
    find: 'if (leased !== undefined) return this.#serving.expire(leased.stored, leased.space, context)',
    replace: 'if (leased !== undefined) return',
    scenario: 'seasons',
  },
  // Snapshots
  {
    name: 'a snapshot of the record before',
    file: 'log/snapshots/shadow.ts',
    find: 'through: place.index,',
    replace: 'through: place.index - 1,',
    scenario: 'farm',
  },
  {
    name: 'a snapshot without the replies that clients wait for',
    file: 'log/sessions.ts',
    find: "for (const part of inParts('kept', kept, id)) yield part as Part",
    replace: '',
    scenario: 'tellers',
  },
  {
    name: 'a snapshot without deadlines',
    file: 'log/replica.ts',
    find: "for (const part of inParts('deadlines', deadlines)) yield [REPLICA, part]",
    replace: '',
    scenario: 'seasons',
  },
  {
    name: 'a timer that fires twice after a snapshot',
    file: 'log/replica.ts',
    find: "if (part[0] === 'deadlines') return this.#deadlines.restore(part[1])",
    replace: "if (part[0] === 'deadlines') return this.#deadlines.restore([...part[1], ...part[1]])",
    scenario: 'seasons',
  },
  // Work folders
  {
    name: 'a folder that is not filled before the first step of an attempt',
    file: 'mechanisms/process/host/work-files.ts',
    find: "this.#before = recorded.count > 0 ? 'restore' : 'nothing'",
    replace: "this.#before = 'nothing'",
    scenario: 'clerks',
  },
  {
    name: 'a try that fails and leaves what it wrote',
    file: 'mechanisms/process/host/work-files.ts',
    find: "if (calling !== 'not yet') this.#before = calling === 'ended' ? 'restore' : 'replace'",
    replace: '',
    scenario: 'clerks',
  },
  {
    name: 'two steps in one folder at once',
    file: 'mechanisms/process/host/work-files.ts',
    find: '    await before\n',
    replace: '',
    scenario: 'clerks',
  },
  {
    name: 'a step that begins before the record of the one whose files it reads is durable',
    file: 'mechanisms/process/host/steps.ts',
    find: 'Math.max(deliveredPosition, port.files?.position ?? 0)',
    replace: 'deliveredPosition',
    scenario: 'clerks',
  },
  {
    name: 'a snapshot without the files of runs',
    file: 'mechanisms/process/machine/snapshot.ts',
    find: "yield* inParts('files', files?.rows ?? [], run.id) as Generator<Part>",
    replace: '',
    scenario: 'clerks',
  },
]
