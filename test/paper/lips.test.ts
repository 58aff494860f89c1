/**
 * What the LiPS paper says that a program can observe, sentence by sentence, as far as it is built: generative communication
 * (section 3), failure models (4), layers of software fault-tolerance (5), recovery (6), tuple space with recovery (7), and the
 * tuple space machine (8).
 *
 * Longer than other files, because it is read beside the paper, from its first sentence to its last.
 */
import { active, type PerdureError, type RunContext, resilient, run, start } from 'perdure'
import { type Space, space } from 'perdure/space'
import { describe, expect, test } from 'vitest'
import { type AnyDefinition, Stage, type StageNode } from '../mechanisms/process/stage.ts'

async function staged(...definitions: AnyDefinition[]): Promise<{ stage: Stage; node: StageNode; box: Space }> {
  const stage = await Stage.open()
  const node = await stage.node('a', definitions)
  return { stage, node, box: await space(stage.site, 'box') }
}

async function crash(stage: Stage, node: StageNode, ...definitions: AnyDefinition[]): Promise<StageNode> {
  await stage.clock.idle()
  node.kill()
  const again = await stage.node('after the crash', definitions)
  await stage.clock.idle()
  return again
}

/** Whether the promise is settled once everything that can happen has happened. */
async function settles(stage: Stage, promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const done = () => {
    settled = true
  }
  promise.then(done, done)
  await stage.clock.idle()
  return settled
}

describe('the tuple space (section 3.1)', () => {
  test('tuples are retrieved by their content, through pattern matching, and not by an address', async () => {
    const { stage, box } = await staged()
    await stage.settle(Promise.all([box.out(['colour', 'red', 1]), box.out(['size', 5]), box.out(['colour', 'blue', 2])]))
    expect(await stage.settle(box.rd(['colour', String, 2]))).toEqual(['colour', 'blue', 2])
    expect(await stage.settle(box.rd([String, Number]))).toEqual(['size', 5])
  })

  test('in() reads a tuple and removes it', async () => {
    const { stage, box } = await staged()
    await stage.settle(box.out(['x', 1]))
    expect(await stage.settle(box.in(['x', Number]))).toEqual(['x', 1])
    expect(await stage.settle(box.count(['x', Number]))).toBe(0)
  })

  test('inp() reads a tuple and removes it', async () => {
    const { stage, box } = await staged()
    await stage.settle(box.out(['x', 1]))
    expect(await stage.settle(box.inp(['x', Number]))).toEqual(['x', 1])
    expect(await stage.settle(box.count(['x', Number]))).toBe(0)
  })

  test('rd() and rdp() return a tuple and leave it where it is', async () => {
    const { stage, box } = await staged()
    await stage.settle(box.out(['x', 1]))
    expect(await stage.settle(Promise.all([box.rd(['x', Number]), box.rdp(['x', Number])]))).toEqual([
      ['x', 1],
      ['x', 1],
    ])
    expect(await stage.settle(box.count(['x', Number]))).toBe(1)
  })

  test('without a match in() and rd() suspend their caller until such a tuple is found', async () => {
    const { stage, box } = await staged()
    const [taking, reading] = [box.in(['x', Number]), box.rd(['x', Number])]
    expect(await settles(stage, Promise.race([taking, reading]))).toBe(false)
    await stage.settle(box.out(['x', 7]))
    expect(await stage.settle(Promise.all([taking, reading]))).toEqual([
      ['x', 7],
      ['x', 7],
    ])
  })

  test('without a match inp() and rdp() answer at once', async () => {
    const { stage, box } = await staged()
    const answers = Promise.all([box.inp(['x', Number]), box.rdp(['x', Number])])
    expect(await settles(stage, answers)).toBe(true)
    expect(await answers).toEqual([null, null])
  })

  test('active tuples made by eval() create new threads of control, and become passive data', async () => {
    const square = resilient('square', async (p, n: number) => {
      await p.sleep(10)
      return n * n
    })
    const { stage, box } = await staged(square)
    await stage.settle(box.eval(['square', active(square, [6]), active(square, [7])]))
    expect(await stage.settle(box.rdp(['square', Number, Number]))).toBeNull()
    expect(await stage.settle(box.in(['square', Number, Number]))).toEqual(['square', 36, 49])
  })

  test('the operations serve for synchronisation as well: two processes meet through them', async () => {
    const order: string[] = []
    const first = resilient('first', async (p) => {
      order.push('first works')
      await p.space('box').out(['ready'])
    })
    const second = resilient('second', async (p) => {
      await p.space('box').in(['ready'])
      order.push('second works')
    })
    const { stage } = await staged(first, second)
    const later = await stage.settle(start(stage.site, second, 'k', []))
    const earlier = await stage.settle(start(stage.site, first, 'k', []))
    await stage.settle(Promise.all([later.result(), earlier.result()]))
    expect(order).toEqual(['first works', 'second works'])
  })
})

