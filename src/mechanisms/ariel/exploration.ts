/**
 * Everything that can happen to a small system (SPEC 10; issue 6): all sequences of errors, successes and nodes that go down and up, to a
 * depth, with what the policy does about each.
 *
 * Equal states are merged, so the work grows with the states and not with the sequences. From every state the policy is then left alone:
 * it gets passes in which nothing new is told, until it comes to rest or goes round in circles.
 *
 * Boundary: pure.
 *   X1  The first way that is found to a state is a shortest one, so that what is reported is as short as it can be.
 */
import { PerdureError } from '../../errors.ts'
import { type EntityName, writtenName } from '../../support/backbone/entity.ts'
import type { Notification } from '../../support/backbone/notification.ts'
import type { Performed } from '../../support/backbone/performed.ts'
import { type Policy, Rint, type RintState } from '../../support/backbone/rint.ts'
import { StateKey } from './exploration-key.ts'

export interface ExplorationOptions {
  /** Events in a row; default 8. */
  readonly depth?: number
  /** The code of every error; default 100, which no part of the backbone gives a meaning. */
  readonly code?: number
  /** Between events, and between passes, in milliseconds; default 2,000: what is done once in each is no RUNAWAY. */
  readonly stepMs?: number
  /** Default 200,000. */
  readonly maxStates?: number
  /** SPEC 5.1, `--classic`. Default false. */
  readonly classic?: boolean
}

export interface Exploration {
  readonly states: number
  readonly transitions: number
  /** False if `maxStates` was reached: then there is more than what was seen. */
  readonly complete: boolean
  /** Ways into circles in which the policy acts again and again. */
  readonly livelocks: readonly Finding[]
  /** Ways to faults about which nothing is done. */
  readonly unmended: readonly Finding[]
  /** The longest time to recovery: how many passes, and after what. */
  readonly slowest: { readonly passes: number; readonly path: readonly string[] }
}

export interface Finding {
  /** As `error T5`, from the start. */
  readonly path: readonly string[]
  /** What is done in the circle. */
  readonly actions: readonly string[]
  /** What has open error records. */
  readonly faulty: readonly string[]
}

/** The alphabet is so many times larger than what it is about. */
const MAX_ENTITIES = 16

/** Those that hold another one tell nothing new; of the others the first are shown. */
const MAX_FINDINGS = 16

const DEFAULTS = { depth: 8, code: 100, stepMs: 2_000, maxStates: 200_000 }

/** `PERDURE_E_USAGE` for a system that is not small. */
export function explore(policy: Policy, options: ExplorationOptions = {}): Exploration {
  const explorer = new Explorer(policy, { ...DEFAULTS, ...options })
  explorer.run()
  return explorer.findings()
}

interface State {
  readonly state: RintState
  readonly parent: State | undefined
  readonly event: string
  /** What a pass in which nothing new is told leads to. */
  left: { readonly to: State; readonly actions: readonly string[] } | undefined
}

interface Letter {
  readonly name: string
  at(atUs: number): Notification
}

class Explorer {
  readonly #rint: Rint
  readonly #key: StateKey
  readonly #options: typeof DEFAULTS
  readonly #alphabet: readonly Letter[]
  readonly #states = new Map<string, State>()
  #transitions = 0
  #complete = true

  constructor(policy: Policy, options: typeof DEFAULTS & ExplorationOptions) {
    this.#options = options
    this.#rint = new Rint(policy, { classic: options.classic ?? false, pauses: 'skip' })
    this.#key = new StateKey(policy.rcode)
    this.#alphabet = alphabetOf(entitiesOf(this.#rint), options.code)
  }

