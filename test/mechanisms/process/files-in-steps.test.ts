/** What steps of layer files do to each other, to the log, and what is refused. */
import { start } from 'perdure'
import { type RunContext, resilient } from 'perdure/process'
import { describe, expect, test } from 'vitest'
import { encode } from '../../../src/log/codec/codec.ts'
import { MAX_BLOB } from '../../../src/log/log.ts'
import { encodeOperation } from '../../../src/log/operation.ts'
import { findBlobs } from '../../../src/log/snapshots/shadow.ts'
import { type FileChanges, MAX_FILES } from '../../../src/mechanisms/process/machine/manifest.ts'
import { savedRuns } from '../../../src/mechanisms/process/machine/snapshot.ts'
import { composeReplica } from '../../../src/node/compose.ts'
import { codeOf, rehost, Stage } from './stage.ts'

type Body = (p: RunContext, stage: Stage) => Promise<unknown>

const filed = (stage: Stage, body: Body) => resilient('worker', (p: RunContext) => body(p, stage), { layer: 'files' })

async function run(body: Body): Promise<{ stage: Stage; result: unknown }> {
  const stage = await Stage.open()
  const definition = filed(stage, body)
  await stage.node('a', [definition])
  const handle = await stage.settle(start(stage.site, definition, 'k', []))
  return { stage, result: await stage.settle(codeOf(handle.result())) }
}

/** What the records of steps and checkpoints say of files, in the order of the log. */
const changesIn = (stage: Stage) =>
  stage.applied.flatMap(({ name, args }) =>
    name === 'process.step' || name === 'process.checkpoint' ? [args[2] as FileChanges | undefined] : [],
  )

describe('the record of a step', () => {
  test('names what it added, changed and removed: path, size, sha256, and whether it can be executed', async () => {
    const { stage } = await run(async (p, on) => {
      await p.step('first', () => {
        on.folders.write(`${p.workDir}/a`, 'abc')
        on.folders.write(`${p.workDir}/b`, 'b')
        on.folders.write(`${p.workDir}/run`, '#!', 'executable')
      })
      await p.step('second', () => {
        on.folders.write(`${p.workDir}/a`, '')
        on.folders.remove(`${p.workDir}/b`)
      })
      await p.step('third', () => 3)
    })
    const [first, second, third] = changesIn(stage)
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(first?.added).toEqual([
      ['a', 3, abc, false],
      ['b', 1, expect.stringMatching(/^[0-9a-f]{64}$/), false],
      ['run', 2, expect.anything(), true],
    ])
    expect(first).toMatchObject({ changed: [], removed: [] })
    expect(second).toMatchObject({ added: [], changed: [['a', 0, expect.anything(), false]], removed: ['b'] })
    expect(third).toBeUndefined()
  })

  test('comes after its blobs are durable, and only changed contents are stored: one of a thousand files, one blob', async () => {
    const { stage } = await run(async (p, on) => {
      await p.step('all', () => {
        for (let i = 0; i < 1_000; i++) on.folders.write(`${p.workDir}/${i}`, `content ${i}`)
      })
      const before = on.shelf.blobs.size
      await p.step('one', () => on.folders.write(`${p.workDir}/500`, 'other'))
      await p.checkpoint('here')
      return [before, on.shelf.blobs.size]
    }).then(async (done) => {
      expect(done.result).toEqual({ value: [1_000, 1_001] })
      return done
    })
    const [all, one, checkpoint] = changesIn(stage)
    expect([all?.added.length, one?.changed.length, one?.added.length, checkpoint]).toEqual([1_000, 1, 0, undefined])
  })

  test('is not written while a blob cannot be stored', async () => {
    const stage = await Stage.open()
    const put = stage.log.blobs.put.bind(stage.log.blobs)
    let release: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    stage.log.blobs.put = async (bytes) => {
      await gate
      return put(bytes)
    }
    const definition = filed(stage, (p, on) => p.step('w', () => on.folders.write(`${p.workDir}/a`, 'abc')))
    await stage.node('a', [definition])
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    await stage.clock.idle()
    expect(stage.count('process.step')).toBe(0)
    release()
    await stage.settle(handle.result())
    expect(stage.count('process.step')).toBe(1)
  })
})

