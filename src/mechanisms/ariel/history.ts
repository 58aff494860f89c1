/**
 * Recorded histories (SPEC 5.3, 11): one notification a line as JSON, in the order of time, for dry runs, tests and incidents.
 *
 * Boundary: pure: text in, notifications out. `PERDURE_E_HISTORY` names the first line that does not fit, so that nothing of a history
 * that was misread is replayed.
 */
import { PerdureError } from '../../errors.ts'
import { type EntityName, readName } from '../../support/backbone/entity.ts'
import {
  MAX_DEADLOCKED,
  NODE_STATUSES,
  type NodeStatus,
  type Notification,
  TASK_STATUSES,
  type TaskStatus,
} from '../../support/backbone/notification.ts'

/** In milliseconds: the year 2255, so that microseconds are exact numbers. */
const MAX_AT_MS = 9e12

/** Successes in one record: far more than anybody counts between two. */
const MAX_SUCCESSES = 1_000_000_000

const MIN_INTEGER = -(2 ** 31)
const MAX_INTEGER = 2 ** 31 - 1

export type HistoryEvent = Notification | { readonly kind: 'end'; readonly atUs: number }

export type History = readonly HistoryEvent[]

type Fields = Readonly<Record<string, unknown>>

/** Blank lines are passed over, and fields that nobody asks for. */
export function readHistory(text: string): History {
  const reader = new Reader()
  let line = 0
  for (const written of text.replace(/^\uFEFF/, '').split('\n')) {
    line += 1
    if (written.trim() !== '') reader.next(written, line)
  }
  return reader.events
}

/** One line, of a time that its reader knows: an `at` in it is passed over. `line` is its number, for the refusal. */
export function readEvent(written: string, { line, atUs }: { readonly line: number; readonly atUs: number }): HistoryEvent {
  return new Reader().read(written, line, atUs)
}

class Reader {
  readonly events: HistoryEvent[] = []
  /** Entities by how they are written: a history names few, many times. */
  readonly #names = new Map<string, EntityName>()
  #line = 0
  #atUs = 0
  #ended = false

  next(written: string, line: number): void {
    this.#line = line
    const fields = this.#parse(written)
    if (this.#ended) this.#refuse('something follows the `end`', 'nothing after it')
    const atUs = this.#time(fields)
    const event = this.#event(fields, atUs)
    this.#atUs = atUs
    this.#ended = event.kind === 'end'
    this.events.push(event)
  }

  read(written: string, line: number, atUs: number): HistoryEvent {
    this.#line = line
    return this.#event(this.#parse(written), atUs)
  }

  #parse(written: string): Fields {
    let value: unknown
    try {
      value = JSON.parse(written)
    } catch (cause) {
      this.#refuse('the line is no JSON', 'an object such as {"at":120,"kind":"error","entity":"T5","code":12}', cause)
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
    this.#refuse(`the line is ${shown(value)}`, 'an object such as {"at":120,"kind":"error","entity":"T5","code":12}')
  }

  #time({ at }: Fields): number {
    if (typeof at !== 'number' || !(at >= 0 && at <= MAX_AT_MS)) {
      this.#refuse(`"at" is ${shown(at)}`, `milliseconds from 0 to ${MAX_AT_MS}`)
    }
    const atUs = Math.round(at * 1000)
    if (atUs < this.#atUs) this.#refuse(`time goes back to ${at}`, `no less than ${this.#atUs / 1000}, as in the line before`)
    return atUs
  }

  #event(fields: Fields, atUs: number): HistoryEvent {
    const { kind } = fields
    switch (kind) {
      case 'error':
        return { kind, atUs, entity: this.#entity(fields), code: this.#integer(fields, 'code'), ...this.#successes(fields) }
      case 'ok':
        return { kind, atUs, entity: this.#entity(fields), ...this.#successes(fields) }
      case 'phase':
        return { kind, atUs, entity: this.#task(fields), value: this.#integer(fields, 'value'), ...this.#successes(fields) }
      case 'heartbeat':
        return { kind, atUs, entity: this.#task(fields), ...this.#successes(fields) }
      case 'status': {
        const entity = this.#entity(fields)
        return { kind, atUs, entity, status: this.#status(fields, entity), ...this.#successes(fields) }
      }
      case 'deadlock':
        return { kind, atUs, entities: this.#tasks(fields) }
      case 'end':
        return { kind, atUs }
      default:
        this.#refuse(`"kind" is ${shown(kind)}`, 'error, ok, phase, status, heartbeat, deadlock or end')
    }
  }

  #entity({ entity }: Fields): EntityName {
    return this.#name(entity, '"entity"')
  }

  #task(fields: Fields): EntityName {
    const entity = this.#entity(fields)
    if (entity.kind === 'task') return entity
    this.#refuse(`"entity" is ${shown(fields.entity)}`, `a task, such as "T5", in a line of kind ${fields.kind}`)
  }

  #tasks({ entities }: Fields): readonly EntityName[] {
    const expected = `a list of 2 to ${MAX_DEADLOCKED} different tasks, such as ["T1","T2"]`
    if (!Array.isArray(entities) || entities.length < 2 || entities.length > MAX_DEADLOCKED) {
      this.#refuse(`"entities" is ${shown(entities)}`, expected)
    }
    const names = entities.map((entity) => this.#name(entity, 'one of "entities"'))
    if (names.some(({ kind }) => kind !== 'task') || new Set(names).size < names.length) {
      this.#refuse(`"entities" is ${shown(entities)}`, expected)
    }
    return names
  }

  #name(written: unknown, where: string): EntityName {
    const known = typeof written === 'string' ? (this.#names.get(written) ?? readName(written)) : undefined
    if (known === undefined)
      this.#refuse(`${where} is ${shown(written)}`, 'the name of a task, node or group, such as "T5", "N2" or "G3"')
    this.#names.set(written as string, known)
    return known
  }

  #status({ status }: Fields, { kind }: EntityName): TaskStatus | NodeStatus {
    if (kind === 'group') this.#refuse('a group has no status of its own', 'a task or a node')
    const words: readonly string[] = kind === 'task' ? TASK_STATUSES : NODE_STATUSES
    if (typeof status === 'string' && words.includes(status)) return status as TaskStatus | NodeStatus
    this.#refuse(`"status" is ${shown(status)}`, `for a ${kind} one of ${words.join(', ')}`)
  }

  #integer(fields: Fields, name: string): number {
    const value = fields[name]
    if (Number.isInteger(value) && (value as number) >= MIN_INTEGER && (value as number) <= MAX_INTEGER) return value as number
    this.#refuse(`"${name}" is ${shown(value)}`, `an integer from ${MIN_INTEGER} to ${MAX_INTEGER}`)
  }

  #successes({ successes }: Fields): { readonly successes?: number } {
    if (successes === undefined) return {}
    if (Number.isInteger(successes) && (successes as number) >= 0 && (successes as number) <= MAX_SUCCESSES) {
      return { successes: successes as number }
    }
    this.#refuse(`"successes" is ${shown(successes)}`, `an integer from 0 to ${MAX_SUCCESSES}`)
  }

  #refuse(found: string, expected: string, cause?: unknown): never {
    throw new PerdureError('PERDURE_E_HISTORY', `Line ${this.#line} of the history: ${found}; expected ${expected}.`, {
      data: { line: this.#line },
      ...(cause !== undefined && { cause }),
    })
  }
}

/** What was found, in a few words. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
