/**
 * Checkpoint groups for programs that exist already: their objects go on to talk over the transport they have, and become recoverable.
 *
 *     const bus = new EventEmitter()
 *     const game = await attachedGroup(site, 'game')
 *     const ping = await game.attach(emitterTransport(bus, 'ping'), 'ping', (self) => new Player(self))
 *
 * An object needs `receive` only: without `save` and `restore` its own fields that are plain data are its state.
 *
 * Boundary: the proxy is `proxy.ts`, here over the site instead of HTTP. Source: Zweiacker 1997, "integrating fault tolerance mechanisms in
 * a late stage of the software development process".
 */
import { PerdureError } from '../../../errors.ts'
import { copyValue } from '../../../log/codec/codec.ts'
import type { Site } from '../../../log/site.ts'
import { attach, type Member } from './proxy.ts'
import type { ProxyEvent, Recoverable, Self, Store, Transport } from './proxy-parts.ts'
import { hasMethods, misused } from './proxy-refusals.ts'
import { readWire } from './wire.ts'

export interface AttachedGroupOptions {
  /** Milliseconds the site has for an answer, before members take safe checkpoints. Default: 2,000. */
  readonly answerMs?: number
}

export interface AttachedMemberOptions {
  /** Where its states and messages lie. Default: in memory, so that it survives its object but not its process. */
  readonly store?: Store
  readonly observe?: (event: ProxyEvent) => void
  /** Hears why the member has ended for good: it was closed, replaced or deleted, or breaks again and again. Default: a warning of the site. */
  readonly ended?: (error: Error) => void
}

/** As existing programs have it. */
export type AttachedObject = Pick<Recoverable, 'receive'> & Partial<Recoverable>

export interface AttachedGroup {
  readonly name: string
  /**
   * Makes the object that `factory` makes a member. A known name is its recovery: resolves when the object is restored. The factory is called
   * again whenever the group goes back.
   */
  attach(
    transport: Transport,
    member: string,
    factory: (self: Self) => AttachedObject,
    options?: AttachedMemberOptions,
  ): Promise<Member>
  /** These members have failed. Resolves with the line: for each the checkpoint it goes back to, or `current`. */
  recover(failed: readonly string[]): Promise<Readonly<Record<string, number | 'current'>>>
  /** Ends the group; its proxies end too. */
  delete(): Promise<void>
}

/** Up to this a timer is a pause in something that goes on, and keeps the process alive; a longer one waits for an answer. */
const PAUSE_MS = 1_000

/** `PERDURE_E_USAGE` for a name that is none. */
export async function attachedGroup(site: Site, name: string, options: AttachedGroupOptions = {}): Promise<AttachedGroup> {
  const { client } = site.link.main
  const service = (operation: string, body: object) => client.issue(`attached.${operation}`, [body])
  await service('create', { context: name })
  const { clock } = site.link
  const timers = {
    after(ms: number, fire: () => void) {
      const timer = ms <= PAUSE_MS ? clock.after(ms, fire) : clock.background(ms, fire)
      return () => timer.cancel()
    },
  }
  return {
    name,
    async attach(transport, member, factory, { store, observe, ended = warning(site, name, member) } = {}) {
      checkFactory(factory, member)
      const proxy = await attach({
        context: name,
        name: member,
        service,
        transport,
        timers,
        ...(site.link.owner && { waitMs: null }),
        boot: clock.randomId(),
        object: (self) => recoverable(factory(self), member),
        ended,
        ...options,
        ...(store && { store }),
        ...(observe && { observe }),
      })
      site.link.beforeClose(async () => proxy.close())
      return proxy
    },
    async recover(failed) {
      const recovered = await service('recover', { context: name, failed })
      return (recovered as { readonly line: Readonly<Record<string, number | 'current'>> }).line
    },
    async delete() {
      await service('delete', { context: name })
    },
  }
}

/** What objects of an `EventEmitter`, or anything like it, have in common. */
export interface Emitter {
  emit(event: string, message: unknown): unknown
  on(event: string, listener: (message: unknown) => void): unknown
}

/** Members in one process, each with an event of its own name. Whoever emits what is no message of a member hears of it: `TypeError`. */
export function emitterTransport(emitter: Emitter, member: string): Transport {
  return {
    send: (to, wire) => emitter.emit(to, wire),
    listen: (receive) =>
      emitter.on(member, (message) => {
        readWire(message)
        void receive(message).catch(() => undefined)
      }),
  }
}

/** What `MessagePort`, `Worker` and their like have in common. */
export interface Port {
  postMessage(message: unknown): void
  on(event: 'message', listener: (message: unknown) => void): unknown
}

/** A port for each member that this one talks to. */
export function portTransport(ports: Readonly<Record<string, Port>>): Transport {
  return {
    send(to, wire) {
      const port = Object.hasOwn(ports, to) ? ports[to] : undefined
      if (port) return port.postMessage(wire)
      const text = `There is no port to ${to}: expected one of ${Object.keys(ports).join(', ')}. Give portTransport a port for each member.`
      throw new PerdureError('PERDURE_E_UNKNOWN_MEMBER', text)
    },
    listen(receive) {
      for (const port of Object.values(ports)) port.on('message', (message) => void receive(message).catch(() => undefined))
    },
  }
}

/** Own fields that can be kept as data are the state of an object that does not say otherwise. */
function recoverable(object: AttachedObject, member: string): Recoverable {
  if (!hasMethods(object, 'receive'))
    throw misused(`The factory of ${member} made something without receive(message, from): expected it.`)
  if (object.save && object.restore) return object as Recoverable
  if (object.save || object.restore)
    throw misused(`The object of ${member} has only one of save() and restore(state): expected both, or neither for its fields.`)
  return {
    save: () => Object.fromEntries(Object.entries(object).filter(([name, field]) => isData(field, `${member}.${name}`))),
    restore: (state) => Object.assign(object, state),
    receive: (message, from) => object.receive(message, from),
  }
}

/** Throws for what is data and would not be the same when JSON gives it back: left out, it would be forgotten unnoticed. */
function isData(value: unknown, name: string): boolean {
  try {
    if (value === undefined || typeof value === 'function') return false
    copyValue(value)
  } catch {
    return false
  }
  if (isJson(value)) return true
  throw misused(
    `${name} cannot be kept as JSON: expected numbers, texts, arrays and plain objects. Give the object save() and restore(state).`,
  )
}

/** Of a value, which has no cycles. */
function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return typeof value !== 'bigint'
  return (Array.isArray(value) || isPlain(value)) && Object.values(value).every(isJson)
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function checkFactory(factory: unknown, member: string): void {
  if (typeof factory === 'function') return
  const text = `attach was given no factory for ${String(member)}: expected a function that makes the object, as in (self) => new Player(self).`
  throw new PerdureError('PERDURE_E_USAGE', text)
}

/** Ends that somebody has wanted. */
const WANTED: readonly unknown[] = ['CLOSED', 'STALE', 'UNKNOWN_GROUP', 'UNKNOWN_MEMBER'].map((code) => `PERDURE_E_${code}`)

/** Where the program does not listen, a member does not end unheard. */
function warning({ link }: Site, group: string, member: string): (error: Error & { readonly code?: unknown }) => void {
  const name = `${group}/${member}`
  return ({ code, message }) => {
    if (!WANTED.includes(code)) link.hear({ event: 'warning', name, text: `member ${name}: ${message}` })
  }
}
