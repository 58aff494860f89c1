/**
 * The syntax tree: one shape for each production of SPEC 3, 3.1 and 4.
 *
 * Every node knows its place in the text; nothing here knows what a symbol stands for or whether a task exists.
 * Chains of AND, OR, `+` and `*` are lists, not nested pairs, so that the depth of a tree is bounded by the parser's bound on nesting.
 *
 * Boundary: shapes only.
 */
import type { Span } from './diagnostics.ts'
import type { WordOf } from './keywords.ts'
import type { Comment } from './scanner.ts'

export interface Script {
  readonly statements: readonly Statement[]
  readonly comments: readonly Comment[]
  readonly text: string
  /** False if the parser left something out. */
  readonly whole: boolean
  /** Statements of the configuration that could not be read: what looks undeclared or undefined may be declared there. */
  readonly lost: readonly LostStatement[]
}

/** The first word of a statement, and its place. */
export interface LostStatement extends Span {
  readonly word: string
}

/** A number as written, or `{SYMBOL}` in place of one. */
export interface Numeral extends Span {
  readonly kind: 'integer' | 'real' | 'symbol'
  /** NaN for a symbol. */
  readonly value: number
  /** As written; of a symbol the name. */
  readonly text: string
  /** Of a symbol whose brace is closed. */
  readonly closed: boolean
}

export interface Text extends Span {
  readonly text: string
}

export interface Duration extends Span {
  readonly amount: Numeral
  /** Absent where SPEC 2 gives a default. */
  readonly unit?: 'S' | 'MS' | 'US' | 'TICKS'
}

/** One number, or `[first, last]`, both included. */
export interface Range extends Span {
  readonly first: Numeral
  readonly last?: Numeral
}

export type Kind = 'task' | 'node' | 'group' | 'any'
export type EntityWord = 'TASK' | 'NODE' | 'GROUP' | 'LOGICAL'

/** How the kind was written, so that a printer can write it again. */
interface Named {
  readonly word: EntityWord
  readonly short: boolean
}

export interface PlainEntity extends Span, Named {
  readonly form: 'plain'
  readonly entity: Exclude<Kind, 'any'>
  readonly id: Numeral | Text
}

export interface StarEntity extends Span {
  readonly form: 'star'
  readonly entity: Kind
  readonly named?: Named
}

/** `T$1` (`of`), `@1` (`fulfilled`), `~1` (`rest`). */
export interface BackReference extends Span {
  readonly form: 'of' | 'fulfilled' | 'rest'
  readonly entity: Kind
  readonly named?: Named
  /** From 1; `last` for the last atom of the guard. */
  readonly atom: number | 'last'
  /** Of the `$`, `@` or `~`. */
  readonly mark: Span
}

export type Entity = PlainEntity | StarEntity | BackReference

export type Comparison = '==' | '!=' | '>' | '>=' | '<' | '<='
export type Query = 'ERRN' | 'ERRT' | 'PHASE' | 'RESTARTED' | 'ALPHA' | 'ELAPSED'

export type Atom =
  | (Span & { readonly kind: 'status'; readonly status: WordOf<'status'>; readonly entity: Entity })
  | (Span & { readonly kind: 'deadlocked'; readonly first: Entity; readonly second: Entity })
  | (Span & {
      readonly kind: 'query'
      readonly query: Query
      readonly entity: Entity
      readonly comparison: Comparison
      readonly value: Numeral | Duration
    })
  | (Span & {
      readonly kind: 'variable'
      readonly variable: string
      readonly comparison: Comparison
      readonly value: Numeral
    })

export type Guard =
  | (Span & { readonly kind: 'and' | 'or'; readonly terms: readonly Guard[] })
  | (Span & { readonly kind: 'not'; readonly term: Guard })
  | Atom

export type Operator = '+' | '-' | '*' | '/'

/** Left to right: the first operand, then each operator with its operand. */
export type Expression =
  | (Span & { readonly kind: 'chain'; readonly first: Expression; readonly rest: readonly ChainLink[] })
  | (Span & { readonly kind: 'minus'; readonly operand: Expression })
  | (Span & { readonly kind: 'variable'; readonly variable: string })
  | (Span & { readonly kind: 'number'; readonly number: Numeral })

export interface ChainLink {
  readonly operator: Operator
  readonly operand: Expression
}

/** `AND WARN e (args)` after an action. */
export interface Warning extends Span {
  readonly entity: Entity
  readonly args: readonly Numeral[]
}

export type EntityAction = 'STOP' | 'KILL' | 'SHUTDOWN' | 'ISOLATE' | 'START' | 'RESTART' | 'REBOOT' | 'ENABLE' | 'CLEAR'

export type SimpleAction =
  | { readonly kind: 'do'; readonly action: EntityAction; readonly entity: Entity }
  | { readonly kind: 'send'; readonly value: Numeral; readonly entity: Entity }
  | { readonly kind: 'warn'; readonly entity: Entity }
  | {
      readonly kind: 'warn-if'
      /** `ERR v f WARN e` was written rather than `WARN e ( ERR v f )`. */
      readonly order: 'err-first' | 'warn-first'
      readonly error: Numeral
      readonly about: Entity
      readonly entity: Entity
      readonly args: readonly Numeral[]
    }
  | { readonly kind: 'remove'; readonly what: Numeral | 'ANY' | 'PHASE'; readonly entity: Entity }
  | { readonly kind: 'call'; readonly function: Numeral; readonly args: readonly Numeral[] }
  | { readonly kind: 'pause'; readonly time: Duration }
  | { readonly kind: 'let'; readonly variable: string; readonly expression: Expression }
  | { readonly kind: 'log'; readonly what: Text | Numeral | 'CLOCK' | { readonly variable: string } }

