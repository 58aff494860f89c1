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
import type { EntityName } from '../../support/backbone/entity.ts'
import { type EntityKind, KIND_BITS, KINDS } from '../../support/backbone/entity.ts'
import { ALPHA_SCALE, BITS, OPCODES, type Triplet } from '../../support/backbone/rcode.ts'
import type { Policy } from '../../support/backbone/rint.ts'
import type { GroupRow, NodeRow, Row, TaskRow } from '../../support/backbone/rows.ts'

/** Rarer than what RUNAWAY counts (32 in a second), so that how often something was done lately is no part of a state. */
export const LEAST_STEP_US = 100_000

/** Scores closer than this are one: rounding must not tell states apart. */
const ALPHA_DIGITS = 1e9

/** `all`: exact. `bounded`: scores above every limit are one, which is exact as long as none falls again. */
export type Scores = 'all' | 'bounded'

const COUNTED = new Map<number, 'errors' | 'elapsed' | 'restarts' | 'alpha'>([
  [OPCODES.STRERRN, 'errors'],
  [OPCODES.STRELAPSED, 'elapsed'],
  [OPCODES.STRRESTARTS, 'restarts'],
  [OPCODES.STRALPHA, 'alpha'],
])

export class StateKeys {
  readonly #database: Database
  readonly #rows: readonly Row[]
  /** By what is counted, then by entity: the first value beyond all that it is compared with. */
  readonly #limits: Readonly<Record<'errors' | 'elapsed' | 'restarts' | 'alpha', Map<string, number>>>
  readonly #asks: ReadonlySet<number>
  readonly #asksRecords: boolean
  readonly #filters: ReadonlyMap<string, { readonly threshold: number; readonly everyUs?: number }>

  /** `entities`: all that the exploration can touch. */
  constructor({ rcode, topology }: Policy, database: Database, entities: readonly EntityName[]) {
    this.#database = database
    this.#asks = new Set(rcode.code.map(([opcode]) => opcode))
    const { STRERRT, CHKERR, REMOVE, STRELAPSED } = OPCODES
    this.#asksRecords = [STRERRT, CHKERR, REMOVE, STRELAPSED].some((opcode) => this.#asks.has(opcode))
    this.#filters = new Map(topology.filters.map((filter) => [nameOf(filter), filter]))
    this.#limits = { errors: new Map(), elapsed: new Map(), restarts: new Map(), alpha: new Map() }
    for (const [at, triplet] of rcode.code.entries()) {
      const counted = COUNTED.get(triplet[0])
      const compared = rcode.code[at + 1]
      if (counted !== undefined && compared?.[0] === OPCODES.COMPARE) this.#limit(counted, triplet, compared[2])
    }
    const names = new Map([...entities, ...named(rcode.code)].map((entity) => [nameOf(entity), entity]))
    for (const { members } of topology.groups)
      for (const number of members) names.set(nameOf({ kind: 'task', number }), { kind: 'task', number })
    for (const { number, node } of topology.tasks) {
      names.set(nameOf({ kind: 'task', number }), { kind: 'task', number })
      names.set(nameOf({ kind: 'node', number: node }), { kind: 'node', number: node })
    }
    this.#rows = [...names.values()].map((entity) => database.row(entity))
  }

