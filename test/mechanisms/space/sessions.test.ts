/** What becomes of a client's holds and its failure tuple when it is away, comes back, is lost, or leaves. */
import { describe, expect, test } from 'vitest'
import { REATTACH_MS } from '../../../src/log/attachments.ts'
import { LocalConnection } from '../../../src/log/connection.ts'
import type { Site } from '../../../src/log/site.ts'
import { type Held, type Space, spaceOver } from '../../../src/mechanisms/space/space.ts'
import { ReattachStage } from '../../log/reattach-stage.ts'
import { codeOf } from '../../log/wire-stage.ts'

interface Client {
  readonly stage: ReattachStage
  readonly guest: Site
  readonly jobs: Space
  readonly held: Held<['job', number]>
}

/** A client that attached over a pipe, holds a job, and has left word of its death. */
async function holding(): Promise<Client> {
  const stage = await ReattachStage.open()
  const guest = await stage.attach()
  const jobs = spaceOver(guest.issuer, 'jobs')
  await stage.clock.settle(Promise.all([jobs.out(['job', 1]), jobs.failureTuple(['gone', 'client'])]))
  const held = await stage.clock.settle(jobs.in(['job', Number], { hold: { leaseMs: 10 * REATTACH_MS } }))
  return { stage, guest, jobs, held }
}

/** What the present owner's own program finds. */
async function found(stage: ReattachStage): Promise<unknown> {
  const { gateway } = stage
  if (gateway === undefined) throw new Error('nobody owns the log')
  const ours = spaceOver(new LocalConnection(gateway, 'ours').client, 'jobs')
  return stage.clock.settle(Promise.all([ours.copyCollect(['job', Number]), ours.copyCollect(['gone', String])]))
}

describe('a client that holds a tuple and has left a failure tuple', () => {
  test('keeps both while its connection breaks and its owner changes, and acknowledges afterwards', async () => {
    const { stage, held } = await holding()
    stage.breakAll()
    await stage.clock.advance(1_000)
    stage.replaceOwner()
    await stage.clock.advance(1_000)
    expect(await found(stage)).toEqual([[], []])
    await stage.clock.settle(held.ack())
    expect(await stage.clock.settle(codeOf(held.ack()))).toBe('PERDURE_E_HOLD_LOST')
    expect(await found(stage)).toEqual([[], []])
  })

  test('loses the one and is known to be dead by the other when it stays away for too long', async () => {
    const { stage } = await holding()
    stage.hold()
    stage.breakAll()
    await stage.clock.advance(REATTACH_MS - 1_000)
    expect(await found(stage)).toEqual([[], []])
    await stage.clock.advance(2_000)
    expect(await found(stage)).toEqual([[['job', 1]], [['gone', 'client']]])
  })

  test('leaves nothing behind but the tuple when it closes in order', async () => {
    const { stage, guest } = await holding()
    await stage.clock.settle(guest.close())
    await stage.clock.idle()
    expect(await found(stage)).toEqual([[['job', 1]], []])
  })
})

test('an owner that crashed is lost with its holds, and its failure tuple says so', async () => {
  const stage = await ReattachStage.open()
  const { gateway } = stage
  if (gateway === undefined) throw new Error('nobody owns the log')
  const jobs = spaceOver(new LocalConnection(gateway, 'owner').client, 'jobs')
  await stage.clock.settle(Promise.all([jobs.out(['job', 1]), jobs.failureTuple(['gone', 'owner'])]))
  await stage.clock.settle(jobs.inp(['job', Number], { hold: { leaseMs: 1e9 } }))
  stage.replaceOwner()
  await stage.clock.advance(1_000)
  expect(await found(stage)).toEqual([[['job', 1]], [['gone', 'owner']]])
})
