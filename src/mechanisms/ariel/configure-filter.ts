/**
 * Alpha-count filters (SPEC 3 and 7.4): they stand alone and inside watchdogs.
 *
 * Boundary: pure.
 */
import type { FilterEntry } from '../../support/backbone/topology.ts'
import type { Declarations } from './declarations.ts'
import type { AlphaParameters } from './syntax.ts'

/** Bounds of alpha-count parameters (SPEC 7.4). */
export function readFilter(
  declarations: Declarations,
  filter: AlphaParameters,
  of: Pick<FilterEntry, 'kind' | 'number'>,
): FilterEntry | undefined {
  const { symbols } = declarations
  const threshold = symbols.real(filter.threshold, (value) => value > 0, 'a real above 0')
  const factor = symbols.real(filter.factor, (value) => value >= 0 && value < 1, 'a real from 0 up to, but not, 1')
  const everyUs = filter.every === undefined ? undefined : symbols.time(filter.every, 'S', 1)
  declarations.filters.add(`${of.kind} ${of.number}`)
  if (threshold === undefined || factor === undefined) return undefined
  return { kind: of.kind, number: of.number, threshold, factor, ...(everyUs !== undefined && { everyUs }) }
}