describe('steps of one run', () => {
  test('issued together they are executed one by one, each after the record of the one before is durable; their changes add up', async () => {
    const stage = await Stage.open()
    const calls: unknown[] = []
    const definition = filed(stage, async (p, on) => {
      const write = (name: string) =>
        p.step(name, async () => {
          calls.push([name, 'begins', on.log.durableIndex === on.log.lastIndex, on.folders.list(p.workDir)])
          on.folders.write(`${p.workDir}/${name}`, name)
          on.folders.write(`${p.workDir}/last`, name)
          await new Promise<void>((resolve) => on.clock.hop(resolve))
          calls.push([name, 'ends'])
        })
      await Promise.all(['x', 'y', 'z'].map(write))
      return await p.step('look', () => [on.folders.list(p.workDir), on.folders.read(`${p.workDir}/last`)])
    })
    await stage.node('a', [definition])
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    expect(await stage.settle(handle.result())).toEqual([['last', 'x', 'y', 'z'], 'z'])
    expect(calls).toEqual([
      ['x', 'begins', true, []],
      ['x', 'ends'],
      ['y', 'begins', true, ['last', 'x']],
      ['y', 'ends'],
      ['z', 'begins', true, ['last', 'x', 'y']],
      ['z', 'ends'],
    ])
    expect(changesIn(stage).map((changes) => changes?.added.map(([path]) => path))).toEqual([
      ['last', 'x'],
      ['y'],
      ['z'],
      undefined,
    ])
  })

  test('a try that fails leaves nothing: neither for the next try, nor after the last', async () => {
    const seen: unknown[] = []
    const { stage, result } = await run(async (p, on) => {
      await p.step('before', () => on.folders.write(`${p.workDir}/a`, 'kept'))
      const fails = () => {
        seen.push(on.folders.read(`${p.workDir}/a`), on.folders.list(p.workDir).length)
        on.folders.write(`${p.workDir}/a`, 'spoilt')
        on.folders.write(`${p.workDir}/b`, 'left over')
        throw new Error('no')
      }
      await p.step('fails', fails, { retry: { attempts: 2, delayMs: 1 } }).catch(() => undefined)
      return await p.step('look', () => [on.folders.list(p.workDir), on.folders.read(`${p.workDir}/a`)])
    })
    expect(result).toEqual({ value: [['a'], 'kept'] })
    expect(seen).toEqual(['kept', 1, 'kept', 1])
    expect(changesIn(stage).filter((changes) => changes !== undefined)).toHaveLength(1)
  })

  test('a function that goes on after its time-out writes into a folder that nobody uses any more', async () => {
    const late: unknown[] = []
    const { result } = await run(async (p, on) => {
      const paths: string[] = []
      const slow = p.step(
        'slow',
        async () => {
          const at = p.workDir
          paths.push(at)
          on.folders.write(`${at}/half`, 'half')
          if (paths.length > 1) return
          await new Promise<void>((resolve) => on.clock.after(500, resolve))
          try {
            on.folders.write(`${at}/late`, 'late')
          } catch (error) {
            late.push(String(error))
          }
        },
        { timeoutMs: 100, retry: { attempts: 2, delayMs: 1 } },
      )
      await slow
      await p.sleep(1_000)
      return await p.step('look', () => [on.folders.list(p.workDir), paths[0] !== p.workDir])
    })
    expect(result).toEqual({ value: [['half'], true] })
    expect(late).toEqual([expect.stringContaining('its attempt is over')])
  })

  test('a zombie writes into a folder that is gone, while the run goes on elsewhere', async () => {
    const stage = await Stage.open()
    let go: () => void = () => undefined
    const paths: string[] = []
    const late: unknown[] = []
    const definition = filed(stage, async (p, on) => {
      await p.step('held', async () => {
        const at = p.workDir
        paths.push(at)
        if (paths.length > 1) return on.folders.write(`${at}/second`, '2')
        await new Promise<void>((resolve) => {
          go = resolve
        })
        try {
          on.folders.write(`${at}/zombie`, '1')
        } catch (error) {
          late.push(String(error))
        }
      })
      return await p.step('look', () => on.folders.list(p.workDir))
    })
    const node = await stage.node('a', [definition])
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    await rehost(stage, node, definition)
    go()
    expect(await stage.settle(handle.result())).toEqual(['second'])
    expect(paths[0]).not.toBe(paths[1])
    expect(late).toHaveLength(1)
  })

  test('a cancelled run may clean up in its folder, though the function of its step goes on', async () => {
    const stage = await Stage.open()
    const seen: unknown[] = []
    const definition = filed(stage, async (p, on) => {
      await p.step('write', () => on.folders.write(`${p.workDir}/a`, 'one'))
      try {
        await p.step('never ends', () => {
          on.folders.write(`${p.workDir}/half`, 'half')
          return new Promise(() => undefined)
        })
      } finally {
        await p.step('clean up', () => seen.push(on.folders.list(p.workDir)))
      }
    })
    await stage.node('a', [definition])
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    await stage.clock.idle()
    await stage.settle(handle.cancel('enough'))
    expect(await stage.settle(codeOf(handle.result()))).toBe('PERDURE_E_CANCELLED')
    expect(seen).toEqual([['a']])
  })

  test('drained and migrated, the files go along', async () => {
    const stage = await Stage.open()
    const definition = filed(stage, async (p, on) => {
      await p.step('write', () => on.folders.write(`${p.workDir}/a`, 'one'))
      await p.sleep(10_000)
      return await p.step('look', () => on.folders.read(`${p.workDir}/a`))
    })
    await stage.node('a', [definition])
    await stage.node('b', [definition])
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    await stage.clock.idle()
    expect(await stage.settle(handle.migrate('b'))).toBe('b')
    const drained = await stage.settle(stage.site.issuer.issue('process.drain', ['b', 1_000, 'stay']))
    expect(drained).toEqual({ runs: 1, handedOver: 1, cutOff: 0 })
    expect(await stage.settle(handle.result())).toBe('one')
    expect(stage.folders.paths).toEqual([])
  })

  test('restarted by hand, a run begins with an empty folder', async () => {
    const stage = await Stage.open()
    const seen: unknown[] = []
    const definition = filed(stage, async (p, on) => {
      await p.step('write', () => {
        seen.push(on.folders.list(p.workDir))
        on.folders.write(`${p.workDir}/a`, 'one')
      })
      if (seen.length === 1) await p.sleep(100_000)
    })
    await stage.node('a', [definition])
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    await stage.clock.idle()
    await stage.settle(handle.restart('again'))
    await stage.settle(handle.result())
    expect(seen).toEqual([[], []])
  })
})

