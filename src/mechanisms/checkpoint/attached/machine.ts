/**
 * The service of attached members as a machine on the log: contexts, checkpoints, questions, recoveries. What members send each other is
 * not here; the service knows only which edges of the rollback graph there are.
 *
 * Boundary: a machine of the log. Bodies are read by the schemas; a refusal is a reply.
 *   W1  Who speaks under another incarnation has been replaced; who speaks in an earlier epoch is heard by `wait` and `unavailable` only.
 */
import type { Caller, Context, Machine, Operation, Outcome } from '../../../log/machine.ts'
import { MAX_MEMBERS } from '../protocol.ts'
import {
  type AttachedGroup,
  accepts,
  confirm,
  MAX_LIVE,
  namesOf,
  newGroup,
  newSeat,
  openUpTo,
  orderOf,
  outOfReach,
  type Seat,
  takeEdges,
  unknownOf,
  type Waiter,
} from './attached-group.ts'
import type { Answer, Attach, Check, Of, Report, Status } from './protocol.ts'
import { answer, fail, finishIfHalted, grant, tellAll, timeOut, wakeAll } from './recovering.ts'
import { gone, malformed, noLower, replaced, tooMany, unknownGroup, unknownMember } from './refusals.ts'
import { misfit } from './schema.ts'
import { OPERATIONS, type OperationName } from './schemas.ts'
import { restoreGroup, snapshotOf } from './snapshot.ts'

/** Of contexts: a site has some dozens. */
const MAX_GROUPS = 10_000

const YES: Outcome = { value: true }
const NO: Outcome = { value: false }

/** An answer, a text that says why the body cannot be understood, or nothing where the operation waits. */
type Result = Outcome | string | undefined

/** Who speaks. */
interface Speaker {
  readonly group: AttachedGroup
  readonly place: number
  readonly seat: Seat
}

interface Due {
  readonly kind: 'halt' | 'wait'
  readonly group: string
  readonly place: number
}

const CODES = Object.fromEntries(Object.entries(OPERATIONS).map(([name, { code }]) => [`attached.${name}`, code]))

export class AttachedMachine implements Machine {
  readonly name = 'attached'
  readonly operations: Readonly<Record<string, number>> = CODES
  readonly #groups = new Map<string, AttachedGroup>()
  readonly #dues = new Map<number, Due>()
  #nextToken = 1

  apply({ caller, number, name, args }: Operation, context: Context): void {
    const operation = name.slice('attached.'.length) as OperationName
    const wrong = args.length === 1 ? misfit(OPERATIONS[operation].body, args[0]) : 'it takes one body'
    const result = wrong ?? this.#apply(operation, args[0], { caller, number }, context)
    if (result !== undefined) context.reply(caller, number, typeof result === 'string' ? malformed(name, result) : result)
  }

