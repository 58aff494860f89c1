/**
 * A short text of a value for people: `["task", 7, "cat.p…"]`.
 *
 * Boundary: for reading only, never parsed again. It takes any value, also those that cannot travel, and never throws; it looks
 * at no more of a large value than it shows, and what it returns is well-formed text, so that it can travel itself.
 */

/** What fits beside a name on one line of a terminal. */
const LIMIT = 80

/** Deeper than this, a preview would show brackets only. */
const DEPTH = 4

/** Tried in turn until the whole fits: strings as they are, then shorter and shorter. */
const TEXT_LIMITS = [64, 24, 12, 6]

/** At most `limit` characters. */
export function preview(value: unknown, limit: number = LIMIT): string {
  let text = ''
  try {
    for (const textLimit of TEXT_LIMITS) {
      text = show(value, limit, Math.min(textLimit, limit), 0)
      if (text.length <= limit) return text
    }
  } catch {
    text = '(unreadable)'
  }
  return cut(text, limit)
}

function show(value: unknown, room: number, textLimit: number, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quoted(cut(value, textLimit))
    case 'bigint':
      return showBigint(value)
    case 'function':
      return '(function)'
    case 'symbol':
      return '(symbol)'
    case 'object':
      return value === null ? 'null' : showObject(value, room, textLimit, depth)
    default:
      return String(value)
  }
}

/** Printable ASCII, as most text is, needs no escapes. */
function quoted(text: string): string {
  return /^[ !#-[\]-~]*$/.test(text) ? `"${text}"` : JSON.stringify(text)
}

/** The digits of a huge number are slow to make, and nobody reads them. */
function showBigint(value: bigint): string {
  const large = 10n ** 40n
  return value > large || value < -large ? '(large bigint)' : `${value}n`
}

function showObject(value: object, room: number, textLimit: number, depth: number): string {
  if (depth === DEPTH) return '…'
  if (Array.isArray(value)) return showArray(value, room, textLimit, depth)
  const inner = (item: unknown) => show(item, room, textLimit, depth + 1)
  if (value instanceof Map) return listed('Map {', value, '}', room, ([key, item]) => `${inner(key)} => ${inner(item)}`)
  if (value instanceof Set) return listed('Set {', value, '}', room, inner)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '(invalid Date)' : value.toISOString()
  if (ArrayBuffer.isView(value)) return `(${value.byteLength} bytes)`
  if (value instanceof Error) return cut(`${value.name}: ${value.message}`, room)
  const object = value as Record<string, unknown>
  const named = (key: string) => (/^[A-Za-z_$][\w$]*$/.test(key) ? cut(key, textLimit) : JSON.stringify(cut(key, textLimit)))
  return listed('{ ', Object.keys(object), ' }', room, (key) => `${named(key)}: ${inner(object[key])}`).replace('{  }', '{}')
}

/** As `listed`, without what that makes on the way: every operation of a run is shown once. */
function showArray(value: readonly unknown[], room: number, textLimit: number, depth: number): string {
  let text = '['
  for (let i = 0; i < value.length; i += 1) {
    if (text.length > room) return `${text}, …]`
    if (i > 0) text += ', '
    text += show(value[i], room, textLimit, depth + 1)
  }
  return `${text}]`
}

function listed<T>(open: string, items: Iterable<T>, close: string, room: number, inner: (item: T) => string): string {
  let text = open
  for (const item of items) {
    if (text.length > room) return `${text}, …${close}`
    text += text === open ? inner(item) : `, ${inner(item)}`
  }
  return text + close
}

/** At most `limit` characters, never half of a surrogate pair. */
function cut(text: string, limit: number): string {
  if (text.length <= limit) return text
  const kept = text.slice(0, Math.max(0, limit - 1))
  const last = kept.charCodeAt(kept.length - 1)
  return `${last >= 0xd800 && last <= 0xdbff ? kept.slice(0, -1) : kept}…`
}