describe('what is refused', () => {
  test('p.workDir of a run of another layer, with a word that says what to do; and the run goes on', async () => {
    const stage = await Stage.open()
    const definition = resilient('plain', async (p: RunContext) => {
      const asked = () => p.workDir
      const error = (await p.step('ask', asked).catch((thrown: unknown) => thrown)) as { code: string; message: string }
      return [error.code, error.message]
    })
    await stage.node('a', [definition])
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    expect(await stage.settle(handle.result())).toEqual(['PERDURE_E_USAGE', expect.stringContaining('layer: "files"')])
  })

  test.each([
    ['a path out of the folder', '../out', 'in it'],
    ['a path out of a folder in it', 'a/../../out', 'in it'],
    ['an absolute path', '/etc/passwd', 'absolute'],
    ['an empty name', 'a//b', 'empty name'],
    ['a backslash', 'a\\b', 'backslash'],
    ['a line feed', 'a\nb', 'control character'],
    ['a long name', 'x'.repeat(256), 'name of more than'],
    ['a long path', `${'x/'.repeat(600)}x`, 'path has more than'],
  ])('a step that leaves %s: PERDURE_E_FILES, once, and nothing of it is kept', async (_what, name, why) => {
    let calls = 0
    const { stage, result } = await run(async (p, on) => {
      const error = (await p
        .step('bad', () => {
          calls += 1
          on.folders.write(`${p.workDir}/${name}`, 'x')
        })
        .catch((thrown: unknown) => thrown)) as { code: string; message: string }
      return [error.code, error.message, await p.step('look', () => on.folders.list(p.workDir))]
    })
    expect(result).toEqual({ value: ['PERDURE_E_FILES', expect.stringContaining(why), []] })
    expect([calls, stage.shelf.blobs.size]).toEqual([1, 0])
  })

  test('more files than a run may hold, and more than one record can name', async () => {
    const { result } = await run(async (p, on) => {
      const codes: unknown[] = []
      const write = (from: number, to: number) => () => {
        for (let i = from; i < to; i++) on.folders.write(`${p.workDir}/${i}`, '')
      }
      codes.push(
        await p.step('too many for a record', write(0, 4_000)).then(
          () => 'kept',
          (error: Error) => error.message,
        ),
      )
      for (let i = 0; i < 10; i++) await p.step('a thousand', write(i * 1_000, (i + 1) * 1_000))
      codes.push(
        await p.step('one more', write(MAX_FILES, MAX_FILES + 1)).then(
          () => 'kept',
          (error: Error) => error.message,
        ),
      )
      codes.push(await p.step('look', () => on.folders.list(p.workDir).length))
      return codes
    })
    expect(result).toEqual({
      value: [
        expect.stringMatching(/changed 4000 files.*several steps/),
        expect.stringMatching(/holds 10001 files.*may hold 10000/),
        MAX_FILES,
      ],
    })
  })
})