  #apply(operation: OperationName, body: unknown, waiter: Waiter, context: Context): Result {
    switch (operation) {
      case 'create':
        return this.#create((body as Of).context)
      case 'delete':
        return this.#delete((body as Of).context, context)
      case 'attach':
        return this.#attach(body as Attach, waiter, context)
      case 'recover':
        return this.#recover(body as { context: string; failed: readonly string[] }, waiter, context)
      default:
        return this.#spoken(operation, body as Of, waiter, context)
    }
  }

  #create(name: string): Result {
    if (this.#groups.size >= MAX_GROUPS && !this.#groups.has(name)) return tooMany(`${MAX_GROUPS} contexts`)
    if (!this.#groups.has(name)) this.#groups.set(name, newGroup(name))
    return YES
  }

  #delete(name: string, context: Context): Result {
    const group = this.#groups.get(name)
    if (group === undefined) return NO
    this.#groups.delete(name)
    const { callers = [], attaching = [] } = group.recovery ?? {}
    const waiters = group.seats.flatMap(({ waiting, leaving }) => [waiting?.waiter ?? [], leaving ?? []].flat())
    for (const { caller, number } of [...waiters, ...callers, ...attaching.map(({ waiter }) => waiter)])
      context.reply(caller, number, unknownGroup(name))
    return YES
  }

  #attach(body: Attach, waiter: Waiter, context: Context): Result {
    const group = this.#groups.get(body.context)
    if (group === undefined) return unknownGroup(body.context)
    const known = group.seats.findIndex(({ name, gone: left }) => name === body.member && !left)
    if (known < 0 && group.seats.length >= MAX_MEMBERS) return tooMany(`${MAX_MEMBERS} members, with those that have left`)
    const place = known < 0 ? group.seats.length : known
    const seat = group.seats[place] ?? newSeat(group, body.member, body.boot)
    const again = known >= 0 && seat.boot === body.boot
    const wrong = known >= 0 && !again ? this.#comeBack(group, place, body, context) : undefined
    if (wrong !== undefined) return wrong
    seat.callback = body.callback ?? null
    // A known one has failed, unless the line since is computed already.
    if (known >= 0 && !again && (seat.live || seat.target === null)) fail(group, [place], this.#token, context)
    if (known < 0) tellAll(group, namesOf(group), context)
    if (group.recovery === null) {
      grant(group, place, waiter, context)
      return undefined
    }
    group.recovery.failed.add(place)
    group.recovery.pending.delete(place)
    group.recovery.attaching.push({ place, waiter })
    finishIfHalted(group, context)
    return undefined
  }

  /** What its former life has left in its store still counts, if the group has not gone back since. */
  #comeBack(group: AttachedGroup, place: number, { boot, epoch, index, edges }: Attach, context: Context): string | undefined {
    const seat = group.seats[place] as Seat
    if (epoch === group.epoch && index >= 0) {
      const wrong = outOfReach(group, place, index) ?? takeEdges(group, place, edges)
      if (wrong !== undefined) return wrong
      seat.target = null
      confirm(group, place, index)
    }
    for (const waiter of [seat.waiting?.waiter, seat.leaving])
      if (waiter) context.reply(waiter.caller, waiter.number, replaced(seat.name))
    Object.assign(seat, { waiting: null, leaving: null })
    seat.boot = boot
    seat.epoch = Math.min(epoch, group.epoch)
    seat.incarnation += 1
    seat.decided = null
    return undefined
  }

  #recover({ context: name, failed }: { context: string; failed: readonly string[] }, waiter: Waiter, context: Context): Result {
    const group = this.#groups.get(name)
    if (group === undefined) return unknownGroup(name)
    const places = failed.map((member) => group.seats.findIndex((seat) => seat.name === member && !seat.gone))
    const stranger = failed[places.indexOf(-1)]
    if (places.includes(-1)) return unknownMember(name, String(stranger))
    fail(group, places, this.#token, context)
    group.recovery?.callers.push(waiter)
    finishIfHalted(group, context)
    return undefined
  }

  /** What a member says. */
  #spoken(operation: OperationName, body: Of, waiter: Waiter, context: Context): Result {
    const group = this.#groups.get(body.context)
    if (group === undefined) return unknownGroup(body.context)
    const place = group.seats.findIndex(({ name, gone: left }) => name === body.member && !left)
    const seat = group.seats[place]
    if (seat === undefined) return unknownMember(body.context, body.member)
    if (seat.incarnation !== body.incarnation) return replaced(body.member)
    if (body.epoch > group.epoch) return `epoch ${body.epoch} has not begun; the context is in ${group.epoch}`
    const speaker = { group, place, seat }
    if (operation === 'unavailable') return this.#unavailable(speaker, body as Of & { index: number }, context)
    if (body.epoch === group.epoch) {
      seat.epoch = body.epoch
      seat.target = null
      seat.live ||= group.recovery?.failed.has(place) !== true
    }
    if (operation === 'wait') return this.#wait(speaker, body as Of & { waitMs: number | null }, waiter, context)
    if (operation === 'detach') return this.#detach(speaker, body, waiter, context)
    return this.#told(operation, speaker, body as Report, context)
  }

  #told(operation: OperationName, speaker: Speaker, body: Report, context: Context): Result {
    const { group, place } = speaker
    if (body.epoch < group.epoch) return { value: this.#answer(speaker, 'stale', body) }
    if (group.graph.live > MAX_LIVE)
      return tooMany(`more than ${MAX_LIVE} intervals since the line of all; some member does not save`)
    const wrong = outOfReach(group, place, body.index) ?? takeEdges(group, place, body.edges)
    if (wrong !== undefined) return wrong
    confirm(group, place, body.index)
    this.#letLeave(group, context)
    wakeAll(group, context)
    if (operation === 'check') return this.#check(speaker, body as Check)
    if (operation === 'report') return { value: this.#answer(speaker, 'ok', body) }
    if (group.recovery === null) return { value: this.#answer(speaker, 'stale', body) }
    const answered = { value: this.#answer(speaker, 'ok', body) }
    group.recovery.pending.delete(place)
    finishIfHalted(group, context)
    return answered
  }

  /** Zweiacker 1997, Check: the answer is kept until the next question, so that a lost one can be asked for again. */
  #check({ group, place, seat }: Speaker, body: Check): Result {
    const { graph } = group
    const { from, sent, sentEpoch, interval, message } = body
    const speaker = { group, place, seat }
    const kept = seat.decided?.message === message ? seat.decided : undefined
    if (kept) return { value: { ...this.#answer(speaker, 'ok', body), force: kept.force } }
    if (group.recovery !== null) return { value: { ...this.#answer(speaker, 'halt', body), force: false } }
    const wrong = outOfReach(group, from, sent) ?? outOfReach(group, place, interval)
    if (wrong !== undefined) return wrong
    if (!accepts(group, from, sentEpoch, sent)) return `the message ${message} was sent in an interval that is undone`
    openUpTo(graph, from, sent)
    openUpTo(graph, place, interval)
    const force = unknownOf(group, body.needs).length > 0 || graph.rewinds(from, sent, place, interval)
    const delivered = force ? interval + 1 : interval
    openUpTo(graph, place, delivered)
    graph.add(from, sent, place, delivered)
    seat.decided = { message, force }
    return { value: { ...this.#answer(speaker, 'ok', body), force } }
  }

  #answer({ group, place }: Speaker, status: Status, { needs }: Report): Answer {
    return { status, epoch: group.epoch, floor: group.floor[place] ?? 0, unknown: unknownOf(group, needs) }
  }

  #wait({ group, place, seat }: Speaker, body: Of & { waitMs: number | null }, waiter: Waiter, context: Context): Result {
    const nothing = { do: 'nothing', epoch: group.epoch, floor: group.floor[place] ?? 0, names: namesOf(group) } as const
    answer(seat, nothing, context)
    const order = orderOf(group, place, body.epoch)
    if (order !== undefined) return { value: order }
    if (body.waitMs === 0) return { value: nothing }
    const token = body.waitMs === null ? 0 : this.#token('wait', group, place)
    seat.waiting = { waiter, epoch: body.epoch, token }
    if (body.waitMs !== null) context.schedule(context.serviceMs + body.waitMs, token, 'service')
    return undefined
  }

  #unavailable({ group, place, seat }: Speaker, { epoch, index }: Of & { index: number }, context: Context): Result {
    if (epoch !== group.epoch || seat.target !== index) return NO
    if (index - 1 < group.graph.oldest(place)) return noLower(group.name, seat.name, index)
    seat.stable = index - 1
    fail(group, [place], this.#token, context)
    finishIfHalted(group, context)
    return YES
  }

  #detach({ group, seat }: Speaker, { epoch }: Of, waiter: Waiter, context: Context): Result {
    if (epoch < group.epoch || group.recovery !== null) return NO
    seat.leaving = waiter
    for (const other of group.seats) if (other !== seat && !other.gone) other.wanted = true
    this.#letLeave(group, context)
    wakeAll(group, context)
    return undefined
  }

  /** Those of whom nothing can be undone any more. */
  #letLeave(group: AttachedGroup, context: Context): void {
    for (const [place, seat] of group.seats.entries()) {
      if (seat.leaving === null || (group.floor[place] ?? 0) < group.graph.latest(place)) continue
      context.reply(seat.leaving.caller, seat.leaving.number, YES)
      if (seat.waiting) context.reply(seat.waiting.waiter.caller, seat.waiting.waiter.number, gone(seat.name))
      Object.assign(seat, { gone: true, live: false, leaving: null, waiting: null, wanted: false })
      tellAll(group, namesOf(group), context)
    }
  }

  readonly #token = (kind: Due['kind'], group: AttachedGroup, place: number): number => {
    const token = this.#nextToken
    this.#nextToken += 1
    this.#dues.set(token, { kind, group: group.name, place })
    return token
  }

  expire(token: number, context: Context): void {
    const due = this.#dues.get(token)
    this.#dues.delete(token)
    const group = due && this.#groups.get(due.group)
    if (group === undefined) return
    if (due?.kind === 'halt' && group.recovery?.token === token) return timeOut(group, context)
    const seat = group.seats[due?.place ?? -1]
    if (seat?.waiting?.token !== token) return
    answer(seat, { do: 'nothing', epoch: group.epoch, floor: group.floor[due?.place ?? 0] ?? 0, names: namesOf(group) }, context)
  }

  ended(caller: Caller): void {
    this.#drop((waiter) => waiter.caller.kind === caller.kind && idOf(waiter.caller) === idOf(caller))
  }

  withdraw(caller: Caller, number: number): boolean {
    return this.#drop(
      (waiter) => waiter.number === number && waiter.caller.kind === caller.kind && idOf(waiter.caller) === idOf(caller),
    )
  }

  #drop(isMeant: (waiter: Waiter) => boolean): boolean {
    let dropped = false
    const without = <T>(list: T[], waiterOf: (item: T) => Waiter) => {
      const kept = list.filter((item) => !isMeant(waiterOf(item)))
      dropped ||= kept.length < list.length
      list.splice(0, list.length, ...kept)
    }
    for (const { seats, recovery } of this.#groups.values()) {
      for (const seat of seats) {
        if (seat.waiting && isMeant(seat.waiting.waiter)) [seat.waiting, dropped] = [null, true]
        if (seat.leaving && isMeant(seat.leaving)) [seat.leaving, dropped] = [null, true]
      }
      if (recovery === null) continue
      without(recovery.callers, (waiter) => waiter)
      without(recovery.attaching, ({ waiter }) => waiter)
    }
    return dropped
  }

  /** `contexts`: names. `seats`, [context]: what people and webhooks want to know of its members. */
  query(question: string, args: readonly unknown[]): unknown {
    if (question === 'contexts') return [...this.#groups.keys()]
    const group = this.#groups.get(String(args[0]))
    if (question !== 'seats' || group === undefined) return undefined
    return group.seats
      .filter((seat) => !seat.gone)
      .map(({ name, incarnation, epoch, callback, live, stable }) => ({ name, incarnation, epoch, callback, live, stable }))
  }

  census(): Record<string, number> {
    const groups = [...this.#groups.values()]
    return { attachedGroups: groups.length, attachedMembers: groups.reduce((sum, { seats }) => sum + seats.length, 0) }
  }

  *snapshot(): Generator<unknown> {
    yield ['tokens', this.#nextToken, [...this.#dues]]
    for (const group of this.#groups.values()) yield* snapshotOf(group)
  }

  restore(part: unknown): void {
    const [kind, ...rest] = part as readonly [string, ...unknown[]]
    if (kind !== 'tokens') return restoreGroup(this.#groups, kind, rest)
    const [next, dues] = rest as [number, [number, Due][]]
    this.#nextToken = next
    for (const [token, due] of dues) this.#dues.set(token, due)
  }
}

function idOf(caller: Caller): number {
  return caller.kind === 'gateway' ? 0 : caller.id
}