export type PlainAction = SimpleAction & Span & { readonly warnings: readonly Warning[] }
export type Action = PlainAction | Section

export interface Branch {
  /** The IF, ELIF or ELSE. */
  readonly head: Span
  /** Absent in ELSE, and where it could not be read. */
  readonly guard?: Guard
  readonly guardEnd: number
  /** The THEN; absent in ELSE. */
  readonly then?: Span
  readonly actions: readonly Action[]
}

export interface Section extends Span {
  readonly kind: 'section'
  /** IF first, then any ELIF. */
  readonly branches: readonly Branch[]
  readonly otherwise?: Branch
  readonly fi: Span
}

export interface AlphaParameters extends Span {
  readonly threshold: Numeral
  readonly factor: Numeral
  readonly every?: Duration
}

export type Algorithm =
  | 'MAJORITY'
  | 'SIMPLE MAJORITY'
  | 'PLURALITY'
  | 'MEDIAN'
  | 'WEIGHTED AVERAGE'
  | 'AVERAGE'
  | 'EXACT CONSENSUS'

export type Clause = Span &
  (
    | { readonly kind: 'time'; readonly word: 'HEARTBEATS' | 'PAUSE' | 'TIMEOUT'; readonly time: Duration }
    | { readonly kind: 'count'; readonly word: 'ATTEMPTS' | 'COPIES' | 'CYCLES'; readonly count: Numeral }
    | { readonly kind: 'name'; readonly word: 'METRIC' | 'ACCEPTANCE'; readonly name: Text }
    | { readonly kind: 'epsilon'; readonly epsilon: Numeral }
    | {
        readonly kind: 'variant'
        readonly word: 'VERSION' | 'REPLICA' | 'ALTERNATE'
        readonly number: Numeral
        readonly task: Numeral
        readonly timeout?: Duration
      }
    | { readonly kind: 'voting'; readonly algorithm: Algorithm; readonly scale?: Numeral }
    | { readonly kind: 'method'; readonly method: 'MODULAR REDUNDANCY' | 'STANDBY SPARING' }
    | { readonly kind: 'spare'; readonly task: Numeral }
    | { readonly kind: 'group'; readonly word: 'GROUP' | 'LOGICAL'; readonly group: Numeral }
    | { readonly kind: 'outcome'; readonly event: 'SUCCESS' | 'ERROR'; readonly task: Numeral }
    | { readonly kind: 'alarm'; readonly action: 'REBOOT' | 'RESTART' }
    | { readonly kind: 'alarm'; readonly action: 'WARN'; readonly word: 'TASK' | 'GROUP' | 'LOGICAL'; readonly target: Numeral }
    | { readonly kind: 'filter'; readonly filter: AlphaParameters }
  )

export type Tool = Exclude<WordOf<'tool'>, 'ALPHACOUNT'>

export interface Block extends Span {
  readonly kind: 'block'
  readonly tool: Tool
  readonly head: Span
  readonly number: Numeral
  /** The task that a watchdog watches. */
  readonly watched?: Numeral
  readonly clauses: readonly Clause[]
  /** The END; empty where it is missing. */
  readonly foot: Span
  /** First words of the clauses that could not be read. */
  readonly lost: readonly string[]
  /** Something could not be read at all, or the END is missing, so that nothing can be said about missing clauses. */
  readonly broken: boolean
}

export type Configuration =
  | { readonly kind: 'include'; readonly path: Text }
  | {
      readonly kind: 'roles'
      readonly nodes: readonly Numeral[]
      /** `1-3` rather than `1, 2, 3`. */
      readonly upTo?: Numeral
      readonly role: WordOf<'role'>
    }
  | { readonly kind: 'nodes'; readonly count: Numeral }
  | { readonly kind: 'numtasks'; readonly node: Numeral; readonly count: Numeral }
  | { readonly kind: 'default'; readonly action: 'STOP' | 'KILL' | 'RESTART' }
  | { readonly kind: 'timeout'; readonly name: WordOf<'timeout'>; readonly time: Duration }
  | { readonly kind: 'task'; readonly range: Range; readonly name: Text; readonly node: Numeral; readonly local: Range }
  | { readonly kind: 'mailbox'; readonly range: Range; readonly mailbox: Range; readonly alias: Range }
  | {
      readonly kind: 'group'
      readonly word: 'GROUP' | 'LOGICAL'
      readonly number: Numeral
      readonly name: Text
      readonly members: readonly Numeral[]
    }
  | {
      readonly kind: 'alpha'
      readonly entity: 'task' | 'node'
      readonly number: Numeral
      readonly filter: AlphaParameters
    }
  | {
      readonly kind: 'inject'
      readonly fault: 'MANAGERFAULT' | 'BACKUPFAULT'
      readonly on: 'NODE' | 'COMPONENT'
      readonly node: Numeral
      readonly after: Duration
    }

/** `head` is the statement's first word. */
export type Statement = (Configuration & Span & { readonly head: Span }) | Block | Section
