/** Several providers of one service: the next is asked when the one before refuses, breaks or is silent for too long. */
import { fallback, objectGroup } from 'perdure/group'
import { RemoteService, type Service } from './service.ts'

export interface Patience {
  /** For one provider, in milliseconds. */
  readonly attemptMs: number
  /** For all of them together. */
  readonly timeoutMs: number
}

/** Names and addresses, the preferred one first. */
export function providers(urls: Readonly<Record<string, string>>, { attemptMs, timeoutMs }: Patience): Service {
  const services = Object.fromEntries(Object.entries(urls).map(([name, url]) => [name, new RemoteService(url)]))
  return objectGroup(services, fallback({ attemptMs, timeoutMs }), { name: 'providers' })
}
