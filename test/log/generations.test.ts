import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { type Claim, claim, type Surroundings } from '../../src/log/engines/generations.ts'
import type { Disk } from '../../src/log/engines/storage.ts'
import { FaultyDisk } from '../../src/testing/faulty-disk.ts'
import { seeded } from './seeded.ts'

const folder = () => new FaultyDisk({ clock: systemClock, random: seeded(1), commitBytes: 16_384 })

/** Something happens just before the disk links: one opener is slow, others overtake it. */
function slowAtLink(disk: Disk, before: () => void): Disk {
  const link = (from: string, to: string) => {
    before()
    disk.link(from, to)
  }
  return { ...disk, link }
}

describe('the generation files', () => {
  test('number the owners, of which the last two are kept', async () => {
    const disk = folder()
    for (let generation = 1; generation <= 4; generation += 1) {
      const process = disk.start()
      const owned = await claim(process.disk, process.surroundings, systemClock, 0)
      expect(owned.generation).toBe(generation)
      expect(owned.endIndex).toBe(generation === 1 ? undefined : generation - 1)
      await owned.release(generation)
    }
    expect(disk.names).toEqual(['gen-3', 'gen-4'])
  })

  test('let nobody in while the owner lives, and anybody once it is dead', async () => {
    const disk = folder()
    const owner = disk.start()
    await claim(owner.disk, owner.surroundings, systemClock, 0)
    const other = disk.start()
    await expect(claim(other.disk, other.surroundings, systemClock, 0)).rejects.toMatchObject({ code: 'PERDURE_E_LOCKED' })
    owner.kill()
    const owned = await claim(other.disk, other.surroundings, systemClock, 0)
    expect(owned).toMatchObject({ generation: 2, endIndex: undefined })
  })

  test('let in one of two who both found the last owner dead', async () => {
    const disk = folder()
    const fast = disk.start()
    const slow = disk.start()
    let overtaking: Promise<Claim> | undefined
    const hindered = slowAtLink(slow.disk, () => {
      overtaking ??= claim(fast.disk, fast.surroundings, systemClock, 0)
    })
    await expect(claim(hindered, slow.surroundings, systemClock, 0)).resolves.toMatchObject({ generation: 1 })
    await expect(overtaking).rejects.toMatchObject({ code: 'PERDURE_E_LOCKED' })
  })

  test('do not let in somebody who slept while the others came and went', async () => {
    const disk = folder()
    const dead = disk.start()
    await claim(dead.disk, dead.surroundings, systemClock, 0)
    dead.kill()
    const sleeper = disk.start()
    const surroundings: Surroundings = {
      ...sleeper.surroundings,
      answers: async (socket) => {
        const answer = await sleeper.surroundings.answers(socket)
        if (overtakers.length === 0) await overtake(disk, overtakers)
        return answer
      },
    }
    const overtakers: Claim[] = []
    await expect(claim(sleeper.disk, surroundings, systemClock, 0)).rejects.toMatchObject({ code: 'PERDURE_E_LOCKED' })
    expect(overtakers.map(({ generation }) => generation)).toEqual([2, 3, 4])
    expect(disk.names).toEqual(['gen-3', 'gen-4'])
  })

  test('start above every number that anything in the folder bears', async () => {
    const process = folder().start()
    const owned = await claim(process.disk, process.surroundings, systemClock, 41)
    expect(owned.generation).toBe(42)
  })

  test('that are damaged or newer than this version are said to be', async () => {
    for (const [content, code] of [
      ['{"generation": 7', 'PERDURE_E_CORRUPT'],
      ['{"generation": 7, "format": 2, "closed": true}', 'PERDURE_E_FORMAT'],
      ['{"generation": 8, "format": 1, "closed": true}', 'PERDURE_E_CORRUPT'],
      ['null', 'PERDURE_E_CORRUPT'],
    ] as const) {
      const disk = folder()
      disk.replace('gen-7', Buffer.from(content))
      const process = disk.start()
      await expect(claim(process.disk, process.surroundings, systemClock, 0)).rejects.toMatchObject({
        code,
        data: { file: 'gen-7' },
      })
    }
  })
})

/** Three owners, the last of whom lives on. */
async function overtake(disk: FaultyDisk, overtakers: Claim[]): Promise<void> {
  for (let count = 0; count < 3; count += 1) {
    const process = disk.start()
    const owned = await claim(process.disk, process.surroundings, systemClock, 0)
    overtakers.push(owned)
    if (count < 2) await owned.release(0)
  }
}

test('whatever openers come, die, close or lose the power, no two own the folder at once', async () => {
  const step = fc.record({ act: fc.constantFrom('open', 'close', 'kill', 'power'), hops: fc.nat(12) })
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), fc.nat(), async (steps, seed) => {
    const disk = new FaultyDisk({ clock: systemClock, random: seeded(seed), commitBytes: 16_384 })
    const owners = new Map<ReturnType<FaultyDisk['start']>, Claim>()
    let alive = new Set<ReturnType<FaultyDisk['start']>>()
    let generation = 0
    let rising = true
    for (const { act, hops } of steps) {
      if (act === 'open') {
        const process = disk.start()
        alive.add(process)
        const mine = alive
        claim(process.disk, process.surroundings, systemClock, 0)
          .then((owned) => {
            if (!mine.has(process)) return
            owners.set(process, owned)
            rising &&= owned.generation > generation
            generation = owned.generation
          })
          .catch(() => alive.delete(process))
      }
      const [owner] = owners
      if (act === 'close' && owner) {
        owners.delete(owner[0])
        await owner[1].release(0)
      }
      if (act === 'kill' && owner) {
        owners.delete(owner[0])
        alive.delete(owner[0])
        owner[0].kill()
      }
      if (act === 'power') {
        owners.clear()
        alive = new Set()
        disk.crash()
      }
      for (let hop = 0; hop < hops; hop += 1) await new Promise<void>((done) => systemClock.hop(done))
      expect(owners.size).toBeLessThanOrEqual(1)
      expect(rising).toBe(true)
    }
  })
  await fc.assert(property, { numRuns: 200 })
})
