/**
 * Owns a folder and writes what it is told; says when it is durable. `{ do: 'put', from, to }`, `{ do: 'burst', count, bytes }`.
 * A second word is a number of bytes after which a segment is full and a snapshot due.
 */
import { open, space } from 'perdure'
import { obey, say } from './orders.mjs'

const bytes = Number(process.argv[3] ?? 0)
const site = await open(process.argv[2], bytes > 0 ? { sizes: { segmentBytes: bytes, grownBytes: bytes } } : {})
const jobs = await space(site, 'jobs')

obey({
  /** One after the other: each tuple has a record and a commit of its own. */
  async put({ from, to }) {
    for (let n = from; n <= to; n += 1) await jobs.out(['own', `t${n}`, n])
    say('put', { to })
  },
  /** Each tuple takes the place of the one before. */
  async exchange({ from, to }) {
    for (let n = from; n <= to; n += 1) {
      await jobs.out(['own', `t${n}`, n])
      if (n > 1) await jobs.in(['own', `t${n - 1}`, Number])
    }
    say('exchanged', { to })
  },
  /** All at once, and more than fits a record: the records that gather meanwhile share a commit. */
  async burst({ count, bytes: each }) {
    await Promise.all(Array.from({ length: count }, (_, n) => jobs.out(['big', n, new Uint8Array(each).fill(n)])))
    say('burst')
  },
})
say('open')
