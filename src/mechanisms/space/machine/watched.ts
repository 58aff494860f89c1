/**
 * What those who watch a space, or only look into it, get of the machine: no entry of the log is written for them.
 *
 * Boundary: reads the state of the machine and changes nothing.
 */
import type { Interest } from '../../../log/machine.ts'
import { accepts, decodeTemplate, fits, kindsOf } from './match.ts'
import type { SpacesState } from './state.ts'

/** `[space, template]`: changes of the tuples that match. */
export function interestIn({ spaces }: SpacesState, args: readonly unknown[]): Interest | undefined {
  const [topic] = args
  const template = args.length === 2 ? decodeTemplate(args[1]) : undefined
  if (typeof topic !== 'string' || template === undefined) return undefined
  return {
    topic,
    wants(value) {
      const fields = value as readonly unknown[]
      return fields.length === template.kinds.length && fits(template, kindsOf(fields)) && accepts(template, fields)
    },
    present() {
      const found = spaces.get(topic)?.store.gather(template, Number.POSITIVE_INFINITY) ?? []
      return found.map(({ position, fields }) => ({ position, value: fields }))
    },
  }
}

/** `[space, template]`: the tuple that `rdp` would find now, or null; undefined when the question cannot be understood. */
export function lookFor({ spaces }: SpacesState, args: readonly unknown[]): readonly unknown[] | null | undefined {
  const [space] = args
  const template = args.length === 2 ? decodeTemplate(args[1]) : undefined
  if (typeof space !== 'string' || template === undefined) return undefined
  return spaces.get(space)?.store.find(template)?.fields ?? null
}
