/** One client that does a little of everything, and what came of it: the same whatever happens to its connection. */
import type { Site } from '../../src/log/site.ts'
import { resilient, run, start } from '../../src/mechanisms/process/process.ts'
import { ref, spaceOver } from '../../src/mechanisms/space/space.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { codeOf } from './wire-stage.ts'

export const greet = resilient('greet', async (p, name: string) => {
  const length = await p.step('length', () => name.length)
  return `${name} has ${length} letters`
})

export interface Outcome {
  readonly replies: readonly unknown[]
  /** The tuples of the space, in order. */
  readonly tuples: readonly unknown[]
}

/** Runs the script and says what it was answered, and what it saw in the end. */
export async function script(site: Site, clock: VirtualClock): Promise<Outcome> {
  const box = spaceOver(site.issuer, 'box')
  const replies: unknown[] = []
  const told = async (what: Promise<unknown>) => {
    replies.push(await clock.settle(codeOf(what)))
  }
  await told(Promise.all(Array.from({ length: 10 }, (_, n) => box.out(['job', n]))))
  await told(box.inp(['job', Number]))
  const waiting = box.in(['later', Number])
  const reading = box.rd(['later', Number])
  await told(box.out(['later', 5]))
  await told(waiting)
  await told(reading)
  await told(box.rd(['never'], { timeoutMs: 3 }))
  const giving = new AbortController()
  const given = box.in(['x'], { signal: giving.signal }).catch((error: Error) => error.message)
  await told(box.out(['y']))
  giving.abort(new Error('enough'))
  await told(given)
  await told(box.out(['x']))
  await told(box.count(['job', Number]))
  await told(site.link.main.query('space', 'waiting', ['box']))
  const bytes = new Uint8Array(600_000).map((_, i) => i % 251)
  const { blobs } = site.link.main
  const hash = await clock.settle(blobs.put(bytes))
  replies.push(hash, Buffer.compare(await clock.settle(blobs.get(hash)), bytes))
  await clock.settle(start(site, greet, 'one', ['Ada']))
  await told(run(site, greet, 'one').result())
  await told(Promise.all(Array.from({ length: 5 }, () => box.in(['job', Number]))))
  await told(Promise.all([box.in(['job', 6]), box.rdp(['job', 6]), box.out(['last']), box.inp(['none'])]))
  await told(box.atomic([{ in: ['job', 7] }, { rd: ['y'] }, { out: ['moved', ref(1, 0)] }]))
  const group = box.atomic([{ in: ['signal'] }, { in: ['moved', String] }])
  await told(box.out(['signal']))
  await told(group)
  const held = await clock.settle(box.in(['job', 8], { hold: { leaseMs: 1_000_000 } }))
  await told(held.ack())
  await told(box.copyCollect(['job', Number]))
  await told(site.durable())
  const { tuples } = (await clock.settle(site.link.main.query('space', 'tuples', ['box']))) as { tuples: { tuple: unknown }[] }
  return { replies, tuples: tuples.map(({ tuple }) => tuple) }
}
