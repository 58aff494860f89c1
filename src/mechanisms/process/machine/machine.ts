/**
 * Processes as a deterministic function of the log: runs, their journals, the nodes that execute them.
 *
 * A run's journal is its reply table: an operation it has issued before is recognised by its number, and a reply once given is
 * kept until a checkpoint. When a node is fenced its runs go on elsewhere, re-executed from their journals; nobody else notices
 * (LiPS section 6, "backward-forward error recovery").
 *
 * Boundary: no I/O, no time but the log's, no user code. Bodies are executed by `host.ts`, told by notes that can be derived
 * from the state again:
 *   ['attempt', run, fence, spec] · ['deliver', run, fence, seq, number, outcome, wallMs] · ['stop', run, fence] · ['fenced', node]
 *   ['granted', run, fence, grant] · ['lead', run, fence, seq] · ['follow', run, fence]
 *   ['quiesce', run, fence] · ['marked', run, fence, gate] · ['retire', node, boot]
 *
 *   P1  Operations of a run count only under the fence of a present placement; this is checked before anything else (rule 5).
 *   P2  An operation of a run takes effect once, whoever re-executes the run (rule 4).
 *   P3  A run, or a copy of it, is placed on at most one node; between two placements the first node is fenced.
 */
import { equal, preview } from '../../../log/codec/codec.ts'
import type { Caller, Context, Failure, Operation, Outcome } from '../../../log/machine.ts'
import { bodyDigest, encodeBody, type IncomingOperation } from '../../../log/operation.ts'
import { refusal } from '../../../log/outcome.ts'
import type { RunTable } from '../../../log/replica.ts'
import type { Admission } from '../../../log/sessions.ts'
import type { Layer } from '../../../support/definition.ts'
import type { EvalPort, EvalRun } from '../../space/machine/eval.ts'
import { came, claim, holds } from './claims.ts'
import { castOut, cutFor, diverges, follows } from './copies.ts'
import { answer, isQuiet, keepsJournal, startRace } from './delivery.ts'
import { begun, cancel, cancelled, end, stalled, unreadable, verdictOf } from './ending.ts'
import { disconnected, fence, fenceNamed, fenceSuspected, fenceTogether, heard, register, suspect } from './fencing.ts'
import { cutOff, drain, handedOver, migrate } from './handover.ts'
import { type JournalEntry, MAX_JOURNAL, type Stored } from './journal.ts'
import type { FileChanges } from './manifest.ts'
import { dropMove, dropMoves } from './moves.ts'
import { pause, resume } from './pausing.ts'
import { place } from './placement.ts'
import { ask } from './queries.ts'
import { recordFiles } from './recording.ts'
import { journalFull, keyTaken, malformed, unknownRun } from './refusals.ts'
import { isOneOfSeveral, placeUnder } from './replication.ts'
import { restart } from './restarting.ts'
import type { Run } from './run.ts'
import { restoreInto, snapshotOf } from './snapshot.ts'
import { type FieldPort, ProcessState } from './state.ts'
import { recordVersion } from './versions.ts'
import { isControl, isWellFormed } from './wire.ts'

/** The code of `process.step`: journals know a step by the digest of what it begins with. */
const STEP = 49

/** Previews of operations are cut to this many characters. */
const PREVIEW = 80

export interface StartOptions {
  readonly layer: Layer
  readonly replicas?: number
  readonly maxTurnMs: number
  readonly retainMs: number
  readonly attached?: boolean
}

export class ProcessMachine implements RunTable, EvalPort {
  readonly name = 'process'
  readonly operations = {
    'process.node': 40,
    'process.leave': 41,
    'process.exited': 42,
    'process.suspect': 43,
    'process.fence': 44,
    'process.stalled': 45,
    'process.start': 46,
    'process.result': 47,
    'process.cancel': 48,
    'process.step': 49,
    'process.retry': 50,
    'process.sleep': 51,
    'process.race': 52,
    'process.checkpoint': 53,
    'process.withdraw': 54,
    'process.live': 55,
    'process.diverged': 56,
    'process.end': 57,
    'process.refute': 58,
    'process.begun': 59,
    'process.restart': 60,
    'process.migrate': 61,
    'process.pause': 62,
    'process.resume': 63,
    'process.drain': 64,
    'process.handover': 65,
    'process.version': 66,
    'process.replayed': 67,
    'process.claim': 71,
    'process.unreadable': 68,
  }
  readonly #state = new ProcessState()

