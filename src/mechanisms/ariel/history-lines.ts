/**
 * Histories written down again (SPEC 5.3): what `readHistory` reads, and the same for people.
 *
 * Boundary: pure.
 */
import { type EntityName, writtenName } from '../../support/backbone/entity.ts'
import type { Notification } from '../../support/backbone/notification.ts'
import type { History, HistoryEvent } from './history.ts'

/** One event a line, LF after each. A firing is left out: heartbeats imply it. */
export function historyLines(history: History): string {
  return history
    .filter(({ kind }) => kind !== 'fired')
    .map((event) => `${JSON.stringify(writtenEvent(event))}\n`)
    .join('')
}

/** An event with its fields as a history has them. */
export function writtenEvent(event: HistoryEvent): object {
  const at = event.atUs / 1000
  if (event.kind === 'end') return { at, kind: 'end' }
  if (event.kind === 'fired') return { at, kind: 'fired', watchdog: writtenName({ kind: 'task', number: event.watchdog }) }
  if (event.kind === 'deadlock') return { at, kind: 'deadlock', entities: event.entities.map(writtenName) }
  const { atUs: _, kind, entity, ...fields } = event
  return { at, kind, entity: writtenName(entity), ...fields }
}

/** `error T5, code 12`. */
export function notificationText(notification: Notification): string {
  switch (notification.kind) {
    case 'error':
      return `error ${writtenName(notification.entity)}, code ${notification.code}`
    case 'phase':
      return `phase ${writtenName(notification.entity)}, value ${notification.value}`
    case 'status':
      return `status ${writtenName(notification.entity)} ${notification.status}`
    case 'deadlock':
      return `deadlock ${notification.entities.map((entity: EntityName) => writtenName(entity)).join(' ')}`
    case 'fired':
      return `watchdog T${notification.watchdog} fired`
    case 'ok':
    case 'heartbeat':
      return `${notification.kind} ${writtenName(notification.entity)}`
  }
}
