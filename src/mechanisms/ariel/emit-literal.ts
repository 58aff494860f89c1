/**
 * Plain data as a TypeScript expression, laid out as the usual formatters do: on one line where it fits, else one entry a line.
 *
 * Boundary: pure.
 */

/** Columns of a line: those of this project's own files. */
const WIDTH = 130
const INDENT = '  '
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/

/**
 * `depth`: levels of indentation of the line on which the expression begins; `around`: columns of what else stands on that line.
 * Undefined properties are left out.
 */
export function literal(value: unknown, depth: number, around = 0): string {
  const flat = onOneLine(value)
  if ((!isTable(value) && depth * INDENT.length + around + flat.length <= WIDTH) || typeof value !== 'object' || value === null)
    return flat
  const inner = INDENT.repeat(depth + 1)
  const entries = Array.isArray(value)
    ? (filled(value, inner.length) ?? value.map((item) => literal(item, depth + 1, 1)))
    : pairs(value).map(([key, item]) => `${keyOf(key)}: ${literal(item, depth + 1, `${keyOf(key)}: ,`.length)}`)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return `${open}\n${entries.map((entry) => `${inner}${entry},\n`).join('')}${INDENT.repeat(depth)}${close}`
}

/** A text between single quotes. */
export function quoted(text: string): string {
  const inside = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")
  // Both end a line in JavaScript before ES2019.
  return `'${inside.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}'`
}

export function keyOf(key: string): string {
  // Written plainly it would be the prototype, not a property.
  if (key === '__proto__') return "['__proto__']"
  return IDENTIFIER.test(key) || /^(0|[1-9]\d*)$/.test(key) ? key : quoted(key)
}

function onOneLine(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  if (Array.isArray(value)) return `[${value.map(onOneLine).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const entries = pairs(value).map(([key, item]) => `${keyOf(key)}: ${onOneLine(item)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}

/** Several records: each has a line of its own, however short. */
function isTable(value: unknown): boolean {
  const isRecord = (item: unknown): boolean =>
    typeof item === 'object' && item !== null && !Array.isArray(item) && pairs(item).length > 1
  return Array.isArray(value) && value.length > 1 && value.every(isRecord)
}

function pairs(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, item]) => item !== undefined)
}

/** Numbers, as many on a line as fit. */
function filled(values: readonly unknown[], indent: number): string[] | undefined {
  if (!values.every((value) => typeof value === 'number')) return undefined
  const lines: string[] = []
  for (const value of values) {
    const last = lines.at(-1)
    if (last !== undefined && indent + last.length + String(value).length + 3 <= WIDTH)
      lines[lines.length - 1] = `${last}, ${value}`
    else lines.push(String(value))
  }
  return lines
}
