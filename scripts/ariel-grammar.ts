/**
 * Colours of ariel for editors: a TextMate grammar, made from the table of words by which the scanner reads.
 *
 *     node --import tsx scripts/ariel-grammar.ts     writes editors/vscode/syntaxes/ariel.tmLanguage.json
 *
 * A test compares the file with what this makes, so that no word is in the language without being in the editor.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { FLAGS, PREFIXES, SPELLINGS, type WordClass, wordsOf } from '../src/mechanisms/ariel/keywords.ts'

const FILE = fileURLToPath(new URL('../editors/vscode/syntaxes/ariel.tmLanguage.json', import.meta.url))

/** Names by which colour themes know a kind of word. */
const SCOPES: Readonly<Record<WordClass, string>> = {
  statement: 'keyword.other.statement',
  role: 'constant.language.role',
  entity: 'storage.type.entity',
  tool: 'keyword.control.tool',
  clause: 'keyword.other.clause',
  value: 'constant.language',
  section: 'keyword.control.section',
  status: 'support.function.condition',
  query: 'support.function.query',
  action: 'keyword.other.action',
  part: 'keyword.other.part',
  operator: 'keyword.operator.word',
  unit: 'keyword.other.unit',
  timeout: 'support.variable.timeout',
}

interface Rule {
  readonly name: string
  readonly match: string
}

export function grammar(): object {
  return {
    information: 'Written by scripts/ariel-grammar.ts: change that, or the table of words, not this file.',
    name: 'ariel',
    scopeName: 'source.ariel',
    patterns: [
      { name: 'comment.line.number-sign.ariel', match: '#.*$' },
      { name: 'string.quoted.double.ariel', match: '"[^"\\r\\n]*"?' },
      { name: 'string.quoted.single.ariel', match: "'[^'\\r\\n]*'?" },
      { name: 'constant.other.symbol.ariel', match: '\\{[^}\\r\\n]*\\}?' },
      ...entityRules(),
      ...Object.entries(SCOPES).map(([name, scope]) => wordRule(name as WordClass, scope)),
      ...flagRules(),
      { name: 'variable.other.ariel', match: '(?i)\\b[A-Z]\\b' },
      // Also glued to a letter: `T5`.
      { name: 'constant.numeric.ariel', match: '[0-9]+(?:\\.[0-9]+)?' },
      { name: 'variable.language.reference.ariel', match: '\\$(?:\\$|[0-9]+)|[@~](?:[@~]|[0-9]+)?' },
      { name: 'keyword.operator.ariel', match: '&&|\\|\\||==|!=|>=|<=|[<>!=+*/-]' },
    ],
  }
}

/** `T5`, `TASK5`, `T{PUMP}`, `N*`: the letter or word, glued to what says which (SPEC 2.1). */
function entityRules(): Rule[] {
  const letters = Object.keys(PREFIXES).join('')
  const words = [...new Set([...Object.values(PREFIXES), 'TASKS'])].sort(longestFirst).join('|')
  return [{ name: 'storage.type.entity.ariel', match: `(?i)\\b(?:[${letters}]|${words})(?=[0-9{*$@~"'])` }]
}

function wordRule(name: WordClass, scope: string): Rule {
  const words: readonly string[] = wordsOf(name)
  const spellings = Object.keys(SPELLINGS).filter((spelling) => words.includes(SPELLINGS[spelling] as string))
  const patterns = name === 'timeout' ? words.map(timeoutPattern) : [...words, ...spellings].sort(longestFirst)
  return { name: `${scope}.ariel`, match: `(?i)(?<![\\w-])(?:${patterns.join('|')})(?!\\w)` }
}

/** SPEC 3: underscores and the final word may be left out. */
function timeoutPattern(word: string): string {
  return `${word.replace(/_?TIMEOUT$/, '').replaceAll('_', '_?')}(?:_?TIMEOUT)?`
}

/** `-f`, where a condition can stand. */
function flagRules(): Rule[] {
  const flags = Object.keys(FLAGS).sort(longestFirst).join('|')
  return [{ name: 'support.function.condition.ariel', match: `(?i)(?<=[\\s(\\[!|&])-(?:${flags})(?!\\w)` }]
}

/** A shorter word must not hide a longer one that it begins. */
function longestFirst(a: string, b: string): number {
  return b.length - a.length || (a < b ? -1 : 1)
}

export function grammarText(): string {
  return `${JSON.stringify(grammar(), undefined, 2)}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, grammarText())
