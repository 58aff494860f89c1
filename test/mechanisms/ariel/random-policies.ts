/**
 * Random policies of ariel, as trees and as scripts, and random histories for them: what the second reading of the specification is held
 * against.
 *
 * Boundary: test code only.
 */
import {
  type Action,
  type Atom,
  atomsIn,
  type Entity,
  type Filter,
  PLANT,
  type RandomPolicy,
  type RecordedEvent,
  type Reference,
  type Section,
  type Target,
  type Watchdog,
} from './policy-tree.ts'
import { entity, entityText, guardText, pick, type Random, randomGuard } from './random-guards.ts'

export function randomPolicy(random: Random): RandomPolicy {
  const filters = (
    [
      ['T', 1],
      ['T', 3],
      ['N', 0],
    ] as const
  )
    .filter(() => random(2) === 0)
    .map((filtered): Filter => {
      const everyMs = pick(random, [undefined, undefined, 50, 200])
      return { entity: filtered, threshold: pick(random, [1, 1.5, 2, 3]), factor: pick(random, [0, 0.25, 0.5, 0.9]), everyMs }
    })
  const watchdogs = [8, 9]
    .filter(() => random(2) === 0)
    .map((number): Watchdog => {
      const onError = pick<Watchdog['onError']>(random, [undefined, 'RESTART', 'REBOOT', ['T', 2], ['G', 2]])
      return { number, watched: pick(random, [1, 3]), periodMs: pick(random, [30, 40, 100]), onError, line: 0 }
    })
  const sections = Array.from({ length: 1 + random(4) }, () => randomSection(random, watchdogs, 2))
  return { filters, watchdogs, sections, script: scriptOf({ filters, watchdogs, sections }) }
}

function randomSection(random: Random, watchdogs: readonly Watchdog[], depth: number): Section {
  const count = 1 + random(3)
  let atoms: readonly Atom[] = []
  const branches = Array.from({ length: count }, (_, at) => {
    const guard = at > 0 && at === count - 1 && random(2) === 0 ? undefined : randomGuard(random, watchdogs)
    if (guard !== undefined) atoms = atomsIn(guard)
    const actions = Array.from({ length: 1 + random(3) }, () =>
      depth > 0 && random(5) === 0 ? randomSection(random, watchdogs, depth - 1) : randomAction(random, watchdogs, atoms),
    )
    return { guard, actions }
  })
  return { branches }
}

/** Of the atoms of a guard (SPEC 4.3). */
function references(atoms: readonly Atom[]): readonly Reference[] {
  return atoms.flatMap((atom, at): readonly Reference[] => {
    const sets = ([undefined, 'T', 'N'] as const).flatMap((kind) =>
      (['@', '~'] as const).map((form) => ({ form, kind, atom: at })),
    )
    const named = 'entity' in atom && atom.entity[1] !== '*' ? atom.entity[0] : '*'
    const kinds = ({ T: ['T', 'N', 'G'], N: ['N'], G: ['N', 'G'], '*': [] } as const)[named]
    const converted = kinds.map((kind) => ({ form: '$' as const, kind, atom: at }))
    return [...(atom.kind === 'status' ? sets : []), ...converted]
  })
}

const ON_ENTITIES: readonly (readonly [verb: string, kinds: string])[] = [
  ['STOP', 'TNG'],
  ['KILL', 'TNG'],
  ['ISOLATE', 'TNG'],
  ['RESTART', 'TNG'],
  ['RESTART', 'T'],
  ['ENABLE', 'TNG'],
  ['START', 'TG'],
  ['SEND', 'TG'],
  ['REBOOT', 'N'],
  ['SHUTDOWN', 'N'],
  ['WARN', 'TNG'],
  ['REMOVE', 'TNG'],
  ['REMOVE ANY', 'TNG'],
  ['REMOVE PHASE', 'TG'],
]

function randomAction(random: Random, watchdogs: readonly Watchdog[], atoms: readonly Atom[]): Action {
  const form = random(12)
  if (form === 0) return { verb: 'LOG', line: 0, value: pick(random, ['text', 'CLOCK', 'A', 42]) }
  if (form === 1) return { verb: pick(random, ['CALL', 'PAUSE']), line: 0, value: pick(random, [0, 1, 250]) }
  if (form === 2) {
    const expression = pick(random, [
      ['A', '+', 1],
      ['B', '-', 'A'],
      ['A', '*', 3],
      ['B', 'DIV', 2],
      [5, '-', 'B'],
    ] as const)
    return { verb: 'LET', line: 0, variable: pick(random, ['A', 'B']), expression }
  }
  if (form === 3)
    return { verb: 'WARN', line: 0, target: entity(random, 'T'), value: pick(random, [1, 5, 6]), about: entity(random, 'TNG') }
  if (form === 4 && watchdogs.length > 0) return { verb: 'CLEAR', line: 0, target: ['T', pick(random, watchdogs).number] }
  const [verb, kinds] = pick(random, ON_ENTITIES)
  const fitting = references(atoms).filter(({ kind }) => (kind === undefined ? kinds === 'TNG' : kinds.includes(kind)))
  const star: Entity[] =
    verb === 'WARN' || verb === 'REMOVE ANY'
      ? [
          pick<Entity>(random, [
            ['N', '*'],
            ['*', '*'],
          ]),
        ]
      : []
  const target = pick<Target>(random, [
    entity(random, kinds),
    entity(random, kinds),
    ...star,
    ...(random(2) === 0 ? fitting : []),
  ])
  const value = verb === 'REMOVE' ? pick(random, [5, 6]) : random(9)
  const warn = !verb.startsWith('REMOVE') && verb !== 'WARN' && random(4) === 0 ? { warn: entity(random, 'TG') } : {}
  return { verb, line: 0, target, ...(verb === 'SEND' || verb === 'REMOVE' ? { value } : {}), ...warn }
}

