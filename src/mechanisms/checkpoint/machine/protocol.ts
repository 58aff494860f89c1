/**
 * What is said between the service, which is a machine on the log, and the proxies of members: the arguments of operations, and the notes.
 *
 * A message is one entry. Each member is given what is for it in the order of the log, so nobody has to tell the service what was
 * delivered: it is enough that a member says with whatever it sends *up to which position* it has been given its messages. From that
 * the service knows every edge of the rollback graph that can matter, in time: a delivery after which nothing was sent leads nowhere.
 *
 * A member works in a proxy (`site/`), over a bound session: when that ends, the member has failed. Its operations name group, place and
 * epoch; what comes under another epoch or from another session is refused before it is looked at (rule 5).
 *
 * Recovery, from the failure to the line:
 *   1. `ended`, `fail` or `recover` adds to the failed members. All others with a proxy are told `halt`: they start no delivery and send
 *      nothing, and answer `halted` with the position that they have reached.
 *   2. When all have answered or failed (or HALT_MS have passed, which counts as failed), the line is computed: exactly, since now
 *      all deliveries are known. A new epoch begins. Messages whose sending is undone leave the logs.
 *   3. Who goes back and has a proxy is told `rollback`, who stays `resume`; both with the line, by which they throw away what they were
 *      given already and have not delivered (ghosts). Who has none is given its checkpoint when it joins.
 *
 * Boundary: types only. What a note carries belongs to the machine: whoever hears it copies before anything changes it.
 *   N1  Notes of one member are in the order in which it has to heed them, and none is left out while its session lives.
 *   N2  A note can come before its position is durable. What reaches an object waits for durability (rule 3), and so does what is answered
 *       because of it: operations are answered when they are durable anyway.
 *   N3  Between `halted` and the next `rollback` or `resume` nothing comes from a member.
 */
import type { Failure } from '../../../log/machine.ts'
import type { ProtocolName } from '../protocols.ts'

export type GroupProtocol = Exclude<ProtocolName, 'bare'> | 'koo-toueg'

/** When a member that holds the line of all back is asked to save. */
export interface LagPolicy {
  /** Oldest work that no checkpoint has. */
  readonly undoneMs: number
  /** Messages, over all members, that would be delivered again if all failed. */
  readonly undoneMessages: number
  /** Payloads of messages that the logs keep. */
  readonly logBytes: number
}

export interface GroupSpec {
  readonly protocol: GroupProtocol
  readonly lag: LagPolicy
}

/** Where the state of a checkpoint is. `ref` is a value of the object's own, encoded: it has stored the state itself. */
export type StoredState =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | { readonly kind: 'blob'; readonly hash: string; readonly size: number }
  | { readonly kind: 'external'; readonly ref: Uint8Array }

/** What a member goes back to, or begins with. */
export interface Grant {
  readonly group: number
  /** Never given to anybody else, nor again to a member of the same name that had left: what proxies have saved about it may be old. */
  readonly place: number
  readonly epoch: number
  /** At which it was granted: what was noted before concerns an earlier proxy of the member. */
  readonly position: number
  /** Of the checkpoint; -1: the member is new, and saves as index 0 what its factory has made. */
  readonly index: number
  readonly state: StoredState | null
  /** State of the protocol's rule at that checkpoint (R3 of `protocol.ts`), encoded; null where the protocol has none. */
  readonly rule: Uint8Array | null
  /** Position up to which messages had been delivered at that checkpoint. */
  readonly delivered: number
  /** Position of the last message that is there for the member now; what is after `delivered` is replay up to here. */
  readonly replayTo: number
  /** The names of all members by place; null: has left. */
  readonly names: readonly (string | null)[]
}

/**
 * `from`: place of the sender; -1: no member, who never goes back. `index`: interval of the sending.
 *
 * Answers are mail too: `sender` is '@' and the name of the space or group, `stamp` is empty and not null, and the payload an
 * encoded `Answered`. What a space has answered comes from the member itself, in the interval in which it was asked: it is undone with it.
 */
export type Mail = readonly [
  position: number,
  from: number,
  sender: string,
  index: number,
  payload: Uint8Array,
  stamp: Uint8Array | null,
]

