/**
 * The lives of an object in its proxy, and what waits meanwhile.
 *
 * Boundary: pure; part of the downloaded proxy.
 */
import type { Recoverable } from './proxy-parts.ts'

/** One object, from its making to its being thrown away (A7). */
export interface Life {
  object: Recoverable | undefined
  wake: (() => void) | undefined
  woken: boolean
}

export interface Signal {
  readonly promise: Promise<void>
  resolve(): void
}

export interface Request {
  resolve(index: number): void
  reject(error: unknown): void
}

export function signal(): Signal {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve: () => resolve() }
}

export function revoked(name: string): Error {
  const message = `This object of ${name} was thrown away when the group went back; its successor goes on. Let it end.`
  return Object.assign(new Error(message), { code: 'PERDURE_E_REVOKED' })
}

export function busy(name: string): Error {
  const message = `Too many messages wait for ${name}; this one was not kept. Send it again later.`
  return Object.assign(new Error(message), { code: 'PERDURE_E_BUSY' })
}
