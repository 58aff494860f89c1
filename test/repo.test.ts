/**
 * The repository keeps its own promises: what package.json exports is built, what fails is documented, what is linked exists.
 *
 * `npm test` builds before it comes here; alone, this file needs `npm run build` first.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ERRORS } from '../src/errors.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', 'perdure-data', '.git'])

/** Above this, a file is no longer read in one sitting. */
const MAX_LINES = 500

/** Characters of the shortest page that can say what an error means, when it comes and what to do. */
const SHORTEST_SECTION = 150

interface Manifest {
  exports: Record<string, string | Record<string, string>>
  bin: Record<string, string>
  dependencies: Record<string, string>
  peerDependencies: Record<string, string>
}

const manifest = JSON.parse(text('package.json')) as Manifest
const sources = files('src').filter((file) => file.endsWith('.ts'))
const pages = files('.').filter((file) => file.endsWith('.md'))

describe('the package', () => {
  test('exports and starts only what the build makes', () => {
    const targets = Object.values(manifest.exports).flatMap((target) =>
      typeof target === 'string' ? target : Object.values(target),
    )
    const missing = [...targets, ...Object.values(manifest.bin)].filter((target) => !existsSync(join(ROOT, target)))
    expect(missing).toEqual([])
  })

  test('names types before code, and source before both, in every export', () => {
    for (const target of Object.values(manifest.exports)) {
      if (typeof target !== 'string') expect(Object.keys(target)).toEqual(['perdure-src', 'types', 'default'])
    }
  })

  test('has code and types in dist for every source file', () => {
    const expected = sources.flatMap((file) =>
      ['.js', '.d.ts'].map((ending) => file.replace(/^src/, 'dist').replace(/\.ts$/, ending)),
    )
    expect(expected.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
  })

  test('has a command line that a shell can start', () => {
    for (const target of Object.values(manifest.bin)) expect(text(target)).toMatch(/^#!\/usr\/bin\/env node\n/)
  })

  test('depends on what its source imports, and on nothing else', () => {
    const imported = new Set(sources.flatMap(packagesImportedBy))
    const optional = new Set(Object.keys(manifest.peerDependencies))
    const needed = [...imported].filter((name) => !optional.has(name))
    expect(needed.sort()).toEqual(Object.keys(manifest.dependencies).sort())
  })

  test('carries the build, its source and the notices, and nothing of the workshop', () => {
    const [pack] = JSON.parse(run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'])) as [
      { files: { path: string }[] },
    ]
    const packed = pack.files.map(({ path }) => path)
    expect(packed).toEqual(
      expect.arrayContaining(['LICENSE', 'NOTICE.md', 'README.md', 'package.json', 'dist/index.js', 'src/index.ts']),
    )
    const top = new Set(packed.map((path) => path.split('/')[0]))
    expect([...top].sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'NOTICE.md', 'README.md', 'dist', 'package.json', 'src'])
  })

  test('can be installed from any registry: the lockfile names none', () => {
    expect(text('package-lock.json')).not.toMatch(/"resolved"|https?:\/\/[^"]*registry/)
  })
})

describe('the documentation', () => {
  test('has a section for every error code and for no other, in the order of the table', () => {
    const documented = [...text('docs/errors.md').matchAll(/^## (PERDURE_E_\w+)$/gm)].map(([, code]) => code)
    expect(documented).toEqual(Object.keys(ERRORS))
  })

  test('says in every section what it means and what to do', () => {
    const sections = text('docs/errors.md').split(/^## /m).slice(1)
    expect(sections.filter((section) => section.length < SHORTEST_SECTION)).toEqual([])
  })

  test.each(pages)('%s links only to what exists', (page) => {
    expect(linksOf(text(page)).filter((link) => !leadsSomewhere(page, link))).toEqual([])
  })

  test.each(pages)('%s names only files and scenarios that exist', (page) => {
    const named = spansOf(text(page))
    const missing = named.filter(
      (name) => /^(test|bench|src|examples|scripts|docs)\/[\w./-]+$/.test(name) && !existsSync(join(ROOT, name)),
    )
    const scenarios = named.filter((name) => /^sim: [a-z]+$/.test(name) && name !== 'sim: states')
    const registered = text('test/sim/scenarios.ts')
    expect([...missing, ...scenarios.filter((name) => !registered.includes(`\n  ${name.slice(5)},\n`))]).toEqual([])
  })
})

describe('the source', () => {
  test(`has no file of more than ${MAX_LINES} lines`, () => {
    expect(sources.filter((file) => text(file).trimEnd().split('\n').length > MAX_LINES)).toEqual([])
  })

  test('throws no error code as bare text: the table in src/errors.ts knows every one that is written', () => {
    const written = new Set(sources.flatMap((file) => text(file).match(/\bPERDURE_E_[A-Z_]*[A-Z]\b/g) ?? []))
    expect([...written].filter((code) => !(code in ERRORS))).toEqual([])
  })
})

/** Every file below a folder that is ours, relative to the repository, with forward slashes. */
function files(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '.' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : files(path)
    return [path]
  })
}

function text(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

function run(program: string, words: string[]): string {
  return execFileSync(program, words, { cwd: ROOT, encoding: 'utf8', shell: process.platform === 'win32' })
}

function packagesImportedBy(file: string): string[] {
  const code = text(file).replace(/\/\*[\s\S]*?\*\//g, '')
  const targets = [...code.matchAll(/\b(?:from\s+|import\s+|import\(\s*)'([^'.\n][^'\n]*)'/g)].map(([, target]) => target ?? '')
  const packages = targets.map((target) => target.split('/', target.startsWith('@') ? 2 : 1).join('/'))
  return packages.filter((name) => !name.startsWith('node:') && !builtinModules.includes(name))
}

/** What stands as code in the sentences and tables of a page. */
function spansOf(markdown: string): string[] {
  return [...markdown.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, span]) => span ?? '')
}

/** Targets of the links of a page that lead into the repository. Code is not read. */
function linksOf(markdown: string): string[] {
  const prose = markdown.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '')
  const targets = [...prose.matchAll(/\[[^\]]*\]\(([^)\s]+)[^)]*\)/g)].map(([, target]) => target ?? '')
  return targets.filter((target) => !/^[a-z]+:/.test(target))
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? join(ROOT, page) : resolve(ROOT, dirname(page), decodeURI(path))
  if (!existsSync(target)) return false
  return anchor === undefined || !target.endsWith('.md') || anchorsOf(readFileSync(target, 'utf8')).has(anchor)
}

/** Anchors as forges make them from headings: lower case, no punctuation, hyphens for blanks. */
function anchorsOf(markdown: string): Set<string> {
  const headings = [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading ?? '')
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}
