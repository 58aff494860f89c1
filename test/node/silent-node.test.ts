/** A process that joins and is never heard of again: stopped before its first heartbeat. */
import { host, open, resilient, start } from 'perdure'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { attachedSite } from '../../src/log/site.ts'
import { connectSocket } from '../../src/node/connect.ts'

/** As `open` attaches, but nothing beats for it. */
async function attachMute(socket: string) {
  const main = await connectSocket(socket, systemClock, 'mute')
  return attachedSite('mute', systemClock, main.logId, main, {
    pid: process.pid,
    connect: (name, ears) => connectSocket(socket, systemClock, name, ears, main.logId),
    socket: async () => socket,
    hear: () => undefined,
  })
}

test('a node that never beats is suspected, then fenced, and its runs go on elsewhere', async () => {
  await using owner = await open('memory:')
  const mute = await attachMute(await owner.link.socket())
  const executed: number[] = []
  const stuck = resilient('stuck', (p) =>
    p.step('once', ({ fence }) => {
      executed.push(fence)
      return executed.length === 1 ? new Promise<string>(() => undefined) : 'elsewhere'
    }),
  )
  await host(mute, 'mute', [stuck])
  const handle = await start(owner, stuck, 'k', [])
  await expect.poll(() => executed.length).toBe(1)
  expect((await handle.status()).node).toBe('mute')
  await using _ = await host(owner, 'other', [stuck])
  expect(await handle.result()).toBe('elsewhere')
  expect(await handle.status()).toMatchObject({ state: 'done', attempt: 2 })
  await mute.close().catch(() => undefined)
})
