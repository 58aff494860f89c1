/** A member that takes from a space and calls a group, in a process that is killed again and again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { host, open, space } from 'perdure'
import { checkpointGroup } from 'perdure/checkpoint'
import { activeReplication, dependable } from 'perdure/group'
import { expect, test } from 'vitest'

const PROGRAM = fileURLToPath(new URL('./programs/checkpoint-clerk.mjs', import.meta.url))

/** Programs of these tests run the sources where the build is not wanted. */
const FLAGS = process.env.PERDURE_TEST_SOURCES === undefined ? [] : ['--conditions=perdure-src', '--import', 'tsx']

/** Each costs the start of a process. */
const KILLS = Number(process.env.PERDURE_KILLS ?? 2)
const JOBS_A_LIFE = 12

class Account {
  balance = 0

  deposit(amount: number): number {
    this.balance += amount
    return this.balance
  }

  read(): number {
    return this.balance
  }
}

async function hire(folder: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [...FLAGS, PROGRAM, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit').then(([code, signal]) => Promise.reject(new Error(`the clerk has ended: ${code ?? signal}`)))
  ended.catch(() => undefined)
  await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), ended])
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

test('kill -9 of a member between its requests and their answers: each tuple is taken once, and each call made once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-clerk-'))
  const data = join(folder, 'data')
  await using site = await open(data)
  await host(site, 'vault', [Account])
  const account = await dependable(Account, activeReplication({ replicas: 1 }), { site, name: 'accounts' }).create({ key: 'k' })
  const group = await checkpointGroup(site, 'crew', { lag: { undoneMs: 100 } })
  const jobs = await space(site, 'jobs')
  let clerk = await hire(data)
  await group.send('clerk', 'begin')
  let put = 0
  const read = async () => (await account.read()) as number
  try {
    for (let life = 0; life <= KILLS; life++) {
      if (life > 0) {
        await kill(clerk)
        clerk = await hire(data)
      }
      const before = await read()
      for (let more = 0; more < JOBS_A_LIFE; more++) await jobs.out(['job', ++put])
      // Some are final when it is killed, and some are not.
      if (life < KILLS) await expect.poll(read, { interval: 5, timeout: 60_000 }).toBeGreaterThan(before)
    }
    await expect.poll(read, { interval: 20, timeout: 60_000 }).toBe(put)
    const done = async () => {
      const { states } = await group.snapshot({ timeoutMs: 60_000 })
      return states.clerk as { readonly jobs: number[]; readonly balances: number[] }
    }
    await expect.poll(async () => (await done()).balances.length, { interval: 20, timeout: 60_000 }).toBe(put)
    const all = Array.from({ length: put }, (_, i) => i + 1)
    const state = await done()
    expect(state.jobs.sort((a, b) => a - b)).toEqual(all)
    expect(state.balances.sort((a, b) => a - b)).toEqual(all)
    expect(await jobs.count(['job', Number])).toBe(0)
  } finally {
    await kill(clerk)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})
