/**
 * The reference of ariel, made from the tables by which the language is read, checked and run.
 *
 *     node --import tsx scripts/ariel-reference.ts     writes docs/ariel-reference.md
 *
 * A test compares the file with what this makes, so that no word is in the language without being in the reference.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ACTION_KINDS, QUERY_KINDS, STATUS_KINDS } from '../src/mechanisms/ariel/check-section.ts'
import { TIMEOUTS } from '../src/mechanisms/ariel/configure.ts'
import { CODES } from '../src/mechanisms/ariel/diagnostics.ts'
import { FORMS } from '../src/mechanisms/ariel/emit-form.ts'
import { FLAGS, type Keyword, PREFIXES, SPELLINGS, type WordClass, wordsOf } from '../src/mechanisms/ariel/keywords.ts'
import { ACTION_MEANINGS, meaningOf, QUERY_MEANINGS, STATUS_MEANINGS } from '../src/mechanisms/ariel/language-service-words.ts'
import type { Kind } from '../src/mechanisms/ariel/syntax.ts'
import { actionName } from '../src/support/backbone/effects.ts'
import { ERROR_CODES, NODE_STATUSES, TASK_STATUSES } from '../src/support/backbone/notification.ts'
import { isQuery, isTest } from '../src/support/backbone/program.ts'
import { OPCODES } from '../src/support/backbone/rcode.ts'

const FILE = fileURLToPath(new URL('../docs/ariel-reference.md', import.meta.url))

/** The first number of the opcodes that the classic interpreter did not have. */
const FIRST_OWN = 64

export function reference(): string {
  return [
    '# Reference of ariel\n',
    '<!-- Written by scripts/ariel-reference.ts: change that, or the tables of the code, not this file. -->\n',
    'Keywords ignore case. [ariel.md](ariel.md) is the way in; this page is for looking things up.\n',
    entities(),
    conditions(),
    actions(),
    configuration(),
    histories(),
    words(),
    opcodes(),
    diagnostics(),
    `## Output forms\n\n${table(
      ['form', 'file'],
      Object.entries(FORMS).map(([name, text]) => [code(name), text]),
    )}`,
  ].join('\n')
}

function entities(): string {
  const rows = Object.entries(PREFIXES).map(([letter, word]) => [
    code(`${letter}5`),
    code(`${word} 5`),
    code(`${word} {NAME}`),
    code(`${letter}*`),
  ])
  const intro = `How tasks, nodes and groups are named. A letter takes its number without a blank; \`{NAME}\` is a symbol of an included header.
In actions \`@1\` are those that fulfilled the first atom of the guard, \`~1\` the rest, \`T$1\` the task that it names.`
  return `## Entities\n\n${intro}\n\n${table(['short', 'long', 'by symbol', 'any'], rows)}`
}

function conditions(): string {
  const short = new Map(Object.entries(FLAGS).map(([flag, word]) => [word, `-${flag.toLowerCase()}`]))
  const status = Object.entries(STATUS_MEANINGS).map(([word, meaning]) => {
    const flag = short.get(word as keyof typeof STATUS_MEANINGS)
    return [
      code(flag === undefined ? word : `${word}, ${flag}`),
      kinds(STATUS_KINDS[word as keyof typeof STATUS_MEANINGS]),
      meaning,
    ]
  })
  const queries = Object.entries(QUERY_MEANINGS).map(([word, meaning]) => {
    const of =
      word in QUERY_KINDS ? kinds(QUERY_KINDS[word as keyof typeof QUERY_KINDS]) : word === 'VAL' ? 'variables' : 'two tasks'
    return [code(QUERY_FORMS[word as keyof typeof QUERY_MEANINGS]), of, meaning]
  })
  return `## Conditions\n\n${table(['condition', 'of', 'true when'], status)}\n${table(['query', 'of', 'value'], queries)}
Atoms are joined by \`AND\`, \`OR\` and \`NOT\`; \`AND\` and \`OR\` at one level need parentheses (A024). Comparisons: \`== != > >= < <=\`.
`
}

const QUERY_FORMS: Readonly<Record<keyof typeof QUERY_MEANINGS, string>> = {
  DEADLOCKED: 'DEADLOCKED T1 T2',
  ERRN: 'ERRN(e) >= 3',
  ERRT: 'ERRT(e) == 17',
  PHASE: 'PHASE(t) == 2',
  ALPHA: 'ALPHA(e) > 1.5',
  ELAPSED: 'ELAPSED(e) < 5 S',
  VAL: 'VAL(A) > 0',
}

