/**
 * Small systems explored (issue 6, point 4): livelock and time to recovery.
 */
import {
  type DryRunOptions,
  dryRun,
  type ExplorationReport,
  type ExploreOptions,
  Explorer,
  type ListedAction,
} from 'perdure/ariel'
import { describe, expect, test } from 'vitest'
import { policyOf } from './dry.ts'

const PLANT = `TASK 1 = "a" IS NODE 0, TASKID 1
TASK 2 = "b" IS NODE 1, TASKID 1
`

function explore(script: string, options: ExploreOptions = {}): ExplorationReport {
  const explorer = new Explorer(policyOf(script), { depth: 3, ...options })
  while (explorer.advance(100));
  return explorer.report()
}

/** What a history ends in: the actions of its last notification. */
function replayed(script: string, history: ExplorationReport['lost'][number]['history'], options: DryRunOptions = {}) {
  return dryRun(policyOf(script), history, options).filter(({ at }: ListedAction) => at * 1000 === history.at(-1)?.atUs)
}

describe('exploration', () => {
  test('a policy that answers every error at once has no livelock, and every recovery ends in its own pass', () => {
    const report = explore(`${PLANT} IF [ FAULTY * ] THEN RESTART @1 FI`)
    expect(report).toMatchObject({ livelocks: [], unsettled: [], slowest: { steps: 1, ms: 1000 } })
    // The one step is the return of a node that went down; of errors alone there is none.
    expect(report.slowest?.history.at(-1)).toMatchObject({ kind: 'status', status: 'down' })
    const tasks = explore(`${PLANT} IF [ FAULTY * ] THEN RESTART @1 FI`, {
      entities: [
        { kind: 'task', number: 1 },
        { kind: 'task', number: 2 },
      ],
    })
    expect(tasks).toMatchObject({ complete: 'exhausted', slowest: { steps: 0, ms: 0 } })
  })

  test('a section that acts and settles nothing is a livelock, found with a shortest history', () => {
    const { livelocks } = explore(`${PLANT} IF [ FAULTY T1 ] THEN SEND 4 T2 FI IF [ FAULTY T2 ] THEN RESTART T2 FI`)
    expect(livelocks).toMatchObject([{ lines: [3], history: [{ kind: 'error', entity: { kind: 'task', number: 1 } }] }])
    expect(livelocks[0]?.history).toHaveLength(1)
  })

  test('two sections that undo what the other one did are a livelock', () => {
    const script = `${PLANT}IF [ FAULTY T1 ] THEN STOP T1 FI
IF [ STOPPED T1 AND RUNNING T2 ] THEN START T1 STOP T2
ELIF [ STOPPED T2 AND RUNNING T1 ] THEN START T2 STOP T1 FI`
    expect(explore(script).livelocks).toMatchObject([{ lines: [4, 5] }])
  })

  test('a livelock that lasts only while a node is down is found too', () => {
    const script = `${PLANT}IF [ FAULTY * ] THEN RESTART @1 FI
IF [ STOPPED N0 AND RUNNING T1 ] THEN STOP T1 ELIF [ STOPPED N0 ] THEN START T1 FI`
    expect(explore(script).livelocks).toMatchObject([{ lines: [4], history: [{ kind: 'status', status: 'down' }] }])
  })

  test('a policy that only counts its own passes never comes to rest', () => {
    const counting = `${PLANT}IF [ FAULTY T1 ] THEN RESTART T1 LET A = 1 FI
IF [ VAL(A) > 0 ] THEN LET A = A + 1 LOG A FI`
    expect(explore(counting, { depth: 1 }).livelocks).toMatchObject([{ lines: [4] }])
  })

  test('a score that only quiet periods could lower, of something that is cut off, is no livelock', () => {
    const script = `${PLANT}ALPHACOUNT NODE 0 IS THRESHOLD = 1.5, FACTOR = 0.5, EVERY 10 S END
IF [ TRANSIENT N0 ] THEN REBOOT N0 ELIF [ FAULTY N0 ] THEN ISOLATE N0 FI IF [ FAULTY T* ] THEN RESTART @1 FI
IF [ REINTEGRATED N1 AND VAL(A) == 0 ] THEN LOG 1 LET A = 1 FI`
    const report = explore(script)
    expect(report).toMatchObject({ livelocks: [], unsettled: [{ entity: 'N1' }] })
    expect(report.lost.map(({ entity, history }) => [entity, history.length])).toEqual([
      ['T1', 2],
      ['N0', 2],
    ])
  })

  test('a recovery that leads back to where it began is timed too', () => {
    const script = `${PLANT}IF [ FAULTY T1 ] THEN PAUSE 70 MS RESTART T1 FI`
    const report = explore(script, { entities: [{ kind: 'task', number: 1 }] })
    expect(report).toMatchObject({ states: 1, slowest: { steps: 0, ms: 70, history: [{ kind: 'error' }] } })
  })

  test('the slowest recovery counts steps until the last action, and the pauses', () => {
    const script = `${PLANT}IF [ FAULTY T1 AND VAL(A) < 2 ] THEN LET A = A + 1 LOG A
ELIF [ FAULTY T1 ] THEN RESTART T1 PAUSE 300 MS LET A = 0 FI`
    const report = explore(script, { depth: 1, stepMs: 500, entities: [{ kind: 'task', number: 1 }] })
    // In the pass of the error A becomes 1, a step later 2, another one later the task is restarted.
    expect(report.slowest).toMatchObject({ steps: 2, ms: 1300, history: [{ kind: 'error' }] })
  })

  test('an error that nothing settles is named, with a shortest history that leads to it', () => {
    const script = `${PLANT}IF [ FAULTY T1 AND RESTARTED(T1) < 2 ] THEN RESTART T1 FI IF [ FAULTY N* ] THEN REBOOT N@1 FI`
    const { unsettled } = explore(script)
    expect(unsettled.map(({ entity, history }) => [entity, history.length])).toEqual([
      ['T2', 1],
      ['T1', 3],
    ])
    expect(replayed(script, unsettled[1]?.history ?? [])).toEqual([])
  })

  test('what is taken out of service for good is named; the history replayed does it', () => {
    const script = `${PLANT}IF [ FAULTY T1 AND RESTARTED(T1) < 1 ] THEN RESTART T1 ELIF [ FAULTY T1 ] THEN STOP T1 FI
IF [ FAULTY T2 ] THEN RESTART T2 FI IF [ FAULTY N0 ] THEN SHUTDOWN N0 FI IF [ FAULTY N1 ] THEN REBOOT N1 FI`
    const { lost } = explore(script)
    expect(lost.map(({ entity, history }) => [entity, history.length])).toEqual([
      ['T1', 1],
      ['N0', 1],
    ])
    expect(replayed(script, lost[0]?.history ?? []).map(({ action }) => action)).toEqual(['SHUTDOWN'])
  })

  test('of what fails whenever it can it is said whether it is taken out, acted on for ever or left alone', () => {
    const script = `${PLANT}ALPHACOUNT 1 IS THRESHOLD = 3.0, FACTOR = 0.5 END
IF [ TRANSIENT T1 ] THEN RESTART T1 ELIF [ FAULTY T1 ] THEN STOP T1 FI
IF [ FAULTY T2 ] THEN RESTART T2 FI`
    expect(explore(script).persistent).toMatchObject([
      { entity: 'T1', outcome: 'taken out', errors: 3 },
      { entity: 'T2', outcome: 'for ever' },
      { entity: 'N0', outcome: 'ignored' },
      { entity: 'N1', outcome: 'ignored' },
    ])
  })

  test('states that the program cannot tell apart are one: longer histories lead nowhere new', () => {
    const deep = explore(`${PLANT} IF [ FAULTY * ] THEN RESTART @1 FI`, { depth: 12 })
    expect(deep).toMatchObject({ complete: 'exhausted' })
    expect(deep.states).toBeLessThan(20)
    const counting = explore(`${PLANT} IF [ FAULTY * ] THEN RESTART @1 FI IF [ ERRN(T1) == 9 AND RUNNING T2 ] THEN STOP T2 FI`, {
      depth: 12,
    })
    expect(counting.states).toBeGreaterThan(deep.states)
    expect(counting.lost.map(({ entity, history }) => [entity, history.length])).toEqual([['T2', 9]])
  })

  test('states that only longer histories could tell apart are one too; then it does not say that longer histories lead nowhere', () => {
    const script = `${PLANT} IF [ FAULTY * ] THEN RESTART @1 FI IF [ ERRN(T1) == 9 AND RUNNING T2 ] THEN STOP T2 FI`
    const [short, deep] = [explore(script, { depth: 8 }), explore(script, { depth: 9 })]
    expect([short.complete, short.lost.length, deep.complete, deep.lost.length]).toEqual(['depth', 0, 'depth', 1])
    expect(explore(script, { depth: 12 })).toMatchObject({ complete: 'depth', lost: [{ entity: 'T2' }] })
    const few = explore(script.replace('9', '2'), { depth: 9 })
    expect(few).toMatchObject({ complete: 'exhausted', lost: [{ entity: 'T2' }] })
    // With one more to come than matters everything is told apart that is ever told apart.
    expect(explore(script.replace('9', '2'), { depth: 10 }).states).toBe(few.states)
  })

  test('a policy without declarations is explored about those that it names', () => {
    const { persistent } = explore('IF [ FAULTY T7 ] THEN RESTART T7 ELIF [ FAULTY N2 ] THEN REBOOT N2 FI')
    expect(persistent.map(({ entity }) => entity)).toEqual(['T7', 'N2'])
  })

  test.each([
    [{ depth: 0 }, /depth is 0; expected a whole number from 1 to 64/],
    [{ depth: 65 }, /depth is 65/],
    [{ stepMs: 50 }, /stepMs is 50; expected milliseconds from 100/],
    [{ entities: [] }, /names no task and no node/],
  ])('options %j are refused', (options, message) => {
    expect(() => new Explorer(policyOf(PLANT), options)).toThrow(message)
  })

  test('one that is stopped early says so, and reports what it has found', () => {
    const explorer = new Explorer(policyOf(`${PLANT} IF [ FAULTY T1 ] THEN SEND 4 T2 FI`))
    expect(explorer.advance(1)).toBe(true)
    expect(explorer.report()).toMatchObject({ complete: 'stopped', depth: 1, livelocks: [{ lines: [3] }] })
  })

  test('merging equal states loses nothing: the same entities are lost, after histories of the same length, as without it', () => {
    const script = `${PLANT}ALPHACOUNT 1 IS THRESHOLD = 1.5, FACTOR = 0.5 END
IF [ TRANSIENT T1 ] THEN RESTART T1 ELIF [ FAULTY T1 ] THEN ISOLATE T1 FI
IF [ FAULTY T2 AND ERRN(T2) < 2 ] THEN RESTART T2 ELIF [ FAULTY T2 AND ELAPSED(N1) < 2 S ] THEN STOP T2 FI
IF [ FAULTY N1 ] THEN REBOOT N1 FI IF [ FAULTY N0 AND REINTEGRATED N0 ] THEN SHUTDOWN N0 FI`
    const { lost, unsettled } = explore(script)
    const every = everything(script, 3)
    expect(shortest(lost)).toEqual(every.lost)
    expect(unsettled.length).toBeGreaterThan(0)
  })
})

