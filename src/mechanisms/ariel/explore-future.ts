/**
 * What becomes of a state if nothing fails any more, or if one thing fails for ever (see `explore.ts`).
 *
 * A calm future goes in steps. In each, nodes that crashed come back, what runs succeeds, and one task tells its phase again, which
 * changes nothing and starts a pass. That has no choices, so every state has one successor, and the answer for it is remembered.
 *
 * Boundary: pure. It leaves the interpreter in any state: who goes on loads one.
 */
import { type EntityName, writtenName } from '../../support/backbone/entity.ts'
import type { Notification } from '../../support/backbone/notification.ts'
import type { Performed } from '../../support/backbone/performed.ts'
import type { Rint, RintState } from '../../support/backbone/rint.ts'
import type { Coming, StateKeys } from './explore-state.ts'

/** Steps without coming to rest, or to a state that was there before: a policy that counts its own passes comes to neither. */
const MAX_STEPS = 1_000

/** Answers that are remembered: of all states, most of which share the last steps of their futures. */
const MAX_REMEMBERED = 2_000_000

/** What becomes of nodes that crashed. */
export type Crashed = 'return' | 'stay away'

export type Calm =
  | {
      readonly kind: 'rest'
      /** Until the last action, or the return of the last node. */
      readonly steps: number
      readonly pauseMs: number
      readonly unsettled: readonly string[]
      readonly lost: readonly string[]
    }
  /** `lines` of the actions that are performed over and over. */
  | { readonly kind: 'livelock'; readonly lines: readonly number[] }

export interface PersistentFault {
  readonly entity: string
  /** `taken out`: it is stopped, isolated or down after so many errors; `for ever`: it is acted on each time; `ignored`: it is not. */
  readonly outcome: 'taken out' | 'for ever' | 'ignored'
  readonly errors: number
}

/** Where a calm future begins. */
export interface CalmStart {
  /** As of `keyOf`, with no error to come. */
  readonly key: string
  readonly nowUs: number
  readonly crashed: ReadonlySet<number>
}

interface Step {
  readonly key: string
  readonly performed: readonly Performed[]
  /** A node comes back in it. */
  readonly isReturn: boolean
}

export class Future {
  readonly #rint: Rint
  readonly #keys: StateKeys
  readonly #entities: readonly EntityName[]
  readonly #stepUs: number
  readonly #remembered: Readonly<Record<Crashed, Map<string, Calm>>> = { return: new Map(), 'stay away': new Map() }
  #nowUs = 0

  constructor(rint: Rint, keys: StateKeys, entities: readonly EntityName[], stepUs: number) {
    this.#rint = rint
    this.#keys = keys
    this.#entities = entities
    this.#stepUs = stepUs
  }

  /** Of the state that the interpreter is in. */
  keyOf(nowUs: number, crashed: ReadonlySet<number>, coming?: Coming): string {
    const key = this.#keys.of(nowUs, coming)
    return crashed.size === 0 ? key : `${key}|${[...crashed].sort((a, b) => a - b).join(',')}`
  }

  /** Nodes that went down by themselves and have not come back. What the policy shuts down stays down. */
  crashedAfter(before: ReadonlySet<number>, event: Notification, performed: readonly Performed[]): ReadonlySet<number> {
    const isStatus = event.kind === 'status' && event.entity.kind === 'node'
    const decided = performed.filter(({ action, target }) => target?.kind === 'node' && DECIDING.has(action))
    // Most notifications change nothing here, and a set for each of them would fill the memory.
    if (!isStatus && (before.size === 0 || decided.length === 0)) return before
    const crashed = new Set(before)
    if (isStatus && event.status === 'down') crashed.add(event.entity.number)
    else if (isStatus) crashed.delete(event.entity.number)
    for (const { target } of decided) if (target !== undefined) crashed.delete(target.number)
    return crashed
  }

  /** The answer of `calm`, if it is known already. */
  remembered(key: string, nodes: Crashed): Calm | undefined {
    return this.#remembered[nodes].get(key)
  }