function actions(): string {
  const rows = Object.entries(ACTION_MEANINGS).map(([word, meaning]) => {
    const of = word in ACTION_KINDS ? kinds(ACTION_KINDS[word as keyof typeof ACTION_KINDS]) : ''
    return [code(ACTION_FORMS[word] ?? `${word} e`), of, meaning]
  })
  return `## Actions\n\n${table(['action', 'of', 'effect'], rows)}
Any of them may be followed by \`AND WARN e\`, which tells \`e\` what was done to whom. A section may be an action.
`
}

const ACTION_FORMS: Readonly<Record<string, string>> = {
  SEND: 'SEND 7 e',
  ERR: 'ERR 17 e WARN f',
  REMOVE: 'REMOVE 17 e FROM ERRORLIST',
  CALL: 'CALL 3 (1, 2)',
  PAUSE: 'PAUSE 200 MS',
  LET: 'LET A = A + 1',
  LOG: 'LOG "text"',
}

function configuration(): string {
  const explained = (['statement', 'role', 'tool'] as const).flatMap((name) =>
    wordsOf(name).flatMap((word: Keyword): string[][] => {
      const meaning = meaningOf(word)
      return meaning === undefined ? [] : [[code(word), meaning]]
    }),
  )
  const timeouts = Object.entries(TIMEOUTS).map(([name, us]) => [code(name), `${us / 1000} ms`])
  return `## Configuration\n\nIt stands before the first section.\n\n${table(['word', 'meaning'], explained)}
Time-outs of the backbone. Without a unit a value is in microseconds; underscores and the last word may be left out.\n
${table(['time-out', 'default'], timeouts)}`
}

function histories(): string {
  const rows = [
    ['`{"at":120,"kind":"error","entity":"T5","code":12}`', 'an error, of any entity'],
    ['`{"at":150,"kind":"ok","entity":"T5"}`', 'a success; starts no pass'],
    ['`{"at":180,"kind":"phase","entity":"T5","value":3}`', 'what a task says of its progress'],
    ['`{"at":200,"kind":"heartbeat","entity":"T5"}`', 'a sign of life, for watchdogs; starts no pass'],
    [
      '`{"at":210,"kind":"status","entity":"T5","status":"running"}`',
      `of a task ${TASK_STATUSES.join(', ')}; of a node ${NODE_STATUSES.join(', ')}`,
    ],
    ['`{"at":220,"kind":"deadlock","entities":["T1","T2"]}`', 'these tasks wait for each other'],
    ['`{"at":900,"kind":"end"}`', 'time goes on until here'],
  ]
  const codes = Object.entries(ERROR_CODES).map(([name, number]) => [String(number), code(name)])
  return `## Histories\n\nOne notification a line, in the order of time; \`at\` in milliseconds.\n\n${table(['line', 'meaning'], rows)}
Codes of errors that the backbone reports itself; all others are yours.\n\n${table(['code', 'name'], codes)}`
}

function words(): string {
  const classes: readonly WordClass[] = [
    'statement',
    'role',
    'entity',
    'tool',
    'clause',
    'value',
    'section',
    'status',
    'query',
    'action',
    'part',
    'operator',
    'unit',
    'timeout',
  ]
  const rows = classes.map((name) => [name, wordsOf(name).map(code).join(' ')])
  const spellings = Object.entries(SPELLINGS).map(([spelling, word]) => [code(spelling), code(word)])
  return `## All words\n\n${table(['class', 'words'], rows)}\n${table(['also written', 'for'], spellings)}`
}

function opcodes(): string {
  const rows = Object.entries(OPCODES)
    .sort(([, a], [, b]) => a - b)
    .map(([name, number]) => [String(number), code(name), familyOf(number), number < FIRST_OWN ? 'classic' : ''])
  return `## Opcodes\n\nr-code is a list of triplets: opcode and two operands, each a 32-bit integer; -1 where there is none.\n\n${table(['no.', 'name', 'what', ''], rows)}`
}

function familyOf(opcode: number): string {
  if (isTest(opcode)) return 'condition'
  if (isQuery(opcode)) return 'query'
  return actionName(opcode) === undefined ? '' : 'action'
}

function diagnostics(): string {
  const rows = Object.entries(CODES).map(([name, meaning]) => [`[${name}](ariel-errors.md#${anchorOf(name, meaning)})`, meaning])
  return `## Diagnostics\n\n${table(['code', 'meaning'], rows)}`
}

/** As forges make anchors of headings. */
export function anchorOf(name: string, meaning: string): string {
  return `${name} ${meaning}`
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

function kinds(all: readonly Kind[]): string {
  return all
    .filter((kind) => kind !== 'any')
    .map((kind) => `${kind}s`)
    .join(', ')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('')
}

function code(text: string): string {
  return `\`${text}\``
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, reference())
