/**
 * The proxies that the service delivers, each as one file without dependencies (Zweiacker 1997, "Discussion": the downloadable proxy).
 *
 * The proxy for JavaScript is several modules here, which stand alone: without the lines by which they import each other they are one.
 *
 * Boundary: part of the shell; reads the files of this package.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import * as nodeModule from 'node:module'
import { PerdureError } from '../errors.ts'

const FOLDER = '../mechanisms/checkpoint/attached/'

/** What stands on something comes after it. */
const MODULES = [
  'proxy-refusals',
  'known-edges',
  'lives',
  'wire',
  'member-log',
  'service-channel',
  'service-link',
  'stores',
  'proxy',
]

export async function pythonProxy(): Promise<string> {
  // Not compiled, so it is only in the sources, which the package brings along.
  return readFile(new URL('../../src/mechanisms/checkpoint/attached/proxy.py', import.meta.url), 'utf8')
}

export async function javascriptProxy(): Promise<string> {
  const parts = await Promise.all(MODULES.map(compiled))
  return parts.map(alone).join('\n')
}

/** As the build has it. In a source tree it is made of the source, where Node can do that, and else what was built last is taken. */
async function compiled(name: string): Promise<string> {
  const beside = new URL(`${FOLDER}${name}.js`, import.meta.url)
  if (existsSync(beside)) return readFile(beside, 'utf8')
  const { stripTypeScriptTypes } = nodeModule as { readonly stripTypeScriptTypes?: (source: string) => string }
  if (stripTypeScriptTypes) return stripTypeScriptTypes(await readFile(new URL(`${FOLDER}${name}.ts`, import.meta.url), 'utf8'))
  const built = new URL(`../../dist/node/${FOLDER}${name}.js`, import.meta.url)
  if (existsSync(built)) return readFile(built, 'utf8')
  const text = 'The proxy is not compiled, and this version of Node cannot: expected a build. Run npm run build.'
  throw new PerdureError('PERDURE_E_USAGE', text)
}

function alone(code: string): string {
  return code.replace(/^import\s[^;'"]*?from\s*['"]\.\/[^'"]+['"];?[ \t]*$/gm, '').replace(/^\/\/# sourceMappingURL=.*$/gm, '')
}
