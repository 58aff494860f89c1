/**
 * Which states of the database are one to a program: the key under which an exploration merges them.
 *
 * A program asks few questions. What it never asks about, such as how often a task was started where no guard says STARTED, cannot
 * make a difference; and a count that is compared with 3 and no more makes none beyond 4. So a key has only what some atom can tell
 * apart, and states with one key have the same future.
 *
 * Boundary: pure, over r-code. For the notifications of an exploration: error, ok, up and down, in steps of at least `LEAST_STEP_US`.
 *   K1  Equal keys: whatever is notified next, with no more errors than were said, the same actions are performed and the keys are equal
 *       again; only what LOG writes of a variable that no guard asks for may differ.
 */
import type { AlphaCount } from '../../support/alpha-count.ts'
import type { Database } from '../../support/backbone/database.ts'
import { actionName } from '../../support/backbone/effects.ts'
import { type EntityName, KIND_BITS, KINDS } from '../../support/backbone/entity.ts'
import { isQuery, isTest } from '../../support/backbone/program.ts'
import { ALPHA_SCALE, BITS, COMPARISONS, OPCODES, type Triplet } from '../../support/backbone/rcode.ts'
import type { Policy } from '../../support/backbone/rint.ts'
import type { NodeRow, Row, TaskRow } from '../../support/backbone/rows.ts'
import type { FilterEntry } from '../../support/backbone/topology.ts'

/** Rarer than what RUNAWAY counts (32 in a second), so that how often something was done lately is no part of a state. */
export const LEAST_STEP_US = 100_000

/** Scores closer than this are one: rounding must not tell states apart. */
const ALPHA_DIGITS = 1e9

/**
 * What may still be notified, as far as scores go: so many errors (`Infinity`: no matter what), or errors and no success. A score that so
 * many errors cannot raise to what matters is none; one that nothing lowers again is one with all others above every limit.
 */
export type Coming = number | 'errors only'

/** Values that comparisons tell apart: none below `from`, none from `limit` on. */
interface Limits {
  readonly from: number
  readonly limit: number
}

/** What the program can tell apart about one entity. */
interface Sight {
  readonly row: Row
  /** Absent where nobody asks how many there are. */
  readonly errors: Limits | undefined
  /** Whether it makes a difference if there ever was a record. */
  readonly hadErrors: boolean
  readonly elapsedMs: number | undefined
  readonly restarts: number
  readonly started: boolean
  readonly rebooted: boolean
  readonly reintegrated: boolean
  /** Absent where nobody asks for its score. */
  readonly score: { readonly filter: FilterEntry | undefined; readonly limits: Limits | undefined } | undefined
}

export class StateKeys {
  readonly #database: Database
  readonly #sights: readonly Sight[]
  /** Those that a guard can see, also by way of others. */
  readonly #variables: readonly number[]
  readonly #scored: ReadonlySet<string>
  /** From so many errors to come on all is told apart that a guard may ever see. */
  readonly horizon: number

