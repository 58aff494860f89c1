/**
 * Reads what `emit-form.ts` wrote to files, and believes nothing of it: a damaged program is refused when it is loaded, not in the
 * middle of a recovery.
 *
 * Boundary: pure, bytes in. The shape is checked here, the program by the interpreter's own verifier.
 */
import { PerdureError } from '../../errors.ts'
import { verify } from '../../support/backbone/program.ts'
import type { RCode, Triplet } from '../../support/backbone/rcode.ts'
import type { Topology } from '../../support/backbone/topology.ts'
import { BYTES_PER_INTEGER, readTriplets } from './emit-binary.ts'

const BRACE: number = '{'.charCodeAt(0)
const BLANK: number = ' '.charCodeAt(0)

/** Of `topology.json`; the others may be absent. */
const LISTS = ['tasks', 'groups', 'filters', 'watchdogs', 'tools', 'injections'] as const
const TABLES = ['roles', 'tasksPerNode', 'timeouts'] as const

/**
 * The JSON form or the binary one, told apart by the first byte: `{` is no opcode.
 *
 * Errors: `PERDURE_E_RCODE`.
 */
export function readRCode(bytes: Uint8Array): RCode {
  const first = bytes.find((byte) => byte > BLANK)
  const program = first === BRACE ? readJson(new TextDecoder().decode(bytes)) : readTriplets(bytes)
  verify(program)
  return program
}

/** Whether a file is meant as r-code, good or damaged, and no script: a script begins with no opcode (three zeros in it) and no brace. */
export function isRCode(bytes: Uint8Array): boolean {
  return bytes.subarray(1, BYTES_PER_INTEGER).includes(0) || bytes.find((byte) => byte > BLANK) === BRACE
}

/** Errors: `PERDURE_E_RCODE`, since it comes with a program and is written with it. */
export function readTopology(text: string): Topology {
  const read = parsed(text, 'This topology') as Partial<Topology> | null
  const { topology } = read ?? {}
  if (topology !== 1) throw damaged('This topology', `says it is of version ${JSON.stringify(topology)}, not 1`)
  const missing = [
    ...LISTS.filter((name) => !Array.isArray(read?.[name])),
    ...TABLES.filter((name) => typeof read?.[name] !== 'object' || read[name] === null),
  ]
  if (missing.length > 0) throw damaged('This topology', `lacks ${missing.join(', ')}`)
  return read as Topology
}

/** The shape alone. */
function readJson(text: string): RCode {
  const what = 'This r-code'
  const { rcode, code, lines, strings } = (parsed(text, what) ?? {}) as Partial<RCode>
  if (rcode !== 1) throw damaged(what, `says it is of version ${JSON.stringify(rcode)}, not 1`)
  if (!Array.isArray(code) || !code.every(isTriplet))
    throw damaged(what, 'has a "code" that is no list of triplets of 32-bit integers')
  if (!Array.isArray(lines) || lines.length !== code.length || !lines.every((line) => Number.isInteger(line) && line >= 0)) {
    throw damaged(what, 'has "lines" that are not one number for each instruction')
  }
  if (!Array.isArray(strings) || !strings.every((string) => typeof string === 'string')) {
    throw damaged(what, 'has "strings" that are no list of strings')
  }
  return { rcode, code, lines, strings }
}

function isTriplet(value: unknown): value is Triplet {
  return Array.isArray(value) && value.length === 3 && value.every((integer) => (integer | 0) === integer)
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw damaged(what, `is no JSON: ${(cause as Error).message}`, cause)
  }
}

function damaged(what: string, how: string, cause?: unknown): PerdureError {
  return new PerdureError(
    'PERDURE_E_RCODE',
    `${what} ${how}. Expected what perdure ariel build writes: build it again from its script.`,
    cause === undefined ? {} : { cause },
  )
}
