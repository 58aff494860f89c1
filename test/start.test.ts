/**
 * What docs/start.md shows, done in its order: its programs and commands as they stand, killed where it says that they may be.
 */
import { afterAll, describe, expect, test } from 'vitest'
import { resultOf, samplesOf } from './samples.ts'

const { files, commands, commandWith, shell, killedAt, remove } = samplesOf('docs/start.md')
afterAll(remove)

describe('docs/start.md', () => {
  test('shows three programs', () => {
    expect([...files.keys()]).toEqual(['countdown.mjs', 'sums.mjs', 'shop.mjs'])
  })

  test('the countdown goes on with the same number after it was killed, and a third time only prints the result', async () => {
    const command = `${commandWith('countdown.mjs')} --json`
    const killed = await killedAt(command, '3, with', '1, with')
    const token = Number(/5, with (\d+)/.exec(killed)?.[1])
    const second = await shell(command)
    expect(second.code, second.output).toBe(0)
    expect(second.output).toContain(`1, with ${token}`)
    expect(second.output).not.toContain('5, with')
    expect(resultOf(second.output)).toBe(token)
    const third = await shell(command)
    expect(resultOf(third.output)).toBe(token)
    expect(third.output).not.toContain(', with')
  })

  test('the sum is right, although everything was killed on the way', async () => {
    const command = `${commandWith('sums.mjs')} --json`
    await killedAt(command, '"event":"started"', '"event":"result"')
    const { code, output } = await shell(command)
    expect(code, output).toBe(0)
    expect(resultOf(output)).toBe(338_350)
  })

  test.each(['perdure ps', 'perdure show squares', 'perdure tuples sums'])('%s looks inside', async (words) => {
    expect(commands).toContain(`npx ${words}`)
    const { code, output } = await shell(commandWith(words))
    expect(code, output).toBe(0)
    expect(output).not.toBe('')
  })

  test('the program that opens the site itself prints what its run returned', async () => {
    const { code, output } = await shell(`"${process.execPath}" shop.mjs`)
    expect(output).toBe('hello Ada, after a while\n')
    expect(code).toBe(0)
  })
})