/** `reply`: position of the operation that asked. */
export type Answered = { readonly reply: number; readonly value: unknown } | { readonly reply: number; readonly error: Failure }

/** By place; null: goes on as it is. */
export type WireLine = readonly (number | null)[]

/**
 * What is recorded now and happens once no failure can undo the interval that asked for it. `output`: the object's own `output`. `out`:
 * a tuple. `call`: a call of an object group, whose answer comes back as a message from `@group` that is never undone.
 */
export type Output =
  | readonly ['output', payload: Uint8Array]
  | readonly ['out', space: string, tuple: readonly unknown[], options: unknown]
  | readonly ['call', name: string, key: string, method: string, args: readonly unknown[]]

/**
 * Asked of a space at once. What it takes is held for the member: gone for good when the interval that asked is stable, and given back
 * when that is undone, together with the answer.
 */
export type SpaceRequest = readonly [
  kind: 'in' | 'rd' | 'inp' | 'rdp',
  space: string,
  /** As spaces write it on the log. */
  template: readonly unknown[],
  /** Only of those that wait. */
  options: { readonly timeoutMs: number } | null,
]

/** Every array is the arguments of the operation of that name, `->` its answer. `of`: group, place, epoch of the member that says it. */
export interface CheckpointOperations {
  /** -> the id of the group. Again with another specification: `PERDURE_E_KEY_TAKEN`. */
  'checkpoint.found': readonly [name: string, spec: GroupSpec]
  /**
   * -> Grant, as soon as no recovery is under way. Of a session only. A known name without a proxy: its recovery. `PERDURE_E_MEMBER_TAKEN`
   * while it has one, `_UNKNOWN_GROUP`, `_WEDGED`. Messages follow as notes.
   */
  'checkpoint.join': readonly [name: string, member: string]
  /** -> position, which is the id of the message. `index` is the sender's interval. `_UNKNOWN_MEMBER`, `_BUSY` where too much waits for the receiver. */
  'checkpoint.send': readonly [
    ...of: Of,
    index: number,
    delivered: number,
    to: string,
    payload: Uint8Array,
    stamp: Uint8Array | null,
  ]
  /** -> position. From no member: a plain client or a run. `sender` begins with `@`, which no name of a member does. */
  'checkpoint.post': readonly [name: string, to: string, sender: string, payload: Uint8Array]
  /**
   * -> whether the member has to save before the message at `position`, the next one for it, is delivered. Only where neither skip rule
   * applies; protocol `exact` only. Asked again, it is answered the same.
   */
  'checkpoint.check': readonly [...of: Of, index: number, position: number]
  /**
   * -> true: the checkpoint is stable. Everything delivered before it is at or before `delivered`, everything sent before it was issued before.
   * `index`: one more than the last. `state` null: as in the checkpoint before. `cause`: why. With `koo-toueg` it is tentative until the
   * coordinated checkpoint it belongs to is decided, and the answer comes then: true if it became permanent.
   */
  'checkpoint.save': readonly [
    ...of: Of,
    index: number,
    delivered: number,
    cause: SaveCause,
    state: StoredState | null,
    rule: Uint8Array | null,
  ]
  /** -> position, which with the place makes the idempotency key. */
  'checkpoint.output': readonly [...of: Of, index: number, delivered: number, output: Output]
  /**
   * -> position, by which the answer names it: a message `{ reply, value | error }` from `@space`. What is refused at once is answered
   * with the error, and nothing follows. `_BUSY` where too much was asked and is not over.
   */
  'checkpoint.request': readonly [...of: Of, index: number, delivered: number, request: SpaceRequest]
  /** -> true. The object has been given these outputs. */
  'checkpoint.released': readonly [...of: Of, positions: readonly number[]]
  /** -> true. Where nothing else says it: every HEARD_EVERY deliveries. */
  'checkpoint.heard': readonly [...of: Of, delivered: number]
  /** -> true. `epoch` is the old one. */
  'checkpoint.halted': readonly [...of: Of, delivered: number]
  /** -> true. The object is broken or hangs and was thrown away; `message`: in which delivery, by position, or null. */
  'checkpoint.fail': readonly [...of: Of, delivered: number, message: number | null, reason: string]
  /** -> the line by name, when the group has gone back. By anybody. */
  'checkpoint.recover': readonly [name: string, failed: readonly string[]]
  /** -> the line by name that `recover` would lead to; nothing happens. The others are asked how far they are. */
  'checkpoint.line': readonly [name: string, failed: readonly string[]]
  /** -> true, once nothing the member has done can be undone any more. Before it, the member saves. */
  'checkpoint.leave': Of
  /** -> true. Members hear `over`. */
  'checkpoint.delete': readonly [name: string]
  /** -> the index of the next checkpoint of that member, when it is stable. Asked for by people. */
  'checkpoint.ask': readonly [name: string, member: string]
  /** -> Snapshot, when all members with a proxy have recorded their state. */
  'checkpoint.snapshot': readonly [name: string]
  /** -> true. State after everything up to the marker's position was delivered, and before anything after it. */
  'checkpoint.recorded': readonly [...of: Of, snapshot: number, state: Uint8Array]
  /** -> true. Protocol `cut`: everybody saves before the first message after this entry. */
  'checkpoint.mark': Of
  /** -> true. The proxy goes, as with its session: the member has failed, and has none until it is joined. */
  'checkpoint.close': Of
}

