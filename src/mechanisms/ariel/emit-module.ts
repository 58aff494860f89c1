/**
 * A script as a TypeScript module: r-code "hardwired" into the program that runs it (REL, section 3.3), in place of a file to be read.
 *
 * Boundary: pure, text out. The text type-checks in strict projects and holds nothing that must be compiled away but types.
 */
import { NONE, opcodeName, type RCode } from '../../support/backbone/rcode.ts'
import type { Topology } from '../../support/backbone/topology.ts'
import { literal, quoted } from './emit-literal.ts'

/** Where the program that is built has the types from. */
const PACKAGE = 'perdure/ariel'

/** `script`: the name of the script, for the head of the file. */
export function writeModule(rcode: RCode, topology: Topology, script: string): string {
  const code = rcode.code.map((triplet, at) => {
    const [opcode, a, b] = triplet
    const operands = b !== NONE ? ` ${a} ${b}` : a !== NONE ? ` ${a}` : ''
    return `    [${triplet.join(', ')}], // ${at}: ${opcodeName(opcode)}${operands}, line ${rcode.lines[at]}\n`
  })
  return `${generatedFrom(script, 'module')}
import type { RCode, Topology } from ${quoted(PACKAGE)}

/** The recovery program. */
export const rcode: RCode = {
  rcode: 1,
  code: [
${code.join('')}  ],
  lines: ${literal(rcode.lines, 1)},
  strings: ${literal(rcode.strings, 1)},
}

/** What the script declares beside it. */
export const topology: Topology = ${literal(topology, 0)}
`
}

/** First lines of every file of TypeScript that is written. */
export function generatedFrom(script: string, form: string): string {
  // A line's end in the name of a file must not end the comment.
  const name = script.replace(/\s+/g, ' ')
  return `// Written by \`perdure ariel build ${name} --emit ${form}\`: change the script, not this file.`
}