const shortest = (findings: ExplorationReport['lost']): Record<string, number> =>
  Object.fromEntries(findings.map(({ entity, history }) => [entity, history.length]).sort())

/** The same question without merging: of every history, with a calm time after it, a dry run says who is taken out. */
function everything(script: string, depth: number): { lost: Record<string, number> } {
  const policy = policyOf(script)
  const words = [
    ...['T1', 'T2'].flatMap((name) => ['error', 'ok'].map((kind) => ({ kind, name }))),
    ...['N0', 'N1'].flatMap((name) => ['error', 'up', 'down'].map((kind) => ({ kind, name }))),
  ]
  const lost: Record<string, number> = {}
  const visit = (history: typeof words): void => {
    const lines = history.map(({ kind, name }, at) => line(kind, name, at + 1))
    const last = (node: string) => history.findLast(({ kind, name }) => name === node && kind !== 'error')?.kind
    const back = ['N0', 'N1'].filter((node) => last(node) === 'down').map((node) => line('up', node, history.length + 1))
    const calm = [1, 2, 3].map((second) => line('phase', 'T1', history.length + 1 + second))
    for (const { action, target = '' } of dryRun(policy, [...lines, ...back, ...calm].join(''))) {
      if (!['STOP', 'ISOLATE', 'SHUTDOWN'].includes(action)) continue
      // What runs on a node goes with it.
      for (const name of target === 'N0' ? ['N0', 'T1'] : [target]) lost[name] = Math.min(lost[name] ?? depth, history.length)
    }
    if (history.length < depth) for (const word of words) visit([...history, word])
  }
  visit([])
  return { lost: Object.fromEntries(Object.entries(lost).sort()) }
}

function line(kind: string, entity: string, second: number): string {
  const at = second * 1000
  const event =
    kind === 'error'
      ? { at, kind, entity, code: 4 }
      : kind === 'phase'
        ? { at, kind, entity, value: 0 }
        : kind === 'ok'
          ? { at, kind, entity }
          : { at, kind: 'status', entity, status: kind }
  return `${JSON.stringify(event)}\n`
}
