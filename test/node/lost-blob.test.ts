/** A run whose journal refers to a file that is gone waits for somebody to bring it back; nothing is guessed. */
import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { host, open, resilient, run, space, start } from 'perdure'
import { afterEach, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'perdure-lost-blob-'))
const elsewhere = mkdtempSync(join(tmpdir(), 'perdure-lost-blob-'))
afterEach(() => {
  for (const made of [folder, elsewhere]) rmSync(made, { recursive: true, force: true })
})

const TEXT = 'x'.repeat(300_000)

const reads = resilient('reads', async (p) => {
  const text = await p.step('a large result', () => TEXT)
  await p.space('box').in(['go'])
  return text.length
})

/** Every blob of the folder, to another place or back. */
function move(from: string, to: string): void {
  for (const name of readdirSync(from)) renameSync(join(from, name), join(to, name))
}

describe('a blob that a journal needs and that is gone', () => {
  test('makes its run wedged, which says what is missing; brought back, the run is resumed where it was', async () => {
    const data = join(folder, 'data')
    const before = await open(data)
    const node = await host(before, 'here', [reads])
    await start(before, reads, 'k', [])
    await expect.poll(async () => (await run(before, reads, 'k').status()).reason).toContain('space.in')
    await node.close()
    await before.close()
    move(join(data, 'blobs'), elsewhere)

    await using site = await open(data)
    await using _ = await host(site, 'here', [reads])
    const handle = run(site, reads, 'k')
    await expect(handle.result()).rejects.toMatchObject({ code: 'PERDURE_E_WEDGED' })
    expect(await handle.status()).toMatchObject({
      state: 'wedged',
      reason: expect.stringMatching(/^its journal cannot be read: Blob [0-9a-f]{64} is not there/),
    })

    move(elsewhere, join(data, 'blobs'))
    expect(await handle.resume()).toBe(true)
    await (await space(site, 'box')).out(['go'])
    expect(await handle.result()).toBe(300_000)
  })
})
