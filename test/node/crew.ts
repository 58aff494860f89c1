/**
 * A checkpoint group whose members live in real processes that are killed, and the judge of what it has put out.
 *
 * Jobs are handed in; where each of them ends, and with which number, is drawn by lot. In the end every job has to have been put out
 * under one key only, with the number that the surviving state of one member has for it: else an output was lost, doubled, or came from
 * a future that was undone.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CheckpointGroup } from 'perdure/checkpoint'

const PROGRAM = fileURLToPath(new URL('./programs/checkpoint-node.mjs', import.meta.url))

/** Programs of these tests run the sources where the build is not wanted. */
const FLAGS = process.env.PERDURE_TEST_SOURCES === undefined ? [] : ['--conditions=perdure-src', '--import', 'tsx']

/** Of a member's process: which members it has. */
export const PLACES: Readonly<Record<string, readonly string[]>> = { one: ['a', 'b'], two: ['c', 'd'] }

export class Crew implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'perdure-crew-'))
  readonly data: string = join(this.folder, 'data')
  readonly #protocol: string
  readonly #running = new Map<string, ChildProcess>()
  #jobs = 0

  constructor(protocol = 'exact') {
    this.#protocol = protocol
  }

  get jobs(): number {
    return this.#jobs
  }

  /** Resolves when the process is ready. */
  async start(name: string): Promise<void> {
    const words = name === 'owner' ? ['own', this.data] : ['join', this.data, this.#protocol, ...(PLACES[name] ?? [])]
    const child = spawn(process.execPath, [...FLAGS, PROGRAM, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#running.set(name, child)
    const ended = once(child, 'exit').then(([code, signal]) => Promise.reject(new Error(`${name} has ended: ${code ?? signal}`)))
    ended.catch(() => undefined)
    await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), ended])
  }

  async kill(name: string): Promise<void> {
    this.#running.get(name)?.kill('SIGKILL')
    await this.ended(name)
  }

  /** Stops the process, without a word, until the function is called. Another one can be started in its place. */
  stop(name: string): () => void {
    const child = this.#running.get(name)
    child?.kill('SIGSTOP')
    this.#running.set(`${name}, stopped`, child as ChildProcess)
    return () => void child?.kill('SIGCONT')
  }

  async ended(name: string): Promise<void> {
    const child = this.#running.get(name)
    if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  /** The member dies where it does this next. */
  order(member: string, what: 'receive' | 'save' | 'output'): void {
    writeFileSync(join(this.folder, `die-${member}-at-${what}`), '')
  }

  /** Hands in so many jobs. Resolves when they are durable. */
  async handIn(group: CheckpointGroup, count: number): Promise<void> {
    const members = Object.values(PLACES).flat()
    const sent = Array.from({ length: count }, () => {
      this.#jobs += 1
      const to = members[this.#jobs % members.length] as string
      return group.send(to, { job: `job-${this.#jobs}`, hops: this.#jobs % 5 })
    })
    await Promise.all(sent)
  }

  /** Jobs that were put out so far. */
  get putOut(): number {
    return new Set(this.#effects().map(([, job]) => job)).size
  }

  /** What is wrong with what was put out, in words, against the states of the members. */
  judge(states: Readonly<Record<string, unknown>>): { readonly wrong: readonly string[]; readonly again: number } {
    const wrong: string[] = []
    const numbers = new Map<string, number[]>()
    for (const state of Object.values(states))
      for (const [job, number] of state as Map<string, number>) numbers.set(job, [...(numbers.get(job) ?? []), number])
    const effects = this.#effects()
    const keys = new Map<string, Set<string>>()
    for (const [key, job, number] of effects) {
      keys.set(job, (keys.get(job) ?? new Set()).add(key))
      if (numbers.get(job)?.[0] !== Number(number)) wrong.push(`${job} was put out with ${number}, which nobody knows`)
    }
    for (let n = 1; n <= this.#jobs; n++) {
      const job = `job-${n}`
      if (numbers.get(job)?.length !== 1) wrong.push(`${job} was done ${numbers.get(job)?.length ?? 0} times`)
      if (keys.get(job)?.size !== 1) wrong.push(`${job} was put out under ${keys.get(job)?.size ?? 0} keys`)
    }
    const distinct = new Set(effects.map(([key]) => key)).size
    return { wrong, again: effects.length - distinct }
  }

  #effects(): (readonly [key: string, job: string, number: string])[] {
    let text = ''
    try {
      text = readFileSync(join(this.folder, 'effects'), 'utf8')
    } catch {
      // Nobody has put out anything yet.
    }
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(' ') as unknown as readonly [string, string, string])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.kill(name)))
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
