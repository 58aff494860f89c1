/**
 * Which states of the database are one to a program: the key under which an exploration merges them.
 *
 * A program asks few questions. What it never asks about, such as how often a task was started where no guard says STARTED, cannot
 * make a difference; and a count that is compared with 3 and no more makes none beyond 4. So a key has only what some atom can tell
 * apart, and states with one key have the same future.
 *
 * Boundary: pure, over r-code. For the notifications of an exploration: error, ok, up and down, in steps of at least `LEAST_STEP_US`.
 *   K1  Equal keys: whatever is notified next, the same actions are performed and the keys are equal again.
 */
import type { AlphaCount } from '../../support/alpha-count.ts'
import type { Database } from '../../support/backbone/database.ts'
import { actionName } from '../../support/backbone/effects.ts'
import { type EntityName, KIND_BITS, KINDS } from '../../support/backbone/entity.ts'
import { isQuery, isTest } from '../../support/backbone/program.ts'
import { ALPHA_SCALE, BITS, OPCODES, type Triplet } from '../../support/backbone/rcode.ts'
import type { Policy } from '../../support/backbone/rint.ts'
import type { NodeRow, Row, TaskRow } from '../../support/backbone/rows.ts'
import type { FilterEntry } from '../../support/backbone/topology.ts'

/** Rarer than what RUNAWAY counts (32 in a second), so that how often something was done lately is no part of a state. */
export const LEAST_STEP_US = 100_000

/** Scores closer than this are one: rounding must not tell states apart. */
const ALPHA_DIGITS = 1e9

/**
 * `all`: exact. `rising`: scores above every limit are one, which is exact as long as none falls again. `falling`: scores below every
 * limit are one, which is exact as long as none rises again.
 */
export type Scores = 'all' | 'rising' | 'falling'

type Counted = 'errors' | 'elapsed' | 'restarts' | 'alpha'

const COUNTED: ReadonlyMap<number, Counted> = new Map<number, Counted>([
  [OPCODES.STRERRN, 'errors'],
  [OPCODES.STRELAPSED, 'elapsed'],
  [OPCODES.STRRESTARTS, 'restarts'],
  [OPCODES.STRALPHA, 'alpha'],
])

/** What the program can tell apart about one entity. Limits are the first values beyond all that something is compared with. */
interface Sight {
  readonly row: Row
  readonly errors: number
  readonly elapsedMs: number | undefined
  readonly restarts: number
  /** Absent where nobody asks for its score. */
  readonly score:
    | { readonly filter: FilterEntry | undefined; readonly limit: number | undefined; readonly floor: number | undefined }
    | undefined
}

export class StateKeys {
  readonly #database: Database
  readonly #sights: readonly Sight[]
  readonly #asks: Readonly<Record<'started' | 'rebooted' | 'reintegrated' | 'latest' | 'variables', boolean>>
  readonly #scored: ReadonlySet<string>

  /** `entities`: all that the exploration can touch. */
  constructor({ rcode, topology }: Policy, database: Database, entities: readonly EntityName[]) {
    this.#database = database
    const asked = new Set(rcode.code.map(([opcode]) => opcode))
    const { STARTED, REBOOTED, REINTEGRATED, STRERRT, STRVAL, GET } = OPCODES
    this.#asks = {
      started: asked.has(STARTED),
      rebooted: asked.has(REBOOTED),
      reintegrated: asked.has(REINTEGRATED),
      latest: asked.has(STRERRT),
      variables: asked.has(STRVAL) || asked.has(GET),
    }
    const limits = new Limits(rcode.code, database)
    const hosts = topology.tasks.flatMap(({ number, node }): readonly EntityName[] => [
      { kind: 'task', number },
      { kind: 'node', number: node },
    ])
    const members = topology.groups.flatMap((group) => group.members.map((number) => ({ kind: 'task', number }) as const))
    const all = [...entities, ...named(rcode.code), ...hosts, ...members]
    const names = new Map(all.map((entity) => [nameOf(entity), entity]))
    const filters = new Map(topology.filters.map((filter) => [nameOf(filter), filter]))
    this.#sights = [...names].map(([name, entity]) => sightOf(database.row(entity), limits, asked, filters.get(name)))
    this.#scored = new Set(this.#sights.filter(({ score }) => score?.filter !== undefined).map(({ row }) => nameOf(row)))
  }

  /** Whether a success can make a difference to the score of an entity. */
  asksAlpha(entity: EntityName): boolean {
    return this.#scored.has(nameOf(entity))
  }

  of(nowUs: number, scores: Scores = 'all'): string {
    let key = ''
    for (const sight of this.#sights) {
      const { row } = sight
      if (!row.known) key += '?'
      else if (row.kind === 'task') key += this.#task(row, sight)
      else if (row.kind === 'node') key += this.#node(row)
      if (row.errors.count > 0) key += this.#records(sight, nowUs)
      if (row.kind !== 'group' && sight.score !== undefined) key += scoreOf(row.alpha, sight.score, nowUs, scores)
      key += ';'
    }
    return this.#asks.variables ? key + this.#database.variables.join() : key
  }

  #task({ status, starts, restarts }: TaskRow, sight: Sight): string {
    const started = this.#asks.started && starts > 0 ? '+' : ''
    const count = sight.restarts === 0 ? '' : Math.min(restarts, sight.restarts)
    return `${status.charAt(0)}${started}${count}`
  }

  #node({ status, reboots, reintegrated }: NodeRow): string {
    const rebooted = this.#asks.rebooted && reboots > 0 ? '+' : ''
    return `${status.charAt(0)}${rebooted}${this.#asks.reintegrated && reintegrated ? '!' : ''}`
  }

  #records({ row: { errors }, errors: limit, elapsedMs }: Sight, nowUs: number): string {
    if (limit === 0) return errors.open > 0 ? 'f' : ''
    let key = ''
    // All errors about an entity have one code, so that their order needs no place in the key.
    for (const { code, count, open } of errors.tallies) key += ` ${code}x${Math.min(count, limit)}${open > 0 ? 'f' : ''}`
    const { latest } = errors
    if (latest === undefined) return key
    if (this.#asks.latest) key += ` l${latest.code}`
    if (elapsedMs !== undefined) key += ` e${Math.min(Math.floor((nowUs - latest.atUs) / 1000), elapsedMs)}`
    return key
  }
}

