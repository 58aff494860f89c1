/**
 * Program files: what they export, and what it takes to load them.
 *
 * Boundary: part of the shell.
 */
import { PerdureError } from '../errors.ts'
import type { HostedDefinition } from '../mechanisms/process/host/host.ts'
import { flagsFor, isTypeScript, stripsTypes } from '../support/module-flags.ts'

/** Every definition that the modules export, by name; `only` names those wanted. Errors: `PERDURE_E_IMPORT`. */
export async function importDefinitions(
  modules: readonly string[],
  only: readonly string[] | null,
): Promise<readonly HostedDefinition[]> {
  const found = new Map<string, HostedDefinition>()
  for (const module of modules) {
    for (const value of Object.values(await load(module))) {
      if (!isDefinition(value)) continue
      const other = found.get(value.name)
      if (other && other !== value)
        throw unusable(`${module} exports two different processes named "${value.name}". Give each its own name.`)
      found.set(value.name, value)
    }
  }
  if (only === null) return [...found.values()]
  return only.map((name) => {
    const definition = found.get(name)
    if (definition) return definition
    throw unusable(
      `No module exports the process "${name}" (looked in ${modules.join(', ')}). Workers import modules and host what they export: export it.`,
    )
  })
}

/** The process a program file is about: its default export. Errors: `PERDURE_E_IMPORT`. */
export async function importDefault(module: string): Promise<HostedDefinition> {
  const exported = (await load(module)).default
  if (isDefinition(exported)) return exported
  const found = exported === undefined ? 'has no default export' : 'has a default export that is none'
  throw unusable(`${module} ${found}. Expected a process: export default resilient('name', async (p) => …).`)
}

async function load(module: string): Promise<Record<string, unknown>> {
  try {
    return exportsOf((await import(module)) as Record<string, unknown>)
  } catch (cause) {
    if (cause instanceof PerdureError) throw cause
    const message = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
    throw unusable(`${module} cannot be loaded; it threw at import:\n${message}`, cause)
  }
}

/** A module that was compiled to CommonJS on the way arrives as the default export of a namespace. */
function exportsOf(namespace: Record<string, unknown>): Record<string, unknown> {
  const inner = namespace.default
  const compiled = typeof inner === 'object' && inner !== null && '__esModule' in inner
  return compiled ? (inner as Record<string, unknown>) : namespace
}

function isDefinition(value: unknown): value is HostedDefinition {
  const candidate = value as Partial<HostedDefinition> | null
  return (
    typeof candidate === 'object' &&
    candidate !== null &&
    typeof candidate.body === 'function' &&
    typeof candidate.layer === 'string' &&
    typeof candidate.name === 'string'
  )
}

/** Makes this process able to import the module, as a worker started with `flagsFor` is. Errors: `PERDURE_E_IMPORT`. */
export async function prepareToImport(module: string): Promise<void> {
  const flags = flagsFor([module])
  const loader = flags[flags.lastIndexOf('--import') + 1]
  if (isTypeScript(module) && !stripsTypes() && loader !== undefined && !process.execArgv.includes(loader)) await import(loader)
}

function unusable(message: string, cause?: unknown): PerdureError {
  return new PerdureError('PERDURE_E_IMPORT', message, { cause })
}
