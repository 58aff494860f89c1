/** `perdure faults` on a folder: what people see, and what programs do. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { listFaults } from '../../src/node/cli/look.ts'
import { open } from '../../src/node/open.ts'

const folder = { path: '' }

beforeEach(() => {
  folder.path = mkdtempSync(join(tmpdir(), 'perdure-faults-'))
})

afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder.path, { recursive: true })
})

async function reported(count: number): Promise<void> {
  await using site = await open(folder.path)
  const entity = { kind: 'member', name: 'roots/newton' }
  for (let i = 1; i <= count; i++) {
    const fault = { detector: 'nVersion', entity, code: 'minority-vote', atMs: 1_767_225_600_000, data: { method: `solve${i}` } }
    await site.link.main.client.issue('fault.report', [fault])
  }
}

/** What `work` wrote to standard output and standard error. */
async function printed(work: () => Promise<void>): Promise<readonly [out: string[], err: string[]]> {
  const written: [string[], string[]] = [[], []]
  for (const [i, stream] of [process.stdout, process.stderr].entries()) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      written[i]?.push(...stripVTControlCharacters(String(text)).trimEnd().split('\n'))
      return true
    })
  }
  await work()
  return written
}

describe('perdure faults', () => {
  test('lists the latest faults: time, code, who, detector, more', async () => {
    await reported(3)
    const [out, err] = await printed(() => listFaults({ url: folder.path, limit: '2' }))
    expect(out).toHaveLength(3)
    expect(out[0]).toMatch(/^TIME +CODE +WHO +DETECTOR +MORE$/)
    expect(out[2]).toMatch(/minority-vote +member roots\/newton +nVersion +.*solve3/)
    expect(err).toEqual(['the latest 2 of 3 faults'])
  })

  test('with --json prints one fault a line', async () => {
    await reported(1)
    const [out] = await printed(() => listFaults({ url: folder.path, json: true }))
    expect(out.map((line) => JSON.parse(line))).toMatchObject([
      {
        number: 1,
        time: '2026-01-01T00:00:00.000Z',
        detector: 'nVersion',
        entity: { kind: 'member', name: 'roots/newton' },
        code: 'minority-vote',
        data: { method: 'solve1' },
      },
    ])
  })

  test('says so where there are none', async () => {
    await reported(0)
    const [out] = await printed(() => listFaults({ url: folder.path }))
    expect(out).toEqual(['No faults were reported.'])
  })
})
