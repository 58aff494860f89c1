/**
 * Exploring a system of four tasks on three nodes, eight notifications in a row: of every task and node an error or a success, of
 * every node that it is up or down. Each time to the end: nothing is left out.
 *
 * Three policies, by what their guards can tell apart: the `plant` is what people write; under `filters` all seven entities have a
 * score of their own; the `heaviest` asks everything about everything that still comes to an end (what tells all histories apart has
 * ten thousand million states, and no merging helps).
 */
import { compile, dryRun, Explorer } from 'perdure/ariel'
import { type Bench, type Effort, type Figure, inTurns } from './measure.ts'

const DEPTH = 8
const TARGET = '< 60'

/** Notifications of the floor, of which it is reckoned up. */
const REPLAYED = 20_000

/** One round of the heaviest is as much as ten of the others; with `--quick` one of those is enough. */
const SINGLE = { rounds: 1 }

const TASKS = `NPROCS = 3
DEFINE 0 = MANAGER
DEFINE 1-2 = ASSISTANT
TASK 1 = "pump"  IS NODE 0, TASKID 1
TASK 2 = "gauge" IS NODE 1, TASKID 1
TASK 3 = "valve" IS NODE 2, TASKID 1
TASK 4 = "spare" IS NODE 0, TASKID 2
LOGICAL 1 = "water" IS TASK 1, 2, 3 END
`

/** Three filters, a bound on restarts, a count and an age of records, a pause, a variable, a group, stars and a spare. */
const PLANT = `${TASKS}
ALPHACOUNT 1 IS THRESHOLD = 3.0, FACTOR = 0.5 END
ALPHACOUNT 2 IS THRESHOLD = 2.0, FACTOR = 0.5 END
ALPHACOUNT NODE 2 IS THRESHOLD = 1.5, FACTOR = 0.25 END

IF [ TRANSIENT T1 AND RESTARTED(T1) < 3 ] THEN RESTART T1
ELIF [ FAULTY T1 AND NOT STARTED T4 ] THEN STOP T1 START T4 SEND 1 G1
ELIF [ FAULTY T1 ] THEN STOP T1 FI

IF [ FAULTY T2 AND ERRN(T2) > 2 ] THEN ISOLATE T2 REMOVE ANY T2 FROM ERRORLIST WARN N*
ELIF [ TRANSIENT T2 ] THEN RESTART T2 FI

IF [ FAULTY T3 AND ELAPSED(N2) < 5 S ] THEN PAUSE 100 MS RESTART T3
ELIF [ FAULTY T3 ] THEN RESTART T3 FI
IF [ FAULTY T4 ] THEN RESTART T4 FI

IF [ FAULTY N2 AND NOT TRANSIENT N2 ] THEN ISOLATE N2
ELIF [ FAULTY N* ] THEN REBOOT N@1 FI
IF [ REINTEGRATED N2 AND STOPPED T3 ] THEN START T3 FI

IF [ NOT RUNNING G1 AND VAL(A) == 0 ] THEN WARN T4 LET A = 1
ELIF [ RUNNING G1 AND VAL(A) == 1 ] THEN LET A = 0 FI
`

const FILTERS = `${TASKS}
${['1', '2', '3', '4', 'NODE 0', 'NODE 1', 'NODE 2'].map((entity) => `ALPHACOUNT ${entity} IS THRESHOLD = 3.0, FACTOR = 0.5 END`).join('\n')}
IF [ TRANSIENT T* ] THEN RESTART T@1 ELIF [ FAULTY T* ] THEN STOP T@1 FI
IF [ TRANSIENT N* ] THEN REBOOT N@1 ELIF [ FAULTY N* ] THEN ISOLATE N@1 FI
`

const HEAVIEST = `${TASKS}
ALPHACOUNT 1 IS THRESHOLD = 3.0, FACTOR = 0.5 END
ALPHACOUNT 2 IS THRESHOLD = 2.0, FACTOR = 0.5 END
ALPHACOUNT 3 IS THRESHOLD = 2.5, FACTOR = 0.5 END
ALPHACOUNT 4 IS THRESHOLD = 3.0, FACTOR = 0.5 END
${[0, 1, 2].map((node) => `ALPHACOUNT NODE ${node} IS THRESHOLD = 1.5, FACTOR = 0.5 END`).join('\n')}
${[1, 2, 3, 4].map((task) => heavyTask(task, (task - 1) % 3)).join('\n')}
${[0, 1, 2].map(heavyNode).join('\n')}
`

export const explore: Bench = {
  name: 'explore',
  async run(effort) {
    const isQuick = effort.share < 1
    const many = isQuick ? { ...effort, ...SINGLE } : effort
    const policies = [
      await explored(many, 'a policy of realistic weight', PLANT),
      await explored(many, 'a filter for each of the seven', FILTERS),
    ]
    if (isQuick) return policies
    return [...policies, await explored({ ...effort, ...SINGLE }, 'the heaviest that comes to an end', HEAVIEST)]
  },
}

async function explored(effort: Effort, what: string, script: string): Promise<Figure> {
  const compiled = compile(script)
  if (!compiled.ok) throw new Error(`${what}: ${JSON.stringify(compiled.diagnostics)}`)
  const size = { states: 0, notifications: 0 }
  const run = (): number => {
    const startedMs = performance.now()
    const explorer = new Explorer(compiled, { depth: DEPTH })
    while (explorer.advance(1_000));
    const { complete, states, notifications } = explorer.report()
    if (complete === 'stopped') throw new Error(`${what}: stopped after ${states} states`)
    Object.assign(size, { states, notifications })
    return (performance.now() - startedMs) / 1000
  }
  const history = Array.from({ length: REPLAYED }, (_, n) => replayed(n)).join('')
  const figure = await inTurns(
    effort,
    { what, unit: 's', floor: 'a dry run of as many notifications', target: TARGET },
    run,
    () => {
      const startedMs = performance.now()
      dryRun(compiled, history)
      return performance.now() - startedMs
    },
  )
  const { states, notifications } = size
  const floor = { ...figure.floor, values: figure.floor.values.map((ms) => (ms * notifications) / REPLAYED / 1000) }
  return { ...figure, what: `explore ${what}: ${thousands(states)} states, ${thousands(notifications)} notifications`, floor }
}

/** The notifications of an exploration one after the other. */
function replayed(n: number): string {
  const entity = ['T1', 'N0', 'T2', 'N1', 'T3', 'N2', 'T4'][n % 7] as string
  const fields = [
    { kind: 'error', code: 4 },
    { kind: 'ok' },
    { kind: 'status', status: entity.startsWith('N') ? 'up' : 'running' },
  ]
  return `${JSON.stringify({ at: 1000 * (n + 1), entity, ...fields[n % 3] })}\n`
}

function heavyTask(task: number, node: number): string {
  return `IF [ TRANSIENT T${task} AND RESTARTED(T${task}) < 3 ] THEN RESTART T${task}
ELIF [ FAULTY T${task} AND ELAPSED(N${node}) < 3 S ] THEN REBOOT N$2
ELIF [ FAULTY T${task} ] THEN STOP T${task} FI`
}

function heavyNode(node: number): string {
  return `IF [ FAULTY N${node} AND NOT TRANSIENT N${node} ] THEN ISOLATE N${node}
ELIF [ FAULTY N${node} ] THEN REBOOT N${node} FI
IF [ REINTEGRATED N${node} AND ERRN(N${node}) > 2 ] THEN WARN T4 REMOVE ANY N${node} FROM ERRORLIST FI`
}

function thousands(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}
