// biome-ignore-all lint/performance/noBarrelFile: this file is what `perdure/ariel` exports.
/**
 * ariel, the language in which the fault tolerance of a program is configured and its recovery written (REL, section 3.3).
 *
 *     const compiled = compile(script, { include: (path) => headers[path] })
 *     if (compiled.ok) load(compiled.rcode)
 *     else for (const found of compiled.diagnostics) print(describe(found, 'plant.ariel'))
 *
 * Boundary: what `perdure/ariel` exports. Pure: files come in through `include`.
 */

export { listing, type RCode } from '../../support/backbone/rcode.ts'
export type { Topology } from '../../support/backbone/topology.ts'
export { type Compiled, type CompileOptions, check, compile, parse } from './compile.ts'
export { CODES, type Code, type Diagnostic, describe, type Place, type Related } from './diagnostics.ts'
export { print } from './print.ts'
export type { Script } from './syntax.ts'
