/**
 * Lets other processes in: connections to the owner's socket become sessions of its gateway, heartbeats go to the detector.
 *
 * Boundary: part of the shell. On disk the socket is the lock's, so it is there from the start; in memory it is opened when
 * workers are first asked for.
 */
import type { Duplex } from 'node:stream'
import type { Door } from '../log/engines/generations.ts'
import type { Gateway } from '../log/gateway.ts'
import { serve } from '../log/wire/server.ts'
import { pipeOver } from '../log/wire/stream-pipe.ts'
import { detect } from './detector.ts'

export interface SiteDoor {
  /** Where others connect. */
  socket(): Promise<string>
  close(): Promise<void>
}

/** `ready` is a socket that exists already; else `listen` makes one on demand. */
export function doorOf(gateway: Gateway, ready: Door | undefined, listen: () => Promise<Door>): SiteDoor {
  const detector = detect(gateway)
  const streams = new Set<Duplex>()
  const admit = (door: Door): Door => {
    door.accept((stream) => {
      streams.add(stream)
      stream.on('close', () => streams.delete(stream))
      serve(gateway, pipeOver(stream), {
        opened: ({ session }) => detector.expect(session),
        closed: ({ session }) => detector.dismiss(session),
        beat: (session) => detector.beat(session),
      })
    })
    return door
  }
  let opening: Promise<Door> | undefined = ready && Promise.resolve(admit(ready))
  return {
    async socket() {
      opening ??= listen().then(admit)
      return (await opening).socket
    },
    async close() {
      detector.close()
      for (const stream of streams) stream.destroy()
      // A socket that was there before belongs to the lock, which closes it with the log.
      if (opening && ready === undefined) await (await opening).close()
    },
  }
}
