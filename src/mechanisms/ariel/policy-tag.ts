/**
 * A script inside a program: the template tag `ariel`.
 *
 *     const policy = ariel`
 *       ALPHACOUNT ${PUMP} IS THRESHOLD = 3.0, FACTOR = 0.4 END
 *       IF [ FAULTY T${PUMP} AND NOT TRANSIENT T${PUMP} ] THEN STOP T${PUMP} START T${SPARE} FI`
 *
 * All that is wrong with it is said at once, when the template is evaluated: a program does not begin with a policy that it cannot run.
 *
 * Boundary: pure. Headers are not read: what `#define` is for a file, a constant of the program is here.
 */
import { PerdureError } from '../../errors.ts'
import { type Compiled, compile } from './compile.ts'
import { describe } from './diagnostics.ts'

/** A script without errors; its warnings are in `diagnostics`. */
export type CompiledPolicy = Extract<Compiled, { readonly ok: true }>

/** In messages, where a file would have its name. */
const NAME = 'script'

/**
 * Values become part of the text as they are written, as in a plain template: a number as a number, a string as a piece of the script.
 * Lines count from the one with the opening backtick. As in every script there are no escapes: a backslash is a backslash.
 *
 * Errors: `PERDURE_E_SCRIPT` with every finding in the message, and in `data.diagnostics`.
 */
export function ariel(pieces: TemplateStringsArray, ...values: readonly (number | string)[]): CompiledPolicy {
  const compiled = compile(String.raw(pieces, ...values))
  if (compiled.ok) return compiled
  const { diagnostics } = compiled
  const findings = diagnostics.map((finding) => describe(finding, NAME)).join('\n')
  throw new PerdureError('PERDURE_E_SCRIPT', `The script has errors. Expected one without; mend these:\n${findings}`, {
    data: { diagnostics },
  })
}
