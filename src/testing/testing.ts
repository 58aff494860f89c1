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

export type { Effect } from './effects.ts'
// biome-ignore lint/performance/noBarrelFile: this file is what `perdure/testing` exports.
export { crashAt, FAULT_KINDS, type FaultKind, type Strike } from './faults.ts'
export { type EngineUnderTest, logContract } from './log-suite.ts'
export { SeededRandom } from './seeded-random.ts'
export { type Scenario, type SimulateOptions, type SimulationReport, simulate } from './simulate.ts'
export { STATES, type StateName, unreached } from './sometimes.ts'
export { type VirtualClock, type VirtualClockOptions, virtualClock } from './virtual-clock.ts'
export { type AnyDefinition, isLost, type World } from './world.ts'
