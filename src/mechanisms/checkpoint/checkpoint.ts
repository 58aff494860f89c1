// biome-ignore-all lint/performance/noBarrelFile: this file is what `perdure/checkpoint` exports.
/**
 * Checkpoint groups: objects whose behaviour cannot be replayed save when they like, and the group always has a consistent line to go
 * back to.
 *
 *     const p = protocols.exact(3)
 *     const stamp = p.send(0)
 *     p.deliver(1, stamp)          // { force: true }: 1 has to save before it is given the message
 *     recoveryLine(trace, ['b'])   // { a: 3, b: 2, c: 'current' }
 *
 * Boundary: what `perdure/checkpoint` exports.
 */

export { dropSet, type Garbage, garbageSet, type Line, orphanSet, recoveryLine, replaySet } from './line.ts'
export type { Cut, Delivery, Protocol, Stamp, Token } from './protocol.ts'
export { type Exact, type ProtocolName, type Protocols, protocols } from './protocols.ts'
export type { Trace, TraceEvent } from './trace.ts'
