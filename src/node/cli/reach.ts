/**
 * The way of a command to a site: over the owner of its folder, or, when nobody owns it, by opening it for the moment.
 *
 * A command that only looks must not make anything: a folder that is not there, or holds no log, is an error.
 *
 * Boundary: part of the shell.
 */
import { readdirSync } from 'node:fs'
import { PerdureError } from '../../errors.ts'
import type { Connection } from '../../log/connection.ts'
import { findOwner } from '../../log/engines/lock.ts'
import type { Site } from '../../log/site.ts'
import { open } from '../open.ts'
import { DEFAULT_URL, parseSiteUrl } from '../url.ts'
import { usage } from './output.ts'

/** Owners come and go between looking and asking; somebody who meets this many is told. */
const ATTEMPTS = 5

/** Does something with the connection to the site, then leaves it. */
export async function reached<T>(url: string | undefined, use: (connection: Connection, site: Site) => Promise<T>): Promise<T> {
  const site = await reach(url ?? process.env.PERDURE_URL ?? DEFAULT_URL)
  try {
    return await use(site.link.main, site)
  } finally {
    await site.close()
  }
}

async function reach(url: string): Promise<Site> {
  const parsed = parseSiteUrl(url)
  if (parsed.engine === 'memory')
    throw usage('A site in memory lives and ends with its process, so there is nothing to look at. Expected a folder.')
  checkFolder(parsed.folder)
  for (let attempt = 1; ; attempt += 1) {
    const attach = (await findOwner(parsed.folder)) !== undefined
    try {
      return await open(url, { attach, hear: () => undefined, reattachMs: 0 })
    } catch (error) {
      const changed = attach
        ? PerdureError.is(error, 'PERDURE_E_SESSION_LOST') || PerdureError.is(error, 'PERDURE_E_FOLDER')
        : PerdureError.is(error, 'PERDURE_E_LOCKED')
      if (!changed || attempt === ATTEMPTS) throw error
    }
  }
}

function checkFolder(folder: string): void {
  let names: readonly string[]
  try {
    names = readdirSync(folder)
  } catch (cause) {
    throw unreadable(folder, cause)
  }
  if (names.some((name) => /^gen-\d+$/.test(name))) return
  throw new PerdureError(
    'PERDURE_E_FOLDER',
    `The folder ${folder} holds no log of perdure. Name the folder of a site with --url, or make one with perdure run.`,
    { data: { folder } },
  )
}

function unreadable(folder: string, cause: unknown): PerdureError {
  const missing = (cause as { code?: unknown }).code === 'ENOENT'
  const message = missing
    ? `There is no folder ${folder}, so no site. Name the folder of a site with --url, or make one with perdure run.`
    : `${folder} cannot be read as a folder (${(cause as Error).message}). Name the folder of a site with --url.`
  return new PerdureError('PERDURE_E_FOLDER', message, { cause, data: { folder } })
}
