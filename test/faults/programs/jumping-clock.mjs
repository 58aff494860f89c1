/**
 * The system's clock as this process and its threads see it, put forward and back by whoever writes a number of milliseconds into
 * the file that PERDURE_TEST_CLOCK names. Time that only grows (`performance.now`) is left alone, as it is when somebody sets the clock.
 *
 * Preloaded with `--import`, which worker processes inherit.
 */
import { readFileSync } from 'node:fs'

const file = process.env.PERDURE_TEST_CLOCK
const systemNow = Date.now.bind(Date)

function jumpedMs() {
  if (file === undefined) return 0
  return Number(readFileSync(file, 'utf8'))
}

Date.now = () => systemNow() + jumpedMs()
