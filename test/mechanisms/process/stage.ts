/**
 * A whole site in one thread for tests of processes: real machines, gateway, connections and hosts over a log in an array and a
 * virtual clock. Nodes can be killed at any position, and the site reopened from any prefix of its log.
 */

import { type Connection, type Ears, LocalConnection } from '../../../src/log/connection.ts'
import type { Gateway } from '../../../src/log/gateway.ts'
import { type HostEvent, ownedSite, type Site } from '../../../src/log/site.ts'
import { connectRemote } from '../../../src/log/wire/remote.ts'
import { serve } from '../../../src/log/wire/server.ts'
import { type HostedDefinition, NO_METER, RunHost } from '../../../src/mechanisms/process/host/host.ts'
import type { Definition, RunContext } from '../../../src/mechanisms/process/process.ts'
import { openGateway } from '../../../src/node/compose.ts'
import { SimulatedFolders } from '../../../src/testing/simulated-folders.ts'
import { ArrayLog, type Durability, type Shelf, shelf } from '../../log/array-log.ts'
import { pipePair } from '../../log/pipe-pair.ts'
import { VirtualClock } from '../../log/virtual-clock.ts'

// The input of a definition is checked at start; here only its name matters.
export type AnyDefinition = Definition<RunContext, never, unknown>

export interface StageOptions {
  readonly shelf?: Shelf
  readonly clock?: VirtualClock
  readonly durability?: Durability
}

/** An operation as it was applied. */
export interface Applied {
  readonly position: number
  readonly name: string
  readonly caller: string
  readonly number: number
  readonly args: readonly unknown[]
  readonly admission: string
}

export interface NodeOptions {
  readonly capacity?: number
  readonly over?: 'memory' | 'a pipe'
  /** Whoever started it, as if it were a worker. */
  readonly parent?: string
}

interface Reached {
  readonly connection: Connection
  cutOff(): void
}

export interface StageNode {
  readonly name: string
  readonly boot: string
  readonly host: RunHost
  readonly connection: Connection
  /** Its OS process is killed, and whoever started it has seen that. */
  kill(): void
  /** Its connection breaks; nobody knows more. */
  disconnect(): void
}

export class Stage {
  readonly clock: VirtualClock
  readonly shelf: Shelf
  readonly log: ArrayLog
  readonly gateway: Gateway
  readonly site: Site
  readonly events: HostEvent[]
  readonly applied: Applied[] = []
  /** Where steps of the layer files work. */
  readonly folders: SimulatedFolders = new SimulatedFolders()
  readonly #hooks: ((position: number) => void)[] = []

  private constructor(clock: VirtualClock, on: Shelf, log: ArrayLog, gateway: Gateway) {
    this.clock = clock
    this.shelf = on
    this.log = log
    this.gateway = gateway
    const events: HostEvent[] = []
    this.events = events
    this.site = ownedSite({
      url: 'test:',
      gateway,
      pid: 1,
      socket: () => Promise.reject(new Error('a stage has no socket')),
      hear: (event) => events.push(event),
    })
    this.#record()
  }

  static async open({
    shelf: on = shelf(),
    clock = new VirtualClock(),
    durability = 'at once',
  }: StageOptions = {}): Promise<Stage> {
    const log = new ArrayLog(on)
    const gateway = await clock.settle(openGateway(log, clock))
    log.durability = durability
    return new Stage(clock, on, log, gateway)
  }

  /** Calls `hook` after every operation, in the turn in which it was applied. */
  afterEach(hook: (position: number) => void): void {
    this.#hooks.push(hook)
  }

  #record(): void {
    const { replica } = this.gateway
    const apply = replica.apply.bind(replica)
    replica.apply = (bytes, from, to) => {
      const admission = apply(bytes, from, to)
      const { name, caller, number, args } = replica.decode(bytes, from, to)
      const who = caller.kind === 'gateway' ? 'gateway' : `${caller.kind} ${caller.id}`
      this.applied.push({ position: replica.position, name, caller: who, number, args, admission })
      return admission
    }
    const submit = this.gateway.submit.bind(this.gateway)
    this.gateway.submit = (operation) => {
      const position = submit(operation)
      for (const hook of this.#hooks) hook(position)
      return position
    }
  }

  /** A node in this thread; resolves when it is registered. */
  async node(
    name: string,
    definitions: readonly AnyDefinition[],
    { capacity = 64, over = 'memory', parent }: NodeOptions = {},
  ): Promise<StageNode> {
    const boot = this.clock.randomId()
    let host: RunHost | undefined
    const ears: Ears = {
      note: (body, position) => host?.note(body, position),
      durable: (position) => host?.durableTo(position),
      closed: () => host?.destroy(),
    }
    const { connection, cutOff } = over === 'memory' ? this.#local(name, ears) : await this.#piped(name, ears)
    const made = new RunHost(connection, this.clock, {
      name,
      parent: parent ?? null,
      parentSession: 0,
      boot,
      pid: 1,
      definitions: definitions as unknown as readonly HostedDefinition[],
      capacity,
      logId: this.log.id,
      shared: over === 'memory',
      meter: NO_METER,
      workFolders: this.folders,
      log: (definition, key, text) => this.events.push({ event: 'log', name, definition, key, text }),
    })
    host = made
    await made.register()
    return {
      name,
      boot,
      host: made,
      connection,
      kill: () => {
        made.destroy()
        this.gateway.submitOwn('process.exited', [name, boot])
        cutOff()
      },
      disconnect: () => {
        made.destroy()
        cutOff()
      },
    }
  }

  #local(name: string, ears: Ears): Reached {
    const connection = new LocalConnection(this.gateway, `host ${name}`, ears)
    return { connection, cutOff: () => connection.close() }
  }

  async #piped(name: string, ears: Ears): Promise<Reached> {
    const [here, there] = pipePair((turn) => this.clock.hop(turn))
    serve(this.gateway, there)
    const connection = await connectRemote(here, this.clock, `host ${name}`, ears)
    return { connection, cutOff: () => here.close() }
  }

  /** Everything ends here, as if the power had gone; what the shelf has is left. */
  abandon(): void {
    this.log.abandon()
  }

  /** Lines of `p.log`. */
  get lines(): readonly string[] {
    return this.events.flatMap((event) => (event.event === 'log' ? [event.text] : []))
  }

  /** How often an operation was applied, repeated or refused ones aside. */
  count(name: string): number {
    return this.applied.filter((applied) => applied.name === name && applied.admission === 'fresh').length
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return this.clock.settle(promise)
  }

  nodes(): readonly { name: string; state: string; runs: number }[] {
    return this.gateway.replica.query('process', 'nodes', []) as { name: string; state: string; runs: number }[]
  }

  tuples(space: string): unknown {
    return this.gateway.replica.query('space', 'tuples', [space, 1_000])
  }
}

/** What a call came to: its value, or the code of its error. */
export const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ value }),
    (error: { code?: string; name: string }) => error.code ?? error.name,
  )

/** A stage with one node. */
export async function staged(...definitions: AnyDefinition[]): Promise<{ stage: Stage; node: StageNode }> {
  const stage = await Stage.open()
  const node = await stage.node('a', definitions)
  return { stage, node }
}

/** Kills the node and hosts again under the same name. */
export async function rehost(stage: Stage, node: StageNode, ...definitions: AnyDefinition[]): Promise<StageNode> {
  await stage.clock.idle()
  node.kill()
  const again = await stage.node(node.name, definitions)
  await stage.clock.idle()
  return again
}
