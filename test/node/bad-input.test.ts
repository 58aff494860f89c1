/** What goes wrong around `perdure run`, by mistake, malice or a broken disk: a clear error each time, and nothing lost. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { nodesOf, TEN_STEPS, Workshop } from './cli-driver.ts'

describe('a program file', () => {
  test.each([
    ['that throws at import', `throw new Error('no luck today')`, 'no luck today'],
    ['with a syntax error', `export default resilient('x', async (p => 1)`, 'SyntaxError'],
    ['that imports what is not there', `import 'no-such-package'`, 'no-such-package'],
    ['that exports nothing', `const nothing = 1`, 'has no default export'],
    [
      'whose default export is no process',
      `export default { name: 'x', run() {} }`,
      'Expected a process: export default resilient',
    ],
    ['that opens a site at import', `import { open } from 'perdure'; await open('./other')`, 'PERDURE_E_WORKER_IMPORT'],
    [
      'that names a process badly',
      `import { resilient } from 'perdure'; export default resilient('a b', () => 1)`,
      'PERDURE_E_NAME',
    ],
  ])('%s is refused before anything is started or made', async (_, text, message) => {
    await using shop = new Workshop()
    const { code, stdout, stderr } = await shop.run('run', shop.write('program.mjs', text), '--nodes', '1')
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/PERDURE_E_(IMPORT|WORKER_IMPORT|NAME)/)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(readdirSync(shop.folder)).not.toContain('perdure-data')
  })

  test('that ends its process at import in the workers is reported, not tried for ever', async () => {
    await using shop = new Workshop()
    const text = `import { resilient } from 'perdure'
      if (process.send) { console.error('leaving'); process.exit(3) }
      export default resilient('gone', async () => 1)`
    const { code, stderr } = await shop.run('run', shop.write('gone.mjs', text), '--nodes', '1')
    expect(code).toBe(1)
    expect(stderr).toContain('leaving')
    expect(stderr).toContain('PERDURE_E_IMPORT: The worker node-1 ended before it was ready (exit code 3)')
  })
})

const SPIN = `
import { resilient } from 'perdure'

const cell = new Int32Array(new SharedArrayBuffer(4))

/** Never ends, and leaves the processor to others meanwhile. */
export const spin = resilient('spin', async () => { for (;;) Atomics.wait(cell, 0, 0, 10) }, { maxTurnMs: 500 })

export const count = resilient('count', async (p) => {
  let sum = 0
  for (let n = 1; n <= 20; n++) {
    await p.sleep(20)
    sum += await p.step('add ' + n, () => n)
  }
  return sum
})

