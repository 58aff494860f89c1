/**
 * Policies of ariel as trees, and the history of an event each: what `random-policies.ts` makes up and `second-reading.ts` walks.
 *
 * Boundary: test code only. Everything that a policy names is declared in `PLANT`.
 */
export type Entity = readonly [letter: 'T' | 'N' | 'G' | '*', number: number | '*']

export interface Plant {
  readonly nodes: readonly number[]
  readonly tasks: readonly (readonly [number: number, node: number])[]
  readonly groups: readonly (readonly [number: number, members: readonly number[]])[]
}

export const PLANT: Plant = {
  nodes: [0, 1, 2, 3],
  tasks: [
    [1, 0],
    [2, 0],
    [3, 1],
    [4, 2],
  ],
  groups: [
    [1, [1, 2, 3]],
    [2, [3, 4]],
  ],
}

export type Atom =
  | { readonly kind: 'status'; readonly word: string; readonly entity: Entity }
  | { readonly kind: 'deadlocked'; readonly first: Entity; readonly second: Entity }
  | {
      readonly kind: 'compare'
      readonly query: string
      readonly entity: Entity
      readonly sign: string
      readonly constant: number
    }
  | { readonly kind: 'value'; readonly variable: string; readonly sign: string; readonly constant: number }

export type Guard =
  | Atom
  | { readonly kind: 'not'; readonly term: Guard }
  | { readonly kind: 'both'; readonly left: Guard; readonly right: Guard }
  | { readonly kind: 'either'; readonly left: Guard; readonly right: Guard }

export interface Action {
  readonly verb: string
  /** Of its first word; set when it is written. */
  line: number
  readonly target?: Target
  readonly value?: number | string
  /** Of ERR. */
  readonly about?: Entity
  readonly warn?: Entity
  readonly variable?: string
  readonly expression?: readonly [string | number, string, string | number]
}

export interface Filter {
  readonly entity: Entity
  readonly threshold: number
  readonly factor: number
  readonly everyMs: number | undefined
}

export interface Watchdog {
  readonly number: number
  readonly watched: number
  readonly periodMs: number
  readonly onError: string | Entity | undefined
  /** Of ON ERROR; set when it is written. */
  line: number
}

/** `@1`, `~1` of a kind or of any, `T$1`. */
export interface Reference {
  readonly form: '@' | '~' | '$'
  readonly kind: 'T' | 'N' | 'G' | undefined
  /** From 0. */
  readonly atom: number
}

export type Target = Entity | Reference

export interface Section {
  readonly branches: readonly { readonly guard: Guard | undefined; readonly actions: readonly (Action | Section)[] }[]
}

export interface RandomPolicy {
  readonly script: string
  readonly filters: readonly Filter[]
  readonly watchdogs: readonly Watchdog[]
  readonly sections: readonly Section[]
}

export interface RecordedEvent {
  readonly at: number
  readonly kind: 'error' | 'ok' | 'phase' | 'status' | 'heartbeat' | 'deadlock' | 'end'
  readonly entity?: string
  readonly entities?: readonly string[]
  readonly code?: number
  readonly value?: number
  readonly status?: string
  readonly successes?: number
}

export function isStar([letter, number]: Entity): boolean {
  return letter === '*' || number === '*'
}

export function atomsIn(guard: Guard): readonly Atom[] {
  if (guard.kind === 'not') return atomsIn(guard.term)
  return guard.kind === 'both' || guard.kind === 'either' ? [...atomsIn(guard.left), ...atomsIn(guard.right)] : [guard]
}
