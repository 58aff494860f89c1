/**
 * Coordinated atomic actions: several participants work together on objects, recover together, and leave with one outcome.
 *
 *     const transfer = action(['from', 'to'], {
 *       exceptions: { TransferFailed: { NoFunds: {}, Closed: {} } },
 *       objects: { giro, savings },
 *       signals: { NoFunds: 'undo' },
 *     })
 *     await transfer.enter('from', (context) => context.objects.giro.take(100), { handlers: { TransferFailed: … } })
 *
 * A conversation among threads of control that nobody enters late or leaves early, and a transaction on what they work on. If
 * several raise exceptions at once, the least exception that covers them all is raised in every one. (Xu, Randell, Romanovsky and
 * others, Fault Tolerance in Concurrent Object-Oriented Software through Coordinated Error Recovery; the outcomes are theirs.)
 *
 * Boundary: what is written is checked here, and entrants find their performance; the rest is `action-performance.ts`, and what
 * happens when, the pure `action-protocol.ts`. An action is a definition: it can be performed any number of times. Performances
 * that share objects take turns.
 */
import { type Clock, systemClock } from '../../../clock.ts'
import { PerdureError } from '../../../errors.ts'
import { duration, MAX_MEMBERS, usage } from '../strategy-options.ts'
import type { Action, AnyBody, EnterOptions } from './action-context.ts'
import type { Objects, Rebuild } from './action-objects.ts'
import { entrances, Performance, type Plan } from './action-performance.ts'
import type { Disposal } from './action-protocol.ts'
import { type ExceptionName, type ExceptionShape, type ExceptionTree, exceptionTree } from './exception-tree.ts'

/** Participants come from the same program: one that has not come by then has met its own end. */
const ENTRY_MS = 30_000

/** Code that listens to its signal is back in a turn; this is for code that has to finish a request first. */
const STOP_MS = 1_000

/** Handlers repair or give up; while they run, the objects are held. */
const HANDLER_MS = 30_000

/** Performances under way or waiting for participants; more means that some role never comes. */
const MAX_PERFORMANCES = 1_024

export interface ActionOptions<O extends Objects, E extends ExceptionShape> {
  /** For messages and faults. Default: `action`. */
  readonly name?: string
  /** The tree of exceptions, below the root `UniversalException`. Default: none but `ParticipantLost`. */
  readonly exceptions?: E
  /** What the participants work on: each sees the same copies. Errors: `PERDURE_E_STATE` at the start if no copy can be made. */
  readonly objects?: O
  /** For objects of classes that hide state: makes an empty one, to which a copy of the state is given. */
  readonly rebuild?: Rebuild<O>
  /** The exceptions with which a handler may end the action, and what becomes of the objects then. Default: none. */
  readonly signals?: { readonly [N in ExceptionName<E>]?: Disposal }
  /** From the first entry until all roles are filled; then those who are missing are lost. As long again for the objects. Default 30,000. */
  readonly entryMs?: number
  /** Of the bodies; then those who still work are interrupted, and `ParticipantLost` is raised. Default: they are waited for. */
  readonly bodyMs?: number
  /** For interrupted bodies to come back; then they are fenced. Default 1,000. */
  readonly stopMs?: number
  /** Of the handlers; then the action is aborted. Default 30,000. */
  readonly handlerMs?: number
  readonly clock?: Clock
}

/** `PERDURE_E_USAGE` when roles or exceptions are named twice, or a limit is no duration. */
export function action<
  const R extends string,
  const E extends ExceptionShape = Record<never, ExceptionShape>,
  O extends Objects = Record<never, object>,
>(participants: readonly R[], options: ActionOptions<O, E> = {}): Action<R, O, ExceptionName<E>> {
  const plan = planOf(participants, options as ActionOptions<Objects, ExceptionShape>)
  const outermost: Performance[] = []
  const within = new WeakMap<Performance, Performance[]>()
  const join = (parent: Performance | undefined, role: string, body: AnyBody, enterOptions: object = {}) => {
    const forming = parent === undefined ? outermost : listOf(within, parent)
    return enter(plan, forming, parent, role, body, enterOptions)
  }
  const made: Action<R, O, ExceptionName<E>> = {
    name: plan.name,
    roles: [...participants],
    enter: async <T>(role: R, body: AnyBody, enterOptions?: EnterOptions<R, O, ExceptionName<E>, T>): Promise<T> =>
      (await join(undefined, role, body, enterOptions)) as T,
  }
  entrances.set(made, join)
  return made
}

