/**
 * What the arguments of the operations of processes must be when they arrive: the machine refuses what no host or program of this
 * version could have sent, since an error inside `apply` would stop the site.
 *
 * Boundary: pure checks of form. Whether an operation is allowed now is the business of the machine.
 */
import { isFileChanges } from './manifest.ts'
import { MAX_REPLICAS } from './replication.ts'

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isCount: Check = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
/** Infinity is a duration: a run may be kept for ever. */
const isDuration: Check = (value) => typeof value === 'number' && value >= 0
const isList: Check = (value) => Array.isArray(value)
const isAnything: Check = () => true

const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)

const isSleep: Check = (value) => isDuration(value) && Number.isFinite(value)

const isFailure: Check = (value) => has(value, { name: isText, message: isText, code: optional(isText) })
const isKept: Check = (value) => has(value, { value: isAnything }) || has(value, { blob: isText })
const isStored: Check = (value) => isKept(value) || has(value, { error: isFailure })
const isBuild: Check = (value) => fits(value, [isText, isText])

const LAYERS: readonly unknown[] = ['none', 'restart', 'journal', 'files', 'replicas']
const isReplicas: Check = (value) => isCount(value) && (value as number) >= 1 && (value as number) <= MAX_REPLICAS
const isStart: Check = (value) =>
  has(value, {
    layer: (layer) => LAYERS.includes(layer),
    replicas: optional(isReplicas),
    maxTurnMs: isDuration,
    retainMs: isDuration,
    attached: optional((attached) => typeof attached === 'boolean'),
  })

/** What a race may fold: operations that are answered, and that are no part of the run's own book-keeping. */
const FOLDABLE: readonly unknown[] = [
  'space.out',
  'space.in',
  'space.rd',
  'space.inp',
  'space.rdp',
  'space.count',
  'space.eval',
  'space.collect',
  'space.copyCollect',
  'space.atomic',
  'space.ack',
  'space.release',
  'process.sleep',
  'process.start',
  'process.result',
  'process.cancel',
  'group.call',
  'checkpoint.post',
]
const isAlternative: Check = (value) => fits(value, [isText, isCount, (name) => FOLDABLE.includes(name), isList])
const isAlternatives: Check = (value) => Array.isArray(value) && value.length > 0 && value.every(isAlternative)

const ARGUMENTS: Readonly<Record<string, readonly Check[]>> = {
  'process.node': [
    isText,
    orNull(isText),
    isCount,
    isText,
    isCount,
    (value) => isList(value) && (value as unknown[]).every(isBuild),
    isCount,
  ],
  'process.leave': [isText, isText],
  'process.exited': [isText, isText],
  'process.suspect': [isText, isText],
  'process.fence': [isText, orNull(isCount)],
  'process.refute': [isText],
  'process.stalled': [isCount, isCount, optional(isDuration)],
  'process.start': [isText, isText, isKept, isStart],
  'process.result': [isText, isText],
  'process.cancel': [isText, isText, isText],
  'process.claim': [isText],
  'process.step': [isText, isStored, optional(isFileChanges)],
  'process.retry': [isCount, isCount],
  'process.sleep': [isSleep],
  'process.race': [isAlternatives],
  'process.checkpoint': [isKept, isCount, optional(isFileChanges)],
  'process.withdraw': [isCount],
  'process.begun': [optional(isCount), optional(isText)],
  'process.live': [isCount],
  'process.diverged': [isFailure],
  'process.end': [isStored],
  'process.restart': [isText, isText, isText],
  'process.migrate': [isText, isText, orNull(isText), isSleep],
  'process.pause': [isText, isText, isText, isSleep],
  'process.resume': [isText, isText],
  'process.drain': [isText, isSleep, (then) => then === 'stay' || then === 'stop'],
  'process.handover': [],
  'process.version': [isText, isCount],
  'process.replayed': [isCount],
  'process.unreadable': [isFailure],
}

const CONTROLS: readonly unknown[] = ['process.restart', 'process.migrate', 'process.pause', 'process.resume']

/** What people do with one run, named by its definition and key. */
export function isControl(name: string): boolean {
  return CONTROLS.includes(name)
}

export function isWellFormed(name: string, args: readonly unknown[]): boolean {
  const checks = ARGUMENTS[name]
  return checks !== undefined && fits(args, checks)
}

/** What is missing at the end is undefined: an older version did not send it. */
function fits(value: unknown, checks: readonly Check[]): boolean {
  return Array.isArray(value) && value.length <= checks.length && checks.every((check, i) => check(value[i]))
}

function has(value: unknown, checks: Readonly<Record<string, Check>>): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const fields = value as Readonly<Record<string, unknown>>
  return Object.entries(checks).every(([name, check]) => (check === isAnything ? name in fields : check(fields[name])))
}
