/**
 * The programs and commands that a page shows, ready to be executed as its readers would: in a folder of their own, with the package
 * installed, against what the build has made.
 */
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Samples {
  readonly folder: string
  /** By file name, the blocks that open with their own. */
  readonly files: ReadonlyMap<string, string>
  /** Every line of every block for the shell, without its comment. */
  readonly commands: readonly string[]
  /** A command of the page as it is given here: `npx perdure` starts what was built. */
  commandWith(words: string): string
  shell(command: string): Promise<Ended>
  /**
   * What a command printed until it printed `word` and was killed with all that it had started, before it came to `end`. One that was
   * quicker than the kill, as this process may stand still, is begun again with nothing on the log.
   */
  killedAt(command: string, word: string, end: string): Promise<string>
  remove(): void
}

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly output: string
}

export function samplesOf(page: string): Samples {
  const root = process.cwd()
  const text = readFileSync(page, 'utf8')
  const folder = mkdtempSync(join(tmpdir(), 'perdure-samples-'))
  // As `npm install` leaves it.
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules', 'perdure'))
  const files = new Map([...text.matchAll(/^```js\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)].map(([, name, code]) => [name!, code!]))
  for (const [name, code] of files) writeFileSync(join(folder, name), code)
  const commands = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
    .flatMap(([, block]) => block!.trim().split('\n'))
    .map((line) => line.replace(/ +#.*/, ''))
  const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: { perdure: string } }
  return {
    folder,
    files,
    commands,
    commandWith(words) {
      const command = commands.find((line) => line.includes(words))
      if (command === undefined) throw new Error(`${page} shows no command with "${words}".`)
      return command.replace('npx perdure', `exec "${process.execPath}" "${join(root, bin.perdure)}"`)
    },
    shell: (command) => shell(folder, command),
    killedAt: (command, word, end) => killedInTime(folder, command, word, end),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function shell(folder: string, command: string): Promise<Ended> {
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', command], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, output: stdout + stderr })
    })
  })
}

/** More would say that the command takes no time at all. */
const MAX_ATTEMPTS = 10

async function killedInTime(folder: string, command: string, word: string, end: string): Promise<string> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const output = await killedAt(folder, command, word)
    if (output.includes(word) && !output.includes(end)) return output
    rmSync(join(folder, 'perdure-data'), { recursive: true, force: true })
  }
  throw new Error(`In ${MAX_ATTEMPTS} attempts ${command} was never killed between "${word}" and "${end}".`)
}

function killedAt(folder: string, command: string, word: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', command], { cwd: folder, detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
    let output = ''
    child.stdout.on('data', (text: Buffer) => {
      const before = output.includes(word)
      output += text.toString('utf8')
      if (!before && output.includes(word)) killGroup(child.pid as number)
    })
    child.on('close', () => resolve(output))
  })
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // All of them have ended by themselves.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The value of a run that was started with --json. */
export function resultOf(output: string): unknown {
  const line = output.split('\n').find((text) => text.startsWith('{"event":"result"'))
  return line === undefined ? undefined : (JSON.parse(line) as { value: unknown }).value
}
