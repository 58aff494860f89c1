/** The extension for Visual Studio Code: nothing in it is another language than the scanner's. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { grammar, grammarText } from '../../scripts/ariel-grammar.ts'
import { Reports, Source } from '../../src/mechanisms/ariel/diagnostics.ts'
import { ALL_SPELLINGS } from '../../src/mechanisms/ariel/keywords.ts'
import { scan, type Token } from '../../src/mechanisms/ariel/scanner.ts'
import { examples } from '../mechanisms/ariel/translate.ts'

const FOLDER = fileURLToPath(new URL('../../editors/vscode/', import.meta.url))
/** Declared by the extension, not by this package. */
const CLIENT = 'vscode-languageclient/node'
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8')

interface Colour {
  readonly start: number
  readonly end: number
  readonly name: string
}

const rules = (grammar() as { patterns: { name: string; match: string }[] }).patterns.map(({ name, match }) => ({
  name,
  pattern: new RegExp(match.replace('(?i)', ''), match.startsWith('(?i)') ? 'gim' : 'gm'),
}))

/** As editors do: the earliest match wins, of several the first rule. */
function coloured(text: string): Colour[] {
  const found: Colour[] = []
  let at = 0
  for (;;) {
    let best: Colour | undefined
    for (const { name, pattern } of rules) {
      pattern.lastIndex = at
      const match = pattern.exec(text)
      if (match !== null && (best === undefined || match.index < best.start)) {
        best = { start: match.index, end: match.index + match[0].length, name }
      }
    }
    if (best === undefined) return found
    found.push(best)
    at = best.end
  }
}

/** The kind of colour that a word of the scanner must have. */
function expectedOf({ kind }: Token): RegExp | undefined {
  switch (kind) {
    case 'keyword':
      return /^(?:keyword|storage|support|constant\.language)/
    case 'string':
      return /^string/
    case 'symbol':
      return /^constant\.other\.symbol/
    case 'integer':
    case 'real':
      return /^constant\.numeric/
    case 'reference':
      return /^variable\.language/
    default:
      return undefined
  }
}

function wrong(text: string): string[] {
  const source = new Source(text)
  const { tokens, comments } = scan(source, new Reports(source))
  const colours = new Map(coloured(text).map((colour) => [colour.start, colour]))
  const words = tokens.filter((token) => {
    const expected = expectedOf(token)
    const colour = colours.get(token.start)
    return expected !== undefined && !(colour !== undefined && expected.test(colour.name) && colour.end === token.end)
  })
  const notes = comments.filter(({ start, end }) => colours.get(start)?.end !== end)
  return [...words, ...notes].map(({ start, end }) => text.slice(start, end))
}

describe('the grammar', () => {
  test('is what the table of words makes: else run node --import tsx scripts/ariel-grammar.ts', () => {
    expect(read('syntaxes/ariel.tmLanguage.json')).toBe(grammarText())
  })

  test.each(examples())('colours every word of $name as the scanner reads it', ({ text }) => {
    expect(wrong(text)).toEqual([])
  })

  test('colours every spelling of every word, in any case', () => {
    // A unit stands behind a number, since a lone S is a variable.
    const text = ALL_SPELLINGS.map((word) => (word === 'S' ? '5 S' : `${word} ${word.toLowerCase()}`)).join('\n')
    expect(wrong(text)).toEqual([])
  })

  test('colours what is glued together, and the short forms of conditions', () => {
    expect(
      wrong('T5 TASK5 n3 G{X} L* T$1 N$$ @1 ~~ TASK@2 T~1 "a # b" \'{x}\' # "c"\nMIASEND = 1.5 IMALIVE_CLEAR_TIMEOUT'),
    ).toEqual([])
    const flags = coloured('[-f T1 && -rei N1] A -f').filter(({ name }) => name.includes('condition'))
    expect(flags.map(({ start }) => start)).toEqual([1, 10, 21])
  })
})

describe('the extension', () => {
  test('names only files that are there', () => {
    const manifest = JSON.parse(read('package.json'))
    const { languages, grammars } = manifest.contributes
    for (const name of [manifest.main, languages[0].configuration, grammars[0].path]) expect(read(name).length).toBeGreaterThan(0)
    expect(grammars[0].scopeName).toBe(JSON.parse(read('syntaxes/ariel.tmLanguage.json')).scopeName)
    expect(languages[0].extensions).toEqual(['.ariel'])
  })

  test('indents what begins a block, and what ends one back', () => {
    const { indentationRules, wordPattern } = JSON.parse(read('language-configuration.json'))
    const increase = new RegExp(indentationRules.increaseIndentPattern.pattern, indentationRules.increaseIndentPattern.flags)
    const decrease = new RegExp(indentationRules.decreaseIndentPattern.pattern, indentationRules.decreaseIndentPattern.flags)
    for (const line of ['THEN', '  else', 'WATCHDOG TASK 1 WATCHES TASK 2', 'n-version task 7']) expect(line).toMatch(increase)
    for (const line of ['IF [ FAULTY T1 ] ', 'THEN STOP T1 FI', 'BARRIER 1 GROUP 2 END BARRIER'])
      expect(line).not.toMatch(increase)
    for (const line of ['FI', ' elif [ FAULTY T1 ]', 'END WATCHDOG']) expect(line).toMatch(decrease)
    expect('N-VERSION'.match(new RegExp(wordPattern))?.[0]).toBe('N-VERSION')
  })

  test('starts the command of its settings in the open folder, and stops it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'perdure-vscode-test-'))
    try {
      // The editor's own modules, as far as the client calls them.
      const modules = join(folder, 'node_modules')
      mkdirSync(join(modules, 'vscode'), { recursive: true })
      mkdirSync(join(modules, 'vscode-languageclient'), { recursive: true })
      const { default: command } = JSON.parse(read('package.json')).contributes.configuration.properties['ariel.command']
      writeFileSync(
        join(modules, 'vscode', 'index.js'),
        `exports.workspace = {
          getConfiguration: () => ({ get: () => ${JSON.stringify(command)} }),
          workspaceFolders: [{ uri: { fsPath: '/plant' } }],
          createFileSystemWatcher: (pattern) => pattern,
        }`,
      )
      writeFileSync(
        join(modules, 'vscode-languageclient', 'node.js'),
        `exports.done = []
        exports.LanguageClient = class {
          constructor(...made) { exports.done.push(made) }
          async start() { exports.done.push('started') }
          async stop() { exports.done.push('stopped') }
        }`,
      )
      const extension = join(folder, 'extension.cjs')
      cpSync(join(FOLDER, 'extension.cjs'), extension)
      const require = createRequire(extension)
      const { activate, deactivate } = require(extension)
      await activate()
      await deactivate()
      const [made, ...after] = require(CLIENT).done
      expect(made[2]).toMatchObject({
        command: 'npx',
        args: ['--no-install', 'perdure', 'ariel', 'lsp'],
        options: { cwd: '/plant' },
      })
      expect(made[3].documentSelector).toEqual([{ language: 'ariel' }])
      expect(after).toEqual(['started', 'stopped'])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
