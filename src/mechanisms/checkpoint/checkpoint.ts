// biome-ignore-all lint/performance/noBarrelFile: this file is what `perdure/checkpoint` exports.
/**
 * Checkpoint groups: objects whose behaviour cannot be replayed save when they like, and the group always has a consistent line to go
 * back to.
 *
 *     const bank = await checkpointGroup(site, 'bank')
 *     const a = await bank.join('a', (self) => new Account(self))
 *     await a.send('b', { transfer: 5 })
 *
 *     const p = protocols.exact(3)
 *     const stamp = p.send(0)
 *     p.deliver(1, stamp)          // { force: true }: 1 has to save before it is given the message
 *     recoveryLine(trace, ['b'])   // { a: 3, b: 2, c: 'current' }
 *
 * Boundary: what `perdure/checkpoint` exports.
 */

export { type CheckpointGroupReference, checkpointGroupNamed } from '../../support/reference.ts'
export { type Checkpointed, checkpoint, restore } from '../../support/state/state.ts'
export {
  type AttachedGroup,
  type AttachedGroupOptions,
  type AttachedMemberOptions,
  type AttachedObject,
  attachedGroup,
  emitterTransport,
  portTransport,
} from './attached/attached-checkpoint-group.ts'
export type { Member as AttachedMember } from './attached/proxy.ts'
export type { Receipt, Recoverable, Store, Transport, Wire } from './attached/proxy-parts.ts'
export { folderStore, memoryStore } from './attached/stores.ts'
export { fromOutside } from './attached/wire.ts'
export { ChandyLamport, type Coloured, LaiYang, type Marked, type SnapshotAction } from './chandy-lamport.ts'
export {
  type Coordinated,
  type CoordinatedOptions,
  type CoordinatedTrace,
  coordinated,
  type PermanentSet,
} from './coordinated/coordinated.ts'
export type { Reference } from './coordinated/reference.ts'
export { type DiagramOptions, diagram } from './diagram.ts'
export { type Action, type ApplicationMessage, type Control, type InstanceId, KooToueg, type Undertaking } from './koo-toueg.ts'
export { dropSet, type Garbage, garbageSet, type Line, orphanSet, recoveryLine, replaySet } from './line.ts'
export type { Cut, Delivery, Protocol, Stamp, Token } from './protocol.ts'
export { type Exact, type ProtocolName, type Protocols, protocols } from './protocols.ts'
export {
  type CheckpointGroup,
  checkpointGroup,
  type GroupSnapshot,
  type JoinOptions,
} from './site/checkpoint-group.ts'
export type { Member } from './site/member.ts'
export {
  type Answer,
  type CheckpointedObject,
  External,
  external,
  type MemberSpace,
  type ObjectFactory,
  type OutputInfo,
  type RequestOptions,
  type Self,
} from './site/member-object.ts'
export type { CheckpointGroupOptions } from './site/specification.ts'
export type { Trace, TraceEvent } from './trace.ts'
