/**
 * Rules for ESLint that find in the source what a body must not do, before it is executed for the first time.
 *
 *     import perdure from 'perdure/eslint'
 *     export default [perdure.configs.recommended]
 *
 * A body is a function given to `resilient(name, …)`, in the call itself or by the name of a function of the same file. Whatever
 * is inside it belongs to it, nested functions too; except functions given to `p.step`, which may do anything, and functions
 * that are definitions themselves.
 *
 * Boundary: one file without any import, so that a linter can load it alone. It sees syntax, no types: a helper that a body calls
 * is not looked into, and a name is believed to mean what it usually does unless the file declares it.
 */

/** A node of the tree that ESLint walks: the fields looked at here. */
interface Node {
  readonly type: string
  readonly parent?: Node | null
  readonly name?: string
  readonly value?: unknown
  readonly computed?: boolean
  readonly callee?: Node
  readonly object?: Node
  readonly property?: Node
  readonly arguments?: readonly Node[]
  readonly argument?: Node
  readonly expression?: Node
  readonly params?: readonly Node[]
  readonly init?: Node | null
  readonly id?: Node | null
  readonly left?: Node
  readonly await?: boolean
  readonly right?: Node
  readonly source?: Node
  readonly imported?: Node
}

interface Variable {
  readonly name: string
  readonly defs: readonly { readonly type: string; readonly node: Node; readonly parent?: Node | null }[]
}

interface Scope {
  readonly set: ReadonlyMap<string, Variable>
  readonly upper: Scope | null
}

interface Context {
  readonly sourceCode: { getScope(node: Node): Scope }
  report(found: { node: Node; messageId: string; data?: Readonly<Record<string, string>> }): void
}

type Listener = (node: Node) => void

export interface Rule {
  readonly meta: {
    readonly type: 'problem'
    readonly docs: { readonly description: string }
    readonly messages: Readonly<Record<string, string>>
    readonly schema: []
  }
  /** Called by ESLint with its own context. */
  create(context: object): Record<string, Listener>
}

export interface Plugin {
  readonly meta: { readonly name: string }
  readonly rules: Readonly<Record<'no-nondeterminism-in-body' | 'no-foreign-await', Rule>>
  readonly configs: { readonly recommended: RecommendedConfig }
}

export interface RecommendedConfig {
  readonly name: string
  readonly plugins: { readonly perdure: Pick<Plugin, 'meta' | 'rules'> }
  readonly rules: Readonly<Record<string, 'error'>>
}

const NOW = 'p.now()'
const RANDOM = 'p.random() or p.uuid(), or p.step for secrets'
const SLEEP = 'p.sleep(ms)'
const STEP = 'p.step(name, fn) and call it there'

/** Functions and methods, as they are written, and what to use instead. A star stands for every method. */
const CALLS: Readonly<Record<string, string>> = {
  'Date.now': NOW,
  'performance.now': NOW,
  'process.hrtime': NOW,
  'process.hrtime.bigint': NOW,
  'Math.random': RANDOM,
  'crypto.randomUUID': RANDOM,
  'crypto.getRandomValues': RANDOM,
  'crypto.randomBytes': RANDOM,
  'crypto.randomInt': RANDOM,
  setTimeout: SLEEP,
  setInterval: SLEEP,
  setImmediate: SLEEP,
  'AbortSignal.timeout': 'p.race with p.sleep(ms)',
  fetch: STEP,
}

/** Modules of Node whose functions never repeat, or never at the right moment. */
const MODULES: Readonly<Record<string, string>> = {
  crypto: RANDOM,
  timers: SLEEP,
  'timers/promises': SLEEP,
  fs: STEP,
  'fs/promises': STEP,
  child_process: STEP,
  http: STEP,
  https: STEP,
  'dns/promises': STEP,
}

/** Of `node:crypto` only these; hashes repeat. */
const RANDOM_NAMES = /^(random|generate|getRandom)/

