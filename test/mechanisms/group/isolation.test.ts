/** Members in threads of their own, with real threads that loop, hang, die and use up their memory. */
import { groupOf, type Verdict } from 'perdure/group'
import { afterEach, describe, expect, test } from 'vitest'
import {
  AllFailing,
  AllTalking,
  Block,
  clock,
  LIMIT_MS,
  later,
  OnlyDying,
  Providers,
  Three,
  WithDying,
  WithGreedy,
  WithHanging,
  WithLooping,
} from './programs/isolated.mjs'
import { safe } from './programs/isolated-at-once.mjs'

const open: object[] = []

afterEach(() => {
  for (const group of open.splice(0)) groupOf(group).close()
})

function kept<T extends object>(group: T): T {
  open.push(group)
  return group
}

/** A shared machine can be slow for many seconds. */
const PATIENCE_MS = 100_000

/** Waits for something that threads bring about. */
async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${String(holds)}: ${open.map(described).join()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function described(group: object): string {
  const { members, counts } = groupOf(group)
  return JSON.stringify({ members, counts: counts.members })
}

async function statusOf(group: object, id: string): Promise<string | undefined> {
  return (await groupOf(group).members).find((member) => member.id === id)?.status
}

function agreements(group: object, id: string): number {
  return groupOf(group).counts.members[id]?.agreed ?? 0
}

/** And what is left to a thread that has been asked to stop. */
function limitPasses(): Promise<void> {
  return clock.advance(LIMIT_MS + 1_000)
}

describe('isolate: worker', () => {
  test('members keep their state in their threads; calls are promises', async () => {
    const group = kept(new Three())
    const first = group.add(1)
    expect(first).toBeInstanceOf(Promise)
    expect(await first).toBe(1)
    expect(await Promise.all([group.add(1), group.add(1)])).toEqual([2, 3])
  })

  test.each([
    ['loops for ever', WithLooping, 'Looping'],
    ['ends its thread', WithDying, 'Dying'],
    ['uses up its memory', WithGreedy, 'Greedy'],
    ['hangs', WithHanging, 'Hanging'],
  ])('a member that %s is masked, and comes back with the state of the others', async (_, Class, id) => {
    const group = kept(new Class())
    expect(await group.add(5)).toBe(5)
    await until(() => agreements(group, id) === 1)
    expect(await group.add(-1)).toBe(4)
    await limitPasses()
    await until(async () => (await statusOf(group, id)) === 'recovering')
    expect(await group.add(1)).toBe(5)
    await until(async () => (await statusOf(group, id)) === 'active')
    expect(await group.add(1)).toBe(6)
    await until(() => agreements(group, id) >= 2)
    expect(groupOf(group).counts.members[id]).toMatchObject({ disagreed: 0 })
  })

  test('a recovery block whose primary loops ends its thread after attemptMs, and goes on from the accepted state', async () => {
    const group = kept(new Block())
    expect(await group.add(2)).toBe(2)
    const second = group.add(-1)
    await limitPasses()
    expect(await second).toBe(1)
    expect(await group.add(3)).toBe(4)
    expect(groupOf(group).counts.members.Looping).toMatchObject({ agreed: 2, late: 1 })
  })

  test('the next is asked when the thread of the first dies', async () => {
    const group = kept(new Providers())
    expect(await group.add(-2)).toBe(-2)
  })

  test('a lone member with a state of its own that is gone: the group is exhausted, and never begins anew behind anybody’s back', async () => {
    const group = kept(new OnlyDying())
    expect(await group.add(1)).toBe(1)
    await expect(group.add(-1)).rejects.toMatchObject({ code: 'PERDURE_E_MEMBER_LOST' })
    await expect(group.add(1)).rejects.toMatchObject({ code: 'PERDURE_E_GROUP_EXHAUSTED' })
  })

  test('declared exceptions travel with name, code and data', async () => {
    const group = kept(new AllFailing())
    await expect(group.add(1)).rejects.toMatchObject({
      name: 'NotToday',
      code: 'E_TODAY',
      data: { day: 7 },
      message: 'not today',
    })
  })

  test('what cannot be copied from thread to thread is an error of the member', async () => {
    const group = kept(new AllTalking())
    await expect(group.add(1)).rejects.toMatchObject({ code: 'PERDURE_E_NO_QUORUM' })
    await expect(group.add((() => 1) as unknown as number)).rejects.toMatchObject({ code: 'PERDURE_E_NO_QUORUM' })
  })

  test('a definition that a thread cannot find says where it belongs', async () => {
    const verdicts: Verdict[] = []
    const group = kept(new (await later())())
    await expect(group.add(1)).rejects.toMatchObject({ code: 'PERDURE_E_MEMBER_LOST', cause: { code: 'PERDURE_E_IMPORT' } })
    expect(verdicts).toEqual([])
  })

  test('a module that makes a group when it is imported is refused in the thread, with what to do', async () => {
    kept(safe)
    await expect(safe.add(1)).rejects.toMatchObject({ cause: { code: 'PERDURE_E_WORKER_IMPORT' } })
  })

  test('after close calls are refused, and no thread is left', async () => {
    const group = new Three()
    await group.add(1)
    groupOf(group).close()
    await expect(group.add(1)).rejects.toMatchObject({ code: 'PERDURE_E_CLOSED' })
    await until(() => !process.getActiveResourcesInfo().includes('Worker'))
  })
})