describe('benefits of generative communication (section 3.2)', () => {
  const produce = resilient('produce', async (p, n: number) => {
    await p.space('box').out(['item', n])
  })
  const consume = resilient('consume', async (p) => (await p.space('box').in(['item', Number]))[1])

  test('the content of the space is not lost when the process that made it exits or crashes', async () => {
    const dies = resilient('dies', async (p) => {
      await p.space('box').out(['kept'])
      await p.sleep(1_000_000)
    })
    const { stage, node, box } = await staged(dies)
    await stage.settle(start(stage.site, dies, 'k', []))
    await stage.clock.idle()
    node.kill()
    expect(await stage.settle(box.rd(['kept']))).toEqual(['kept'])
  })

  test('communication is decoupled in time: the consumer need not exist when the tuple is made', async () => {
    const { stage } = await staged(produce)
    await stage.settle((await stage.settle(start(stage.site, produce, 'k', [5]))).result())
    await stage.node('later', [consume])
    expect(await stage.settle((await stage.settle(start(stage.site, consume, 'k', []))).result())).toBe(5)
  })

  test('communication is anonymous: who consumes does not know, and need not, who produced', async () => {
    const { stage, box } = await staged(produce, consume)
    const takers = [
      await stage.settle(start(stage.site, consume, '1', [])),
      await stage.settle(start(stage.site, consume, '2', [])),
    ]
    await stage.settle(start(stage.site, produce, 'k', [1]))
    await stage.settle(box.out(['item', 2]))
    const got = await stage.settle(Promise.all(takers.map((taker) => taker.result())))
    expect(got.toSorted()).toEqual([1, 2])
  })

  test('a process still retrieves its messages after it had to change to a different machine', async () => {
    const { stage, node, box } = await staged(consume)
    const handle = await stage.settle(start(stage.site, consume, 'k', []))
    await stage.clock.idle()
    await stage.settle(node.host.leave())
    await stage.node('another machine', [consume])
    await stage.settle(box.out(['item', 9]))
    expect(await stage.settle(handle.result())).toBe(9)
    expect(await stage.settle(handle.status())).toMatchObject({ attempt: 2 })
  })

  test('the number of machines may grow and shrink while an application runs: adaptive parallelism', async () => {
    const work = resilient('work', async (p, n: number) => {
      await p.sleep(100)
      await p.step('work', () => n)
      await p.space('box').out(['done', n])
      return n
    })
    const { stage, node, box } = await staged(work)
    const handles = []
    for (let n = 0; n < 12; n++) handles.push(await start(stage.site, work, String(n), [n]))
    const nodes = [node, await stage.node('b', [work]), await stage.node('c', [work])]
    nodes[0]?.kill()
    await stage.settle((nodes[1] as StageNode).host.leave())
    expect(await stage.settle(Promise.all(handles.map((handle) => handle.result())))).toEqual(
      Array.from({ length: 12 }, (_, n) => n),
    )
    expect(await stage.settle(box.count(['done', Number]))).toBe(12)
  })
})

describe('failures (section 4)', () => {
  test('data survives the failure of every machine: after a soft fail-stop it is still accessible', async () => {
    const { stage, box } = await staged()
    await stage.settle(box.out(['data', 1]))
    stage.abandon()
    const again = await Stage.open({ shelf: stage.shelf })
    expect(await again.settle((await space(again.site, 'box')).rd(['data', Number]))).toEqual(['data', 1])
  })

  test('a message that arrives twice takes effect once', async () => {
    const { stage, box } = await staged()
    const submit = stage.gateway.submit
    stage.gateway.submit = (operation) => {
      submit(operation)
      return submit(operation)
    }
    await stage.settle(box.out(['x']))
    expect(await stage.settle(box.count(['x']))).toBe(1)
  })
})