  /** Whether the score of an entity can make a difference, and so a success. */
  asksAlpha(entity: EntityName): boolean {
    if (entity.kind === 'group' || !(this.#asks.has(OPCODES.TRANSIENT) || this.#asks.has(OPCODES.STRALPHA))) return false
    return this.#filters.has(nameOf(entity))
  }

  of(nowUs: number, scores: Scores = 'all'): string {
    let key = ''
    for (const row of this.#rows) {
      if (!row.known) key += '?'
      else if (row.kind === 'task') key += this.#task(row)
      else key += row.kind === 'node' ? this.#node(row) : ''
      key += this.#records(row, nowUs)
      if (row.kind !== 'group') key += this.#alpha(row, row.alpha, nowUs, scores)
      key += ';'
    }
    if (this.#asks.has(OPCODES.STRVAL) || this.#asks.has(OPCODES.GET)) key += this.#database.variables.join(',')
    return key
  }

  #task({ status, starts, restarts, number }: TaskRow): string {
    const limit = Math.max(this.#limits.restarts.get(`task ${number}`) ?? 0, this.#asks.has(OPCODES.RESTARTED) ? 1 : 0)
    const started = this.#asks.has(OPCODES.STARTED) && starts > 0 ? '+' : ''
    return limit === 0 ? `${status.charAt(0)}${started}` : `${status.charAt(0)}${started}${Math.min(restarts, limit)}`
  }

  #node({ status, reboots, reintegrated }: NodeRow): string {
    const rebooted = this.#asks.has(OPCODES.REBOOTED) && reboots > 0 ? '+' : ''
    return `${status.charAt(0)}${rebooted}${this.#asks.has(OPCODES.REINTEGRATED) && reintegrated ? '!' : ''}`
  }

  #records({ errors, kind, number }: Row, nowUs: number): string {
    const name = `${kind} ${number}`
    const limit = Math.max(this.#limits.errors.get(name) ?? 0, this.#asksRecords ? 1 : 0)
    if (limit === 0) return errors.open > 0 ? 'f' : ''
    let key = ''
    for (const { code, count, open } of errors.tallies) key += ` ${code}x${Math.min(count, limit)}${open > 0 ? 'f' : ''}`
    const { latest } = errors
    if (latest === undefined) return key
    if (this.#asks.has(OPCODES.STRERRT)) key += ` l${latest.code}`
    const longest = this.#limits.elapsed.get(name)
    if (longest !== undefined) key += ` e${Math.min(Math.floor((nowUs - latest.atUs) / 1000), longest)}`
    return key
  }

  #alpha(entity: EntityName, alpha: AlphaCount, nowUs: number, scores: Scores): string {
    const name = nameOf(entity)
    const filter = this.#filters.get(name)
    const limit = this.#limits.alpha.get(name)
    if (filter === undefined) return limit === undefined ? '' : ` a${Math.min(alpha.value, limit)}`
    if (!this.asksAlpha(entity) || alpha.value === 0) return ''
    const exact = Math.round(alpha.value * ALPHA_DIGITS) / ALPHA_DIGITS
    if (scores === 'bounded') return ` a${Math.min(exact, Math.max(filter.threshold, limit ?? 0) + 1)}`
    if (filter.everyUs === undefined) return ` a${exact}`
    const { errorUs, periods } = alpha.snapshot()
    return ` a${exact}@${nowUs - errorUs}/${periods}`
  }

  #limit(counted: keyof typeof this.#limits, [opcode, a, number]: Triplet, constant: number): void {
    const limits = this.#limits[counted]
    const beyond = opcode === OPCODES.STRALPHA ? Math.floor(constant / ALPHA_SCALE) + 1 : constant + 1
    const raise = (name: string): void => void limits.set(name, Math.max(limits.get(name) ?? 0, beyond))
    const kind = KINDS.find((each) => (a & KIND_BITS[each]) !== 0)
    if (kind === undefined) return
    raise(`${kind} ${number}`)
    // RESTARTED(g) looks at the largest count among the members.
    if (kind === 'group') for (const task of (this.#database.group(number) as GroupRow).members) raise(nameOf(task))
  }
}

/** Those that a program names itself. */
export function named(code: readonly Triplet[]): readonly EntityName[] {
  return code.flatMap(([opcode, a, number]): readonly EntityName[] => {
    if (!NAMING.has(opcode) || a < 0 || (a & BITS.PLAIN) === 0) return []
    return KINDS.filter((kind: EntityKind) => (a & KIND_BITS[kind]) !== 0).map((kind) => ({ kind, number }))
  })
}

/** Instructions with an operand that names an entity. */
const NAMING: ReadonlySet<number> = new Set(
  Object.entries(OPCODES)
    .filter(([name]) => /^(CLEAR|KILLED|RESTARTED|PRESENT|ISOLATED|FAULTY|TRANSIENT|RUNNING|STARTED|REBOOTED|REINTEGRATED)$/.test(name))
    .map(([, opcode]) => opcode)
    .concat(
      OPCODES.STRERRN,
      OPCODES.STRERRT,
      OPCODES.STRELAPSED,
      OPCODES.STRRESTARTS,
      OPCODES.STRALPHA,
      OPCODES.KILL,
      OPCODES.START,
      OPCODES.RESTART,
      OPCODES.REBOOT,
      OPCODES.CHKERR,
      OPCODES.ENABLE,
      OPCODES.REMOVE,
      OPCODES.REMOVE_ALL,
      OPCODES.ISOLATE,
      OPCODES.SHUTDOWN,
    ),
)

function nameOf({ kind, number }: EntityName): string {
  return `${kind} ${number}`
}
