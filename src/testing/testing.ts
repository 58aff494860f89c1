/**
 * The kit with which perdure is tested, for programs that stand on it.
 *
 *     import { crashAt, simulate, virtualClock } from 'perdure/testing'
 *
 * `simulate` runs a whole site in one thread from a seed, with crashes at any await; `virtualClock` stands still until it is told
 * to go on; `logContract` is the suite that every log engine must pass.
 *
 * Boundary: what `perdure/testing` exports.
 */

// biome-ignore lint/performance/noBarrelFile: this file is what `perdure/testing` exports.
export { type CrashOptions, type CrashReport, crashEverywhere } from './crash-everywhere.ts'
export type { Effect } from './effects.ts'
export { crashAt, FAULT_KINDS, type Fault, type FaultKind, type Strike, type StrikeKind } from './faults.ts'
export { checkLinearizable, type HistoryEntry, type Linearization, type SequentialModel } from './linearizability.ts'
export { type EngineUnderTest, logContract } from './log-suite.ts'
export { type RestartOptions, type RestartReport, restartAtEveryCheckpoint } from './restart-everywhere.ts'
export type { Scenario } from './seed-run.ts'
export { SeededRandom } from './seeded-random.ts'
export { type SimulateOptions, type SimulationReport, simulate } from './simulate.ts'
export { isLost, type SessionKind } from './simulated-clients.ts'
export { SimulatedFolders } from './simulated-folders.ts'
export { STATES, type StateName, unreached } from './sometimes.ts'
export { type VirtualClock, type VirtualClockOptions, virtualClock } from './virtual-clock.ts'
export type { AnyDefinition, World } from './world.ts'
