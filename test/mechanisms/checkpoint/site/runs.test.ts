/** `p.send`: a run sends to a member, once, however often its body is executed. */
import { host, resilient, space, start } from 'perdure'
import { checkpointGroupNamed } from 'perdure/checkpoint'
import { describe, expect, test } from 'vitest'
import { eventually, Scene } from './scene.ts'

describe('p.send', () => {
  test('reaches the member from @definition/key, and resolves with the id of the message', async () => {
    await using scene = await Scene.open()
    await scene.join('a')
    const teller = resilient('teller', async (p) => [await p.send(scene.group, 'a', { text: 'one' }), 'sent'])
    await using _ = await host(scene.site, 'runs', [teller])
    const handle = await start(scene.site, teller, 'order-17', [])
    expect(await handle.result()).toEqual([expect.any(Number), 'sent'])
    await eventually(() => scene.shelf('a').last.given).toEqual([['one', '@teller/order-17']])
  })

  test('is sent once, however often the run is executed again elsewhere, and replayed when the member goes back', async () => {
    await using scene = await Scene.open()
    await scene.join('a')
    const bank = checkpointGroupNamed('bank')
    let executions = 0
    const teller = resilient('teller', async (p) => {
      executions += 1
      for (let n = 0; n < 4; n++) {
        await p.send(bank, 'a', { text: `${n}` })
        if (n === 1) await p.space('orders').rd(['go on'])
      }
    })
    const first = await host(scene.site, 'first', [teller])
    const handle = await start(scene.site, teller, 'r', [])
    await scene.knows({ a: ['0', '1'] })
    await first.close()
    await using _ = await host(scene.site, 'second', [teller])
    await (await space(scene.site, 'orders')).out(['go on'])
    await handle.result()
    await scene.knows({ a: ['0', '1', '2', '3'] })
    expect(executions).toBe(2)
    await scene.group.recover(['a'])
    await scene.knows({ a: ['0', '1', '2', '3'] })
    expect(scene.shelf('a').all).toHaveLength(2)
  })

  test('to nobody is refused, which the run may catch', async () => {
    await using scene = await Scene.open()
    const teller = resilient('teller', async (p) => {
      const codes: unknown[] = []
      for (const [group, member] of [
        [scene.group, 'stranger'],
        [checkpointGroupNamed('nobody'), 'a'],
      ] as const)
        codes.push(await p.send(group, member, 1).catch((error: { code: unknown }) => error.code))
      return codes
    })
    await using _ = await host(scene.site, 'runs', [teller])
    const handle = await start(scene.site, teller, 'r', [])
    expect(await handle.result()).toEqual(['PERDURE_E_UNKNOWN_MEMBER', 'PERDURE_E_UNKNOWN_GROUP'])
  })
})