/** Sets the lines of actions and of ON ERROR clauses. */
function scriptOf({ filters, watchdogs, sections }: Omit<RandomPolicy, 'script'>): string {
  const lines = ['DEFINE 3 = ASSISTANT']
  for (const [number, node] of PLANT.tasks) lines.push(`TASK ${number} = "t${number}" IS NODE ${node}, TASKID ${number}`)
  for (const [number, members] of PLANT.groups) lines.push(`GROUP ${number} = "g${number}" IS TASK ${members.join(', ')} END`)
  for (const {
    entity: [letter, number],
    threshold,
    factor,
    everyMs,
  } of filters) {
    const every = everyMs === undefined ? '' : `, EVERY ${everyMs} MS`
    lines.push(`ALPHACOUNT ${letter === 'N' ? 'NODE ' : ''}${number} IS THRESHOLD = ${threshold}, FACTOR = ${factor}${every} END`)
  }
  for (const watchdog of watchdogs) {
    const { number, watched, periodMs, onError } = watchdog
    lines.push(`WATCHDOG ${number} WATCHES TASK ${watched} HEARTBEATS EVERY ${periodMs} MS`)
    const word = typeof onError === 'string' ? onError : onError && `WARN ${onError[0] === 'T' ? 'TASK' : 'GROUP'} ${onError[1]}`
    if (word !== undefined) watchdog.line = lines.push(`ON ERROR ${word}`)
    lines.push('END WATCHDOG')
  }
  for (const section of sections) writeSection(section, lines)
  return lines.join('\n')
}

function writeSection({ branches }: Section, lines: string[]): void {
  for (const [at, { guard, actions }] of branches.entries()) {
    lines.push(guard === undefined ? 'ELSE' : `${at === 0 ? 'IF' : 'ELIF'} [ ${guardText(guard)} ] THEN`)
    for (const action of actions) {
      if ('branches' in action) writeSection(action, lines)
      else action.line = lines.push(actionText(action))
    }
  }
  lines.push('FI')
}

function actionText({ verb, target, value, about, warn, variable, expression }: Action): string {
  if (expression !== undefined) return `LET ${variable} = ${expression.join(' ')}`
  if (target === undefined) return `${verb} ${value === 'text' ? '"text"' : value}${verb === 'PAUSE' ? ' MS' : ''}`
  if (about !== undefined) return `ERR ${value} ${entityText(about)} WARN ${targetText(target)} (1)`
  const [word, what] = verb.split(' ')
  const written =
    word === 'REMOVE'
      ? `REMOVE ${what ?? value} ${targetText(target)} FROM ERRORLIST`
      : `${verb}${value === undefined ? '' : ` ${value}`} ${targetText(target)}`
  return warn === undefined ? written : `${written} AND WARN ${entityText(warn)} (3)`
}

const KIND_WORDS = { T: 'TASK', N: 'NODE', G: 'GROUP' } as const

function targetText(target: Target): string {
  if (!('form' in target)) return entityText(target)
  const { form, kind, atom } = target
  return form === '$' ? `${kind}$${atom + 1}` : `${kind === undefined ? '' : KIND_WORDS[kind]}${form}${atom + 1}`
}

export function randomHistory(random: Random): readonly RecordedEvent[] {
  const events: RecordedEvent[] = []
  let at = 0
  for (let left = 5 + random(40); left > 0; left -= 1) {
    at += pick(random, [0, 0, 1, 5, 7.5, 20, 30, 100])
    events.push({ at, ...randomEvent(random) })
  }
  return random(2) === 0 ? events : [...events, { at: at + pick(random, [0, 30, 500]), kind: 'end' }]
}

function randomEvent(random: Random): Omit<RecordedEvent, 'at'> {
  const successes = random(8) === 0 ? { successes: random(4) } : {}
  const name = (kinds: string): string => entityText(entity(random, kinds))
  const form = random(10)
  if (form < 4) return { kind: 'error', entity: name('TTNG'), code: pick(random, [5, 6]), ...successes }
  if (form === 4) return { kind: 'ok', entity: name('TTNG'), ...successes }
  if (form === 5) return { kind: 'phase', entity: name('T'), value: random(3), ...successes }
  if (form < 8) return { kind: 'heartbeat', entity: pick(random, ['T1', 'T3']) }
  if (form === 8)
    return {
      kind: 'deadlock',
      entities: pick(random, [
        ['T1', 'T2'],
        ['T2', 'T3'],
        ['T1', 'T3', 'T4'],
      ]),
    }
  const isTask = random(2) === 0
  const status = isTask ? ['waiting', 'running', 'stopped', 'isolated'] : ['up', 'down', 'isolated']
  return { kind: 'status', entity: name(isTask ? 'T' : 'N'), status: pick(random, status) }
}
