import { describe, expect, test } from 'vitest'
import { OsProcess, Schedule } from '../../src/testing/schedule.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { simulatedPipe } from '../../src/testing/simulated-pipe.ts'

function pair(seed: number) {
  const random = new SeededRandom(seed)
  const schedule = new Schedule(random.fork())
  const processes = [new OsProcess(schedule, 'a'), new OsProcess(schedule, 'b')] as const
  const pipe = simulatedPipe(schedule, processes, { delayMs: () => random.next() * 10, random })
  const heard: string[] = []
  const [near, far] = pipe.ends
  far.receive({ message: (bytes) => heard.push(Buffer.from(bytes).toString()), closed: () => heard.push('closed') })
  const settle = () =>
    schedule
      .run(
        () => false,
        { events: 1_000, virtualMs: 60_000 },
        () => '',
      )
      .catch(() => undefined)
  return { schedule, processes, pipe, near, far, heard, settle }
}

const send = (end: { send(message: Uint8Array): void }, ...texts: string[]) => {
  for (const text of texts) end.send(Buffer.from(text))
}

describe('a simulated pipe', () => {
  test('keeps the order of messages, however long each takes', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { near, heard, settle } = pair(seed)
      send(near, '1', '2', '3', '4', '5')
      near.close()
      await settle()
      expect(heard).toEqual(['1', '2', '3', '4', '5', 'closed'])
    }
  })

  test('loses some end of what was sent by a process that dies, and tells the other side', async () => {
    const lengths = new Set<number>()
    for (let seed = 1; seed <= 30; seed++) {
      const { near, heard, processes, settle } = pair(seed)
      send(near, '1', '2', '3')
      processes[0].end()
      await settle()
      expect(heard.join()).toMatch(/^(1,)?(2,)?(3,)?closed$/)
      expect(heard.slice(0, -1)).toEqual(['1', '2', '3'].slice(0, heard.length - 1))
      lengths.add(heard.length)
    }
    expect([...lengths].sort()).toEqual([1, 2, 3, 4])
  })

  test('tells both sides when it is cut', async () => {
    const { near, pipe, heard, settle } = pair(1)
    const other: string[] = []
    near.receive({ message: () => undefined, closed: () => other.push('closed') })
    pipe.cut()
    await settle()
    expect([heard, other]).toEqual([['closed'], ['closed']])
  })

  test('holds messages back from a side that has paused', async () => {
    const { near, far, heard, settle } = pair(2)
    far.pause()
    send(near, '1', '2')
    await settle()
    expect(heard).toEqual([])
    far.resume()
    await settle()
    expect(heard).toEqual(['1', '2'])
  })
})
