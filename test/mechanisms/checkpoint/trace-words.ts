/**
 * Traces as words, one event a line: `a send m b`, `b receive m a`, `b replay m a`, `a checkpoint 1`, `b forced 1`, `a rollback 0`.
 */
import type { Trace, TraceEvent } from '../../../src/mechanisms/checkpoint/trace.ts'

export function trace(objects: string, ...lines: string[]): Trace {
  return { objects: objects.split(' '), events: lines.map(event) }
}

function event(line: string): TraceEvent {
  const [object, kind, what, other] = line.split(' ') as [string, string, string, string]
  if (kind === 'send') return { object, kind, msg: what, to: other }
  if (kind === 'receive') return { object, kind, msg: what, from: other }
  if (kind === 'replay') return { object, kind: 'receive', msg: what, from: other, replay: true }
  if (kind === 'rollback') return { object, kind, to: Number(what) }
  return { object, kind: 'checkpoint', index: Number(what), forced: kind === 'forced' }
}
