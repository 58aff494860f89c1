/**
 * `node scripts/check-acceptance.mjs [--all]`: fails when docs/acceptance.md claims what the last run did not show.
 *
 * Reads the results that `npm test` left; with `--all` also those of benches, simulation and CI checks, as .ci/run does.
 */
import { readFileSync } from 'node:fs'
import { checkAcceptance } from './acceptance.mjs'
import { readResults } from './results.mjs'

const words = process.argv.slice(2)
if (words.some((word) => word !== '--all')) {
  console.error('usage: node scripts/check-acceptance.mjs [--all]')
  process.exit(2)
}

const markdown = readFileSync(new URL('../docs/acceptance.md', import.meta.url), 'utf8')
const { rows, problems } = checkAcceptance(markdown, readResults(), { scope: words.length > 0 ? 'all' : 'tests' })
const open = rows.filter((row) => row.state !== 'ok')

for (const problem of problems) console.error(`docs/acceptance.md, ${problem}`)
for (const row of open) console.log(`not ok: ${row.id}: ${row.state}`)
console.log(`acceptance: ${rows.length} rows, ${rows.length - open.length} ok, ${open.length} open, ${problems.length} problems`)
if (problems.length > 0) process.exitCode = 1
