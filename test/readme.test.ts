/**
 * What README.md shows, done: its programs, run as they stand against the built package, and its commands.
 */
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { resultOf, samplesOf } from './samples.ts'

const readme = readFileSync('README.md', 'utf8')
const { files, commands, commandWith, shell, killedAt, remove } = samplesOf('README.md')
afterAll(remove)

describe('README.md', () => {
  test('shows five programs', () => {
    expect([...files.keys()]).toEqual(['order.mjs', 'shop.mjs', 'space.mjs', 'median.mjs', 'bank.mjs'])
    expect(readme.match(/^```(js|ts)$/gm)).toHaveLength(5)
  })

  test('the first program goes on at the same price after everything was killed, and ships once', async () => {
    expect(commands.find((line) => line.includes('perdure run'))).toMatch(/^npx perdure run order\.mjs /)
    const own = `${commandWith('perdure run')} --json`
    const killed = await killedAt(own, 'day 2', '"event":"result"')
    expect(killed).not.toContain('"result"')
    const first = await shell(own)
    expect(first.code, first.output).toBe(0)
    expect(first.output).not.toContain('day 1')
    const price = /day 1: a book costs (\d\d\.\d\d)/.exec(killed)?.[1]
    const result = resultOf(first.output) as { item: string; price: number; order: string }
    expect(result).toMatchObject({ item: 'a book', order: expect.stringMatching(/^shipped as \S+$/) })
    expect(result.price.toFixed(2)).toBe(price)
    const second = await shell(own)
    expect(resultOf(second.output)).toEqual(resultOf(first.output))
    expect(second.output).not.toContain('day')
  })

  test('the program that hosts it prints the result, the same the next day', async () => {
    const first = await shell(`"${process.execPath}" shop.mjs`)
    expect(first.code, first.output).toBe(0)
    expect(first.stdout).toMatch(/item: 'a lamp'/)
    const second = await shell(`"${process.execPath}" shop.mjs`)
    expect(second.code, second.output).toBe(0)
    expect(second.stdout).toBe(first.stdout)
  })

  test('the tuple space hands out what was put into it', async () => {
    const { code, output } = await shell(`"${process.execPath}" space.mjs`)
    expect(output).toBe('job 7: cat.png\n')
    expect(code).toBe(0)
  })

  test('three variants outvote the bug of one', async () => {
    const { code, output } = await shell(`"${process.execPath}" median.mjs`)
    expect(output).toMatch(/^9\n/)
    expect(output).toMatch(/disagreed: 1/)
    expect(code).toBe(0)
  })

  test('a group of accounts goes back to a line on which no money is lost or doubled, also the next day', async () => {
    const first = await shell(`"${process.execPath}" bank.mjs`)
    expect(first.output).toBe('{ anna: 70, bert: 130 }\n')
    expect(first.code).toBe(0)
    const second = await shell(`"${process.execPath}" bank.mjs`)
    expect(second.output).toBe('{ anna: 40, bert: 160 }\n')
  })

  test('every npm command it names exists', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
    const named = [...readme.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name!)
    for (const name of new Set(named)) expect(Object.keys(scripts)).toContain(name)
    expect(commands).toContain('npm ci && npm run demo')
    expect(commands).toContain('npm ci && npm test')
  })

  test('the number of lines it claims for the program of the demo is right', () => {
    const lines = readFileSync('examples/farthest/farthest.ts', 'utf8').trimEnd().split('\n').length
    expect(readme).toContain(`${lines} lines`)
    expect(lines).toBeLessThan(120)
  })
})