describe('layers of software fault-tolerance (section 5)', () => {
  const bodyOf = (works: number[]) => async (p: RunContext) => {
    works.push(works.length)
    const n = await p.step('long work', () => works.length)
    await p.space('box').in(['go'])
    return n
  }

  test('layer 0: after a crash nobody restarts the process; its work is lost', async () => {
    const works: number[] = []
    const plain = resilient('plain', bodyOf(works), { layer: 'none' })
    const { stage, node } = await staged(plain)
    const handle = await stage.settle(start(stage.site, plain, 'k', []))
    await crash(stage, node, plain)
    await expect(stage.settle(handle.result())).rejects.toMatchObject({ code: 'PERDURE_E_RUN_LOST' })
    expect(works).toEqual([0])
  })

  test('layer 1: it is restarted automatically, and re-does its entire computation', async () => {
    const works: number[] = []
    const restarted = resilient('restarted', bodyOf(works), { layer: 'restart' })
    const { stage, node, box } = await staged(restarted)
    const handle = await stage.settle(start(stage.site, restarted, 'k', []))
    await crash(stage, node, restarted)
    await stage.settle(box.out(['go']))
    expect(await stage.settle(handle.result())).toBe(2)
  })

  test('layer 1 may leave shared data inconsistent: what it did to the space is done again', async () => {
    const twice = resilient(
      'twice',
      async (p) => {
        await p.space('box').out(['made'])
        await p.space('box').in(['go'])
      },
      { layer: 'restart' },
    )
    const { stage, node, box } = await staged(twice)
    await stage.settle(start(stage.site, twice, 'k', []))
    await crash(stage, node, twice)
    expect(await stage.settle(box.count(['made']))).toBe(2)
  })

  test('layer 2: it goes on from its log, without the effort spent so far', async () => {
    const works: number[] = []
    const journaled = resilient('journaled', bodyOf(works))
    const { stage, node, box } = await staged(journaled)
    const handle = await stage.settle(start(stage.site, journaled, 'k', []))
    await crash(stage, node, journaled)
    await stage.settle(box.out(['go']))
    expect(await stage.settle(handle.result())).toBe(1)
  })

  test('layer 2: a process restarted from a checkpoint receives the same messages as before, and computes the same', async () => {
    const seen: unknown[][] = []
    const body = resilient('b', async (p: RunContext) => {
      const mine: unknown[] = [p.restored]
      seen.push(mine)
      const box = p.space('box')
      if (p.restored === undefined) {
        await box.in(['m', 0])
        await p.checkpoint('after 0')
      }
      for (let i = 1; i <= 3; i++) mine.push(await box.in(['m', i, Number]), p.random())
      return mine
    })
    const { stage, node, box } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    for (const tuple of [
      ['m', 0],
      ['m', 1, 10],
      ['m', 2, 20],
    ])
      await stage.settle(box.out(tuple))
    await crash(stage, node, body)
    await stage.settle(box.out(['m', 3, 30]))
    const result = (await stage.settle(handle.result())) as unknown[]
    expect(result[0]).toBe('after 0')
    expect(result.slice(1, 5)).toEqual((seen[0] as unknown[]).slice(1, 5))
    expect(seen).toHaveLength(2)
  })

  test('layer 3: its files are recoverable, and what was changed after the last record is undone before it is restarted', async () => {
    const found: unknown[] = []
    const look = (stage: Stage, at: string) => stage.folders.list(at).map((name) => [name, stage.folders.read(`${at}/${name}`)])
    const writer = resilient(
      'writer',
      async (p: RunContext) => {
        const { folders } = stage
        if (p.restored === undefined) {
          await p.step('first', () => folders.write(`${p.workDir}/book`, 'chapter 1'))
          await p.checkpoint('begun')
        }
        await p.step('second', () => {
          found.push(look(stage, p.workDir))
          folders.write(`${p.workDir}/book`, 'half of chapter 2')
          folders.write(`${p.workDir}/notes`, 'scribbled')
          return found.length === 1 ? new Promise(() => undefined) : undefined
        })
      },
      { layer: 'files' },
    )
    const { stage, node } = await staged(writer)
    const handle = await stage.settle(start(stage.site, writer, 'k', []))
    await crash(stage, node, writer)
    await stage.settle(handle.result())
    expect(found).toEqual([[['book', 'chapter 1']], [['book', 'chapter 1']]])
  })

  test('layer 4: replicated copies of a process; when one fails another goes on, and nothing is restarted or done again', async () => {
    const works: number[] = []
    const replicated = resilient('replicated', bodyOf(works), { layer: 'replicas', replicas: 2 })
    const { stage, node, box } = await staged(replicated)
    await stage.node('b', [replicated])
    const handle = await stage.settle(start(stage.site, replicated, 'k', []))
    await stage.clock.idle()
    node.kill()
    await stage.clock.idle()
    await stage.settle(box.out(['go']))
    expect(await stage.settle(handle.result())).toBe(2)
    expect(works.length).toBe(2)
    expect(stage.count('process.step')).toBe(1)
  })

  test('a process is in recovery until it has reached the state at the crash, and operational beyond it', async () => {
    const body = resilient('b', async (p) => {
      for (let i = 0; i < 3; i++) await p.space('box').in(['m', i])
    })
    const { stage, node, box } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    await stage.settle(box.out(['m', 0]))
    const states: string[] = []
    stage.afterEach(() => states.push((stage.gateway.replica.query('process', 'status', ['b', 'k']) as { state: string }).state))
    await crash(stage, node, body)
    expect([...new Set(states)]).toEqual(['waiting', 'recovering', 'running'])
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'running' })
  })
})

