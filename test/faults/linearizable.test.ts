/**
 * Black-box: several processes attached to one folder, some of them killed in the middle, the owner too; and what they say they
 * saw has an order that explains it.
 *
 * PERDURE_HISTORY_ROUNDS is the number of histories: 1 in the short version, 20 with all other faults.
 */
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkLinearizable } from '../../src/testing/linearizability.ts'
import { KEYS, type TupleEntry, type TupleInput, tupleModel } from '../testing/tuple-model.ts'
import { amount, LONG_TEST_MS, report } from './amount.ts'
import { type Child, Children } from './children.ts'

const ROUNDS = Number(process.env.PERDURE_HISTORY_ROUNDS ?? amount(1, 20))
const CLIENTS = 5
const CALLERS = 2
/** Of each client; the whole takes some seconds. */
const OPERATIONS = 250

interface Line {
  readonly process: string
  readonly at: string
  readonly type: 'invoke' | 'ok' | 'fail' | 'info'
  readonly id: number
  readonly op?: TupleInput['op']
  readonly value?: number
  readonly output?: number | null
}

/** A line that its writer did not finish is none; what failed for certain is left out. */
function historyOf(lines: readonly Line[]): TupleEntry[] {
  const ends = new Map(lines.filter(({ type }) => type !== 'invoke').map((line) => [`${line.process}:${line.id}`, line]))
  const entries: TupleEntry[] = []
  for (const { process, at, type, id, op, value } of lines) {
    if (type !== 'invoke' || op === undefined || value === undefined) continue
    const end = ends.get(`${process}:${id}`)
    if (end?.type === 'fail') continue
    const returned = end?.type === 'ok' ? { at: Number(end.at), output: end.output ?? null } : undefined
    entries.push({ process, input: { op, value }, calledAt: Number(at), returned })
  }
  return entries
}

interface Counts {
  operations: number
  known: number
  kills: number
  steps: number
}

async function round(counts: Counts): Promise<void> {
  await using children = new Children()
  const folder = children.path('site')
  const own = async (): Promise<Child> => {
    const owner = children.start('historian')
    await owner.event('ready')
    owner.tell({ do: 'own', folder })
    await owner.event('open')
    return owner
  }
  const files: string[] = []
  const work = async (): Promise<Child> => {
    const client = children.start('historian')
    await client.event('ready')
    const name = `client-${files.length + 1}`
    files.push(`${name}.jsonl`)
    const first = files.length * 100_000
    client.tell({
      do: 'work',
      folder,
      file: children.path(`${name}.jsonl`),
      name,
      first,
      keys: KEYS,
      operations: OPERATIONS,
      callers: CALLERS,
    })
    await client.event('working')
    return client
  }
  const written = (count: number) => until(() => files.reduce((sum, file) => sum + children.lines(file).length, 0) >= count)
  const owner = await own()
  const clients = await Promise.all(Array.from({ length: CLIENTS }, work))
  const kill = async (child: Child) => {
    child.signal('SIGKILL')
    await child.ended()
    counts.kills += 1
  }
  await written(400)
  await kill(clients.shift() as Child)
  clients.push(await work())
  await written(800)
  await kill(owner)
  const successor = await own()
  await written(1_200)
  await kill(clients.shift() as Child)
  await Promise.all(clients.map((client) => client.event('over')))
  await kill(successor)
  const lines = files.flatMap((file) => children.lines(file).map((line) => JSON.parse(line) as Line))
  judge(lines, counts)
}

function judge(lines: readonly Line[], counts: Counts): void {
  const history = historyOf(lines)
  const { verdict, steps, part } = checkLinearizable(history, tupleModel)
  const known = history.filter(({ returned }) => returned !== undefined).length
  counts.operations += history.length
  counts.known += known
  counts.steps += steps
  if (verdict === 'linearizable') return
  const kept = join(tmpdir(), `perdure-history-${process.pid}.jsonl`)
  writeFileSync(kept, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  throw new Error(`The history is ${verdict}, at key ${part}. It is kept in ${kept}.`)
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test(
  'what processes saw of a space, some of them killed, and its owner too, has an order that explains it',
  async () => {
    const counts: Counts = { operations: 0, known: 0, kills: 0, steps: 0 }
    for (let n = 0; n < ROUNDS; n++) await round(counts)
    report('histories', { rounds: ROUNDS, ...counts })
    expect(counts.known).toBeGreaterThan(counts.operations / 2)
    expect(counts.known).toBeGreaterThan(ROUNDS * CLIENTS * OPERATIONS * 0.5)
  },
  LONG_TEST_MS,
)

test('a tuple that two processes say they took is found in such a history', () => {
  const line = (process: string, type: Line['type'], at: number, more: Partial<Line>): Line => ({
    process,
    id: 1,
    type,
    at: String(at),
    ...more,
  })
  const put = [line('a', 'invoke', 1, { op: 'out', value: KEYS }), line('a', 'ok', 2, { output: null })]
  const take = (name: string) => [line(name, 'invoke', 3, { op: 'in', value: 0 }), line(name, 'ok', 5, { output: KEYS })]
  const verdict = (lines: readonly Line[]) => checkLinearizable(historyOf(lines), tupleModel).verdict
  expect(verdict([...put, ...take('b')])).toBe('linearizable')
  expect(verdict([...put, ...take('b'), ...take('c')])).toBe('not linearizable')
})
