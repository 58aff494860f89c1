/**
 * The parts of the demo that need no work to be done: its options, its board, what it draws, whom it kills.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Board } from '../../examples/farthest/board.ts'
import { answerLines, type Outcome, verdict } from '../../examples/farthest/ending.ts'
import { EXPECTED } from '../../examples/farthest/expected.ts'
import { NO_VOTES } from '../../examples/farthest/geodesic.ts'
import { Killer } from '../../examples/farthest/killer.ts'
import { readOptions, UsageError } from '../../examples/farthest/options.ts'
import { frame, plain, progressLine } from '../../examples/farthest/screen.ts'

const log = (name: string, text: string) => ({ event: 'log', name, text }) as const
const node = (name: string, pid: number) => ({ event: 'node', name, pid }) as const
const exit = (name: string, pid: number) => ({ event: 'exit', name, pid, reason: 'SIGKILL' }) as const

describe('options', () => {
  test('have defaults', () => {
    expect(readOptions([])).toMatchObject({ towns: 171_075, nodes: 4, kills: 2, key: undefined, mode: 'durable' })
    expect(readOptions(['--no-kill']).kills).toBe(0)
    expect(readOptions(['--bare', '--seed', '7', '--key', 'monday'])).toMatchObject({ mode: 'bare', seed: 7, key: 'monday' })
  })

  test.each([
    [['--nodes', '0'], /--nodes 0: expected a whole number from 1 to 26/],
    [['--kills', '-1'], /kills/],
    [['--kills=-1'], /--kills -1: expected a whole number from 0/],
    [['--seed', '1.5'], /--seed 1.5: expected a whole number/],
    [['--tasks', ''], /--tasks : expected a whole number/],
    [['--towns', '77'], /--towns 77: the answer is known for 2000, 5000, 171075/],
    [['--key', '../x'], /--key \.\.\/x: expected 1 to 64 letters/],
    [['--no-kill', '--kills', '2'], /contradict each other/],
    [['--nods', '4'], /--nods/],
    [['four'], /four/],
  ])('%j are refused with what was expected', (args, message) => {
    expect(() => readOptions(args)).toThrow(UsageError)
    expect(() => readOptions(args)).toThrow(message)
  })
})

describe('the board', () => {
  test('follows every task from waiting to done, through the loss of its process', () => {
    const board = new Board(4, new Set([3]))
    board.hear(node('node-1', 11))
    board.hear(node('node-2', 12))
    board.hear(log('node-1', 'task 0 taken'))
    board.hear(log('node-1', 'task 0 done'))
    board.hear(log('node-1', 'task 1 taken'))
    board.hear(log('node-2', 'task 2 taken'))
    board.hear(log('node-2', 'something else'))
    board.hear(exit('node-1', 11))
    expect(board.cells).toEqual([
      { state: 'done', node: 'node-1' },
      { state: 'lost', node: 'node-1' },
      { state: 'taken', node: 'node-2' },
      { state: 'before' },
    ])
    board.hear(node('node-1', 13))
    board.hear(log('node-2', 'task 1 done'))
    expect(board.members).toEqual([
      { name: 'node-1', pid: 13, done: 1, deaths: 1 },
      { name: 'node-2', pid: 12, done: 1, deaths: 0 },
    ])
    expect(board.done).toBe(3)
  })

  test('adds up the votes of tasks that are done, each once, until the answer says how many they were', () => {
    const board = new Board(3, new Set([0]))
    const votes = {
      lengths: 90,
      gaveUp: { karney: 0, vincenty: 10, haversine: 0 },
      outvoted: { karney: 0, vincenty: 0, haversine: 1 },
    }
    board.hear(log('node-1', `task 1 done ${JSON.stringify(votes)}`))
    board.hear(log('node-2', `task 1 done ${JSON.stringify(votes)}`))
    expect(board.votes).toEqual(votes)
    board.hear(log('node-2', `task 2 done ${JSON.stringify(votes)}`))
    expect(board.votes).toMatchObject({ lengths: 180, gaveUp: { vincenty: 20 }, outvoted: { haversine: 2 } })
    board.finish({ ...votes, lengths: 270 })
    expect(board.votes.lengths).toBe(270)
  })

  test('takes every task for done once the work is finished', () => {
    const board = new Board(3, new Set([0]))
    board.hear(log('node-1', 'task 1 done'))
    board.hear(log('node-2', 'task 2 taken'))
    board.finish()
    expect(board.done).toBe(3)
    expect(board.members.map(({ name, done }) => [name, done])).toEqual([
      ['node-1', 1],
      ['node-2', 1],
    ])
  })

  test('counts a task once that is reported done twice', () => {
    const board = new Board(1, new Set())
    board.hear(log('node-1', 'task 0 done'))
    board.hear(log('node-2', 'task 0 done'))
    expect(board.members.map(({ name, done }) => [name, done])).toEqual([['node-1', 1]])
    expect(board.done).toBe(1)
  })
})

describe('the screen', () => {
  const board = new Board(216, new Set([0, 1]))
  const votes = { ...NO_VOTES, lengths: 1_016_730, gaveUp: { karney: 0, vincenty: 114_623, haversine: 0 } }
  for (const [place, name] of ['node-1', 'node-2', 'node-3', 'node-4'].entries()) board.hear(node(name, 4_194_300 + place))
  for (let task = 2; task < 99; task += 1) board.hear(log(`node-${1 + (task % 4)}`, `task ${task} done`))
  board.hear(log('node-4', `task 99 done ${JSON.stringify(votes)}`))
  for (let task = 100; task < 104; task += 1) board.hear(log(`node-${1 + (task % 4)}`, `task ${task} taken`))
  board.hear(exit('node-3', 4_194_302))
  const lost = { pid: 4_194_302, node: 'node-3', task: 102, coordinator: true, atMs: 0 }
  const kills = [{ ...lost, recovery: { node: 'node-4', afterMs: 1_234 } }]
  const scene = { board, kills, coordinator: 'node-4', elapsedMs: 61_234 }

  test('fits on a terminal of 80 columns and 24 lines, with the title above and the answer below', () => {
    const lines = frame(scene, 80, plain).split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(lines.length + 4 + 6).toBeLessThanOrEqual(24)
  })

  test('tells waiting, taken, done, lost and earlier tasks apart without colour', () => {
    const text = frame(scene, 80, plain)
    expect(text).toContain(' = = C D A B')
    expect(text).toContain(' A B C D a b x d · ·')
    expect(text).toContain('100 of 216 tasks')
    expect(text).toContain('C  node-3        -   25  killed')
    expect(text).toContain('kill -9 4194302  (node-3, coordinator) node-4 goes on with it after 1234 ms')
  })

  test('says how the three methods have done, where they vote', () => {
    const line = '1,016,730 lengths, gave up: karney 0, vincenty 114,623 (1 in 9), haversine 0'
    expect(frame(scene, 80, plain)).toContain(`\n ${line}\n`)
    expect(frame({ ...scene, board: new Board(216, new Set()) }, 80, plain)).not.toContain('lengths')
  })

  test('draws on narrow and wide terminals too', () => {
    for (const columns of [10, 40, 120, 300]) {
      const cells = frame(scene, columns, plain).split('\n').slice(1).join('')
      expect(cells.match(/ ·/g)?.length).toBe(112)
    }
  })

  test('says the same in one line where there is no terminal', () => {
    expect(progressLine(board, 4_200)).toBe(' 46%  100 of 216 tasks  node-1 24, node-2 24, node-3 25, node-4 25  4.2 s')
  })
})

describe('the ending', () => {
  const right = EXPECTED[2_000]!.map(({ rows: [i, j], metres, from, to }) => ({ i, j, metres, from, to }))
  const outcomeOf = (result: Outcome['result']): Outcome => {
    return { result, board: new Board(3, new Set()), kills: [], complaints: 'it said why', elapsedMs: 1_000 }
  }
  const answered = (farthest: typeof right, doubled: number) =>
    outcomeOf({ event: 'result', value: { farthest, doubled }, stats: { nodesLost: 0, runsResumed: 3 } })
  const facts = { towns: 2_000, seed: 7, executed: 4, repeated: 1 }

  test('is good when the ten pairs are the expected ones and nothing was counted twice', () => {
    expect(verdict(answered(right, 0), 2_000)).toBe(0)
    expect(answerLines(answered(right, 0), facts)).toEqual([
      'answer    Montecorto, ES and Newmarket, NZ: 19,997.502 km, after 1.0 s',
      'expected  the same, and the same 9 pairs after it',
      'killed    0 processes, 0 of them with the coordinator (--seed 7)',
      'resumed   3 runs on other processes, from their journals',
      'repeated  1 step of 4 executed, because a kill had cut them off',
      'doubled   0 results',
    ])
  })

  test.each([
    ['a result was counted twice', answered(right, 1)],
    ['two pairs are in the wrong order', answered([right[1]!, right[0]!, ...right.slice(2)], 0)],
    ['a length is a millimetre off', answered([{ ...right[0]!, metres: right[0]!.metres + 0.001 }, ...right.slice(1)], 0)],
    ['a pair is missing', answered(right.slice(0, 9), 0)],
    ['there is one too many', answered([...right, right[9]!], 0)],
    ['the work failed', outcomeOf({ event: 'result', error: { message: 'no' } })],
    ['the work ended without a word', outcomeOf(undefined)],
  ])('is bad when %s', (_, outcome) => {
    expect(verdict(outcome, 2_000)).toBe(1)
  })

  test('says why there is no answer', () => {
    expect(answerLines(outcomeOf({ event: 'error', error: { message: 'the folder is locked' } }), facts)).toEqual([
      'failed    the folder is locked',
    ])
    expect(answerLines(outcomeOf(undefined), facts)).toEqual(['failed    it said why'])
  })
})

describe('the killer', () => {
  const children: ChildProcess[] = []
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  function sleeper(): ChildProcess & { pid: number } {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    children.push(child)
    return child as ChildProcess & { pid: number }
  }

  test('kills one that is in a task, then, once that is made good, the one with the coordinator', async () => {
    const board = new Board(100, new Set())
    const names = ['node-1', 'node-2', 'node-3']
    const processes = names.map(sleeper)
    for (const [place, name] of names.entries()) board.hear(node(name, processes[place]!.pid))
    const killer = new Killer(board, async () => 'node-1', { kills: 2, seed: 1 })
    board.hear(log('node-3', 'task 99 taken'))
    for (let task = 0; task < 20; task += 1) board.hear(log('node-2', `task ${task} done`))
    killer.look()
    await settled()
    expect(killer.kills).toEqual([])

    for (let task = 20; task < 40; task += 1) board.hear(log('node-2', `task ${task} done`))
    killer.look()
    const [, signal] = await once(processes[2]!, 'exit')
    expect(signal).toBe('SIGKILL')
    expect(killer.kills).toMatchObject([{ node: 'node-3', pid: processes[2]!.pid, task: 99, coordinator: false }])

    board.hear(exit('node-3', processes[2]!.pid))
    for (let task = 40; task < 70; task += 1) board.hear(log('node-2', `task ${task} done`))
    killer.look()
    await settled()
    expect(killer.kills).toHaveLength(1)

    board.hear(log('node-2', 'task 99 done'))
    killer.look()
    await once(processes[0]!, 'exit')
    expect(killer.kills).toMatchObject([
      { node: 'node-3', recovery: { node: 'node-2' } },
      { node: 'node-1', coordinator: true },
    ])
    expect(processes[1]!.exitCode ?? processes[1]!.signalCode).toBeNull()
  })

  test('repeats its choice for a seed', async () => {
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true)
    const chosen = async (seed: number) => {
      const board = new Board(100, new Set())
      for (let n = 1; n <= 9; n += 1) {
        board.hear(node(`node-${n}`, n))
        board.hear(log(`node-${n}`, `task ${90 + n} taken`))
      }
      const killer = new Killer(board, async () => 'node-1', { kills: 1, seed })
      let done = 0
      while (killer.kills.length === 0) {
        board.hear(log('node-1', `task ${done} done`))
        done += 1
        killer.look()
        await settled()
      }
      return `${killer.kills[0]?.node} after ${done}`
    }
    const seeds = Array.from({ length: 20 }, (_, seed) => seed)
    const choices = await Promise.all(seeds.map(chosen))
    expect(await Promise.all(seeds.map(chosen))).toEqual(choices)
    expect(new Set(choices).size).toBeGreaterThan(10)
    kill.mockRestore()
  })
})

/** All promises that can be settled now are. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