export type Of = readonly [group: number, place: number, epoch: number]

/** `basic`: the member liked to. `forced`: by the protocol. `asked`: by the lag policy, by who leaves, by people. */
export type SaveCause = 'basic' | 'forced' | 'asked'

export interface Snapshot {
  /** Of the marker. */
  readonly position: number
  /** By name: encoded. */
  readonly states: Readonly<Record<string, Uint8Array>>
  /** What was on its way, per pair of members, in order. */
  readonly channels: readonly { readonly from: string; readonly to: string; readonly messages: readonly Uint8Array[] }[]
}

export type ProxyNote =
  /** At most WINDOW of them are on their way; more come as the member says how far it is. */
  | readonly ['checkpoint.mail', group: number, place: number, mail: readonly Mail[]]
  | readonly ['checkpoint.halt', group: number, place: number]
  /** The object is thrown away and built again; everything heard before is void, and mail after `grant.delivered` comes again. */
  | readonly ['checkpoint.rollback', group: number, place: number, grant: Grant]
  | readonly ['checkpoint.resume', group: number, place: number, epoch: number, line: WireLine]
  /** Save as soon as you can, if anything has happened since the last time. */
  | readonly ['checkpoint.please', group: number, place: number]
  /** Protocol `koo-toueg`: save tentatively; send nothing until it is decided. */
  | readonly ['checkpoint.tentative', group: number, place: number]
  /** Protocol `cut`: save before the first message after this position, or now if all up to it has been delivered. */
  | readonly ['checkpoint.marker', group: number, place: number, position: number]
  | readonly ['checkpoint.record', group: number, place: number, snapshot: number, position: number]
  /** Give these to the object's `output`, and say so. */
  | readonly [
      'checkpoint.release',
      group: number,
      place: number,
      outputs: readonly (readonly [position: number, payload: Uint8Array])[],
    ]
  /** References of states that nobody will go back to. */
  | readonly ['checkpoint.discard', group: number, place: number, refs: readonly Uint8Array[]]
  /** Somebody has joined, or left. */
  | readonly ['checkpoint.names', group: number, place: number, names: readonly (string | null)[]]
  /** Say how far you are (`heard`): somebody asks for a line. */
  | readonly ['checkpoint.tell', group: number, place: number]
  /** The proxy is not wanted any more. Who was `late` to halt may join again. */
  | readonly ['checkpoint.over', group: number, place: number, why: 'left' | 'deleted' | 'late' | 'wedged', reason: string]

/** Messages on their way to one proxy: enough that it never waits for the next. */
export const WINDOW = 1024

/** Deliveries after which a member says how far it is, where it has not sent anything since. */
export const HEARD_EVERY = 256

/** Service time a proxy has to halt: its event loop is alive, or it is not. */
export const HALT_MS = 5_000