const noNondeterminism: Rule = {
  meta: {
    type: 'problem',
    docs: { description: 'The body of a process is executed again after a crash and must then do the same.' },
    messages: {
      found: '{{called}} is different each time the body of a process is executed. Use {{instead}}.',
    },
    schema: [],
  },
  create(given) {
    const context = given as Context
    const look = (node: Node, called: string, instead: string | undefined) => {
      if (instead !== undefined && insideBody(context, node))
        context.report({ node, messageId: 'found', data: { called, instead } })
    }
    const construct = (node: Node) => {
      if (node.callee?.name === 'Date' && node.arguments?.length === 0 && !isDeclared(context, node, 'Date'))
        look(node, 'new Date()', 'new Date(p.now())')
    }
    return {
      NewExpression: construct,
      CallExpression(node) {
        const found = sourceOf(context, node)
        if (found) look(node, `${found.called}()`, found.instead)
        else if (node.callee?.name === 'Date' && !isDeclared(context, node, 'Date')) look(node, 'Date()', 'new Date(p.now())')
      },
    }
  },
}

const noForeignAwait: Rule = {
  meta: {
    type: 'problem',
    docs: { description: 'A body may await operations of p only: what else is awaited comes at another moment at replay.' },
    messages: {
      found: 'The body of a process awaits {{what}}, which is no operation of p. Put it into p.step(name, fn) and await that.',
    },
    schema: [],
  },
  create(given) {
    const context = given as Context
    const look = (node: Node, awaited: Node | undefined) => {
      const what = awaited && foreignPromise(context, awaited)
      if (what !== undefined && insideBody(context, node)) context.report({ node, messageId: 'found', data: { what } })
    }
    return {
      AwaitExpression: (node) => look(node, node.argument),
      ForOfStatement(node) {
        if (node.await === true) look(node, node.right)
      },
    }
  },
}

/** A call of something known to be different each time. */
function sourceOf(context: Context, call: Node): { readonly called: string; readonly instead: string } | undefined {
  const path = call.callee && pathOf(call.callee)
  if (path === undefined) return undefined
  const [first = '', ...rest] = path
  const imported = importOf(context, call, first)
  if (imported) {
    const instead = MODULES[imported.module]
    const name = imported.name ?? rest[0] ?? ''
    if (instead === undefined || (imported.module === 'crypto' && !RANDOM_NAMES.test(name))) return undefined
    return { called: path.join('.'), instead }
  }
  if (isDeclared(context, call, first)) return undefined
  const plain = first === 'globalThis' ? rest : path
  const instead = CALLS[plain.join('.')]
  return instead === undefined ? undefined : { called: path.join('.'), instead }
}

/** What is awaited, if the syntax tells that it is foreign. */
function foreignPromise(context: Context, awaited: Node): string | undefined {
  if (awaited.type === 'ImportExpression') return 'import()'
  if (awaited.type === 'NewExpression' && awaited.callee?.name === 'Promise') return 'new Promise()'
  if (awaited.type !== 'CallExpression') return undefined
  const found = sourceOf(context, awaited)
  if (found) return `${found.called}()`
  const { callee } = awaited
  // fetch(…).then(…), Promise.all([fetch(…)])
  if (callee?.type === 'MemberExpression' && callee.object) {
    const [first, method] = pathOf(callee) ?? []
    if (first === 'Promise' && /^(all|allSettled|any|race)$/.test(method ?? '')) {
      const [list] = (awaited.arguments ?? []) as readonly (Node & { readonly elements?: readonly (Node | null)[] })[]
      for (const element of list?.elements ?? []) {
        const what = element && foreignPromise(context, element)
        if (what) return what
      }
      return undefined
    }
    if (/^(then|catch|finally)$/.test(nameOf(callee.property) ?? '')) return foreignPromise(context, callee.object)
  }
  return undefined
}

