/**
 * What a group is told when it is made: the options of a program, with what they leave out.
 *
 * Boundary: pure checks. Two programs that use one group say the same, or the second is refused.
 */
import { PerdureError } from '../../../errors.ts'
import type { GroupProtocol, GroupSpec, LagPolicy } from '../machine/protocol.ts'

export interface CheckpointGroupOptions {
  /** Which checkpoints are forced, see `protocols`; `koo-toueg` takes them together. Default `exact`. */
  readonly protocol?: GroupProtocol
  /** When a member that holds the recovery line back is asked to save. */
  readonly lag?: Partial<LagPolicy>
}

const PROTOCOLS: readonly GroupProtocol[] = ['exact', 'bcs', 'hmnr', 'fdas', 'bhmr', 'cut', 'koo-toueg']

/**
 * Seconds of work may be lost; replaying so many messages takes less than a second; and so many bytes of them do not weigh on the memory of
 * a process.
 */
const DEFAULT_LAG: LagPolicy = { undoneMs: 5_000, undoneMessages: 10_000, logBytes: 16 * 1024 * 1024 }

/** Messages of a group are in the memory of whoever owns the log. */
const MAX_LAG_BYTES = 1024 * 1024 * 1024

/** Throws `PERDURE_E_USAGE`. */
export function specificationOf(options: CheckpointGroupOptions): GroupSpec {
  if (!isRecord(options)) throw usage(`The options of the group are ${String(options)}: expected { protocol?, lag? }.`)
  const { protocol = 'exact', lag = {} } = options
  if (!isRecord(lag)) throw usage(`lag is ${String(lag)}: expected { ${Object.keys(DEFAULT_LAG).join('?, ')}? }.`)
  if (!PROTOCOLS.includes(protocol)) {
    const why = (protocol as string) === 'bare' ? ' It cannot tell where a recovery may go back to.' : ''
    throw usage(`protocol is ${String(protocol)}: expected one of ${PROTOCOLS.join(', ')}.${why}`)
  }
  for (const [name, bound] of Object.entries(lag)) {
    if (!Object.hasOwn(DEFAULT_LAG, name)) throw usage(`lag has no ${name}: expected ${Object.keys(DEFAULT_LAG).join(', ')}.`)
    if (bound !== undefined && !(typeof bound === 'number' && Number.isSafeInteger(bound) && bound > 0))
      throw usage(`${name} of lag is ${String(bound)}: expected a whole number from 1 on.`)
  }
  if (lag.logBytes !== undefined && lag.logBytes > MAX_LAG_BYTES)
    throw usage(`logBytes of lag is ${lag.logBytes}: at most ${MAX_LAG_BYTES} are possible.`)
  const given = Object.fromEntries(Object.entries(lag).filter(([, bound]) => bound !== undefined))
  return { protocol, lag: { ...DEFAULT_LAG, ...given } }
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

export function usage(message: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', message)
}
