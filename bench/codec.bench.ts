/**
 * What one write and one read of a typical value cost, beside JSON and v8.serialize in the same run.
 *
 * Not measured: the file or socket behind it, garbage collection under a full heap, and values that are written only once (the
 * strings of these are short and come again and again, as those of tuples do).
 */

import { deserialize, serialize } from 'node:v8'
import { copyValue, digest, equal, fingerprint, Reader, Writer } from '../src/log/codec/codec.ts'

const ROUNDS = 300_000
const REPEATS = 5

const VALUES: Readonly<Record<string, unknown>> = {
  'small tuple': ['task', 7, 'cat.png', 12.5],
  'flat object': { id: 4711, kind: 'order', paid: true, total: 99.5, customer: 'Ada' },
  'nested object': {
    order: {
      id: 17,
      items: [
        { name: 'tea', n: 2 },
        { name: 'pot', n: 1 },
      ],
    },
    by: 'Ada',
    tags: ['new', 'gift'],
  },
  '100 integers': Array.from({ length: 100 }, (_, i) => i * 37),
  'text of 200': 'The quick brown fox jumps over the lazy dog. '.repeat(5).slice(0, 200),
}

/** Nanoseconds per call, the best of several repeats: what disturbs a run only ever makes it slower. */
function cost(call: () => unknown): number {
  let best = Number.POSITIVE_INFINITY
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    const started = process.hrtime.bigint()
    for (let i = 0; i < ROUNDS; i += 1) call()
    best = Math.min(best, Number(process.hrtime.bigint() - started) / ROUNDS)
  }
  return Math.round(best)
}

function compare(value: unknown): Record<string, number> {
  const writer = new Writer()
  const write = () => {
    writer.reset()
    writer.value(value)
  }
  write()
  const bytes = writer.take()
  const json = JSON.stringify(value)
  const v8 = serialize(value)
  return {
    'write ns': cost(write),
    'read ns': cost(() => new Reader(bytes).value()),
    'copy ns': cost(() => copyValue(value)),
    'equal ns': cost(() => equal(value, structured)),
    'fingerprint ns': cost(() => fingerprint(value)),
    'digest ns': cost(() => digest(bytes, 0, bytes.length)),
    bytes: bytes.length,
    'JSON write': cost(() => Buffer.from(JSON.stringify(value))),
    'JSON read': cost(() => JSON.parse(json)),
    'v8 write': cost(() => serialize(value)),
    'v8 read': cost(() => deserialize(v8)),
  }
}

let structured: unknown
const rows: Record<string, Record<string, number>> = {}
for (const [name, value] of Object.entries(VALUES)) {
  structured = structuredClone(value)
  rows[name] = compare(value)
}
console.log(`node ${process.version}, ${process.arch}, best of ${REPEATS} times ${ROUNDS} calls`)
console.table(rows)
