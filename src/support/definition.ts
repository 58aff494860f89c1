/**
 * What a process is before it runs: a name, a body, and how it is to be recovered.
 *
 * `resilient` makes a definition and `active` a field of a tuple that a run will fill in; both are plain values that nothing
 * happens to until somebody hosts, starts or `eval`s them. They live below the space and the processes because both need them.
 */
import { PerdureError } from '../errors.ts'

/** The layers of software fault tolerance (LiPS section 5) with the paper's numbers: 0, 1, 2, 3, 4. */
export type Layer = 'none' | 'restart' | 'journal' | 'files' | 'replicas'

export interface DefinitionOptions {
  /** Default `journal`: re-executed from its journal. */
  readonly layer?: Layer
  /** How long one turn of the body may hold the event loop before its worker is killed. Default 30,000. */
  readonly maxTurnMs?: number
  /** How long a finished run is kept. Default 24 hours. */
  readonly retainMs?: number
  readonly strict?: boolean
  /** Of layer `replicas`: how many copies execute a run at once, each on another node. Default 2, at most 16. */
  readonly replicas?: number
}

export interface Definition<P = never, I extends readonly unknown[] = readonly unknown[], R = unknown> {
  readonly name: string
  readonly body: (p: P, ...input: I) => Promise<R> | R
  readonly layer: Layer
  /** Of layer `replicas` only. */
  readonly replicas?: number
  readonly maxTurnMs: number
  readonly retainMs: number
  readonly strict: boolean
  /** Where `resilient` was called, for worker processes that must import it; undefined when that cannot be told. */
  readonly module: string | undefined
}

/** A field of a tuple that is filled in by a run: `space.eval(['fib', 30, active(fib, [30])])`. */
export class ActiveField<R = unknown> {
  readonly definition: Definition<never, readonly unknown[], R>
  readonly input: readonly unknown[]

  constructor(definition: Definition<never, readonly unknown[], R>, input: readonly unknown[]) {
    this.definition = definition
    this.input = input
  }
}

export function active<I extends readonly unknown[], R>(definition: Definition<never, I, R>, input: I): ActiveField<R> {
  return new ActiveField<R>(definition as unknown as Definition<never, readonly unknown[], R>, input)
}

/** Names of spaces, definitions and nodes: short enough for a path, plain enough for every file system and shell. */
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/

/** Returns the name or throws `PERDURE_E_NAME`. `what` is what it names, as in "a space". */
export function checkName(name: unknown, what: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name
  throw new PerdureError(
    'PERDURE_E_NAME',
    `${typeof name === 'string' ? JSON.stringify(name) : String(name)} cannot name ${what}: expected 1 to 64 letters, digits, "_", "-" or ".", not starting with ".". Choose another name.`,
    { data: { name: String(name) } },
  )
}