  /** `entities`: all that the exploration can touch. */
  constructor({ rcode, topology }: Policy, database: Database, entities: readonly EntityName[]) {
    this.#database = database
    const hosts = topology.tasks.flatMap(({ number, node }): readonly EntityName[] => [
      { kind: 'task', number },
      { kind: 'node', number: node },
    ])
    const members = topology.groups.flatMap((group) => group.members.map((number) => ({ kind: 'task', number }) as const))
    const all = [...entities, ...named(rcode.code), ...hosts, ...members]
    const rows = [...new Map(all.map((entity) => [entityKey(entity), database.row(entity)])).values()]
    const questions = new Questions(rcode.code, rows)
    const filters = new Map(topology.filters.map((filter) => [entityKey(filter), filter]))
    this.#sights = rows.map((row) => sightOf(row, questions, filters.get(entityKey(row))))
    this.#scored = new Set(this.#sights.filter(({ score }) => score?.filter !== undefined).map(({ row }) => entityKey(row)))
    this.#variables = seenVariables(rcode.code)
    this.horizon = Math.ceil(Math.max(0, ...this.#sights.flatMap(leastsOf)))
  }

  /** Whether a success can make a difference to the score of an entity. */
  asksAlpha(entity: EntityName): boolean {
    return this.#scored.has(entityKey(entity))
  }

  of(nowUs: number, coming: Coming = Number.POSITIVE_INFINITY): string {
    let key = ''
    for (const sight of this.#sights) {
      const { row } = sight
      if (!row.known) key += '?'
      else if (row.kind === 'task') key += taskKey(row, sight)
      else if (row.kind === 'node') key += nodeKey(row, sight)
      if (row.errors.count > 0) key += recordsKey(sight, nowUs, coming)
      if (row.kind !== 'group' && sight.score !== undefined) key += scoreOf(row.alpha, sight.score, nowUs, coming)
      key += ';'
    }
    for (const variable of this.#variables) key += ` ${this.#database.variables[variable]}`
    return key
  }
}

function taskKey({ status, starts, restarts }: TaskRow, sight: Sight): string {
  const started = sight.started && starts > 0 ? '+' : ''
  const count = sight.restarts === 0 ? '' : Math.min(restarts, sight.restarts)
  return `${status.charAt(0)}${started}${count}`
}

function nodeKey({ status, reboots, reintegrated }: NodeRow, sight: Sight): string {
  return `${status.charAt(0)}${sight.rebooted && reboots > 0 ? '+' : ''}${sight.reintegrated && reintegrated ? '!' : ''}`
}

function recordsKey({ row: { errors }, errors: asked, hadErrors, elapsedMs }: Sight, nowUs: number, coming: Coming): string {
  const canReach = asked !== undefined && (coming === 'errors only' || errors.count + coming >= asked.from)
  if (!canReach && !hadErrors) return errors.open > 0 ? 'f' : ''
  const most = canReach ? asked.limit : 1
  let key = ''
  // All errors about an entity have one code, so that their order needs no place in the key.
  for (const { code, count, open } of errors.tallies) key += ` ${code}x${Math.min(count, most)}${open > 0 ? 'f' : ''}`
  const { latest } = errors
  if (elapsedMs === undefined || latest === undefined) return key
  return `${key} e${Math.min(Math.floor((nowUs - latest.atUs) / 1000), elapsedMs)}`
}

function sightOf(row: Row, questions: Questions, filter: FilterEntry | undefined): Sight {
  const { STRERRN, STRERRT, CHKERR, STRELAPSED, STRRESTARTS, STRALPHA, STARTED, RESTARTED, REBOOTED, REINTEGRATED } = OPCODES
  const asks = (...opcodes: readonly number[]): boolean => opcodes.some((opcode) => questions.asks(opcode, row))
  const limits = questions.limitsOf(STRALPHA, row)
  const isScored = filter === undefined ? limits !== undefined : asks(OPCODES.TRANSIENT, STRALPHA)
  return {
    row,
    errors: questions.limitsOf(STRERRN, row),
    hadErrors: asks(STRERRT, STRELAPSED, CHKERR),
    elapsedMs: questions.limitsOf(STRELAPSED, row)?.limit,
    restarts: Math.max(questions.limitsOf(STRRESTARTS, row)?.limit ?? 0, asks(RESTARTED) ? 1 : 0),
    started: asks(STARTED),
    rebooted: asks(REBOOTED),
    reintegrated: asks(REINTEGRATED),
    score: isScored ? { filter, limits } : undefined,
  }
}

/** Without a filter a score counts errors, and never falls. */
function scoreOf(alpha: AlphaCount, { filter, limits }: NonNullable<Sight['score']>, nowUs: number, coming: Coming): string {
  const { value } = alpha
  if (value === 0) return ''
  if (filter === undefined) return ` a${Math.min(value, limits?.limit ?? 0)}`
  const exact = Math.round(value * ALPHA_DIGITS) / ALPHA_DIGITS
  if (coming === 'errors only') return ` a${Math.min(exact, Math.max(filter.threshold, limits?.limit ?? 0) + 1)}`
  const least = Math.max(leastOf(filter, limits) - coming, 1 / ALPHA_DIGITS)
  if (exact < least) return ''
  return filter.everyUs === undefined ? ` a${exact}` : ` a${exact}${agingOf(alpha, filter.everyUs, least, nowUs)}`
}

/** The values up to which errors must rise to make a difference. */
function leastsOf({ errors, score }: Sight): readonly number[] {
  const scores = score?.filter === undefined ? [] : [leastOf(score.filter, score.limits)]
  return errors === undefined ? scores : [...scores, errors.from]
}

/** Below it a score makes no difference. */
function leastOf({ threshold }: FilterEntry, limits: Limits | undefined): number {
  return Math.min(threshold, limits?.from ?? threshold)
}

/** What quiet periods will take of a score: no more once they have taken it below what matters. */
function agingOf(alpha: AlphaCount, everyUs: number, least: number, nowUs: number): string {
  const { errorUs, periods } = alpha.snapshot()
  const { factor } = alpha.filter
  const left = factor === 0 ? 1 : Math.max(1, Math.floor(Math.log(least / alpha.value) / Math.log(factor)) + 1)
  return `@${Math.min(nowUs - errorUs, (periods + left) * everyUs)}/${periods}`
}

/** What a program asks about which entity, and with what it compares the answer. */
class Questions {
  readonly #asked = new Set<string>()
  readonly #limits = new Map<string, Limits>()

  constructor(code: readonly Triplet[], rows: readonly Row[]) {
    for (const [at, triplet] of code.entries()) {
      const [opcode] = triplet
      if (!asksOfEntities(opcode)) continue
      const compared = code[at + 1]
      for (const row of askedAbout(triplet, rows)) {
        this.#asked.add(questionKey(opcode, row))
        if (isQuery(opcode) && compared?.[0] === OPCODES.COMPARE) this.#compare(opcode, row, compared)
      }
    }
  }

  asks(opcode: number, row: Row): boolean {
    return this.#asked.has(questionKey(opcode, row))
  }

  /** Undefined where it is never compared. */
  limitsOf(opcode: number, row: Row): Limits | undefined {
    return this.#limits.get(questionKey(opcode, row))
  }

  #compare(opcode: number, row: Row, compared: Triplet): void {
    const key = questionKey(opcode, row)
    const { from, limit } = opcode === OPCODES.STRALPHA ? scoreLimits(compared) : countLimits(compared)
    const others = this.#limits.get(key)
    this.#limits.set(key, { from: Math.min(others?.from ?? from, from), limit: Math.max(others?.limit ?? limit, limit) })
  }
}

/** `>= 3` and `< 3` change at 3, `> 3` and `<= 3` at 4, the others at both. */
function countLimits([, comparison, constant]: Triplet): Limits {
  const { '==': equal, '!=': different, '>=': least, '<': below } = COMPARISONS
  const isAt = [equal, different, least, below].some((each) => each === comparison)
  const isBeyond = comparison !== least && comparison !== below
  return { from: isAt ? constant : constant + 1, limit: isBeyond ? constant + 1 : constant }
}

/** A score is compared in thousandths, rounded. */
function scoreLimits([, , constant]: Triplet): Limits {
  return { from: (constant - 1) / ALPHA_SCALE, limit: Math.floor(constant / ALPHA_SCALE) + 1 }
}

/** Of tasks, nodes and groups by their first operand. A phase is never notified in an exploration. */
function asksOfEntities(opcode: number): boolean {
  return isTest(opcode) || (isQuery(opcode) && opcode !== OPCODES.STRPHASE) || opcode === OPCODES.CHKERR
}

/** A group asks about its members too; what is found only while the program runs may be anything. */
function askedAbout([, a, number]: Triplet, rows: readonly Row[]): readonly Row[] {
  if (a < 0 || (a & (BITS.PLAIN | BITS.STAR)) === 0) return rows
  const isMeant = (row: Row): boolean =>
    ((a & BITS.ANY) !== 0 || (a & KIND_BITS[row.kind]) !== 0) && ((a & BITS.STAR) !== 0 || row.number === number)
  return rows.filter((row) => isMeant(row) || (row.kind === 'task' && row.groups.some(isMeant)))
}

/** A variable that a guard asks for, and those from which it is computed. All others only count. */
function seenVariables(code: readonly Triplet[]): readonly number[] {
  const seen = new Set(code.flatMap(([opcode, variable]) => (opcode === OPCODES.STRVAL ? [variable] : [])))
  for (let before = -1; before !== seen.size; ) {
    before = seen.size
    for (const [at, [opcode, variable]] of code.entries()) {
      if (opcode !== OPCODES.SET || !seen.has(variable)) continue
      for (let of = at - 1; EXPRESSION.has(code[of]?.[0] ?? OPCODES.STOP); of -= 1) {
        const [part, source] = code[of] as Triplet
        if (part === OPCODES.GET) seen.add(source)
      }
    }
  }
  return [...seen].sort((a, b) => a - b)
}

/** What the value of a SET is made of; an instruction before it is none of these. */
const EXPRESSION: ReadonlySet<number> = new Set([
  OPCODES.PUSH,
  OPCODES.GET,
  OPCODES.ADD,
  OPCODES.SUBTRACT,
  OPCODES.MULTIPLY,
  OPCODES.DIVIDE,
  OPCODES.COMPLEMENT,
])

/** Those that a program names itself. */
export function named(code: readonly Triplet[]): readonly EntityName[] {
  return code.flatMap(([opcode, a, number]): readonly EntityName[] => {
    if (!isNaming(opcode) || a < 0 || (a & BITS.PLAIN) === 0) return []
    return KINDS.filter((kind) => (a & KIND_BITS[kind]) !== 0).map((kind) => ({ kind, number }))
  })
}

/** Its first operand says what kind of entity its second one is. */
function isNaming(opcode: number): boolean {
  return asksOfEntities(opcode) || actionName(opcode) !== undefined
}

function questionKey(opcode: number, row: Row): string {
  return `${opcode} ${entityKey(row)}`
}

function entityKey({ kind, number }: EntityName): string {
  return `${kind} ${number}`
}
