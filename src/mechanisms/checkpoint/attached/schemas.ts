/**
 * The operations of attached members, each with its number in the log, what it takes and what it answers: the table from which the machine
 * reads bodies, the HTTP handler serves them, and the OpenAPI document is made.
 *
 * Boundary: data. The types are in `protocol.ts`.
 */
import { MAX_MEMBERS } from '../protocol.ts'
import { MAX_EDGES } from './protocol.ts'
import { objectOf, type Schema } from './schema.ts'

export type OperationName =
  | 'create'
  | 'delete'
  | 'attach'
  | 'detach'
  | 'check'
  | 'report'
  | 'halted'
  | 'wait'
  | 'unavailable'
  | 'recover'

export interface OperationEntry {
  /** Its number in the log format; once released, never reused. */
  readonly code: number
  readonly summary: string
  readonly body: Schema
  readonly answer: Schema
}

/** Intervals, epochs, numbers of edges: a checkpoint a millisecond for 24 days. */
const MAX_COUNT = 2 ** 31 - 2
/** Milliseconds of a long poll. */
const MAX_WAIT_MS = 30_000
const MAX_MESSAGE = 200
const MAX_CALLBACK = 2_000
/** Recoveries that a member is told of at once; one that has missed more has nothing left to lose. */
export const LINES_KEPT = 64

const COUNT: Schema = { type: 'integer', minimum: 0, maximum: MAX_COUNT }
const PLACE: Schema = { type: 'integer', minimum: 0, maximum: MAX_MEMBERS - 1 }
const NAME: Schema = { type: 'string', minLength: 1, maxLength: 100, pattern: '^[A-Za-z0-9_-][A-Za-z0-9._-]*$' }
const EDGES: Schema = { type: 'array', items: tupleOf(5), maxItems: MAX_EDGES }
const NEEDS: Schema = { type: 'array', items: tupleOf(2), maxItems: MAX_MEMBERS }
const NAMES: Schema = { type: 'array', items: { anyOf: [NAME, { type: 'null' }] }, maxItems: MAX_MEMBERS }
const STATUS: Schema = { type: 'string', enum: ['ok', 'stale', 'halt'] }
const YES: Schema = { type: 'boolean' }

const OF = { context: NAME, member: NAME, incarnation: COUNT, epoch: COUNT }
const REPORT = { ...OF, index: COUNT, edges: EDGES, needs: NEEDS }
const ANSWER = { status: STATUS, epoch: COUNT, floor: COUNT, unknown: NEEDS }
const ORDER: Schema = objectOf(
  {
    do: { type: 'string', enum: ['nothing', 'save', 'halt', 'resume', 'rollback'] },
    epoch: COUNT,
    floor: COUNT,
    names: NAMES,
    lines: {
      type: 'array',
      // A pair of an epoch and a line by place.
      items: {
        type: 'array',
        items: { anyOf: [COUNT, { type: 'array', items: { anyOf: [COUNT, { type: 'null' }] }, maxItems: MAX_MEMBERS }] },
        minItems: 2,
        maxItems: 2,
      },
      maxItems: LINES_KEPT,
    },
    index: COUNT,
  },
  ['lines', 'index'],
)
const LINE: Schema = {
  type: 'object',
  additionalProperties: { anyOf: [COUNT, { type: 'string', enum: ['current'] }] },
}

export const OPERATIONS: Readonly<Record<OperationName, OperationEntry>> = {
  create: {
    code: 140,
    summary: 'Makes a context: a group of objects (ContextCreate). Again: nothing.',
    body: objectOf({ context: NAME }),
    answer: YES,
  },
  delete: {
    code: 141,
    summary: 'Ends a context (ContextDelete). False: there was none.',
    body: objectOf({ context: NAME }),
    answer: YES,
  },
  attach: {
    code: 142,
    summary: 'A proxy begins to work (Register). A known name is its recovery, and replaces the proxy before.',
    body: objectOf(
      {
        context: NAME,
        member: NAME,
        boot: { type: 'string', minLength: 1, maxLength: MAX_MESSAGE },
        epoch: COUNT,
        index: { type: 'integer', minimum: -1, maximum: MAX_COUNT },
        edges: EDGES,
        callback: { type: 'string', maxLength: MAX_CALLBACK, pattern: '^http://' },
      },
      ['callback'],
    ),
    answer: objectOf({ place: PLACE, incarnation: COUNT, order: ORDER }),
  },
  detach: {
    code: 143,
    summary: 'A member leaves (Deregister), once nothing it has done can be undone any more.',
    body: objectOf(OF),
    answer: YES,
  },
  check: {
    code: 144,
    summary: 'A message was received: does a checkpoint have to be taken before it is processed (Check)?',
    body: objectOf({
      ...REPORT,
      message: { type: 'string', minLength: 1, maxLength: MAX_MESSAGE },
      from: PLACE,
      sentEpoch: COUNT,
      sent: COUNT,
      interval: COUNT,
    }),
    answer: objectOf({ ...ANSWER, force: YES }),
  },
  report: {
    code: 145,
    summary: 'Checkpoints taken and edges accepted without a question (CheckpointNow).',
    body: objectOf(REPORT),
    answer: objectOf(ANSWER),
  },
  halted: {
    code: 146,
    summary: 'A member that was told to halt has, and this is all it has done.',
    body: objectOf(REPORT),
    answer: objectOf(ANSWER),
  },
  wait: {
    code: 147,
    summary: 'Waits for an order, the callback Recover as a long poll.',
    // Null: until there is an order.
    body: objectOf({ ...OF, waitMs: { anyOf: [{ type: 'integer', minimum: 0, maximum: MAX_WAIT_MS }, { type: 'null' }] } }),
    answer: ORDER,
  },
  unavailable: {
    code: 148,
    summary: 'The checkpoint to go back to cannot be read or restored: the group goes back to the next lower line.',
    body: objectOf({ ...OF, index: COUNT }),
    answer: YES,
  },
  recover: {
    code: 149,
    summary: 'These members have failed: the group goes back to its recovery line.',
    body: objectOf({ context: NAME, failed: { type: 'array', items: NAME, minItems: 1, maxItems: MAX_MEMBERS } }),
    answer: objectOf({ epoch: COUNT, line: LINE }),
  },
}

function tupleOf(length: number): Schema {
  return { type: 'array', items: COUNT, minItems: length, maxItems: length }
}
