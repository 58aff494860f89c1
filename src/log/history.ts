/**
 * The log as people read it: entry by entry, who did what and when.
 *
 * Records know their index and entries their position, so a page that starts at some position has to find its record first, by
 * halving; a page says where the next one starts, so going on costs nothing.
 *
 * Boundary: reads what is durable; changes nothing, keeps nothing. What has been trimmed is said to be gone, with the position
 * from which on there is something.
 */
import { PerdureError } from '../errors.ts'
import { preview } from './codec/codec.ts'
import type { Log } from './log.ts'
import type { Caller } from './machine.ts'
import { readRecord } from './record.ts'
import type { Replica } from './replica.ts'

export interface ListedEntry {
  readonly position: number
  /** Log time of its record. */
  readonly wallMs: number
  readonly caller: Caller
  /** Name of the operation, as in `space.out`. */
  readonly operation: string
  /** Of its arguments. */
  readonly preview: string
}

/** Where a page starts: at the first entry from `position` on; `index` is the record to look in first, when known. */
export interface HistoryPlace {
  readonly position: number
  readonly index?: number
}

export interface HistoryPage {
  readonly entries: readonly ListedEntry[]
  /** Where to go on, now or when there is more. */
  readonly next: Required<HistoryPlace>
  /** True when there was nothing durable beyond this page. */
  readonly atEnd: boolean
}

/** What history is read from, and how far it is durable. */
export interface HistorySource {
  readonly log: Log
  readonly replica: Replica
  readonly durablePosition: number
}

/** With their previews these fit a frame. */
const MAX_PAGE = 1_000

/** Longer than a line of a terminal: a program that reads the previews has no width. */
const PREVIEW = 200

/** Fewer records than this are read faster one after the other than found. */
const NEAR = 32

/**
 * `['entries', [position, limit, index?]]` from a position on; `['added', [position, limit, index]]` the same, once record `index`
 * is there; `['last', [limit]]` the newest.
 */
export async function askHistory(source: HistorySource, question: string, args: readonly unknown[]): Promise<HistoryPage> {
  const [first, second, third] = args
  if (question === 'entries' && isCount(first) && isCount(second) && (third === undefined || isCount(third)))
    return page(source, { position: first, ...(third !== undefined && { index: third }) }, Math.min(second, MAX_PAGE))
  if (question === 'added' && isCount(first) && isCount(second) && isCount(third)) {
    await source.log.durable(third)
    return page(source, { position: first, index: third }, Math.min(second, MAX_PAGE))
  }
  if (question === 'last' && isCount(first)) return last(source, Math.min(first, MAX_PAGE))
  throw new PerdureError('PERDURE_E_PROTOCOL', `Nobody can answer the question log.${question} with these arguments.`)
}

async function page(source: HistorySource, from: HistoryPlace, limit: number): Promise<HistoryPage> {
  const end = endOf(source)
  const entries: ListedEntry[] = []
  await refuseTrimmed(source, from)
  let index = from.index ?? (await find(source, from.position, end.index))
  for await (const record of readTo(source, index, end.index)) {
    const found = entriesOf(source, record.bytes)
    const wanted = found.filter(({ position }) => position >= from.position).slice(0, limit - entries.length)
    entries.push(...wanted)
    const complete = wanted.at(-1) === found.at(-1) || found.every(({ position }) => position < from.position)
    index = complete ? record.index + 1 : record.index
    if (!complete || entries.length === limit) break
  }
  const position = (entries.at(-1)?.position ?? from.position - 1) + 1
  return { entries, next: { position, index }, atEnd: index > end.index }
}

async function last(source: HistorySource, limit: number): Promise<HistoryPage> {
  const end = endOf(source)
  const entries: ListedEntry[] = []
  for await (const { bytes } of readTo(source, Math.max(source.log.firstIndex, end.index - limit + 1), end.index)) {
    entries.push(...entriesOf(source, bytes))
    entries.splice(0, entries.length - limit)
  }
  return { entries, next: { position: end.position + 1, index: end.index + 1 }, atEnd: true }
}

/** The index of a record that begins at or before the position, and not many before the one that has it. */
async function find(source: HistorySource, position: number, end: number): Promise<number> {
  let low = source.log.firstIndex
  let high = end
  while (high - low > NEAR) {
    const middle = Math.floor((low + high) / 2)
    if ((await firstPositionOf(source, middle)) <= position) low = middle
    else high = middle
  }
  return low
}

async function refuseTrimmed(source: HistorySource, { position, index }: HistoryPlace): Promise<void> {
  const { firstIndex } = source.log
  if (firstIndex === 1 || (index !== undefined && index >= firstIndex)) return
  const first = await firstPositionOf(source, firstIndex)
  if (position >= first) return
  throw new PerdureError(
    'PERDURE_E_TRIMMED',
    `Position ${position} was asked for, but this log begins at position ${first}; earlier entries were trimmed. Start from ${first}.`,
    { data: { asked: position, first } },
  )
}

async function firstPositionOf(source: HistorySource, index: number): Promise<number> {
  let position = 0
  for await (const { bytes } of readTo(source, index, index)) {
    readRecord(
      bytes,
      () => undefined,
      (header) => {
        position = header.firstPosition
      },
    )
  }
  return position
}

/** The last durable record and the last position in it, of the same moment. */
function endOf({ log, durablePosition }: HistorySource): { index: number; position: number } {
  return { index: log.durableIndex, position: durablePosition }
}

async function* readTo({ log }: HistorySource, from: number, to: number): AsyncGenerator<{ index: number; bytes: Uint8Array }> {
  if (from > to) return
  for await (const record of log.read(from, { live: false })) {
    yield record
    if (record.index >= to) return
  }
}

function entriesOf({ replica }: HistorySource, bytes: Uint8Array): ListedEntry[] {
  const entries: ListedEntry[] = []
  let position = 0
  let wallMs = 0
  readRecord(
    bytes,
    (from, to) => {
      const { caller, name, args } = replica.decode(bytes, from, to)
      position += 1
      entries.push({ position, wallMs, caller, operation: name, preview: preview(args, PREVIEW) })
    },
    (header) => {
      // The opening of the record has the first position itself.
      position = header.firstPosition
      wallMs = header.wallMs
    },
  )
  return entries
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1
}