describe('recovery (section 6)', () => {
  test('a restarted process sends its message again, and the duplicate is suppressed', async () => {
    const y = resilient('y', async (p) => {
      await p.space('box').out(['m'])
      await p.space('box').in(['go'])
    })
    const { stage, node, box } = await staged(y)
    await stage.settle(start(stage.site, y, 'k', []))
    await stage.clock.idle()
    const taken = await stage.settle(box.in(['m']))
    expect(taken).toEqual(['m'])
    const second = await crash(stage, node, y)
    second.kill()
    await stage.node('third', [y])
    await stage.clock.idle()
    expect(await stage.settle(box.count(['m']))).toBe(0)
  })

  test('no other process is affected: nobody is rolled back, there is no domino', async () => {
    const executions: string[] = []
    const x = resilient('x', async (p) => {
      executions.push('x')
      await p.space('box').in(['from y'])
      await p.space('box').out(['from x'])
      await p.space('box').in(['end'])
      return 'x'
    })
    const y = resilient('y', async (p) => {
      executions.push('y')
      await p.space('box').out(['from y'])
      await p.space('box').in(['from x'])
      await p.space('box').in(['end'])
      return 'y'
    })
    const { stage, box } = await staged(x)
    const node = await stage.node('of y', [y])
    const handles = [await stage.settle(start(stage.site, x, 'k', [])), await stage.settle(start(stage.site, y, 'k', []))]
    await crash(stage, node, y)
    await stage.settle(Promise.all([box.out(['end']), box.out(['end'])]))
    expect(await stage.settle(Promise.all(handles.map((handle) => handle?.result())))).toEqual(['x', 'y'])
    expect(executions).toEqual(['x', 'y', 'y'])
  })

  test('processes write checkpoints at any time, without a word to each other', async () => {
    const body = resilient('b', async (p: RunContext, rounds: number) => {
      for (let i = (p.restored as number | undefined) ?? 0; i < rounds; i++) {
        await p.space('box').out(['from', p.key, i])
        await p.checkpoint(i + 1)
      }
      return rounds
    })
    const { stage, node, box } = await staged(body)
    const handles = [await start(stage.site, body, 'often', [5]), await start(stage.site, body, 'seldom', [2])]
    await crash(stage, node, body)
    expect(await stage.settle(Promise.all(handles.map((handle) => handle.result())))).toEqual([5, 2])
    expect(await stage.settle(box.count(['from', String, Number]))).toBe(7)
  })
})

