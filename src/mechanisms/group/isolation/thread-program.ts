/**
 * The program of a thread in which one member lives: imports the module that defines it, makes its object, and executes what it is told.
 *
 * Boundary: part of the shell; started by `thread.ts` only.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { failureOf } from '../../../log/outcome.ts'
import { invoke } from '../../../support/offer.ts'
import { holderOf } from '../../../support/state/state.ts'
import { AttemptCell, enter, leave } from '../attempt.ts'
import { markThreadImport } from './importing.ts'
import type { Hello, Reply, Request, ThreadData } from './protocol.ts'
import { classAt } from './registry.ts'

const port = parentPort
if (port !== null) void live(workerData as ThreadData)

async function live({ source, args }: ThreadData): Promise<void> {
  const say = (message: Hello | Reply) => port?.postMessage(message)
  try {
    markThreadImport(true)
    await import(source.module)
    markThreadImport(false)
    const variant = classAt(source) as unknown as new (...args: readonly unknown[]) => object
    const build = () => new variant(...structuredClone(args))
    const resident = new Resident(build, say)
    port?.on('message', (request: Request) => resident.take(request))
    say({ ready: true })
  } catch (error) {
    say({ ready: false, failure: failureOf(error) })
  }
}

class Resident {
  readonly #say: (reply: Reply) => void
  readonly #build: () => object
  readonly #cells = new Map<number, AttemptCell>()
  #object: object

  constructor(build: () => object, say: (reply: Reply) => void) {
    this.#build = build
    this.#object = build()
    this.#say = say
  }

  take(request: Request): void {
    if (request.do === 'abort') return this.#cells.get(request.n)?.revoke(new Error('The attempt is not wanted any more.'))
    this.#serve(request).then(
      (reply) => this.#answer({ n: request.n, ...reply }),
      (error: unknown) => this.#answer({ n: request.n, failure: failureOf(error) }),
    )
  }

  /** What cannot be copied to the other thread is an error of the call, not of the thread. */
  #answer(reply: Reply): void {
    try {
      this.#say(reply)
    } catch (error) {
      this.#say({ n: reply.n, failure: failureOf(error) })
    }
  }

  async #serve(request: Exclude<Request, { do: 'abort' }>): Promise<Omit<Reply, 'n'>> {
    switch (request.do) {
      case 'save':
        return { value: holderOf(this.#object, this.#build).save() }
      case 'load': {
        const holder = holderOf(this.#object, this.#build)
        holder.load(request.state)
        this.#object = holder.object
        return {}
      }
      case 'call':
        return await this.#execute(request, this.#object)
      case 'try': {
        const holder = holderOf(this.#object, this.#build)
        const fork = request.state === null ? holder.fork() : holder.fork(request.state[0])
        const before = fork.save()
        const reply = await this.#execute(request, fork.object)
        return { ...reply, states: { before, after: fork.save() } }
      }
    }
  }

  async #execute(request: Extract<Request, { do: 'call' | 'try' }>, object: object): Promise<Omit<Reply, 'n'>> {
    const cell = new AttemptCell(request.number)
    this.#cells.set(request.n, cell)
    try {
      let result: unknown
      const outer = enter(cell)
      try {
        result = invoke(object, request.method, request.args)
      } finally {
        leave(outer)
      }
      const value: unknown = await result
      return { value, ...(cell.isBorderline && { borderline: true }) }
    } finally {
      this.#cells.delete(request.n)
    }
  }
}
