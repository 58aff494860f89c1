/** A gateway, and clients of it over pipes in memory: whole ones, and raw ones that say what they like. */
import type { PerdureError } from '../../src/errors.ts'
import type { Gateway } from '../../src/log/gateway.ts'
import { decodeFrameFromSite, encodeFrame, type FrameFromSite, type FrameToSite, PROTOCOL } from '../../src/log/wire/frames.ts'
import { connectRemote, type RemoteConnection } from '../../src/log/wire/remote.ts'
import { serve } from '../../src/log/wire/server.ts'
import { openGateway } from '../../src/node/compose.ts'
import { ArrayLog, shelf } from './array-log.ts'
import { type PipeEnd, pipePair } from './pipe-pair.ts'
import { VirtualClock } from './virtual-clock.ts'

/** What a call came to: its value, or the code of its error. */
export const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ value }),
    (error: PerdureError) => error.code,
  )

export interface TestSite {
  readonly gateway: Gateway
  readonly log: ArrayLog
  readonly clock: VirtualClock
}

export async function site(): Promise<TestSite> {
  const clock = new VirtualClock()
  const log = new ArrayLog(shelf())
  return { gateway: await clock.settle(openGateway(log, clock)), log, clock }
}

/** A raw client: frames in, frames out. */
export class Raw {
  readonly pipe: PipeEnd
  readonly server: PipeEnd
  readonly clock: VirtualClock
  readonly frames: FrameFromSite[] = []
  closed = false

  constructor({ gateway, clock }: TestSite, hooks = {}) {
    const [here, there] = pipePair()
    this.pipe = here
    this.server = there
    this.clock = clock
    here.receive({
      message: (bytes) => this.frames.push(decodeFrameFromSite(bytes)),
      closed: () => {
        this.closed = true
      },
    })
    serve(gateway, there, hooks)
  }

  async say(...frames: FrameToSite[]): Promise<void> {
    for (const frame of frames) this.pipe.send(encodeFrame(frame))
    await this.clock.idle()
  }

  async hello(): Promise<number> {
    await this.say(['hello', PROTOCOL, 'raw', null, 'bound'])
    const welcome = this.frames.find(([type]) => type === 'welcome') as FrameFromSite & { 4: number }
    return welcome[4]
  }

  get last(): FrameFromSite | undefined {
    return this.frames.at(-1)
  }
}

export async function remote(on: TestSite, label = 'remote'): Promise<RemoteConnection> {
  const [here, there] = pipePair()
  serve(on.gateway, there)
  return on.clock.settle(connectRemote(here, on.clock, label))
}
