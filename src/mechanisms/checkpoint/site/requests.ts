/**
 * What a member asks of spaces and object groups, as its object writes it, and the answers as it is given them.
 *
 * Boundary: pure, from calls to the arguments of operations and from mail to messages; when something is issued is `outgoing.ts`.
 */
import { decode } from '../../../log/codec/codec.ts'
import { errorOf } from '../../../log/outcome.ts'
import { checkName } from '../../../support/definition.ts'
import { referenceOf } from '../../../support/reference.ts'
import { encodeTemplate } from '../../../support/template.ts'
import type { Answered, Mail, Output, SpaceRequest } from '../machine/protocol.ts'
import type { Answer, MemberSpace, RequestOptions } from './member-object.ts'
import { usage } from './specification.ts'

/** How a space is reached in the name of a member. Both resolve with the position. */
export interface SpacePort {
  record(output: Output): Promise<number>
  ask(request: SpaceRequest): Promise<number>
}

export function spaceOf(name: string, port: SpacePort): MemberSpace {
  checkName(name, 'a space')
  const ask = (kind: SpaceRequest[0], template: unknown, options?: RequestOptions) =>
    rejecting(() => port.ask([kind, name, encodeTemplate(template), patienceOf(kind, options)]))
  return {
    out: (tuple, options) => rejecting(() => port.record(['out', name, checkedTuple(tuple), options])),
    in: (template, options) => ask('in', template, options),
    rd: (template, options) => ask('rd', template, options),
    inp: (template) => ask('inp', template),
    rdp: (template) => ask('rdp', template),
  }
}

/** As `act`, but what it throws is a rejection. Its promise is handed on as it is: whoever made it knows that nobody may be waiting. */
export function rejecting<T>(act: () => Promise<T>): Promise<T> {
  try {
    return act()
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Throws `PERDURE_E_USAGE`. */
export function callOf(group: unknown, method: unknown, args: readonly unknown[]): Output {
  const reference = referenceOf(group)
  if (reference === undefined)
    throw usage(
      'call(group, method, ...) was given no group of a site. Pass what await SafeStack.create({ key }) or groupNamed(name, key) gives.',
    )
  if (typeof method !== 'string') throw usage("call(group, method, ...) needs the method's name, as in call(stack, 'push', 7).")
  return ['call', reference.name, reference.key, method, args]
}

/** Its sender is no member: nothing is learnt from it about others, and it carries no stamp of theirs. */
export function isFromOutside([, from, sender]: Mail): boolean {
  return from < 0 || sender.startsWith('@')
}

/** What `receive` is given. */
export function messageIn([, , sender, , payload, stamp]: Mail): unknown {
  const message = decode(payload)
  return stamp !== null && sender.startsWith('@') ? answerIn(message as Answered) : message
}

function answerIn(answered: Answered): Answer {
  return 'error' in answered ? { reply: answered.reply, error: errorOf(answered.error) } : answered
}

function checkedTuple(tuple: unknown): readonly unknown[] {
  if (Array.isArray(tuple)) return tuple
  throw usage('out was given something that is no tuple: expected an array of values.')
}

function patienceOf(kind: SpaceRequest[0], options: RequestOptions | undefined): SpaceRequest[3] {
  const timeoutMs = options?.timeoutMs
  if (timeoutMs === undefined) return null
  if (Number.isFinite(timeoutMs) && timeoutMs >= 0) return { timeoutMs }
  throw usage(`timeoutMs of ${kind} is ${String(timeoutMs)}: expected milliseconds, 0 or more.`)
}
