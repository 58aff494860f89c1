/**
 * A record packs many operations of one gateway under one time.
 *
 *   format · generation · record number · wall time · service time · first position · (length · operation)*
 *
 * The time is fixed when the record opens, so that every operation in it, and every deadline that falls due with it, sees the
 * same time on every replay. The engine adds length, checksum and index around it.
 *
 * Boundary: bytes to data and back; a record knows neither engines nor machines.
 */
import { PerdureError } from '../errors.ts'
import { Reader, Writer } from './codec/codec.ts'

export const RECORD_FORMAT = 1

export interface RecordHeader {
  readonly generation: number
  /** Counts the records of this gateway in this generation, from 1. */
  readonly number: number
  readonly wallMs: number
  readonly serviceMs: number
  /** Position of the first operation. */
  readonly firstPosition: number
}

export class RecordWriter {
  readonly #writer = new Writer(64 * 1024)
  operations = 0

  get length(): number {
    return this.#writer.length
  }

  begin(header: RecordHeader): void {
    this.operations = 0
    const writer = this.#writer
    writer.reset()
    writer.u8(RECORD_FORMAT)
    writer.uint(header.generation)
    writer.uint(header.number)
    writer.f64(header.wallMs)
    writer.f64(header.serviceMs)
    writer.uint(header.firstPosition)
  }

  add(operation: Uint8Array): void {
    this.#writer.bytes(operation)
    this.operations += 1
  }

  /** The record's bytes; they belong to the caller. */
  seal(): Uint8Array {
    return this.#writer.take()
  }
}

/** Reads a record: its header, then each operation as a span of `bytes`. Throws `PERDURE_E_FORMAT` for a later format. */
export function readRecord(
  bytes: Uint8Array,
  operation: (from: number, to: number) => void,
  header: (header: RecordHeader) => void,
): void {
  const reader = new Reader(bytes)
  const format = reader.u8()
  if (format !== RECORD_FORMAT) {
    throw new PerdureError(
      'PERDURE_E_FORMAT',
      `A record of the log has format ${format}, this version of perdure knows format ${RECORD_FORMAT}. Open it with the version that wrote it, or a later one.`,
      { data: { found: format, known: RECORD_FORMAT } },
    )
  }
  header({
    generation: reader.uint(),
    number: reader.uint(),
    wallMs: reader.f64(),
    serviceMs: reader.f64(),
    firstPosition: reader.uint(),
  })
  while (reader.offset < bytes.length) {
    const length = reader.uint()
    const from = reader.offset
    reader.offset = from + length
    operation(from, from + length)
  }
}
