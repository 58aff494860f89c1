/**
 * What the service says about a group at rest, compared with what follows from its trace by the definitions alone.
 */
import type { Site } from 'perdure'
import type { Line, Trace, TraceEvent } from 'perdure/checkpoint'
import type { World } from 'perdure/testing'
import type { ListedCheckpointGroup } from '../../src/mechanisms/checkpoint/machine/queries.ts'
import { greatestLine, type Sent, useless } from '../mechanisms/checkpoint/judge.ts'
import type { Couriers } from './couriers.ts'

/** A member may be asked to save between two questions. */
const MOST_TRIES = 10

/** No checkpoint is useless, and every line is the greatest consistent one. */
export async function checkLines(world: World, couriers: Couriers): Promise<void> {
  const site = await world.attach()
  const group = await couriers.group(site)
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    if (tries > 0) await world.sleep(1_000)
    if ((await listed(site, group.name)).some(({ status }) => status !== 'working')) continue
    const lines = new Map<string, Line>()
    await group.recoveryLine([])
    const before = await group.trace()
    for (const name of couriers.names) lines.set(name, await group.recoveryLine([name]))
    const after = await group.trace()
    if (JSON.stringify(before) !== JSON.stringify(after)) continue
    const history = survivingOf(after)
    const { names, messages, checkpoints } = history
    const pasts = checkpoints.map((indices) => new Array<number[]>(indices.length + 1).fill([]))
    const found = useless({ members: names.length, messages, pasts })
    world.check(found.length === 0, `useless checkpoints: ${found}`)
    for (const [failed, line] of lines) {
      const greatest = lineOf(history, failed)
      const said = JSON.stringify(names.map((name) => line[name]))
      world.check(
        said === JSON.stringify(greatest),
        `the line if ${failed} fails is ${said}, the greatest ${JSON.stringify(greatest)}`,
      )
    }
    return
  }
}

/** All work, and nothing waits to be put out. */
export async function isAtRest(site: Site, group: string): Promise<boolean> {
  const members = await listed(site, group)
  return members.every(({ status, outputs, released }) => status === 'working' && outputs === 0 && released === 0)
}

async function listed(site: Site, group: string): Promise<ListedCheckpointGroup['members']> {
  return ((await site.link.main.query('checkpoint', 'group', [group])) as ListedCheckpointGroup).members
}

interface Surviving {
  readonly names: readonly string[]
  /** Of each member: indices by rank; the first is where the trace begins. */
  readonly checkpoints: readonly (readonly number[])[]
  /** Intervals are ranks. */
  readonly messages: readonly Sent[]
}

/** What counts of a trace: with every rollback, all that its member had done since that checkpoint has not happened. */
function survivingOf({ objects, events }: Trace): Surviving {
  const kept = objects.map((name) => {
    const own: TraceEvent[] = []
    for (const event of events) {
      if (event.object !== name) continue
      if (event.kind !== 'rollback') own.push(event)
      else own.length = own.findLastIndex((each) => each.kind === 'checkpoint' && each.index === event.to) + 1
    }
    return own
  })
  const sent = new Map<string, { from: number; x: number }>()
  const messages: Sent[] = []
  const checkpoints = kept.map((own, from) => {
    const indices = own[0]?.kind === 'checkpoint' ? [] : [0]
    for (const event of own) {
      if (event.kind === 'checkpoint') indices.push(event.index)
      else if (event.kind === 'send') sent.set(event.msg, { from, x: indices.length - 1 })
    }
    return indices
  })
  for (const [to, own] of kept.entries()) {
    let y = own[0]?.kind === 'checkpoint' ? -1 : 0
    for (const event of own) {
      if (event.kind === 'checkpoint') y += 1
      const sending = event.kind === 'receive' ? sent.get(event.msg) : undefined
      if (sending !== undefined) messages.push({ ...sending, to, y, past: [] })
    }
  }
  return { names: objects, checkpoints, messages }
}

function lineOf({ names, checkpoints, messages }: Surviving, failed: string): readonly (number | 'current')[] {
  const ends = checkpoints.map(({ length }, k) => (names[k] === failed ? length - 1 : length))
  return greatestLine(messages, ends).map((rank, k) => checkpoints[k]?.[rank] ?? 'current')
}
