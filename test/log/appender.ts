/**
 * A process that opens a folder, says so, and appends until it is killed: `node --import tsx appender.ts FOLDER`.
 * It prints `open GENERATION` and then, after each commit, `durable INDEX`.
 */
import { writeSync } from 'node:fs'
import { systemClock } from '../../src/clock.ts'
import { openFolder } from '../../src/log/engines/folder.ts'

const folder = process.argv[2] as string
const log = await openFolder(folder, systemClock, { segmentBytes: 64 * 1024 })
writeSync(1, `open ${log.generation}\n`)
log.watch({
  advanced: (index) => writeSync(1, `durable ${index}\n`),
  failed: (error) => writeSync(1, `failed ${error.message}\n`),
})
for (;;) {
  for (let count = 0; count <= log.lastIndex % 7; count += 1) {
    const index = log.lastIndex + 1
    log.append(new Uint8Array(20 + (index % 300)).fill(index % 256))
  }
  await log.durable(log.lastIndex)
}
