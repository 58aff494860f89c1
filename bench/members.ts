/**
 * Members of a checkpoint group: messages through proxies, a group that goes back, and ten million messages.
 *
 * All members live in the process that owns the log: a message is one entry, encoded once, and delivered when it is durable. Not
 * measured: members in other processes, large states.
 */
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { checkpointGroup, open, type Site } from 'perdure'
import { codecMessagesPerSecond, payloadsPerSecond } from './codec-floor.ts'
import { syncsPerSecond } from './floors.ts'
import { type Bench, type Effort, type Figure, inFolder, inTurns, perSecond } from './measure.ts'

/** Messages under way at once. */
const PIPELINED = 4_000

const GROUP_SIZE = 16
const LOGGED = 10_000

/** Nobody is asked to save. */
const NO_LAG = { undoneMs: 86_400_000, undoneMessages: 100_000_000, logBytes: 1e9 }

/** One message in a record, with everything around it. */
const MESSAGE_BYTES = 56
const RECORD_BYTES = 256 * 1024

export const members: Bench = {
  name: 'members',
  async run(effort) {
    const memory = await open('memory:')
    const inMemory = { what: 'memory: send -> receive through proxies in one process', target: '>= 100,000' }
    const codec = 'the codec alone: every message written and read'
    const figures = [await messages(effort, memory, { ...inMemory, floor: codec }, codecMessagesPerSecond)]
    figures.push(await recovery(effort, memory))
    await memory.close()
    const onDisk = await inFolder(async (folder) => {
      const site = await open(join(folder, 'data'))
      const inRecords = { what: 'disk: send -> receive through proxies in one process', target: '>= 50,000' }
      const floor = 'the same bytes in records of 256 kB, each synced'
      const figure = await messages(effort, site, { ...inRecords, floor }, () => {
        return (RECORD_BYTES / MESSAGE_BYTES) * syncsPerSecond(folder, RECORD_BYTES, 50)
      })
      await site.close()
      return figure
    })
    return [...figures, onDisk]
  },
}

/** Ten million messages under the default lag policy: what is kept in memory does not grow. */
export const soak: Bench = {
  name: 'members-soak',
  run: (effort) =>
    inFolder(async (folder) => {
      const site = await open(join(folder, 'data'))
      const group = await checkpointGroup(site, 'soak')
      const counts = { received: 0 }
      const names = Array.from({ length: 4 }, (_, n) => `m${n}`)
      const joined = await Promise.all(names.map((name) => group.join(name, () => counter(counts))))
      const total = Math.round(10_000_000 * effort.share)
      const sent = async (until: number) => {
        for (let n = counts.received; n < until; n += PIPELINED) {
          const batch = Array.from({ length: Math.min(PIPELINED, until - n) }, (_, i) =>
            joined[i % names.length]!.send(names[(i + 1 + (i >> 4)) % names.length]!, n + i),
          )
          await Promise.all(batch)
        }
        while (counts.received < until) await new Promise((resolve) => setImmediate(resolve))
      }
      await sent(total / 20)
      const before = collected()
      const startedMs = performance.now()
      const from = counts.received
      await sent(total)
      const rate = Math.round(perSecond(counts.received - from, startedMs))
      const grown = (collected() - before) / 2 ** 20
      await site.close()
      const what = `heap that ${total.toLocaleString('en')} messages leave, between the first twentieth and the end (${rate.toLocaleString('en')} messages/s)`
      return [{ what, unit: 'MB', values: [grown], floor: { what: 'the bound', values: [64] }, target: '< 64' }]
    }),
}

async function messages(
  effort: Effort,
  site: Site,
  measured: { readonly what: string; readonly floor: string; readonly target: string },
  floor: (count: number) => number,
): Promise<Figure> {
  const group = await checkpointGroup(site, 'pair')
  const counts = { received: 0 }
  const a = await group.join('a', () => counter({ received: 0 }))
  await group.join('b', () => counter(counts))
  const count = Math.max(5, Math.round(40 * effort.share)) * PIPELINED
  const once = async () => {
    const startedMs = performance.now()
    const until = counts.received + count
    for (let n = 0; n < count; n += PIPELINED)
      await Promise.all(Array.from({ length: PIPELINED }, (_, i) => a.send('b', ['job', n + i, 'cat.png'])))
    while (counts.received < until) await new Promise((resolve) => setImmediate(resolve))
    return perSecond(count, startedMs)
  }
  await once()
  const figure = await inTurns(effort, { ...measured, unit: 'messages/s' }, once, () => floor(count))
  await group.delete()
  return figure
}

/** All fail: each goes back to where it joined, and is given everything again. */
async function recovery(effort: Effort, site: Site): Promise<Figure> {
  const group = await checkpointGroup(site, 'recovery', { lag: NO_LAG })
  const counts = { received: 0 }
  const names = Array.from({ length: GROUP_SIZE }, (_, n) => `m${n}`)
  for (const name of names) await group.join(name, () => counter(counts))
  const sends = Array.from({ length: LOGGED }, (_, n) => group.send(names[n % GROUP_SIZE]!, ['job', n, 'cat.png']))
  await Promise.all(sends)
  while (counts.received < LOGGED) await new Promise((resolve) => setImmediate(resolve))
  const once = async () => {
    const startedMs = performance.now()
    const until = counts.received + LOGGED
    await group.recover(names)
    while (counts.received < until) await new Promise((resolve) => setImmediate(resolve))
    return performance.now() - startedMs
  }
  const what = `recovery of a group of ${GROUP_SIZE} with ${LOGGED.toLocaleString('en')} logged messages`
  const measured = { what, unit: 'ms', floor: 'the codec alone: as many payloads read', target: '< 500' }
  const figure = await inTurns(effort, measured, once, () => (LOGGED * 1000) / payloadsPerSecond(LOGGED))
  await group.delete()
  return figure
}

function counter(counts: { received: number }) {
  return {
    save: () => counts.received,
    restore: () => undefined,
    receive: () => {
      counts.received += 1
    },
  }
}

function collected(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}
