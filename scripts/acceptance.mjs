/**
 * Compares the acceptance tables with what the last run showed. Pure: text and results in, problems out.
 *
 * A row says which demand it is, in short what is demanded, which tests or measurements show it, and its state. A row of state
 * `ok` must name at least one piece of evidence, and each must have run and passed; a row of state `open: why` must say why.
 * The grammar of the tables stands at the head of docs/acceptance.md.
 */

/** @typedef {import('./results.mjs').Results} Results */
/** @typedef {{ id: string, demand: string, evidence: string[], state: string, line: number }} Row */
/** @typedef {{ rows: Row[], problems: string[] }} Table */

const HEADINGS = ['id', 'demand', 'shown by', 'state']

/** Evidence that takes longer than `npm test` and is only there after .ci/run. */
const LONG = /^(bench|sim|ci): \S|^test\/faults\/|\/mutants\.test\.ts › /

const TEST = /^\S+\.test\.ts › \S/

/**
 * Everything that is wrong, one sentence each, empty when nothing is.
 * @param {string} markdown
 * @param {Results} results
 * @param {{ scope: 'tests' | 'all' }} options `tests` leaves the results of benches, simulation and CI checks aside
 * @returns {{ rows: Row[], problems: string[] }}
 */
export function checkAcceptance(markdown, results, { scope }) {
  const { rows, problems } = readRows(markdown)
  if (rows.length === 0) problems.push('there is no row: expected tables with the columns | id | demand | shown by | state |')
  const seen = new Set()
  for (const row of rows) {
    if (seen.has(row.id)) problems.push(`line ${row.line}: the id "${row.id}" stands twice`)
    seen.add(row.id)
    for (const problem of rowProblems(row, results, scope)) problems.push(`line ${row.line}: ${row.id}: ${problem}`)
  }
  return { rows, problems }
}

/**
 * @param {string} markdown
 * @returns {Table}
 */
function readRows(markdown) {
  /** @type {Table} */
  const table = { rows: [], problems: [] }
  let inTable = false
  let inFence = false
  markdown.split(/\r?\n/).forEach((text, index) => {
    if (/^\s*(```|~~~)/.test(text)) inFence = !inFence
    const cells = inFence ? undefined : cellsOf(text)
    if (cells === undefined) {
      inTable = false
    } else if (cells.join('|').toLowerCase() === HEADINGS.join('|')) {
      inTable = true
    } else if (inTable && !cells.every((cell) => /^:?-+:?$/.test(cell))) {
      addRow(table, cells, index + 1)
    }
  })
  return table
}

/**
 * @param {Table} table
 * @param {string[]} cells
 * @param {number} line
 */
function addRow(table, cells, line) {
  const [id, demand, shownBy, state] = cells
  if (
    cells.length !== HEADINGS.length ||
    id === undefined ||
    demand === undefined ||
    shownBy === undefined ||
    state === undefined
  ) {
    table.problems.push(`line ${line}: ${cells.length} cells, expected ${HEADINGS.length} (write a bar inside a cell as \\|)`)
    return
  }
  const evidence = shownBy.split(/<br\s*\/?>/).map(withoutQuotes)
  table.rows.push({ id, demand, evidence: evidence.filter((name) => name !== '' && name !== '-'), state, line })
}

/**
 * The cells of a table line, or undefined when it is none. A bar is written `\|` inside a cell.
 * @param {string} text
 */
function cellsOf(text) {
  const line = text.trim()
  if (!line.startsWith('|') || !line.endsWith('|') || line.length < 2) return undefined
  const cells = line.slice(1, -1).split(/(?<!\\)\|/)
  return cells.map((cell) => cell.replaceAll('\\|', '|').trim())
}

/**
 * Evidence may be set as code, so that stars and underlines in a title stay what they are.
 * @param {string} text
 */
function withoutQuotes(text) {
  const name = text.trim()
  const [, fence, quoted] = /^(`+)(.*)\1$/.exec(name) ?? []
  return fence && quoted !== undefined ? quoted.trim() : name
}

/**
 * @param {Row} row
 * @param {Results} results
 * @param {'tests' | 'all'} scope
 * @returns {string[]}
 */
function rowProblems(row, results, scope) {
  const problems = []
  if (row.id === '') problems.push('the id is empty')
  if (row.demand === '') problems.push('the demand is empty')
  for (const name of row.evidence) {
    if (!LONG.test(name) && !TEST.test(name)) {
      problems.push(`"${name}" names no evidence: expected "path.test.ts › title", "bench: NAME", "sim: NAME" or "ci: NAME"`)
    }
  }
  if (/^open: *\S/.test(row.state)) return problems
  if (row.state !== 'ok') return [...problems, `the state is "${row.state}", expected "ok" or "open: why"`]
  if (row.evidence.length === 0) problems.push('the state is ok, but nothing is named that shows it')
  for (const name of row.evidence) {
    if (LONG.test(name) ? scope === 'all' : TEST.test(name)) problems.push(...evidenceProblems(name, results))
  }
  return problems
}

/**
 * @param {string} name
 * @param {Results} results
 * @returns {string[]}
 */
function evidenceProblems(name, results) {
  const state = Object.hasOwn(results, name) ? results[name] : undefined
  if (state === 'passed') return []
  if (state !== undefined) return [`"${name}" ${state === 'failed' ? 'failed' : 'was skipped'}`]
  const [file, title] = name.split(' › ')
  if (title === undefined) return [`"${name}" has no result: it does not exist or did not run`]
  const ran = Object.keys(results).some((other) => other.startsWith(`${file} › `))
  return [ran ? `"${title}" is no test of ${file}` : `${file} does not exist or did not run ("${title}")`]
}
