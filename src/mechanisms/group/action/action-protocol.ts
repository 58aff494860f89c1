/**
 * Coordinated atomic actions, as a pure machine: several participants enter, work together, and leave with one outcome.
 *
 *     entering ──all here──> working ──all done──────────────────────────────> settling ──> left
 *        └──deadline──┐         └──an exception──> stopping ──all stopped──┐       ^
 *                     └────────────────────────────────────────────────────┴> handling
 *
 * While participants stop, each may raise an exception of its own: those are the concurrent ones. When all have stopped, or have
 * been given up, the least exception that covers all that was raised is raised in everyone who is left, and their handlers say how
 * the action ends. What comes up during handling ends in abort: nobody handles the handling, so an action always ends.
 *
 * Boundary: events in, state and effects out; no clock, promise, object or body. Participants are the places of their roles, from 0.
 * Events may be entries of a log; one that comes too late, or twice, changes nothing.
 *   P1  Nobody starts before all roles are filled or the entry deadline has passed; after it, nobody's body starts at all.
 *   P2  No handler starts before every body has ended or been fenced.
 *   P3  All handlers are given the same exception, and all participants leave at once with the same outcome.
 *   P4  There is one decision, to commit or to undo, after every participant has come to its end or been fenced.
 */
import { type ExceptionTree, PARTICIPANT_LOST } from './exception-tree.ts'

/** What becomes of the objects. */
export type Disposal = 'commit' | 'undo'

/** How a participant wants to leave. Normal is the only way out of a body; the others are for handlers. */
export type Vote =
  | { readonly kind: 'normal' }
  | { readonly kind: 'signalled'; readonly exception: string }
  | { readonly kind: 'abort' }
  | { readonly kind: 'failure' }

export type Outcome =
  | { readonly kind: 'normal' }
  /** The action tells the outside of an exception; its effects stay or go, as declared for it. */
  | { readonly kind: 'signalled'; readonly exception: string; readonly effects: Disposal }
  /** All that the action did is undone. */
  | { readonly kind: 'abort' }
  /** Something that the action did could not be undone. */
  | { readonly kind: 'failure' }

export type ActionEvent =
  | { readonly kind: 'entry'; readonly role: number }
  /** Left again before the start. */
  | { readonly kind: 'withdrawal'; readonly role: number }
  | { readonly kind: 'entry-deadline' }
  /** A body has thrown an exception. */
  | { readonly kind: 'raise'; readonly role: number; readonly exception: string }
  /** A body has given up because it was interrupted. */
  | { readonly kind: 'stop'; readonly role: number }
  /** A body or handler has come to its end. */
  | { readonly kind: 'exit'; readonly role: number; readonly vote: Vote }
  /** Crashed, or has not come back within its time. */
  | { readonly kind: 'lost'; readonly role: number }
  /** The time of the phase is over. Whoever still works is interrupted as if lost, but may come back; whoever still stops or handles is lost. */
  | { readonly kind: 'limit' }
  /** The action around it has raised an exception, or it cannot begin: it ends in abort, unhandled. */
  | { readonly kind: 'cancel' }
  /** What has become of the objects; `undone` although they were to be committed: that did not work. */
  | { readonly kind: 'settled'; readonly how: 'committed' | 'undone' | 'impossible' }

export type ActionEffect =
  | { readonly do: 'start'; readonly roles: readonly number[] }
  | { readonly do: 'interrupt'; readonly roles: readonly number[] }
  /** Whatever these do from now on must not count. */
  | { readonly do: 'fence'; readonly roles: readonly number[] }
  | { readonly do: 'handle'; readonly roles: readonly number[]; readonly exception: string; readonly raised: readonly Raised[] }
  | { readonly do: 'settle'; readonly disposal: Disposal }
  | { readonly do: 'leave'; readonly outcome: Outcome }

export interface Raised {
  readonly role: number
  readonly exception: string
}

/** `ended`: of its body, or of its handler; it waits for the others. */
type Standing = 'absent' | 'present' | 'busy' | 'ended' | 'lost'

type Phase = 'entering' | 'working' | 'stopping' | 'handling' | 'settling' | 'left'

/** Plain data, never changed: every step makes another one. */
export interface ActionState {
  readonly phase: Phase
  readonly standings: readonly Standing[]
  readonly raised: readonly Raised[]
  /** What all that was raised is resolved to; undefined before. */
  readonly exception: string | undefined
  readonly votes: readonly Vote[]
  /** As decided; what it comes to is known when the objects are settled. */
  readonly outcome: Outcome | undefined
}

