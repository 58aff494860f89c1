/**
 * What a script declares beside its strategy (SPEC 3): nodes, tasks, groups, roles, time-outs, filters and tools, as plain data.
 *
 * Boundary: shapes. Times are whole microseconds; numbers of entities are those of the script; names are as declared.
 */

export type Role = 'manager' | 'assistant' | 'agent'

export interface TaskEntry {
  readonly number: number
  readonly name: string
  readonly node: number
  /** Its number on that node. */
  readonly local: number
  readonly mailbox?: number
  readonly alias?: number
}

export interface GroupEntry {
  readonly number: number
  readonly name: string
  readonly members: readonly number[]
}

export interface FilterEntry {
  readonly kind: 'task' | 'node'
  readonly number: number
  readonly threshold: number
  readonly factor: number
  /** Each such period without an error counts as one success. */
  readonly everyUs?: number
}

export interface WatchdogEntry {
  readonly number: number
  readonly watched: number
  readonly periodUs: number
  readonly onError?: 'reboot' | 'restart' | { readonly warn: 'task' | 'group'; readonly number: number }
  /** Line of the ON ERROR clause, or of the block where there is none. */
  readonly line: number
}

export interface VariantEntry {
  readonly number: number
  readonly task: number
  readonly timeoutUs?: number
}

/** Every tool but the watchdog; which fields it has follows from its clauses. */
export interface ToolEntry {
  readonly tool:
    | 'n-version'
    | 'replicated'
    | 'retry-block'
    | 'recovery-block'
    | 'consensus-recovery-block'
    | 'stabilizer'
    | 'barrier'
  readonly number: number
  readonly line: number
  readonly variants?: readonly VariantEntry[]
  readonly method?: 'modular redundancy' | 'standby sparing'
  readonly spare?: number
  readonly voting?: string
  readonly scale?: number
  readonly metric?: string
  readonly epsilon?: number
  readonly acceptance?: string
  readonly attempts?: number
  readonly copies?: number
  readonly cycles?: number
  readonly pauseUs?: number
  readonly timeoutUs?: number
  readonly group?: number
  readonly onSuccess?: number
  readonly onError?: number
}

export interface InjectionEntry {
  readonly fault: 'manager' | 'backup'
  readonly node: number
  readonly after: { readonly ticks: number } | { readonly us: number }
}

export interface Topology {
  readonly topology: 1
  readonly nodes?: number
  readonly roles: Readonly<Record<number, Role>>
  readonly tasksPerNode: Readonly<Record<number, number>>
  readonly defaultAction?: 'stop' | 'restart'
  /** Microseconds, by name; all ten, with the defaults of SPEC 3. */
  readonly timeouts: Readonly<Record<string, number>>
  readonly tasks: readonly TaskEntry[]
  readonly groups: readonly GroupEntry[]
  readonly filters: readonly FilterEntry[]
  readonly watchdogs: readonly WatchdogEntry[]
  readonly tools: readonly ToolEntry[]
  readonly injections: readonly InjectionEntry[]
}