  /** Of the state that the interpreter is in, if the answer is not remembered. */
  calm({ key, nowUs, crashed }: CalmStart, nodes: Crashed): Calm {
    this.#nowUs = nowUs
    const remembered = this.#remembered[nodes]
    const known = remembered.get(key)
    if (known !== undefined) return known
    const steps: Step[] = []
    const at = new Map<string, number>()
    let [now, down] = [key, crashed]
    let answer: Calm | undefined
    while (answer === undefined) {
      at.set(now, steps.length)
      const returning = nodes === 'return' ? down : NOBODY
      steps.push({ key: now, performed: this.#calmStep(returning), isReturn: returning.size > 0 })
      if (nodes === 'return') down = NOBODY
      now = this.keyOf(this.#nowUs, down, 0)
      const from = at.get(now)
      answer =
        remembered.get(now) ??
        (from === undefined && steps.length < MAX_STEPS ? undefined : this.#cycle(steps, from ?? MAX_STEPS / 2))
    }
    return remember(steps, answer, remembered)
  }

  /** `state` is where it begins. */
  persistent(state: RintState, entity: EntityName, code: number): PersistentFault {
    this.#rint.load(state)
    this.#nowUs = state.nowUs
    const seen = new Set<string>()
    let acted = false
    for (let errors = 1; errors <= MAX_STEPS; errors += 1) {
      this.#nowUs += this.#stepUs
      const performed = this.#rint.notify({ kind: 'error', atUs: this.#nowUs, entity, code })
      if (!this.#works(entity)) return { entity: writtenName(entity), outcome: 'taken out', errors }
      acted = performed.length > 0
      const key = this.keyOf(this.#nowUs, NOBODY, 'errors only')
      if (seen.has(key)) return { entity: writtenName(entity), outcome: acted ? 'for ever' : 'ignored', errors }
      seen.add(key)
    }
    return { entity: writtenName(entity), outcome: acted ? 'for ever' : 'ignored', errors: MAX_STEPS }
  }

  #calmStep(crashed: ReadonlySet<number>): readonly Performed[] {
    this.#nowUs += this.#stepUs
    const atUs = this.#nowUs
    const performed: Performed[] = []
    const { database } = this.#rint
    for (const number of [...crashed].sort((a, b) => a - b)) {
      performed.push(...this.#rint.notify({ kind: 'status', atUs, entity: { kind: 'node', number }, status: 'up' }))
    }
    for (const entity of this.#entities) {
      if (this.#keys.asksAlpha(entity) && this.#works(entity)) this.#rint.notify({ kind: 'ok', atUs, entity })
    }
    const [task] = this.#entities.filter(({ kind }) => kind === 'task')
    const [node] = this.#entities
    if (task !== undefined) {
      performed.push(...this.#rint.notify({ kind: 'phase', atUs, entity: task, value: database.task(task.number).phase }))
    } else if (node?.kind === 'node') {
      performed.push(...this.#rint.notify({ kind: 'status', atUs, entity: node, status: database.node(node.number).status }))
    }
    return performed
  }

  /** Steps from `from` on are what goes on: they repeat, or are the later half of too many. */
  #cycle(steps: readonly Step[], from: number): Calm {
    const repeated = steps.slice(from).flatMap(({ performed }) => performed)
    if (repeated.length > 0)
      return { kind: 'livelock', lines: [...new Set(repeated.map(({ line }) => line))].sort((a, b) => a - b) }
    const lost = this.#entities.filter((entity) => !this.#works(entity)).map(writtenName)
    return { kind: 'rest', steps: 0, pauseMs: 0, unsettled: this.#faulty(), lost }
  }

  #faulty(): readonly string[] {
    return this.#entities.filter((entity) => this.#rint.database.row(entity).errors.open > 0).map(writtenName)
  }

  #works(entity: EntityName): boolean {
    const row = this.#rint.database.row(entity)
    if (row.kind === 'group') return true
    if (row.kind === 'node') return row.status === 'up'
    return (row.status === 'running' || row.status === 'waiting') && (row.node?.status ?? 'up') === 'up'
  }
}

const NOBODY: ReadonlySet<number> = new Set()

/** After these it is the policy that decides whether a node is up. */
const DECIDING: ReadonlySet<string> = new Set(['STOP', 'SHUTDOWN', 'ISOLATE', 'REBOOT', 'ENABLE'])

/** From the last step to the first. */
function remember(steps: readonly Step[], last: Calm, remembered: Map<string, Calm>): Calm {
  let answer = last
  for (const step of steps.toReversed()) {
    answer = earlier(step, answer)
    if (remembered.size < MAX_REMEMBERED) remembered.set(step.key, answer)
  }
  return answer
}

/** The answer for the state before a step, from that for the state after it. */
function earlier({ performed, isReturn }: Step, answer: Calm): Calm {
  if (answer.kind === 'livelock') return answer
  if (answer.steps === 0 && performed.length === 0 && !isReturn) return answer
  return { ...answer, steps: answer.steps + 1, pauseMs: answer.pauseMs + pausesOf(performed) }
}

/** In milliseconds. */
export function pausesOf(performed: readonly Performed[]): number {
  return performed.reduce((sum, { action, value }) => (action === 'PAUSE' ? sum + Number(value) : sum), 0)
}
