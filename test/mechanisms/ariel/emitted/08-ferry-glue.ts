// Written by `perdure ariel build 08-ferry.ariel --emit glue`: change the script, not this file.

/** The declared tasks and their numbers. */
export const tasks = {
  rudder: 21,
  'rudder-wd': 22,
  helm: 23,
  'engine-a': 31,
  'engine-b': 32,
  'engine-c': 33,
  'engine-s': 34,
  bridge: 40,
  radar81: 81,
  radar82: 82,
  radar83: 83,
} as const

/** What the program has for each task, whatever it calls a task. */
export type Tasks<Task> = Readonly<Record<keyof typeof tasks, Task>>

/** Line 33: rudder must give a sign of life every 250 ms once it has begun. */
export const rudderWd = {
  tool: 'watchdog',
  number: 22,
  name: 'rudder-wd',
  watched: 'rudder',
  periodMs: 250,
  onError: 'restart',
} as const

/** The sign of life, to be called by the watched task; `to` is its connection to the backbone. */
export function rudderWdHeartbeat<T>(to: { heartbeat(watchdog: number): T }): T {
  return to.heartbeat(22)
}

/** Line 36: replicated 90, 3 versions, voted by weighted average. */
export const t90 = {
  tool: 'replicated',
  number: 90,
  name: 'T90',
  method: 'modular redundancy',
  voting: 'weighted average',
  scale: 2,
  metric: 'rpm',
  epsilon: 0.5,
  versions: [
    { number: 1, task: 'engine-a', timeoutMs: 50 },
    { number: 2, task: 'engine-b', timeoutMs: 50 },
    { number: 3, task: 'engine-c', timeoutMs: 50 },
  ],
  spare: 'engine-s',
  onError: 'bridge',
} as const

/** What the program supplies for it. */
export interface T90<Input, Output> {
  readonly versions: {
    readonly 'engine-a': (input: Input) => Output | Promise<Output>
    readonly 'engine-b': (input: Input) => Output | Promise<Output>
    readonly 'engine-c': (input: Input) => Output | Promise<Output>
  }
  /** rpm: how far two outputs are apart, 0 for equal ones. */
  readonly metric: (a: Output, b: Output) => number
}

/** Line 47: consensus-recovery-block 91, 3 versions, voted by majority, accepted by 'bearing_in_range'. */
export const t91 = {
  tool: 'consensus-recovery-block',
  number: 91,
  name: 'T91',
  voting: 'majority',
  metric: 'bearing',
  epsilon: 2,
  acceptance: 'bearing_in_range',
  versions: [
    { number: 1, task: 'radar81' },
    { number: 2, task: 'radar82' },
    { number: 3, task: 'radar83' },
  ],
  onSuccess: 'helm',
  onError: 'bridge',
} as const

/** What the program supplies for it. */
export interface T91<Input, Output> {
  readonly versions: {
    readonly radar81: (input: Input) => Output | Promise<Output>
    readonly radar82: (input: Input) => Output | Promise<Output>
    readonly radar83: (input: Input) => Output | Promise<Output>
  }
  /** bearing: how far two outputs are apart, 0 for equal ones. */
  readonly metric: (a: Output, b: Output) => number
  /** bearing_in_range: whether an output may be used. */
  readonly accept: (output: Output) => boolean
}

/** Line 58: retry-block 23, accepted by 'helm_answered'. */
export const helm = {
  tool: 'retry-block',
  number: 23,
  name: 'helm',
  attempts: 3,
  acceptance: 'helm_answered',
  pauseMs: 20,
  onError: 'bridge',
} as const

/** What the program supplies for it. */
export interface Helm<Input, Output> {
  readonly attempt: (input: Input) => Output | Promise<Output>
  /** helm_answered: whether an output may be used. */
  readonly accept: (output: Output) => boolean
}

/** Line 65: stabilizer 4. */
export const stabilizer4 = {
  tool: 'stabilizer',
  number: 4,
  name: 'stabilizer-4',
  copies: 3,
  cycles: 5,
  metric: 'position',
  epsilon: 0.01,
  onError: 'bridge',
} as const

/** What the program supplies for it. */
export interface Stabilizer4<Output> {
  /** position: how far two outputs are apart, 0 for equal ones. */
  readonly metric: (a: Output, b: Output) => number
}

/** Line 72: barrier 1. */
export const barrier1 = { tool: 'barrier', number: 1, name: 'barrier-1', timeoutMs: 500, group: 'propulsion' } as const
