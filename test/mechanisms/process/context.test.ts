/** `p` and handles at their edges: what does not fit is refused, and a sleep counts time in which nobody was there. */
import { checkpointGroupNamed, type RunContext, resilient, run, start } from 'perdure'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../log/virtual-clock.ts'
import { Stage } from './stage.ts'

const codeOf = (error: unknown) => (error as { code?: unknown }).code

/** As a program without types would call it. */
interface Untyped {
  call(group: unknown, method: string): Promise<unknown>
  send(group: unknown, member: unknown, message: unknown): Promise<unknown>
}

describe('in the hand of a program without types', () => {
  test('p.send is refused what is no checkpoint group, no name or no value; and the run goes on', async () => {
    const stage = await Stage.open()
    const body = resilient('asks', async (p: RunContext) => {
      const untyped = p as unknown as Untyped
      const bank = checkpointGroupNamed('bank')
      const asked = [
        () => untyped.send({}, 'a', 1),
        () => untyped.send(bank, 7, 1),
        () => untyped.send(bank, 'a', () => 1),
        () => untyped.send(bank, 'a', 1),
      ]
      const codes: unknown[] = []
      for (const ask of asked) codes.push(await ask().catch(codeOf))
      return [...codes, await p.step('goes on', () => 7)]
    })
    await stage.node('a', [body])
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    expect(await stage.settle(handle.result())).toEqual([
      ...['PERDURE_E_USAGE', 'PERDURE_E_USAGE', 'PERDURE_E_VALUE', 'PERDURE_E_UNKNOWN_GROUP'],
      7,
    ])
  })
})

describe('a sleep', () => {
  const sleeper = resilient('sleeper', async (p) => {
    const from = p.now()
    await p.sleep(10_000)
    return p.now() - from
  })

  test('that ran out while everything was down is over at the next open', async () => {
    const before = await Stage.open({ clock: new VirtualClock(1_000_000) })
    await before.node('a', [sleeper])
    await before.settle(start(before.site, sleeper, 'k', []))
    await before.clock.advance(3_000)
    before.abandon()
    const after = await Stage.open({ shelf: before.shelf, clock: new VirtualClock(2_000_000) })
    await after.node('a', [sleeper])
    await after.clock.idle()
    expect(await after.settle(run(after.site, sleeper, 'k').status())).toMatchObject({ state: 'done' })
    expect(await after.settle(run(after.site, sleeper, 'k').result())).toBe(1_000_000)
  })

  test('that did not takes only what is left of it', async () => {
    const before = await Stage.open({ clock: new VirtualClock(1_000_000) })
    await before.node('a', [sleeper])
    await before.settle(start(before.site, sleeper, 'k', []))
    await before.clock.advance(3_000)
    before.abandon()
    const after = await Stage.open({ shelf: before.shelf, clock: new VirtualClock(1_006_000) })
    await after.node('a', [sleeper])
    const handle = run(after.site, sleeper, 'k')
    await after.clock.advance(3_900)
    expect(await after.settle(handle.status())).toMatchObject({ state: 'sleeping' })
    await after.clock.advance(200)
    expect(await after.settle(handle.status())).toMatchObject({ state: 'done' })
    expect(await after.settle(handle.result())).toBe(10_000)
  })
})
