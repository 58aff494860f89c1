/**
 * Whether a class keeps state where a copy of its objects' fields would miss it: in private names (`#top`), in a WeakMap from the
 * object, or in the parts that a built-in class keeps to itself.
 *
 * JavaScript has no question for that, so the source of the class is read: strings, comments and regular expressions are blanked
 * out, and what is left is searched. A slash that may be both is taken for a division, so that more is searched, not less.
 *
 * Boundary: pure; an answer for each prototype is kept. Not seen: variables of a closure or a module, which belong to no object.
 */

/** What is hidden in objects with this prototype, in words to follow "has"; undefined: their fields are all there is. */
export function hiddenState(prototype: object): string | undefined {
  if (ANSWERS.has(prototype)) return ANSWERS.get(prototype)
  const parent: object | null = Object.getPrototypeOf(prototype)
  const hidden = hiddenByClass(prototype) ?? (parent === null ? undefined : hiddenState(parent))
  ANSWERS.set(prototype, hidden)
  return hidden
}

/** The built-in classes whose parts copies know about. */
const KNOWN = [
  Object,
  Array,
  Map,
  Set,
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
]

const ANSWERS = new WeakMap<object, string | undefined>(KNOWN.map((known) => [known.prototype, undefined]))

function hiddenByClass(prototype: object): string | undefined {
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  if (typeof made !== 'function') return undefined
  const source = Function.prototype.toString.call(made)
  if (NATIVE.test(source)) return `what the built-in class ${made.name} keeps to itself`
  return hiddenInSource(source, made.name)
}

const NATIVE = /\{\s*\[native code\]\s*\}\s*$/

/** A cheap first look: nearly all classes have none of these characters in a row. */
const SUSPICIOUS = /#[\p{ID_Start}$_\\]|[pP]rivate|\.(?:set|add)\(this\b/u

const PRIVATE_NAME = /#[\p{ID_Continue}$\\{}]+/gu
const STATIC_NAME = /\bstatic\s+(?:async\s+)?(?:\*\s*)?(?:[gs]et\s+)?(#[\p{ID_Continue}$]+)/gu

/** What compilers make of private names for older engines. */
const LOWERED = /\b__private(?:Add|Get|Set|Method|In)\b|\b_*class_?Private\w*|\b_*class_private_\w+/

const KEYED_BY_THIS = /([\w$]+)\.(?:set|add)\(this\b/

/** Exported for its tests. */
export function hiddenInSource(source: string, name: string): string | undefined {
  if (!SUSPICIOUS.test(source)) return undefined
  const code = codeOnly(source)
  const statics = new Set([...code.matchAll(STATIC_NAME)].map(([, found]) => found))
  for (const [found] of code.matchAll(PRIVATE_NAME))
    if (!statics.has(found)) return `the private field or method ${found} of ${name}`
  if (LOWERED.test(code)) return `private fields, which a compiler has rewritten, in ${name}`
  const keyed = KEYED_BY_THIS.exec(code)
  return keyed === null ? undefined : `state outside its fields, in ${keyed[1]} of ${name}`
}

/** A slash after one of these begins a regular expression; after anything else it divides. */
const BEFORE_REGEX =
  /(?:^|[(,=:[!&|?{;+\-*%<>~^])\s*$|\b(?:return|typeof|case|in|of|delete|void|throw|new|instanceof|do|else|yield|await)\s*$/

/** One alternative for each thing that is no code; a template's `${` … `}` is code again, so it is taken apart by hand. */
const NO_CODE = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\[\s\S]|[^'\\\n])*'?|"(?:\\[\s\S]|[^"\\\n])*"?|[`{}/]/g

const REGEX = /\/(?:\\[^\n]|\[(?:\\[^\n]|[^\]\\\n])*\]|[^/\\[\n])+\/\w*/y
const TEMPLATE_TEXT = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*(`|\$\{|$)/y

function codeOnly(source: string): string {
  let code = ''
  let at = 0
  /** For each template around here, how many braces are open in its `${`. */
  const templates: number[] = []
  const skipTemplate = (from: number): number => {
    TEMPLATE_TEXT.lastIndex = from
    const text = TEMPLATE_TEXT.exec(source)
    if (text?.[1] === '${') templates.push(0)
    return from + (text?.[0].length ?? 0)
  }
  for (;;) {
    NO_CODE.lastIndex = at
    const found = NO_CODE.exec(source)
    if (found === null) return code + source.slice(at)
    code += source.slice(at, found.index)
    const [text] = found
    at = found.index + text.length
    if (text === '`') at = skipTemplate(at)
    else if (text === '}' && templates.at(-1) === 0) {
      templates.pop()
      code += ' '
      at = skipTemplate(at)
    } else if (text === '{' || text === '}') {
      if (templates.length > 0) templates[templates.length - 1]! += text === '{' ? 1 : -1
      code += text
    } else if (text === '/') {
      REGEX.lastIndex = found.index
      const regex = BEFORE_REGEX.test(code.slice(-32)) ? REGEX.exec(source) : null
      if (regex !== null) at = found.index + regex[0].length
      code += regex === null ? '/' : ' '
    } else code += ' '
  }
}