describe('a record from elsewhere', () => {
  const blob = '0'.repeat(64)
  const added = (row: readonly unknown[]) => ({ added: [row], changed: [], removed: [] })

  async function recorded(changes: unknown): Promise<unknown> {
    const stage = await Stage.open()
    const definition = filed(stage, async (p) => {
      await p.step('s', () => new Promise(() => undefined)).catch(() => undefined)
      await p.sleep(1_000_000)
    })
    const node = await stage.node('a', [definition])
    await stage.settle(start(stage.site, definition, 'k', []))
    await stage.clock.idle()
    const { replica } = stage.gateway
    const [run] = savedRuns(replica.snapshot())
    if (run === undefined) throw new Error('the run is gone')
    const operation = {
      caller: { kind: 'run', id: run.id },
      number: 1,
      code: replica.code('process.step'),
      fence: run.fence,
    } as const
    node.connection.sendAll([encodeOperation(operation, ['s', { value: 1 }, changes])])
    await stage.clock.idle()
    const files = [...replica.snapshot()].flatMap(([, part]) =>
      (part as unknown[])[0] === 'files' ? [(part as unknown[])[2]] : [],
    )
    const page = replica.query('process', 'journal', [run.id, run.fence, 0, 0]) as { deliveries: unknown[][] } | null
    return [files.length, ((page?.deliveries[0]?.[2] ?? {}) as { error?: { code: string } }).error?.code]
  }

  test('that is as it must be is taken', async () => {
    expect(await recorded(added(['a/b', 1, blob, false]))).toEqual([1, undefined])
  })

  test.each([
    ['a path out of the folder', added(['../../etc/cron.d/x', 1, blob, false])],
    ['an absolute path', added(['/etc/passwd', 1, blob, false])],
    ['a hash that is a path', added(['a', 1, '../../x', false])],
    ['a file that is too large', added(['a', MAX_BLOB + 1, blob, false])],
    ['a negative size', added(['a', -1, blob, false])],
    ['a row that is too long', added(['a', 1, blob, false, 1])],
    ['a mode that is a number', added(['a', 1, blob, 0o4755])],
    ['a removed path out of the folder', { added: [], changed: [], removed: ['../x'] }],
    ['a list without one of its parts', { added: [], changed: [] }],
    ['a text', 'a'],
  ])('with %s is refused by the machine', async (_what, changes) => {
    expect(await recorded(changes)).toEqual([0, 'PERDURE_E_PROTOCOL'])
  })

  test('with more bytes than a run may hold is refused as a whole', async () => {
    const rows = Array.from({ length: 17 }, (_, i) => [`${i}`, MAX_BLOB, blob, false])
    expect(await recorded({ added: rows, changed: [], removed: [] })).toEqual([0, 'PERDURE_E_FILES'])
  })

  test('with a file where another needs a folder: the run is not executed into it, and says why', async () => {
    const stage = await Stage.open()
    const definition = filed(stage, async (p, on) => {
      await p.step('write', () => {
        on.folders.write(`${p.workDir}/a`, 'file')
        on.folders.write(`${p.workDir}/a/b`, 'in a folder')
      })
      await p.sleep(1_000_000)
    })
    const node = await stage.node('a', [definition])
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    await rehost(stage, node, definition)
    expect(JSON.stringify([await stage.settle(handle.status()), stage.lines])).toMatch(/as a file and as a folder/)
  })
})

test('the blobs that a record and a snapshot name are found by those who look for blobs in use', async () => {
  const inSnapshot = new Set<string>()
  const { stage } = await run(async (p, on) => {
    await p.step('write', () => on.folders.write(`${p.workDir}/a`, 'abc'))
    findBlobs(encode([...on.gateway.replica.snapshot()], Number.POSITIVE_INFINITY), inSnapshot)
  })
  const inLog = new Set<string>()
  for (const record of stage.shelf.records) findBlobs(record, inLog)
  const stored = [...stage.shelf.blobs.keys()]
  expect(stored).toHaveLength(1)
  expect([[...inSnapshot], [...inLog]]).toEqual([stored, stored])
})

test('a manifest of several pages, in a snapshot and back: the restored machine has the same files', async () => {
  const stage = await Stage.open()
  const long = 'x'.repeat(100)
  const definition = filed(stage, async (p, on) => {
    for (let i = 0; i < 3; i++)
      await p.step('write', () => {
        for (let j = 0; j < 700; j++) on.folders.write(`${p.workDir}/${long}/${i}-${j}`, `${j % 10}`)
      })
    await p.sleep(1_000)
    return await p.step('look', () => on.folders.list(p.workDir).length)
  })
  const node = await stage.node('a', [definition])
  const handle = await stage.settle(start(stage.site, definition, 'k', []))
  await stage.clock.idle()
  const original = stage.gateway.replica
  const restored = composeReplica()
  restored.restore([...original.snapshot()])
  expect([...restored.snapshot()]).toEqual([...original.snapshot()])
  expect(JSON.stringify([...restored.snapshot()])).toContain(`${long}/2-699`)
  await rehost(stage, node, definition)
  expect(await stage.settle(handle.result())).toBe(2_100)
})