function sightOf(row: Row, limits: Limits, asked: ReadonlySet<number>, filter: FilterEntry | undefined): Sight {
  const { STRERRT, CHKERR, REMOVE, STRELAPSED, RESTARTED, TRANSIENT, STRALPHA } = OPCODES
  const name = nameOf(row)
  const asksRecords = [STRERRT, CHKERR, REMOVE, STRELAPSED].some((opcode) => asked.has(opcode))
  const limit = limits.of('alpha', name)
  const isScored = filter === undefined ? limit !== undefined : asked.has(TRANSIENT) || asked.has(STRALPHA)
  return {
    row,
    errors: Math.max(limits.of('errors', name) ?? 0, asksRecords ? 1 : 0),
    elapsedMs: limits.of('elapsed', name),
    restarts: Math.max(limits.of('restarts', name) ?? 0, asked.has(RESTARTED) ? 1 : 0),
    score: isScored ? { filter, limit, floor: limits.floorOf(name) } : undefined,
  }
}

/** Without a filter a score counts errors, and never falls. */
function scoreOf(
  alpha: AlphaCount,
  { filter, limit = 0, floor }: NonNullable<Sight['score']>,
  nowUs: number,
  scores: Scores,
): string {
  const { value } = alpha
  if (value === 0) return ''
  if (filter === undefined) return ` a${Math.min(value, limit)}`
  const exact = Math.round(value * ALPHA_DIGITS) / ALPHA_DIGITS
  if (scores === 'rising') return ` a${Math.min(exact, Math.max(filter.threshold, limit) + 1)}`
  const least = scores === 'falling' ? Math.min(filter.threshold, floor ?? filter.threshold) : 1 / ALPHA_DIGITS
  if (exact < least) return ''
  return filter.everyUs === undefined ? ` a${exact}` : ` a${exact}${agingOf(alpha, filter.everyUs, least, nowUs)}`
}

/** What quiet periods will take of a score: no more once they have taken it below what matters. */
function agingOf(alpha: AlphaCount, everyUs: number, least: number, nowUs: number): string {
  const { errorUs, periods } = alpha.snapshot()
  const { factor } = alpha.filter
  const left = factor === 0 ? 1 : Math.max(1, Math.floor(Math.log(least / alpha.value) / Math.log(factor)) + 1)
  return `@${Math.min(nowUs - errorUs, (periods + left) * everyUs)}/${periods}`
}

/** The constants with which a program compares what it asks for. */
class Limits {
  readonly #database: Database
  readonly #limits = new Map<string, number>()
  readonly #floors = new Map<string, number>()

  constructor(code: readonly Triplet[], database: Database) {
    this.#database = database
    for (const [at, triplet] of code.entries()) {
      const counted = COUNTED.get(triplet[0])
      const compared = code[at + 1]
      if (counted !== undefined && compared?.[0] === OPCODES.COMPARE) this.#take(counted, triplet, compared[2])
    }
  }

  /** The first value beyond; undefined where it is never compared. */
  of(counted: Counted, name: string): number | undefined {
    return this.#limits.get(`${counted} ${name}`)
  }

  /** Below the least value that a score is compared with. */
  floorOf(name: string): number | undefined {
    return this.#floors.get(name)
  }

  #take(counted: Counted, [, a, number]: Triplet, constant: number): void {
    const kind = KINDS.find((each) => (a & KIND_BITS[each]) !== 0)
    if (kind === undefined) return
    const name = `${kind} ${number}`
    const beyond = counted === 'alpha' ? Math.floor(constant / ALPHA_SCALE) + 1 : constant + 1
    // A score is compared in thousandths, rounded.
    if (counted === 'alpha') this.#floors.set(name, Math.min(this.#floors.get(name) ?? Infinity, (constant - 1) / ALPHA_SCALE))
    this.#raise(`${counted} ${name}`, beyond)
    // RESTARTED(g) looks at the largest count among the members.
    if (kind === 'group')
      for (const task of this.#database.group(number).members) this.#raise(`${counted} ${nameOf(task)}`, beyond)
  }

  #raise(key: string, beyond: number): void {
    this.#limits.set(key, Math.max(this.#limits.get(key) ?? 0, beyond))
  }
}

/** Those that a program names itself. */
export function named(code: readonly Triplet[]): readonly EntityName[] {
  return code.flatMap(([opcode, a, number]): readonly EntityName[] => {
    if (!isNaming(opcode) || a < 0 || (a & BITS.PLAIN) === 0) return []
    return KINDS.filter((kind) => (a & KIND_BITS[kind]) !== 0).map((kind) => ({ kind, number }))
  })
}

/** Its first operand says what kind of entity its second one is. */
function isNaming(opcode: number): boolean {
  const { STRPHASE, CHKERR } = OPCODES
  return isTest(opcode) || (isQuery(opcode) && opcode !== STRPHASE) || opcode === CHKERR || actionName(opcode) !== undefined
}

function nameOf({ kind, number }: EntityName): string {
  return `${kind} ${number}`
}