async function enter(
  plan: Plan,
  forming: Performance[],
  parent: Performance | undefined,
  name: string,
  body: AnyBody,
  options: EnterOptions<string, Objects, string, unknown>,
): Promise<unknown> {
  const role = plan.roles.indexOf(name)
  if (role < 0) throw usage(`The action ${plan.name} has no role ${name}: expected one of ${plan.roles.join(', ')}.`)
  if (typeof body !== 'function')
    throw usage(`The role ${name} of the action ${plan.name} was entered without a body: expected a function.`)
  const handlers = (options.handlers ?? {}) as Readonly<Record<string, AnyBody | undefined>>
  requireKnown(plan.name, plan.rules.tree, 'handlers', Object.keys(handlers))
  if (options.signal?.aborted) {
    const text = `The signal given to enter of the action ${plan.name} was aborted already: nothing was done.`
    throw new PerdureError('PERDURE_E_ABORTED', text, { cause: options.signal.reason })
  }
  let performance = forming.find((candidate) => candidate.hasRoom(role))
  if (performance === undefined) {
    if (forming.length >= MAX_PERFORMANCES) throw busy(plan.name)
    const made = new Performance(plan, parent, () => void forming.splice(forming.indexOf(made), 1))
    performance = made
    forming.push(made)
  }
  return performance.enter(role, { body, handlers, signal: options.signal })
}

function planOf(participants: readonly string[], options: ActionOptions<Objects, ExceptionShape>): Plan {
  const { name = 'action', exceptions = {}, objects = {}, rebuild = {}, signals = {}, clock = systemClock } = options
  if (!Array.isArray(participants) || participants.length === 0 || participants.length > MAX_MEMBERS)
    throw usage(`The action ${name} has ${participants?.length} roles: expected an array of 1 to ${MAX_MEMBERS} names.`)
  const twice = participants.find((role, index) => participants.indexOf(role) !== index)
  if (twice !== undefined) throw usage(`The action ${name} has the role ${twice} twice: every participant has a name of its own.`)
  const tree = exceptionTree(exceptions)
  requireKnown(name, tree, 'signals', Object.keys(signals))
  const wrong = Object.entries(signals).find(([, disposal]) => disposal !== 'commit' && disposal !== 'undo')
  if (wrong !== undefined)
    throw usage(`The action ${name} signals ${wrong[0]} with ${String(wrong[1])}: expected 'commit' or 'undo'.`)
  return {
    name,
    roles: [...participants],
    rules: { roles: participants.length, tree, signals: new Map(Object.entries(signals) as [string, Disposal][]) },
    objects,
    rebuild,
    entryMs: duration('action', 'entryMs', options.entryMs, ENTRY_MS),
    bodyMs: duration('action', 'bodyMs', options.bodyMs, Number.POSITIVE_INFINITY),
    stopMs: duration('action', 'stopMs', options.stopMs, STOP_MS),
    handlerMs: duration('action', 'handlerMs', options.handlerMs, HANDLER_MS),
    clock,
  }
}

function requireKnown(action: string, tree: ExceptionTree, option: string, names: readonly string[]): void {
  const unknown = names.find((name) => !tree.has(name))
  if (unknown === undefined) return
  throw usage(
    `The option ${option} of the action ${action} names ${unknown}, which is not in its tree: declare it in exceptions.`,
  )
}

function listOf(lists: WeakMap<Performance, Performance[]>, parent: Performance): Performance[] {
  const list = lists.get(parent) ?? []
  lists.set(parent, list)
  return list
}

function busy(name: string): PerdureError {
  const text = `${MAX_PERFORMANCES} performances of the action ${name} are under way or wait for participants: expected each role to be entered equally often. Nothing was done.`
  return new PerdureError('PERDURE_E_BUSY', text)
}
