/**
 * What it takes to load a module of the program in another process or thread: the same flags, and a loader where it is TypeScript.
 *
 * Boundary: looks at this process's own flags and at what is installed; loads nothing.
 */
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { PerdureError } from '../errors.ts'

const TYPESCRIPT = /\.[cm]?tsx?$/

export function isTypeScript(module: string): boolean {
  return TYPESCRIPT.test(module)
}

/** Flags of Node for processes and threads that load these modules. Errors: `PERDURE_E_IMPORT` when TypeScript cannot be loaded. */
export function flagsFor(modules: readonly string[]): readonly string[] {
  const kept = process.execArgv.filter((flag) => !/^--(inspect|test|watch|eval|print|check)/.test(flag) && !/^-[epc]/.test(flag))
  const own = import.meta.url
  const sources = TYPESCRIPT.test(own) ? [...modules, own] : modules
  const typescript = sources.find((module) => TYPESCRIPT.test(module))
  const conditions =
    TYPESCRIPT.test(own) && !kept.some((flag) => flag.includes('perdure-src')) ? ['--conditions=perdure-src'] : []
  if (typescript === undefined || stripsTypes() || kept.some((flag) => flag.includes('tsx'))) return [...kept, ...conditions]
  return [...kept, ...conditions, '--import', loaderFor('tsx', typescript)]
}

/** What a thread of this process is to be started with, so that it can import these modules. */
export interface ThreadFlags {
  /** Undefined: those of this process. */
  readonly execArgv: string[] | undefined
  /** A module whose `register()` has to be called first, since loaders of a process do not reach into its threads. */
  readonly loader: string | undefined
}

export function threadFlagsFor(modules: readonly string[]): ThreadFlags {
  const isSource = TYPESCRIPT.test(import.meta.url) && !process.execArgv.some((flag) => flag.includes('perdure-src'))
  const typescript = modules.find((module) => TYPESCRIPT.test(module))
  const needsLoader = typescript !== undefined && !stripsTypes()
  return {
    execArgv: isSource ? ['--conditions=perdure-src'] : undefined,
    loader: needsLoader ? loaderFor('tsx/esm/api', typescript) : undefined,
  }
}

/** Whether this Node loads the TypeScript of programs by itself. */
export function stripsTypes(): boolean {
  return Boolean((process.features as { typescript?: unknown }).typescript) && !TYPESCRIPT.test(import.meta.url)
}

function loaderFor(loader: string, module: string): string {
  for (const from of [module, import.meta.url]) {
    try {
      // What is required is not what is imported: the one for CommonJS has another beside it.
      return pathToFileURL(createRequire(from).resolve(loader)).href.replace(/\.cjs$/, '.mjs')
    } catch {
      // Not installed there.
    }
  }
  throw new PerdureError(
    'PERDURE_E_IMPORT',
    `${fileURLToPath(module)} is TypeScript, which Node ${process.versions.node} does not load by itself. Install tsx beside it (npm install --save-dev tsx), or use Node 22.18 or later.`,
  )
}
