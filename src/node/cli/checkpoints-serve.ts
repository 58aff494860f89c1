/**
 * `perdure checkpoints serve`: the service of attached members over HTTP, until it is interrupted.
 *
 * Boundary: words to a call, and what it came to on the screen.
 */
import { once } from 'node:events'
import { PerdureError } from '../../errors.ts'
import type { Site } from '../../log/site.ts'
import { serveCheckpoints } from '../checkpoint-http.ts'
import { open } from '../open.ts'
import { say, sayJson, usage } from './output.ts'
import type { LookOptions } from './runs.ts'

export interface ServeOptions extends LookOptions {
  readonly port?: string
}

/** Where nothing else is said. */
const DEFAULT_PORT = 7337
const MAX_PORT = 65_535

/** `perdure checkpoints serve`. The token, if there is one, is in PERDURE_TOKEN: arguments can be read by everybody on a machine. */
export async function serve({ url, port: text, json }: ServeOptions): Promise<void> {
  const port = Number(text ?? DEFAULT_PORT)
  if (!(Number.isInteger(port) && port >= 0 && port <= MAX_PORT))
    throw usage(`--port ${text} is no port. Expected a whole number from 0 to ${MAX_PORT}; 0 takes any that is free.`)
  const { PERDURE_TOKEN: token } = process.env
  await using site = await opened(url)
  await using server = await serveCheckpoints(site, { port, ...(token !== undefined && { token }) })
  if (json) sayJson({ event: 'serving', url: server.url })
  else say(`serving checkpoint groups at ${server.url}/checkpoint/openapi.json; end it with Ctrl-C`)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
}

/** As its owner, or through the one that there is. */
async function opened(url: string | undefined): Promise<Site> {
  try {
    return await open(url)
  } catch (error) {
    if (PerdureError.is(error, 'PERDURE_E_LOCKED')) return open(url, { attach: true })
    throw error
  }
}
