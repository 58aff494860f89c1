/**
 * The output forms of a script (REL, sections 2.2 and 3.3; SPEC 8): a table, and one function that writes any of them.
 *
 * `json`, `binary` and `module` are the same program in three forms; `binary` has no place for what the backbone must know, so it goes
 * together with `topology`.
 *
 * Boundary: pure. Where the output goes is known to the caller.
 */
import type { RCode } from '../../support/backbone/rcode.ts'
import type { Topology } from '../../support/backbone/topology.ts'
import { writeBinary } from './emit-binary.ts'
import { writeGlue } from './emit-glue.ts'
import { writeModule } from './emit-module.ts'

export const FORMS = {
  json: 'r-code as JSON, with lines and texts',
  binary: 'classic r-code: triplets of 32-bit integers, little-endian',
  module: 'a TypeScript module with r-code and topology, to be built into a program',
  topology: 'topology.json: nodes, tasks, groups, roles, time-outs, filters and tools',
  glue: 'a TypeScript module with the configuration and the types of each tool block',
} as const

export type OutputForm = keyof typeof FORMS

/** `script` is the name that written TypeScript gives as its origin. */
export function emit(
  { rcode, topology }: { readonly rcode: RCode; readonly topology: Topology },
  form: OutputForm,
  script: string,
): string | Uint8Array {
  switch (form) {
    case 'json':
      return writeJson(rcode)
    case 'binary':
      return writeBinary(rcode)
    case 'module':
      return writeModule(rcode, topology, script)
    case 'topology':
      return `${JSON.stringify(topology, undefined, 2)}\n`
    case 'glue':
      return writeGlue(topology, script)
  }
}

/** One instruction a line: a changed policy makes a small difference. */
function writeJson({ code, lines, strings }: RCode): string {
  const instructions = code.map((triplet) => JSON.stringify(triplet)).join(',\n')
  return `{\n"rcode":1,\n"code":[\n${instructions}\n],\n"lines":${JSON.stringify(lines)},\n"strings":${JSON.stringify(strings)}}\n`
}
