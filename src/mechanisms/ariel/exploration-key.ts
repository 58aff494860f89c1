/**
 * When two states of a database are the same for a program: no question that it can ask tells them apart, now or later.
 *
 * What a program never asks for is left out; counts are told apart up to one more than the largest number they are compared with, and
 * the age of records up to the longest time.
 *
 * Boundary: pure. Exact as long as the steps of time are equal, and all tasks and nodes are declared.
 */
import type { AlphaCount } from '../../support/alpha-count.ts'
import type { Database } from '../../support/backbone/database.ts'
import { OPCODES, type RCode } from '../../support/backbone/rcode.ts'
import type { NodeRow, Row, TaskRow } from '../../support/backbone/rows.ts'

const STATUS_TESTS = [OPCODES.PRESENT, OPCODES.RUNNING, OPCODES.KILLED, OPCODES.ISOLATED, OPCODES.REINTEGRATED]

export class StateKey {
  readonly #asked: ReadonlySet<number>
  readonly #errors: number
  readonly #restarts: number
  readonly #elapsedMs: number
  readonly #asksStatus: boolean

  constructor({ code }: RCode) {
    this.#asked = new Set(code.map(([opcode]) => opcode))
    const largest = (query: number): number =>
      code.reduce((most, [opcode, , constant], at) => {
        return opcode === OPCODES.COMPARE && code[at - 1]?.[0] === query ? Math.max(most, constant) : most
      }, -1)
    this.#errors = largest(OPCODES.STRERRN) + 1
    this.#restarts = largest(OPCODES.STRRESTARTS) + 1
    this.#elapsedMs = largest(OPCODES.STRELAPSED) + 1
    this.#asksStatus = STATUS_TESTS.some((test) => this.#asked.has(test))
  }

  of(database: Database, nowUs: number): string {
    let key = database.variables.join()
    for (const task of database.domain('task')) key += this.#task(task, nowUs)
    for (const node of database.domain('node')) key += this.#node(node, nowUs)
    for (const group of database.domain('group')) key += this.#errorsOf(group, nowUs)
    return key
  }

  #task(task: TaskRow, nowUs: number): string {
    const { status, starts, restarts, phase, fired, alpha, deadlockedWith } = task
    const restarted = Math.min(restarts, Math.max(this.#restarts, this.#asks(OPCODES.RESTARTED) ? 1 : 0))
    const flags = [this.#asks(OPCODES.STARTED) && starts > 0, this.#asks(OPCODES.FIRED) && fired].map(Number).join('')
    const known = this.#asksStatus ? status : ''
    return `|${known} ${restarted} ${phase} ${flags} ${deadlockedWith.join()} ${this.#alpha(alpha, nowUs)} ${this.#errorsOf(task, nowUs)}`
  }

  #node(node: NodeRow, nowUs: number): string {
    const { status, reboots, reintegrated, alpha } = node
    const flags = [this.#asks(OPCODES.REBOOTED) && reboots > 0, this.#asks(OPCODES.REINTEGRATED) && reintegrated]
      .map(Number)
      .join('')
    return `|${this.#asksStatus ? status : ''} ${flags} ${this.#alpha(alpha, nowUs)} ${this.#errorsOf(node, nowUs)}`
  }

  /** Without a filter the score counts errors, and every fault is transient. */
  #alpha({ value, filter, errorUs }: AlphaCount, nowUs: number): string {
    const isFiltered = Number.isFinite(filter.threshold) && this.#asks(OPCODES.TRANSIENT)
    if (value === 0 || (!isFiltered && !this.#asks(OPCODES.STRALPHA))) return ''
    return filter.everyUs === undefined ? String(value) : `${value} ${nowUs - errorUs}`
  }

  #errorsOf({ errors }: Row, nowUs: number): string {
    if (errors.count === 0) return ''
    return errors.tallies
      .toSorted((a, b) => a.number - b.number)
      .map(({ code, count, open, atUs }) => {
        const elapsedMs = Math.min((nowUs - atUs) / 1000, this.#elapsedMs)
        return `${code} ${Math.min(count, this.#errors)} ${open > 0 ? 1 : 0} ${elapsedMs}`
      })
      .join()
  }

  #asks(opcode: number): boolean {
    return this.#asked.has(opcode)
  }
}