  /** Where the results of active fields go. */
  connect(completeField: FieldPort): void {
    this.#state.completeField = completeField
  }

  /** Starts the run of an active field. */
  start(spec: EvalRun, context: Context): void {
    const { placeholder, field, input, layer, ...rest } = spec
    this.#state.add({
      ...rest,
      input: { value: input },
      layer: layer as Layer,
      startedMs: context.wallMs,
      position: context.position,
      placeholder: { id: placeholder, field },
    })
    place(this.#state, context)
  }

  admit(operation: IncomingOperation, context: Context): Admission {
    const run = operation.caller.kind === 'run' ? this.#state.runs.get(operation.caller.id) : undefined
    const sender = run && placeUnder(run, operation.fence)
    if (run === undefined || sender?.node === undefined) return 'refused'
    heard(this.#state, sender.node, context)
    run.position = context.position
    const { number, name } = operation
    if (number === 0) return isWellFormed(name, operation.args) ? 'fresh' : 'refused'
    if (run.replication) sender.reached = Math.max(sender.reached, number)
    if (run.replication && name === 'process.step') return holds(run, sender, number) ? 'fresh' : 'settled'
    if (run.replication === undefined && name === 'process.claim') return 'refused'
    if (run.journal.entries.has(number) || run.open.has(number) || run.races.has(number) || number <= run.journal.base.number) {
      if (run.replication && follows(this.#state, run, sender, entryOf(operation), context) && name === 'process.claim')
        came(run, sender, number)
      return 'settled'
    }
    if (run.journal.entries.size >= MAX_JOURNAL && operation.name !== 'process.checkpoint' && operation.name !== 'process.end') {
      end(this.#state, run, journalFull(run), context)
      return 'refused'
    }
    if (operation.name !== 'process.end') enter(run, operation)
    return 'fresh'
  }

  settle(id: number, number: number, outcome: Outcome, context: Context): void {
    const run = this.#state.runs.get(id)
    if (run === undefined || run.ended) return
    const untold = answer(this.#state, run, number, outcome, context)
    if (untold) end(this.#state, run, untold, context)
  }

  apply(operation: Operation, context: Context): void {
    const { name, caller, number, args } = operation
    if (!isWellFormed(name, args)) return context.reply(caller, number, malformed(name))
    switch (name) {
      case 'process.start':
        return this.#start(operation, context)
      case 'process.result':
        return this.#result(operation, context)
      case 'process.cancel':
        return context.reply(caller, number, this.#cancel(args, context))
    }
    if (isControl(name) && caller.kind !== 'run') return this.#control(operation, context)
    const run = caller.kind === 'run' ? this.#state.runs.get(caller.id) : undefined
    if (run) this.#applyOfRun(run, operation, context)
    else this.#applyOfClient(operation, context)
  }

  /** What people do with a run that exists. */
  #control(operation: Operation, context: Context): void {
    const { name, caller, number, args } = operation
    const run = this.#state.find(args[0], args[1])
    if (run === undefined) return context.reply(caller, number, unknownRun(args))
    switch (name) {
      case 'process.restart':
        return context.reply(caller, number, restart(this.#state, run, operation, context))
      case 'process.migrate':
        return migrate(this.#state, run, operation, context)
      case 'process.pause':
        return pause(this.#state, run, operation, context)
      case 'process.resume':
        return context.reply(caller, number, { value: resume(this.#state, run, context) })
    }
  }

  #applyOfClient(operation: Operation, context: Context): void {
    const { name, caller, number, args } = operation
    const [node, detail] = args as [string, unknown]
    switch (name) {
      case 'process.node':
        return register(this.#state, operation, context)
      case 'process.leave':
        fenceNamed(this.#state, node, detail, 'left', context)
        return context.reply(caller, number, { value: null })
      case 'process.exited':
        fenceNamed(this.#state, node, detail, 'lost', context)
        return context.reply(caller, number, { value: null })
      case 'process.suspect':
        return context.reply(caller, number, { value: suspect(this.#state, node, detail, context) })
      case 'process.refute':
        heard(this.#state, node, context)
        return context.reply(caller, number, { value: null })
      case 'process.fence':
        return context.reply(caller, number, { value: fenceSuspected(this.#state, node, detail, context) })
      case 'process.stalled': {
        const run = this.#state.runs.get(Number(args[0]))
        if (run && placeUnder(run, args[1])) stalled(this.#state, run, args[2], context)
        return context.reply(caller, number, { value: null })
      }
      case 'process.drain':
        return drain(this.#state, operation, context)
      default:
        return context.reply(caller, number, refusal('PERDURE_E_PROTOCOL', `${name} is an operation of runs only.`))
    }
  }

  #applyOfRun(run: Run, operation: Operation, context: Context): void {
    const { name, number, args } = operation
    const sender = placeUnder(run, (operation as Partial<IncomingOperation>).fence) ?? run
    switch (name) {
      case 'process.claim':
        return claim(this.#state, run, sender, operation, context)
      case 'process.step':
        this.#state.statistics.stepsExecuted += 1
        run.journal.retries.delete(number)
        run.replication?.claims.delete(number)
        return this.settle(run.id, number, recordFiles(run, args[2] as FileChanges | undefined) ?? (args[1] as Outcome), context)
      case 'process.retry':
        if (run.replication && !holds(run, sender, Number(args[0]))) return
        run.journal.retries.set(Number(args[0]), Number(args[1]))
        return
      case 'process.sleep':
        return this.#state.expireAt(context, context.wallMs + Number(args[0]), { kind: 'wake', run: run.id, number })
      case 'process.race':
        if (!isNewRace(run, operation)) return context.reply(operation.caller, number, malformed(name))
        return startRace(run, operation, context)
      case 'process.checkpoint':
        return this.#checkpoint(run, operation, context)
      case 'process.withdraw': {
        const target = Number(args[0])
        const withdrawn = context.withdraw({ kind: 'run', id: run.id }, target)
        if (withdrawn)
          this.settle(run.id, target, refusal('PERDURE_E_ABORTED', `operation ${target} was withdrawn by its run`), context)
        return
      }
      case 'process.begun':
        return begun(run, sender, args[0] === undefined ? undefined : { number: Number(args[0]), name: String(args[1]) })
      case 'process.live':
        sender.live = true
        if (sender === run) run.diverged = undefined
        this.#state.statistics.repliesReplayed += Number(args[0])
        return
      case 'process.handover':
        return handedOver(this.#state, run, sender, context)
      case 'process.version':
        return recordVersion(this.#state, run, sender, args as [string, number], context)
      case 'process.replayed':
        sender.replayed = Number(args[0])
        return
      case 'process.diverged':
        return diverges(this.#state, run, sender, args[0] as Failure, context)
      case 'process.unreadable':
        if (isOneOfSeveral(run)) return castOut(this.#state, run, sender, args[0] as Failure, context)
        unreadable(this.#state, run, args[0] as Failure, context)
        return place(this.#state, context)
      case 'process.end':
        return end(this.#state, run, args[0] as Stored, context)
    }
  }

  #start(operation: Operation, context: Context): void {
    const { caller, number, args } = operation
    const [definition, key, input, options] = args as [string, string, Stored, StartOptions]
    const existing = this.#state.find(definition, key)
    if (existing) {
      const same = equal(existing.input, input)
      return context.reply(caller, number, same ? { value: { id: existing.id, fresh: false } } : keyTaken(existing, input))
    }
    const { layer, replicas, maxTurnMs, retainMs, attached } = options
    const attachedTo = attached && caller.kind === 'run' ? caller.id : undefined
    const { position, wallMs: startedMs } = context
    const run = this.#state.add({ definition, key, input, layer, replicas, maxTurnMs, retainMs, startedMs, position, attachedTo })
    context.reply(caller, number, { value: { id: run.id, fresh: true } })
    place(this.#state, context)
    // Its parent may have been cancelled while this was on its way.
    const reason = attachedTo === undefined ? undefined : this.#state.runs.get(attachedTo)?.cancelled
    if (reason !== undefined) cancel(this.#state, run, reason, context)
  }

  #result({ caller, number, args }: Operation, context: Context): void {
    const run = this.#state.find(args[0], args[1])
    if (run === undefined) return context.reply(caller, number, unknownRun(args))
    const verdict = verdictOf(run)
    if (verdict) context.reply(caller, number, { value: verdict })
    else this.#state.waiters.add(run.id, caller, number)
  }

  #cancel(args: readonly unknown[], context: Context): Outcome {
    const run = this.#state.find(args[0], args[1])
    if (run === undefined) return unknownRun(args)
    if (run.ended || run.cancelled !== undefined) return { value: false }
    cancel(this.#state, run, String(args[2] ?? 'no reason given'), context)
    return { value: true }
  }

  /** Cuts the journal: a restored body starts after operation `number` with this state. */
  #checkpoint(run: Run, operation: Operation, context: Context): void {
    const { number, args } = operation
    const [state, randoms, changes] = args as [Stored, number, FileChanges | undefined]
    const refused = recordFiles(run, changes)
    this.settle(run.id, number, refused ?? { value: undefined }, context)
    if (refused || !keepsJournal(run)) return
    run.journal.cut({
      number,
      seq: run.journal.lastSeq,
      state,
      wallMs: context.wallMs,
      randoms,
      aborted: run.cancelled !== undefined,
    })
    cutFor(this.#state, run, (operation as Partial<IncomingOperation>).digest ?? 0, context)
  }

  ended(caller: Caller, context: Context): void {
    if (caller.kind === 'gateway') return
    this.#state.waiters.dropAll(caller)
    dropMoves(this.#state, caller)
    if (caller.kind === 'run') this.#state.expiries.dropWakes(caller.id)
    else if (caller.kind === 'session') disconnected(this.#state, caller.id, context)
  }

  /** Whoever hosted in the generation before cannot be heard of again. */
  reopened(context: Context): void {
    fenceTogether(this.#state, [...this.#state.nodes.all], 'reopened', context)
  }

  withdraw(caller: Caller, number: number): boolean {
    if (caller.kind === 'run' && this.#state.expiries.dropWake(caller.id, number)) return true
    return this.#state.waiters.drop(caller, number) || dropMove(this.#state, caller, number)
  }

  expire(token: number, context: Context): void {
    const expiry = this.#state.expiries.take(token)
    if (expiry === undefined) return
    const run = this.#state.runs.get(expiry.run)
    switch (expiry.kind) {
      case 'wake':
        return this.settle(expiry.run, expiry.number, { value: undefined }, context)
      case 'cleaned':
        if (run && !run.ended && run.restarts === expiry.number) end(this.#state, run, { error: cancelled(run) }, context)
        return
      case 'forget':
        if (run?.ended && run.restarts === expiry.number) this.#state.forget(run)
        return
      case 'handover': {
        const late = run && placeUnder(run, expiry.number)
        if (run && late) cutOff(this.#state, run, late, context)
        return
      }
      case 'silent': {
        const node = this.#state.nodes.get(expiry.node ?? '')
        if (node?.suspectedAt === expiry.number) fence(this.#state, node, 'lost', context)
      }
    }
  }

  query(question: string, args: readonly unknown[]): unknown {
    return ask(this.#state, question, args)
  }

  census(): Record<string, number> {
    return { runs: this.#state.runs.size, nextId: this.#state.nextId, ...this.#state.statistics }
  }

  snapshot(): Iterable<unknown> {
    return snapshotOf(this.#state)
  }

  restore(part: unknown): void {
    restoreInto(this.#state, part)
  }
}

/** Writes an operation into the journal of its run. */
function enter(run: Run, operation: IncomingOperation): void {
  const { number, name, args } = operation
  const entry = entryOf(operation)
  if (keepsJournal(run)) run.journal.entries.set(number, entry)
  if (!isQuiet(name, args)) run.open.set(number, { kind: entry.kind, preview: entry.preview })
}

/** A step is known by its name: what it has come to is no part of what the body has asked for. */
function entryOf({ number, name, args, digest }: IncomingOperation): JournalEntry {
  if (name !== 'process.step' && name !== 'process.claim') return { number, kind: name, digest, preview: preview(args, PREVIEW) }
  return { number, kind: 'process.step', digest: bodyDigest(encodeBody(STEP, [args[0]])), preview: preview(args[0], PREVIEW) }
}

/** The alternatives have numbers of their own, below that of the race and not used before. */
function isNewRace(run: Run, { number, args }: Operation): boolean {
  const numbers = (args[0] as readonly (readonly [string, number])[]).map(([, n]) => n)
  const { entries, base } = run.journal
  const isNew = (n: number) => n > base.number && n < number && !entries.has(n) && !run.open.has(n) && !run.races.has(n)
  return new Set(numbers).size === numbers.length && numbers.every(isNew)
}
