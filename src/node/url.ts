/**
 * The URL of a site says which engine holds its log.
 *
 *   memory: · ./dir, /dir, file:dir, file:///dir · nats://… · http://…
 *
 * Boundary: text to data; nothing is opened.
 */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PerdureError } from '../errors.ts'

export type SiteUrl = { readonly engine: 'memory' } | { readonly engine: 'disk'; readonly folder: string }

export const DEFAULT_URL = './perdure-data'

/** Errors: `PERDURE_E_URL`; `PERDURE_E_NOT_YET` for engines of later versions. */
export function parseSiteUrl(url: string): SiteUrl {
  if (url === 'memory:') return { engine: 'memory' }
  if (/^(nats|http|https):/.test(url)) {
    throw new PerdureError(
      'PERDURE_E_NOT_YET',
      `The engine of ${JSON.stringify(url)} is part of the contract but not built yet. Use a folder, as in "./perdure-data", or "memory:".`,
    )
  }
  if (url.startsWith('file:///')) return { engine: 'disk', folder: fileURLToPath(url) }
  const path = url.startsWith('file:') ? url.slice('file:'.length) : url
  if (path === '' || path.includes('\0') || (/^[a-z][a-z0-9+.-]+:/i.test(path) && process.platform !== 'win32')) {
    throw new PerdureError(
      'PERDURE_E_URL',
      `${JSON.stringify(url)} is no URL of a site. Expected "memory:", a folder such as "./perdure-data", or "file:" and a folder.`,
    )
  }
  return { engine: 'disk', folder: resolve(path) }
}