describe('tuple space operations as a log (section 7)', () => {
  test('events before a checkpoint are discarded: what was received before it is not received again', async () => {
    const received: unknown[] = []
    const b = resilient('b', async (p: RunContext) => {
      const box = p.space('box')
      if (p.restored === undefined) {
        received.push(await box.in(['early']))
        await p.checkpoint('has early')
      }
      received.push(await box.in(['late']))
      await box.in(['go'])
      return p.restored
    })
    const { stage, node, box } = await staged(b)
    const handle = await stage.settle(start(stage.site, b, 'k', []))
    await stage.settle(Promise.all([box.out(['early']), box.out(['late'])]))
    await crash(stage, node, b)
    await stage.settle(box.out(['go']))
    expect(await stage.settle(handle.result())).toBe('has early')
    expect(received).toEqual([['early'], ['late'], ['late']])
  })

  test('a process restarted from scratch does not create a duplicate tuple', async () => {
    const a = resilient('a', async (p) => {
      for (let i = 0; i < 5; i++) {
        await p.space('box').out(['event', i])
        await p.sleep(10)
      }
    })
    const { stage, node, box } = await staged(a)
    const handle = await stage.settle(start(stage.site, a, 'k', []))
    let host = node
    for (let i = 0; i < 3; i++) {
      await stage.clock.advance(10)
      host.kill()
      host = await stage.node(`host ${i}`, [a])
    }
    await stage.settle(handle.result())
    expect(await stage.settle(box.count(['event', Number]))).toBe(5)
  })

  test('the log of a process survives the crash of the process, and of everything', async () => {
    const body = resilient('b', async (p) => {
      const n = await p.step('once', () => 41)
      await p.space('box').in(['go'])
      return n + 1
    })
    const { stage } = await staged(body)
    await stage.settle(start(stage.site, body, 'k', []))
    await stage.clock.idle()
    stage.abandon()
    const again = await Stage.open({ shelf: stage.shelf })
    await again.node('a', [body])
    await again.settle((await space(again.site, 'box')).out(['go']))
    expect(await again.settle(run(again.site, body, 'k').result())).toBe(42)
    expect(again.count('process.step')).toBe(0)
  })
})

describe('the tuple space machine (section 8)', () => {
  test('a failed eval() is executed again with the replay of its log, and becomes exactly one tuple', async () => {
    const body = resilient('b', async (p) => {
      await p.step('s', () => 1)
      await p.space('box').in(['go'])
      return 'passive'
    })
    const { stage, node, box } = await staged(body)
    await stage.settle(box.eval(['result', active(body, [])]))
    await crash(stage, node, body)
    await stage.settle(box.out(['go']))
    expect(await stage.settle(box.rd(['result', String]))).toEqual(['result', 'passive'])
    expect(await stage.settle(box.count(['result', String]))).toBe(1)
    expect(stage.count('process.step')).toBe(1)
  })

  test('a machine crash is noticed by its silence, and its processes are re-integrated elsewhere', async () => {
    const body = resilient('b', async (p) => p.sleep(60_000))
    const { stage, node } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    await stage.node('b', [body])
    node.disconnect()
    await stage.clock.advance(6_000)
    expect(await stage.settle(handle.status())).toMatchObject({ node: 'b', attempt: 2 })
  })

  test('a server that joins is initialised with the data of an old one', async () => {
    const { stage, box } = await staged()
    await stage.settle(Promise.all([box.out(['x', 1]), box.out(['x', 2])]))
    const { composeReplica } = await import('../../src/node/compose.ts')
    const { decode, encode } = await import('../../src/log/codec/codec.ts')
    const joining = composeReplica()
    for (const part of stage.gateway.replica.snapshot())
      joining.restorePart(decode(encode(part, Number.POSITIVE_INFINITY)) as [section: string, part: unknown])
    expect(joining.query('space', 'tuples', ['box'])).toEqual(stage.gateway.replica.query('space', 'tuples', ['box']))
  })

  test('every tuple is tagged with a unique number; the numbers give a linear order, without gaps', async () => {
    const { stage, box } = await staged()
    await stage.settle(Promise.all(Array.from({ length: 20 }, (_, i) => box.out(['n', i]))))
    const { tuples } = stage.tuples('box') as { tuples: { position: number; tuple: [string, number] }[] }
    const positions = tuples.map(({ position }) => position)
    expect(new Set(positions).size).toBe(20)
    expect(positions).toEqual(positions.toSorted((a, b) => a - b))
    const applied = stage.applied.map(({ position }) => position)
    expect(applied.every((position, i) => i === 0 || position > (applied[i - 1] as number))).toBe(true)
    expect(tuples.map(({ tuple }) => tuple[1])).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })

  test('of two processes that ask for one tuple exactly one gets it, the one that asked first', async () => {
    const taker = resilient('taker', async (p) => {
      const taken = await p
        .space('box')
        .in(['x'], { timeoutMs: 100 })
        .catch((error: PerdureError) => error.code)
      return taken
    })
    const { stage, box } = await staged(taker)
    const first = await stage.settle(start(stage.site, taker, '1', []))
    const second = await start(stage.site, taker, '2', [])
    await box.out(['x'])
    const results = await stage.settle(Promise.all([first.result(), second.result()]))
    expect(results.filter((result) => Array.isArray(result))).toHaveLength(1)
  })
})
