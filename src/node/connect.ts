/**
 * Reaches the owner of a site through its local socket.
 *
 * Boundary: part of the shell; what goes over the connection is `log/wire/remote.ts`.
 */
import { connect } from 'node:net'
import type { Clock } from '../clock.ts'
import { PerdureError } from '../errors.ts'
import type { Ears } from '../log/connection.ts'
import type { Pipe } from '../log/wire/frames.ts'
import { connectRemote, type RemoteConnection } from '../log/wire/remote.ts'
import { pipeOver } from '../log/wire/stream-pipe.ts'

/** A session that ends with its connection. */
export async function connectSocket(
  socket: string,
  clock: Clock,
  label: string,
  ears: Ears = {},
  logId?: string,
): Promise<RemoteConnection> {
  return connectRemote(await pipeTo(socket), clock, label, ears, logId)
}

/** `PERDURE_E_SESSION_LOST` when nobody is there. */
export function pipeTo(socket: string): Promise<Pipe> {
  return new Promise((resolve, reject) => {
    const stream = connect(socket)
    stream.once('connect', () => resolve(pipeOver(stream)))
    stream.once('error', (cause) => {
      reject(
        new PerdureError(
          'PERDURE_E_SESSION_LOST',
          `The owner of the site cannot be reached (${cause.message}). It has ended; open the site again.`,
          { cause },
        ),
      )
    })
  })
}
