/**
 * The processes of the team, as their parent holds them.
 *
 * Boundary: starts and kills processes. One that ends without having been killed is an error for whoever waits.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { News } from './agent.ts'

const PROGRAM = fileURLToPath(new URL('agent-process.ts', import.meta.url))

export class Crew implements Disposable {
  readonly #folder: string
  readonly #hear: (news: News) => void
  readonly #processes = new Set<ChildProcess>()
  #fail: (error: Error) => void = () => undefined
  readonly #failure = new Promise<never>((_, reject) => {
    this.#fail = reject
  })

  constructor(folder: string, hear: (news: News) => void) {
    this.#folder = folder
    this.#hear = hear
    this.#failure.catch(() => undefined)
  }

  /** Resolves when its agents have joined, and have been given what was there for them. */
  async start(names: readonly string[]): Promise<ChildProcess> {
    const child = fork(PROGRAM, [this.#folder, ...names])
    this.#processes.add(child)
    const ready = new Promise<void>((resolve) => {
      child.on('message', (news: News) => (news.event === 'ready' ? resolve() : this.#hear(news)))
    })
    child.on('exit', (code, signal) => {
      if (!this.#processes.delete(child)) return
      this.#fail(new Error(`The process of ${names.join(' and ')} has ended by itself (${signal ?? `exit code ${code}`}).`))
    })
    await this.orFailure(ready)
    return child
  }

  /** Resolves when it is dead. */
  async kill(child: ChildProcess): Promise<void> {
    this.#processes.delete(child)
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** The same promise; rejects when a process ends that should not. */
  orFailure<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#failure])
  }

  [Symbol.dispose](): void {
    const left = [...this.#processes]
    this.#processes.clear()
    for (const child of left) child.kill()
  }
}
