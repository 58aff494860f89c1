/**
 * What an attached member needs of the world when nothing else is handed in: the service over HTTP, timers, a name for its life.
 *
 * Boundary: part of the downloaded proxy, where it is the shell; runs on Node 20 and in browsers.
 */
import type { Service, Timers } from './proxy-parts.ts'

/** The service at a URL, as in http://127.0.0.1:7337. */
export function httpService(url: string, options: { readonly token?: string } = {}): Service {
  const authorization = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }
  return async (operation, body) => {
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      body: JSON.stringify(body),
    }
    // biome-ignore lint/style/noRestrictedGlobals: the downloaded proxy is a shell of its own
    const response = await fetch(`${url}/checkpoint/${operation}`, request)
    const answer = (await response.json()) as { readonly message?: unknown; readonly code?: unknown }
    if (response.ok) return answer
    throw Object.assign(new Error(String(answer.message)), { code: answer.code })
  }
}

export const systemTimers: Timers = {
  after(ms, fire) {
    // biome-ignore lint/style/noRestrictedGlobals: the downloaded proxy is a shell of its own
    const timer = setTimeout(fire, ms)
    return () => clearTimeout(timer)
  },
}

export function randomBoot(): string {
  // biome-ignore lint/nursery/noJsRestrictedProperties: the downloaded proxy is a shell of its own
  return globalThis.crypto.randomUUID()
}
