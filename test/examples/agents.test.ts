/** The team of agents as its readers run it: real processes, real SIGKILLs, the disk engine, the built package. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GroupSnapshot, Trace } from 'perdure/checkpoint'
import { afterAll, describe, expect, test } from 'vitest'
import { checkLetters, checkTrace } from '../../examples/agents/check.ts'

const KILLS = 2

const folder = mkdtempSync(join(tmpdir(), 'perdure-agents-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function agents(...words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const command = ['--import', 'tsx', 'examples/agents/agents.ts', '--url', folder, ...words]
    execFile(process.execPath, command, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
    })
  })
}

describe('the team of agents', () => {
  test('goes back to a line whenever a process of it is killed, and in the end no letter is lost, doubled or orphaned', async () => {
    const { code, stdout, stderr } = await agents('--kills', `${KILLS}`)
    expect(code, stdout + stderr).toBe(0)
    expect(stdout.match(/^kill \d +-9 \d+, which is worker-3/gm)).toHaveLength(KILLS)
    // Whoever was killed goes back; who else, and how far, is chance.
    expect(stdout.match(/^ {2}back .*worker-3 to \d+/gm)).toHaveLength(KILLS)
    const [, letters = 0] =
      /^checked +(\d+) letters between agents: 0 lost, 0 doubled, 0 orphaned, 0 out of order$/m.exec(stdout) ?? []
    expect(Number(letters)).toBeGreaterThan(40)
    const [, thrown, answered] = /^ +([\d,]+) darts thrown, ([\d,]+) in the answer$/m.exec(stdout) ?? []
    expect(thrown).toBe(answered)
    expect(stdout).toMatch(/^answer +pi is about \d\.\d{3}, by/m)
    const left = readdirSync(folder)
    expect(left).toEqual([expect.stringMatching(/^agents-\w+\.svg$/)])
    expect(readFileSync(join(folder, left[0] as string), 'utf8')).toMatch(/^<svg [\s\S]*worker-3/)
  })

  test('refuses a number of kills that is none with exit code 2', async () => {
    const { code, stderr } = await agents('--kills', 'many')
    expect(code).toBe(2)
    expect(stderr).toBe('--kills many: expected a whole number from 0 to 100.\n')
  })
})

describe('its check at the end', () => {
  const agent = (sent: Record<string, string[]>, received: Record<string, string[]>) => ({
    letters: { sent, received },
    work: {},
  })
  const snapshot = (received: string[], underWay: string[]): GroupSnapshot => ({
    states: { a: agent({ b: ['1', '2', '3'] }, {}), b: agent({}, { a: received }) },
    channels: [{ from: 'a', to: 'b', messages: underWay.map((id) => ({ id, kind: 'rest' })) }],
  })

  test.each([
    ['nothing wrong where all has arrived or is under way', ['1', '2'], ['3'], {}],
    ['a letter that nobody has any more', ['1'], ['3'], { lost: ['2'], misplaced: ['3'] }],
    ['a letter that was received twice', ['1', '2', '2'], ['3'], { doubled: ['2'], misplaced: ['2', '3'] }],
    ['a letter that nobody has sent', ['1', '2', '3', '4'], [], { orphaned: ['4'] }],
    ['a letter that has overtaken another', ['1', '3', '2'], [], { misplaced: ['3', '2'] }],
  ])('finds %s', (_, received, underWay, wrong) => {
    const well = { lost: [], doubled: [], orphaned: [], misplaced: [] }
    expect(checkLetters(snapshot(received, underWay))).toMatchObject({ ...well, ...wrong })
  })

  const saved = { object: 'a', kind: 'checkpoint', index: 1, forced: false } as const
  const sent = (msg: string) => ({ object: 'a', kind: 'send', msg, to: 'b' }) as const
  const back = { object: 'a', kind: 'rollback', to: 1 } as const
  const given = (msg: string) => ({ object: 'b', kind: 'receive', msg, from: 'a' }) as const

  test.each([
    ['nothing wrong in what was undone on both sides', [saved, sent('1'), back], []],
    ['an orphan', [saved, sent('1'), back, given('1')], ['1 was received, and its sending is undone']],
    ['a message that was received twice', [sent('1'), saved, given('1'), given('1')], ['1 was received twice']],
    ['nothing wrong in a message from before the trace', [saved, back, given('0')], []],
  ])('finds in a trace %s', (_, events, wrong) => {
    const trace: Trace = { objects: ['a', 'b'], events }
    expect(checkTrace(trace)).toEqual(wrong)
  })
})