  run(): void {
    let frontier: readonly State[] = [this.#reach(0, undefined, '')].flatMap((state) => state ?? [])
    for (let depth = 0; depth < this.#options.depth; depth += 1) {
      frontier = frontier.flatMap((state) => this.#alphabet.flatMap((symbol) => this.#step(state, symbol).fresh ?? []))
    }
    for (const state of [...this.#states.values()]) this.#leaveAlone(state)
  }

  findings(): Exploration {
    const [livelocks, unmended]: [Finding[], Finding[]] = [[], []]
    let slowest = { passes: 0, path: [] as readonly string[] }
    for (const state of this.#states.values()) {
      const { circle, passes } = roundsOf(state)
      const [rest] = circle
      if (rest === undefined) continue
      const actions = circle.flatMap(({ left }) => left?.actions ?? [])
      const faulty = faultyIn(rest.state.database)
      if (actions.length > 0) {
        const isNew = !livelocks.some((other) => isWithin(other.actions, actions))
        if (isNew) livelocks.push({ path: pathOf(state), actions, faulty })
      } else if (faulty.length > 0) {
        const isNew = !unmended.some((other) => isWithin(other.faulty, faulty))
        if (isNew) unmended.push({ path: pathOf(state), actions, faulty })
      } else if (passes > slowest.passes) slowest = { passes, path: pathOf(state) }
    }
    return {
      states: this.#states.size,
      transitions: this.#transitions,
      complete: this.#complete,
      livelocks: livelocks.slice(0, MAX_FINDINGS),
      unmended: unmended.slice(0, MAX_FINDINGS),
      slowest,
    }
  }

  #step(
    from: State,
    { name, at }: Letter,
  ): { readonly to: State | undefined; readonly fresh?: State; readonly performed: readonly Performed[] } {
    this.#transitions += 1
    this.#rint.load(from.state)
    const nowUs = from.state.nowUs + this.#options.stepMs * 1000
    const performed = this.#rint.notify(at(nowUs))
    const before = this.#states.size
    const to = this.#reach(nowUs, from, name)
    return { to, performed, ...(to !== undefined && this.#states.size > before && { fresh: to }) }
  }

  /** Where the interpreter is now; undefined if there is no room for another state. */
  #reach(nowUs: number, parent: State | undefined, event: string): State | undefined {
    const key = this.#key.of(this.#rint.database, nowUs)
    const found = this.#states.get(key)
    if (found !== undefined) return found
    if (this.#states.size >= this.#options.maxStates) {
      this.#complete = false
      return undefined
    }
    const reached: State = { state: this.#rint.snapshot(), parent, event, left: undefined }
    this.#states.set(key, reached)
    return reached
  }

  /** Passes in which nothing new is told: an entity says again what it is. */
  #leaveAlone(first: State): void {
    for (let state: State | undefined = first; state !== undefined && state.left === undefined; ) {
      const { to, performed } = this.#step(state, { name: 'a pass', at: (atUs) => again(this.#rint, atUs) })
      if (to === undefined) return
      state.left = { to, actions: performed.map(written) }
      state = to
    }
  }
}

function entitiesOf({ database }: Rint): readonly EntityName[] {
  const entities = [...database.domain('task'), ...database.domain('node')]
  if (entities.length > 0 && entities.length <= MAX_ENTITIES) return entities.map(({ kind, number }) => ({ kind, number }))
  throw new PerdureError(
    'PERDURE_E_USAGE',
    `The script declares ${entities.length} tasks and nodes: expected 1 to ${MAX_ENTITIES}. Explore a smaller system of the same shape.`,
  )
}

function alphabetOf(entities: readonly EntityName[], code: number): readonly Letter[] {
  return entities.flatMap((entity): Letter[] => {
    const name = writtenName(entity)
    const both: Letter[] = [
      { name: `error ${name}`, at: (atUs) => ({ kind: 'error', atUs, entity, code }) },
      { name: `ok ${name}`, at: (atUs) => ({ kind: 'ok', atUs, entity }) },
    ]
    if (entity.kind === 'task') return both
    return [
      ...both,
      { name: `up ${name}`, at: (atUs) => ({ kind: 'status', atUs, entity, status: 'up' }) },
      { name: `down ${name}`, at: (atUs) => ({ kind: 'status', atUs, entity, status: 'down' }) },
    ]
  })
}

function again({ database }: Rint, atUs: number): Notification {
  const [task] = database.domain('task')
  if (task !== undefined) return { kind: 'phase', atUs, entity: { kind: 'task', number: task.number }, value: task.phase }
  const [node] = database.domain('node')
  return { kind: 'status', atUs, entity: { kind: 'node', number: node?.number ?? 0 }, status: node?.status ?? 'up' }
}

/** Left alone, the policy comes to a circle, of one state if it rests; and how many passes before that. No circle: it was not followed. */
function roundsOf(start: State): { readonly circle: readonly State[]; readonly passes: number } {
  const order = new Map<State, number>()
  let state: State | undefined = start
  while (state !== undefined && !order.has(state)) {
    order.set(state, order.size)
    state = state.left?.to
  }
  const passes = state === undefined ? order.size : (order.get(state) as number)
  return { circle: [...order.keys()].slice(passes), passes }
}

function faultyIn({ tasks, nodes }: RintState['database']): readonly string[] {
  const isOpen = ({ errors }: { errors: readonly (readonly [number, number, number, number, number])[] }): boolean =>
    errors.some(([, , open]) => open > 0)
  return [
    ...tasks.filter(isOpen).map(({ number }) => writtenName({ kind: 'task', number })),
    ...nodes.filter(isOpen).map(({ number }) => writtenName({ kind: 'node', number })),
  ]
}

function isWithin(some: readonly string[], all: readonly string[]): boolean {
  return some.every((each) => all.includes(each))
}

function pathOf(state: State): readonly string[] {
  const path: string[] = []
  for (let each: State | undefined = state; each?.parent !== undefined; each = each.parent) path.unshift(each.event)
  return path
}

function written({ action, target, value }: Performed): string {
  return [action, ...(target === undefined ? [] : [writtenName(target)]), ...(value === undefined ? [] : [value])].join(' ')
}