/** What does not change from one performance to the next. */
export interface ActionRules {
  readonly roles: number
  readonly tree: ExceptionTree
  /** The exceptions that may be signalled to the outside, and what becomes of the objects then. */
  readonly signals: ReadonlyMap<string, Disposal>
}

export interface Advance {
  readonly state: ActionState
  readonly effects: readonly ActionEffect[]
}

const ABORT: Outcome = { kind: 'abort' }
const FAILURE: Outcome = { kind: 'failure' }

export function entering(rules: ActionRules): ActionState {
  const standings = new Array<Standing>(rules.roles).fill('absent')
  return { phase: 'entering', standings, raised: [], exception: undefined, votes: [], outcome: undefined }
}

export function advance(rules: ActionRules, state: ActionState, event: ActionEvent): Advance {
  if (event.kind === 'cancel') return cancelled(state)
  switch (state.phase) {
    case 'entering':
      return duringEntry(rules, state, event)
    case 'working':
    case 'stopping':
      return duringWork(rules, state, event)
    case 'handling':
      return duringHandling(rules, state, event)
    case 'settling':
      return event.kind === 'settled' ? settled(state, event.how) : ignored(state)
    case 'left':
      return ignored(state)
  }
}

function duringEntry(rules: ActionRules, state: ActionState, event: ActionEvent): Advance {
  if (event.kind === 'entry-deadline') {
    const missing = rolesThatAre(state, 'absent')
    const raised = missing.map((role) => ({ role, exception: PARTICIPANT_LOST }))
    return resolved(rules, { ...state, raised, standings: state.standings.map((at) => (at === 'absent' ? 'lost' : at)) })
  }
  if (event.kind === 'entry' && state.standings[event.role] === 'absent') {
    const entered = standing(state, event.role, 'present')
    if (entered.standings.includes('absent')) return ignored(entered)
    return { state: { ...entered, phase: 'working', standings: entered.standings.map(() => 'busy') }, effects: [starting(rules)] }
  }
  const leaves = event.kind === 'withdrawal' && state.standings[event.role] === 'present'
  return ignored(leaves ? standing(state, event.role, 'absent') : state)
}

function starting(rules: ActionRules): ActionEffect {
  return { do: 'start', roles: [...new Array(rules.roles).keys()] }
}

function duringWork(rules: ActionRules, state: ActionState, event: ActionEvent): Advance {
  switch (event.kind) {
    case 'raise':
      return isBusy(state, event.role) ? raisedBy(rules, state, event.role, event.exception, 'ended') : ignored(state)
    case 'lost': {
      // It may have ended its body: then its host has crashed while it waited for the others.
      if (!isHere(state, event.role)) return ignored(state)
      return fencing([event.role], raisedBy(rules, state, event.role, PARTICIPANT_LOST, 'lost'))
    }
    case 'limit':
      return state.phase === 'working' ? overdue(state) : allLost(rules, state)
    case 'stop':
    case 'exit':
      // A body that stops although nobody interrupted it has ended.
      return isBusy(state, event.role) ? workEnded(rules, standing(state, event.role, 'ended')) : ignored(state)
    default:
      return ignored(state)
  }
}

function raisedBy(rules: ActionRules, before: ActionState, role: number, exception: string, becomes: Standing): Advance {
  const raised = [...before.raised, { role, exception }]
  const state: ActionState = { ...standing(before, role, becomes), phase: 'stopping', raised }
  const after = workEnded(rules, state)
  const toStop = before.phase === 'working' ? rolesThatAre(state, 'busy') : []
  return toStop.length === 0 ? after : { state: after.state, effects: [{ do: 'interrupt', roles: toStop }, ...after.effects] }
}

function overdue(state: ActionState): Advance {
  const roles = rolesThatAre(state, 'busy')
  const raised = roles.map((role) => ({ role, exception: PARTICIPANT_LOST }))
  return { state: { ...state, phase: 'stopping', raised }, effects: [{ do: 'interrupt', roles }] }
}

function allLost(rules: ActionRules, before: ActionState): Advance {
  let state = before
  const effects: ActionEffect[] = []
  for (const role of rolesThatAre(before, 'busy')) {
    const next = advance(rules, state, { kind: 'lost', role })
    state = next.state
    effects.push(...next.effects)
  }
  return { state, effects }
}

/** P2, P4: goes on once nobody works any more. */
function workEnded(rules: ActionRules, state: ActionState): Advance {
  if (state.standings.includes('busy')) return ignored(state)
  return state.raised.length > 0 ? resolved(rules, state) : decided(state, { kind: 'normal' })
}

