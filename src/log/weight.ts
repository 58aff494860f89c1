/**
 * How much memory a value takes, roughly: what bounds by bytes count with.
 *
 * The same value weighs the same everywhere, so machines of the log may decide by it; it is neither exact nor the length of the
 * encoding, which would cost as much again as sending it.
 *
 * Boundary: pure. Anything may be weighed, a value outside the domain too.
 */

/** Of anything, for what holds it. */
const EACH = 16

export function weightOf(value: unknown): number {
  if (typeof value === 'string') return EACH + value.length
  if (typeof value !== 'object' || value === null) return EACH
  if (ArrayBuffer.isView(value)) return EACH + value.byteLength
  let sum = EACH
  if (Array.isArray(value) || value instanceof Set) for (const item of value) sum += weightOf(item)
  else if (value instanceof Map) for (const [key, item] of value) sum += weightOf(key) + weightOf(item)
  else for (const [key, item] of Object.entries(value)) sum += key.length + weightOf(item)
  return sum
}
