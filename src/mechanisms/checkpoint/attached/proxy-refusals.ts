/**
 * What the proxy says no to, and what it looks at before it begins.
 *
 * Boundary: pure; part of the downloaded proxy, which has no class of errors of its own: a code tells them apart.
 */
import type { AttachOptions, Recoverable } from './proxy-parts.ts'

export function revoked(name: string): Error {
  const message = `This object of ${name} was thrown away when the group went back; its successor goes on. Let it end.`
  return refused('REVOKED', message)
}

export function refused(code: string, message: string, options?: ErrorOptions): Error {
  return Object.assign(new Error(message, options), { code: `PERDURE_E_${code}` })
}

export function wedged(name: string, times: number, cause: unknown): Error {
  return refused('WEDGED', `${name} broke ${times} times at the same message (${cause}). Mend it, then attach it again.`, {
    cause,
  })
}

/** Of messages for a slow object; whoever sends more is told to send them again later. */
const MAX_WAITING = 100_000

export function checkRoom(waiting: number, name: string): void {
  if (waiting < MAX_WAITING) return
  throw refused('BUSY', `Too many messages wait for ${name}; this one was not kept. Send it again later.`)
}

export function misused(message: string, options?: ErrorOptions): TypeError {
  return Object.assign(new TypeError(message, options), { code: 'PERDURE_E_USAGE' })
}

/** Before anybody is told: a member that cannot work is none. */
export function checkOptions(options: AttachOptions): void {
  const { name, object, service, transport }: Partial<AttachOptions> = options ?? {}
  const wrong = (what: string, expected: string) => misused(`attach was given ${what} for ${String(name)}: expected ${expected}.`)
  if (!hasMethods(transport, 'send', 'listen'))
    throw wrong('no transport', 'an object with send(to, message) and listen(receive), as emitterTransport(emitter, name) makes')
  if (typeof object !== 'function')
    throw wrong('no factory', 'a function that makes the object, as in (self) => new Player(self)')
  if (typeof service !== 'function') throw wrong('no service', 'a function, as httpService(url) makes')
}

export function checkedObject(object: Recoverable, name: string): Recoverable {
  if (hasMethods(object, 'save', 'restore', 'receive')) return object
  throw misused(
    `The factory of ${name} made no member: expected an object with save(), restore(state) and receive(message, from).`,
  )
}

export function hasMethods(object: unknown, ...names: readonly string[]): boolean {
  if (typeof object !== 'object' || object === null) return false
  return names.every((name) => typeof (object as Record<string, unknown>)[name] === 'function')
}