/** P3: one exception for all who are left. */
function resolved(rules: ActionRules, state: ActionState): Advance {
  const exception = rules.tree.covering(state.raised.map((raised) => raised.exception))
  const roles = [...state.standings.keys()].filter((role) => state.standings[role] !== 'lost')
  const standings = state.standings.map((at): Standing => (at === 'lost' ? 'lost' : 'busy'))
  const handling: ActionState = { ...state, phase: 'handling', standings, exception }
  if (roles.length === 0) return decided(handling, { kind: 'abort' })
  return { state: handling, effects: [{ do: 'handle', roles, exception, raised: state.raised }] }
}

function duringHandling(rules: ActionRules, state: ActionState, event: ActionEvent): Advance {
  switch (event.kind) {
    case 'exit': {
      if (!isBusy(state, event.role)) return ignored(state)
      return handlingEnded(rules, { ...standing(state, event.role, 'ended'), votes: [...state.votes, event.vote] })
    }
    case 'raise':
    case 'stop':
      // Nobody handles the handling.
      return duringHandling(rules, state, { kind: 'exit', role: event.role, vote: { kind: 'abort' } })
    case 'lost': {
      if (!isHere(state, event.role)) return ignored(state)
      const votes = [...state.votes, { kind: 'abort' } as const]
      return fencing([event.role], handlingEnded(rules, { ...standing(state, event.role, 'lost'), votes }))
    }
    case 'limit':
      return allLost(rules, state)
    default:
      return ignored(state)
  }
}

function handlingEnded(rules: ActionRules, state: ActionState): Advance {
  return state.standings.includes('busy') ? ignored(state) : decided(state, combined(rules, state.votes))
}

/** The worst vote is everyone's: failure, abort, signalled, normal. */
function combined(rules: ActionRules, votes: readonly Vote[]): Outcome {
  if (votes.some((vote) => vote.kind === 'failure')) return { kind: 'failure' }
  if (votes.some((vote) => vote.kind === 'abort')) return { kind: 'abort' }
  const signalled = votes.flatMap((vote) => (vote.kind === 'signalled' ? [vote.exception] : []))
  if (signalled.length === 0) return { kind: 'normal' }
  const exception = rules.tree.covering(signalled)
  // Whoever asks for the effects to go must not be overruled by another who signals at the same time.
  const keep = [exception, ...signalled].every((name) => rules.signals.get(name) === 'commit')
  return { kind: 'signalled', exception, effects: keep ? 'commit' : 'undo' }
}

function decided(state: ActionState, outcome: Outcome): Advance {
  const disposal = keepsEffects(outcome) ? 'commit' : 'undo'
  return { state: { ...state, phase: 'settling', outcome }, effects: [{ do: 'settle', disposal }] }
}

function settled(state: ActionState, how: 'committed' | 'undone' | 'impossible'): Advance {
  const decision = state.outcome as Outcome
  const outcome = how === 'impossible' ? FAILURE : how === 'undone' && keepsEffects(decision) ? ABORT : decision
  return { state: { ...state, phase: 'left', outcome }, effects: [{ do: 'leave', outcome }] }
}

function keepsEffects(outcome: Outcome): boolean {
  return outcome.kind === 'normal' || (outcome.kind === 'signalled' && outcome.effects === 'commit')
}

/** An action that is cancelled while its objects are being settled has come to its end already. */
function cancelled(state: ActionState): Advance {
  if (state.phase === 'settling' || state.phase === 'left') return ignored(state)
  const here = [...state.standings.keys()].filter((role) => isHere(state, role))
  const standings = state.standings.map((): Standing => 'lost')
  return fencing(here, decided({ ...state, standings }, ABORT))
}

function fencing(roles: readonly number[], after: Advance): Advance {
  return { state: after.state, effects: [{ do: 'fence', roles }, ...after.effects] }
}

function ignored(state: ActionState): Advance {
  return { state, effects: [] }
}

function standing(state: ActionState, role: number, becomes: Standing): ActionState {
  return { ...state, standings: state.standings.map((at, index) => (index === role ? becomes : at)) }
}

function rolesThatAre(state: ActionState, wanted: Standing): readonly number[] {
  return [...state.standings.keys()].filter((role) => state.standings[role] === wanted)
}

function isBusy(state: ActionState, role: number): boolean {
  return state.standings[role] === 'busy'
}

function isHere(state: ActionState, role: number): boolean {
  return isBusy(state, role) || state.standings[role] === 'ended'
}