/** `a.b.c` as a list of names; undefined for anything else. */
function pathOf(node: Node): readonly string[] | undefined {
  if (node.type === 'Identifier') return node.name === undefined ? undefined : [node.name]
  if (node.type === 'ChainExpression') return node.expression && pathOf(node.expression)
  if (node.type !== 'MemberExpression' || node.object === undefined) return undefined
  const object = pathOf(node.object)
  const name = node.computed ? textOf(node.property) : nameOf(node.property)
  return object && name !== undefined ? [...object, name] : undefined
}

function nameOf(node: Node | undefined): string | undefined {
  return node?.type === 'Identifier' ? node.name : undefined
}

function textOf(node: Node | undefined): string | undefined {
  return node?.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined
}

function variableOf(context: Context, node: Node, name: string): Variable | undefined {
  for (let scope: Scope | null = context.sourceCode.getScope(node); scope; scope = scope.upper) {
    const variable = scope.set.get(name)
    if (variable) return variable
  }
  return undefined
}

/** Whether the file itself says what the name means. */
function isDeclared(context: Context, node: Node, name: string): boolean {
  return (variableOf(context, node, name)?.defs.length ?? 0) > 0
}

/** From which module of Node a name comes; without a name of its own when it stands for the whole module. */
function importOf(context: Context, node: Node, local: string): { readonly module: string; readonly name?: string } | undefined {
  const definition = variableOf(context, node, local)?.defs[0]
  if (definition?.type !== 'ImportBinding') return undefined
  const module = textOf(definition.parent?.source)?.replace(/^node:/, '')
  if (module === undefined) return undefined
  const { imported } = definition.node
  const name = nameOf(imported) ?? textOf(imported)
  return name === undefined ? { module } : { module, name }
}

function isFunction(node: Node): boolean {
  return /^(ArrowFunctionExpression|FunctionExpression|FunctionDeclaration)$/.test(node.type)
}

/** Goes outwards: the first function that is a step or a body decides. */
function insideBody(context: Context, node: Node): boolean {
  for (let at: Node | null | undefined = node; at; at = at.parent) {
    if (!isFunction(at)) continue
    if (isStep(at)) return false
    if (isBody(context, at)) return true
  }
  return false
}

/** `p.step(name, fn)`, whatever the context is called. */
function isStep(fn: Node): boolean {
  const call = fn.parent
  return call?.type === 'CallExpression' && call.arguments?.[1] === fn && nameOf(call.callee?.property) === 'step'
}

function isBody(context: Context, fn: Node): boolean {
  if (isGivenToResilient(fn)) return true
  const name = fn.type === 'FunctionDeclaration' ? nameOf(fn.id ?? undefined) : declaredName(fn)
  const variable = name === undefined ? undefined : variableOf(context, fn, name)
  const references = (variable as { references?: readonly { identifier: Node }[] } | undefined)?.references ?? []
  return references.some(({ identifier }) => isGivenToResilient(identifier))
}

function declaredName(fn: Node): string | undefined {
  return fn.parent?.type === 'VariableDeclarator' && fn.parent.init === fn ? nameOf(fn.parent.id ?? undefined) : undefined
}

function isGivenToResilient(node: Node): boolean {
  const call = node.parent
  if (call?.type !== 'CallExpression' || call.arguments?.[1] !== node) return false
  return (call.callee?.type === 'MemberExpression' ? nameOf(call.callee.property) : nameOf(call.callee)) === 'resilient'
}

const plugin: Pick<Plugin, 'meta' | 'rules'> = {
  meta: { name: 'perdure' },
  rules: { 'no-nondeterminism-in-body': noNondeterminism, 'no-foreign-await': noForeignAwait },
}

const perdure: Plugin = {
  ...plugin,
  configs: {
    recommended: {
      name: 'perdure/recommended',
      plugins: { perdure: plugin },
      rules: { 'perdure/no-nondeterminism-in-body': 'error', 'perdure/no-foreign-await': 'error' },
    },
  },
}

// biome-ignore lint/style/noDefaultExport: linters expect a plugin to be the default export of its module.
export default perdure