export default resilient('both', async (p) => {
  const spinning = await p.start(spin, p.key, [])
  const counting = await p.start(count, p.key, [])
  const sum = await counting.result()
  return { sum, spun: await spinning.result().catch(({ code }) => code) }
})
`

describe('a body', () => {
  test('that never ends is killed with its worker, the other runs go on, and after three stalls its run is wedged', async () => {
    await using shop = new Workshop()
    const { code, lines } = await shop.run('run', shop.write('spin.mjs', SPIN), '--nodes', '2', '--key', 's', '--json')
    expect(lines.at(-1)).toMatchObject({ value: { sum: 210, spun: 'PERDURE_E_WEDGED' }, stats: { nodesLost: 3 } })
    expect(code).toBe(0)
    const exits = lines.filter(({ event }) => event === 'exit')
    expect(exits.map(({ reason }) => reason)).toEqual(Array(3).fill('its event loop was held for too long'))
    const { lines: shown } = await shop.run('show', 'spin/s', '--json')
    expect(shown).toMatchObject([{ state: 'wedged', reason: expect.stringContaining('maxTurnMs (500 ms), 3 times') }])
  })

  test('that never ends, as the run itself, ends the command with the reason', async () => {
    await using shop = new Workshop()
    const file = shop.write('spin.mjs', SPIN.replace('export default', 'export const both =').concat('export default spin'))
    const { code, stdout, stderr } = await shop.run('run', file, '--nodes', '1')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/PERDURE_E_WEDGED: .*held the event loop for longer than maxTurnMs \(500 ms\)/)
  })

  test('that ends its process each time is wedged in the end', async () => {
    await using shop = new Workshop()
    const file = shop.write(
      'exit.mjs',
      `import { resilient } from 'perdure'
       export default resilient('exit', async (p) => { await p.step('one', () => 1); process.exit(9) })`,
    )
    const { code, stderr } = await shop.run('run', file, '--nodes', '1')
    expect(code).toBe(1)
    expect(stderr).toContain('exit code 9')
    expect(stderr).toMatch(/PERDURE_E_WEDGED: .*died 5 times at the same place/)
  })

  test('that changed under a running journal stops with expected and found, and goes on with the code that wrote it', async () => {
    await using shop = new Workshop()
    const words = ['run', shop.write('ten.mjs', TEN_STEPS), '--nodes', '1', '--key', 'k', '--input', '["Ada"]']
    shop.hold(7)
    const first = shop.start(...words, '--json')
    await first.line(({ event, text }) => event === 'log' && text === 'step 4 done')
    first.killEverything()
    await first.done()
    shop.write('ten.mjs', TEN_STEPS.replace("p.step('step ' + n", "p.step('stage ' + n"))
    const changed = await shop.run(...words)
    expect({ code: changed.code, stdout: changed.stdout }).toEqual({ code: 1, stdout: '' })
    expect(changed.stderr).toContain('PERDURE_E_DIVERGED')
    expect(changed.stderr).toMatch(/expected: process\.step "step 1"\n +found: +process\.step "stage 1"/)
    expect((await shop.run('ps')).stdout).toMatch(/ten\/k +diverged/)
    const program = await shop.run(...words, '--json')
    const data = { number: 1, expected: { preview: '"step 1"' }, found: { preview: '"stage 1"' } }
    expect(program.lines.at(-1)).toMatchObject({ error: { code: 'PERDURE_E_DIVERGED', data } })
    shop.write('ten.mjs', TEN_STEPS)
    shop.letGo(7)
    const mended = await shop.run(...words, '--json')
    expect(mended.lines.at(-1)).toMatchObject({ value: { sum: 55 } })
    expect(shop.effects().filter((line) => line.startsWith('3 '))).toHaveLength(1)
  })

  test('that returns what cannot travel fails with the place of it', async () => {
    await using shop = new Workshop()
    const file = shop.write(
      'value.mjs',
      `import { resilient } from 'perdure'
       export default resilient('value', async () => ({ list: [1, () => 2] }))`,
    )
    const { code, stderr } = await shop.run('run', file, '--nodes', '1')
    expect(code).toBe(1)
    expect(stderr).toMatch(/PERDURE_E_VALUE: .*list/)
  })
})

test('input that cannot travel is refused', async () => {
  await using shop = new Workshop()
  const words = ['run', shop.write('ten.mjs', TEN_STEPS), '--nodes', '1', '--input', '[{"__proto__": 1}]']
  const { code, stderr } = await shop.run(...words)
  expect(code).toBe(1)
  expect(stderr).toMatch(/PERDURE_E_VALUE: .*__proto__/)
})

describe('others who want the same', () => {
  test('a node name and a folder each belong to one at a time', async () => {
    await using shop = new Workshop()
    shop.hold(2)
    const owner = shop.start('run', shop.write('ten.mjs', TEN_STEPS), '--nodes', '1', '--json')
    await owner.line(({ event }) => event === 'started')
    const second = shop.write(
      'second.mjs',
      `import { host, open } from 'perdure'
       import ten from './ten.mjs'
       const lines = []
       await open('./perdure-data').catch(({ code, message }) => lines.push({ code, message }))
       const site = await open('./perdure-data', { attach: true })
       await host(site, 'node-1', [ten]).catch(({ code, message }) => lines.push({ code, message }))
       await site.close()
       for (const line of lines) console.log(JSON.stringify(line))`,
    )
    const { lines } = await shop.node(second)
    const pid = nodesOf(owner.lines).get('node-1')
    expect(lines).toMatchObject([
      { code: 'PERDURE_E_LOCKED', message: expect.stringContaining(String(owner.pid)) },
      { code: 'PERDURE_E_NODE_TAKEN', message: expect.stringContaining(String(pid)) },
    ])
    expect(lines[0]?.message).toContain('attach: true')
    shop.letGo(2)
    expect((await owner.done()).lines.at(-1)).toMatchObject({ value: { sum: 55 }, stats: { nodesLost: 0 } })
  })
})

/** The first bytes of every record. */
const RECORD_MAGIC = 0x72_d1_5e_a7

const MAY_MOUNT = process.platform === 'linux' && process.getuid?.() === 0

/** Mounts a file system in memory on a folder of the workshop. */
async function mounted(
  shop: Workshop,
  options: string,
  use: (remount: (options: string) => void) => Promise<void>,
): Promise<void> {
  const at = shop.path('perdure-data')
  mkdirSync(at)
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', at])
  try {
    await use((changed) => execFileSync('mount', ['-o', `remount,${changed}`, at]))
  } finally {
    execFileSync('umount', ['-l', at])
  }
}

describe('a folder', () => {
  test('whose path is a file', async () => {
    await using shop = new Workshop()
    shop.write('perdure-data', 'I am a file')
    const { code, stderr } = await shop.run('run', shop.write('ten.mjs', TEN_STEPS))
    expect(code).toBe(1)
    expect(stderr).toContain('PERDURE_E_FOLDER')
    expect((await shop.run('ps')).stderr).toContain('PERDURE_E_FOLDER')
    expect(readFileSync(shop.path('perdure-data'), 'utf8')).toBe('I am a file')
  })

  test.skipIf(!MAY_MOUNT)('that is read-only (skipped without root on Linux: needs a mount)', async () => {
    await using shop = new Workshop()
    await mounted(shop, 'ro', async () => {
      const { code, stdout, stderr } = await shop.run('run', shop.write('ten.mjs', TEN_STEPS))
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(/PERDURE_E_FOLDER: .*(read-only|EROFS)/)
    })
  })

  test.skipIf(!MAY_MOUNT)(
    'on a full disk: the command fails and says so, and with more room the same key goes on (skipped without root on Linux)',
    async () => {
      await using shop = new Workshop()
      const file = shop.write(
        'fill.mjs',
        `import { appendFileSync } from 'node:fs'
         import { resilient } from 'perdure'
         export default resilient('fill', async (p) => {
           let bytes = 0
           for (let n = 1; n <= 20; n++) {
             const text = await p.step('fill ' + n, () => { appendFileSync('effects', n + '\\n'); return 'x'.repeat(100_000) })
             bytes += text.length
           }
           return bytes
         })`,
      )
      const words = ['run', file, '--nodes', '1', '--key', 'full', '--json']
      await mounted(shop, 'size=1m', async (remount) => {
        const full = await shop.run(...words)
        expect(full.code).toBe(1)
        expect(full.stderr).toMatch(/PERDURE_E_LOG_FAILED: .*full/)
        expect(full.lines.at(-1)).toMatchObject({ event: 'result', error: { code: 'PERDURE_E_LOG_FAILED' } })
        const before = shop.effects().length
        expect(before).toBeLessThan(20)
        remount('size=16m')
        const again = await shop.run(...words)
        expect(again.lines.at(-1)).toMatchObject({ value: 2_000_000 })
        // What was durable is not repeated: at most the steps in flight when the disk was full.
        expect(shop.effects().length).toBeLessThanOrEqual(20 + 2)
      })
    },
  )

  test('with a damaged record in the middle of its log', async () => {
    await using shop = new Workshop()
    const segment = await finishedLog(shop)
    const bytes = readFileSync(segment)
    bytes[bytes.length >> 1]! ^= 0xff
    writeFileSync(segment, bytes)
    for (const words of [['run', 'ten.mjs', '--key', 'k'], ['ps'], ['log', '--json']]) {
      const { code, stderr } = await shop.run(...words)
      expect(code).toBe(1)
      expect(stderr).toMatch(/PERDURE_E_CORRUPT: /)
    }
    expect(readFileSync(segment).equals(bytes)).toBe(true)
  })

  test('with a log of a newer format', async () => {
    await using shop = new Workshop()
    const segment = await finishedLog(shop)
    const bytes = readFileSync(segment)
    bytes.writeUInt32LE(99, 8)
    bytes.writeUInt32LE(crc32(bytes.subarray(8, 16 + bytes.readUInt32LE(12))), 4)
    writeFileSync(segment, bytes)
    const { code, stderr } = await shop.run('ps')
    expect(code).toBe(1)
    expect(stderr).toMatch(/PERDURE_E_FORMAT: .*99/)
    expect(readFileSync(segment).equals(bytes)).toBe(true)
  })

  test('with a torn tail, after everything was killed, opens and goes on from what is before the tear', async () => {
    await using shop = new Workshop()
    const words = ['run', shop.write('ten.mjs', TEN_STEPS), '--nodes', '1', '--key', 'k', '--json', '--input', '["Ada"]']
    shop.hold(7)
    const first = shop.start(...words)
    await first.line(({ event, text }) => event === 'log' && text === 'step 4 done')
    first.killEverything()
    await first.done()
    // The head of a record of which the rest was never written.
    const torn = Buffer.alloc(20, 0x5a)
    torn.writeUInt32LE(RECORD_MAGIC, 0)
    torn.writeUInt32LE(500, 4)
    appendFileSync(segmentOf(shop), torn)
    const { lines } = await shop.run('log', '--from', '1', '--limit', '1000', '--json')
    const steps = lines.filter(({ operation }) => operation === 'process.step').length
    expect(steps).toBeGreaterThanOrEqual(4)
    shop.letGo(7)
    const again = await shop.run(...words)
    expect(again.lines.at(-1)).toMatchObject({ value: { sum: 55 }, stats: { stepsExecuted: 10 - steps } })
  })
})

/** Runs something to its end; the segment that holds its log. */
async function finishedLog(shop: Workshop): Promise<string> {
  const words = ['run', shop.write('ten.mjs', TEN_STEPS), '--nodes', '1', '--key', 'k', '--input', '["Ada", 1]']
  expect((await shop.run(...words)).code).toBe(0)
  return segmentOf(shop)
}

/** The only segment of the log. */
function segmentOf(shop: Workshop): string {
  const [segment, ...others] = readdirSync(shop.path('perdure-data')).filter((name) => name.endsWith('.seg'))
  expect(others).toEqual([])
  return shop.path('perdure-data', segment!)
}
