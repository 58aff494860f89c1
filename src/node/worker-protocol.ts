/** What a worker process and its parent say to each other. */

export interface WorkerSettings {
  readonly socket: string
  readonly logId: string
  readonly name: string
  readonly parent: string
  readonly parentSession: number
  readonly boot: string
  readonly modules: readonly string[]
  /** Names of the definitions to host; null for all that the modules export. */
  readonly definitions: readonly string[] | null
  readonly capacity: number
}

/** What a parent asks of its worker: to say when it has told everything that is durable by now. */
export type ParentMessage = { readonly kind: 'flush' }

/** What a worker tells its parent. */
export type WorkerMessage =
  | { readonly kind: 'flushed' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly failure: unknown }
  | { readonly kind: 'log'; readonly definition: string; readonly key: string; readonly text: string }

/** The site ended or fenced this worker. */
export const EXIT_DISMISSED = 70

/** Its modules could not be used. */
export const EXIT_UNUSABLE = 71

/** The environment variable that carries the settings. */
export const SETTINGS_VARIABLE = 'PERDURE_WORKER'
