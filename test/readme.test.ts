/**
 * What README.md shows, done: its programs, run as they stand against the built package, and its commands.
 */
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

const root = process.cwd()
const readme = readFileSync('README.md', 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'perdure-readme-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// As `npm install` leaves it: the package, and its command.
mkdirSync(join(folder, 'node_modules', '.bin'), { recursive: true })
symlinkSync(root, join(folder, 'node_modules', 'perdure'))

/** The blocks that open with their own file name. */
const files = new Map([...readme.matchAll(/^```js\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)].map(([, name, text]) => [name!, text!]))
for (const [name, text] of files) writeFileSync(join(folder, name), text)

/** Every line of every block for the shell, without its comment. */
const commands = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
  .flatMap(([, block]) => block!.trim().split('\n'))
  .map((line) => line.replace(/ +#.*/, ''))

describe('README.md', () => {
  test('shows three programs', () => {
    expect([...files.keys()]).toEqual(['order.mjs', 'shop.mjs', 'space.mjs'])
    expect(readme.match(/^```(js|ts)$/gm)).toHaveLength(3)
  })

  test('the first program goes on at the same price after everything was killed, and ships once', async () => {
    const command = commands.find((line) => line.includes('perdure run'))
    expect(command).toMatch(/^npx perdure run order\.mjs /)
    const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: { perdure: string } }
    // What `npx perdure` starts.
    const own = `${command!.replace('npx perdure', `exec "${process.execPath}" "${join(root, bin.perdure)}"`)} --json`
    const killed = await killedAt(own, 'day 2')
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

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly output: string
}

function shell(command: string): Promise<Ended> {
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', command], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, output: stdout + stderr })
    })
  })
}

/** What a command printed until it printed `word` and was killed with all that it had started. */
function killedAt(command: string, word: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', command], { cwd: folder, detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
    let output = ''
    child.stdout.on('data', (text: Buffer) => {
      const before = output.includes(word)
      output += text.toString('utf8')
      if (!before && output.includes(word)) process.kill(-(child.pid as number), 'SIGKILL')
    })
    child.on('close', () => resolve(output))
  })
}

function resultOf(output: string): unknown {
  const line = output.split('\n').find((text) => text.startsWith('{"event":"result"'))
  return line === undefined ? undefined : (JSON.parse(line) as { value: unknown }).value
}
