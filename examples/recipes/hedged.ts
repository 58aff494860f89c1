/** Cutting off the slowest answers: a service that is slow gets a competitor, in one call of ten at most. */
import { hedge, objectGroup } from 'perdure/group'
import { RemoteService, type Service } from './service.ts'

/** `afterMs`: in milliseconds, what nine of ten answers take; without it the strategy finds out. */
export function hedged(first: string, second: string, afterMs: number): Service {
  const strategy = hedge({ afterMs, budget: 0.1, burst: 2 })
  return objectGroup({ first: new RemoteService(first), second: new RemoteService(second) }, strategy, { name: 'hedged' })
}
