/** Who watches is told everything once, in order, and nothing that is undone: compared with the log, whoever died meanwhile. */
import { PerdureError, resilient, space } from 'perdure'
import type { Changes, SpaceChange } from 'perdure/space'
import { isLost, type Scenario, type World } from 'perdure/testing'
import { LAST, sameChanges, type Told, textOf } from './changes.ts'

/** Longer than any of the leases here. */
const PAST_LEASES_MS = 1_000

type Manner = 'from now on' | 'from the beginning' | 'from somewhere' | 'with what is there'

const MANNERS: readonly Manner[] = ['from now on', 'from the beginning', 'from somewhere', 'with what is there']

/** Told without a break. */
interface Stretch {
  readonly manner: Manner
  /** The first position it asked for; 0: what is known only to the site. */
  readonly from: number
  readonly list: Told[]
  /** Was put after it had begun to watch. */
  mark?: string
}

/** Programs and a run put and take tuples, some of which expire; others watch from now on, from the past, or with what is there. */
export const watchers: Scenario = async (world) => {
  const editor = resilient('editor', async (p, count: number) => {
    for (let n = 0; n < count; n += 1) {
      await p.space('news').out(['news', n, 'editor'])
      if (p.random() < 0.4) await p.space('news').inp(['news', Number, String])
      if (p.random() < 0.3) await p.sleep(p.random() * 30)
    }
  })
  world.host([editor])
  await world.start(editor, 'e', [world.random.between(1, 10)])
  const watching: Promise<readonly Stretch[]>[] = []
  const writing = Array.from({ length: world.random.between(1, 2) }, (_, who) => write(world, who))
  for (let n = world.random.between(1, 4); n > 0; n -= 1) {
    await world.sleep(world.random.next() * 60)
    watching.push(watch(world, n))
  }
  await Promise.all([...writing, world.result(editor, 'e')])
  world.calm()
  await world.sleep(PAST_LEASES_MS)
  const site = await world.attach()
  // Those who came late are told as well, and there is an end for all.
  const all = Promise.all(watching)
  let isOver = false
  all.then(
    () => {
      isOver = true
    },
    () => undefined,
  )
  const news = await space(site, 'news')
  await news.out(['news', LAST, 'last'])
  while (!isOver) {
    await Promise.race([all, world.sleep(PAST_LEASES_MS)])
    if (!isOver) await news.out(['news', LAST, 'once more'])
  }
  const logged = world.changes('news')
  for (const stretches of await all) for (const stretch of stretches) checkStretch(world, stretch, logged)
}

async function write(world: World, who: number): Promise<void> {
  const news = await space(await world.attach(), 'news')
  for (let n = world.random.between(3, 20); n > 0; n -= 1) {
    const options = world.random.chance(0.3) ? { leaseMs: world.random.between(1, 200) } : {}
    const put = news.out(['news', n, `writer ${who}`], options)
    if (world.random.chance(0.2)) await news.atomic([{ out: ['news', n, 'one'] }, { out: ['news', n, 'two'] }])
    if (world.random.chance(0.4)) await news.inp(['news', Number, String])
    await put
    if (world.random.chance(0.5)) await world.sleep(world.random.next() * 30)
  }
}

/** Watches until the last news, with one session that lasts, or with one after the other. */
async function watch(world: World, who: number): Promise<readonly Stretch[]> {
  const session = world.random.chance(0.7) ? 'lasting' : 'bound'
  const stretches: Stretch[] = []
  let manner: Manner = world.random.pick(MANNERS)
  let from = 0
  for (;;) {
    const site = await world.attach(session)
    if (manner === 'from the beginning') from = 1
    if (manner === 'from somewhere' && from === 0) from = Math.max(1, Math.floor(site.position * world.random.next()))
    const stretch: Stretch = { manner, from, list: [] }
    stretches.push(stretch)
    const news = await space(site, 'news')
    try {
      const changes = news.watch(['news', Number, String], optionsOf(stretch))
      // Put after it began to watch: it must be told of this.
      const mark = `mark ${who} ${stretches.length}`
      const marked = site.durable().then(() => news.out(['news', 0, mark]))
      stretch.mark = mark
      const both = await Promise.allSettled([listen(world, changes, stretch), marked])
      for (const each of both) if (each.status === 'rejected') throw each.reason
      await news.close()
      return stretches
    } catch (error) {
      const first = PerdureError.is(error, 'PERDURE_E_TRIMMED') ? error.data.first : undefined
      if (first === undefined && !(isLost(error) && session === 'bound')) throw error
      manner = first === null ? 'from now on' : 'from somewhere'
      if (stretch.manner === 'with what is there') stretch.list.length = 0
      // What it has of the last position may not be all of it.
      from = typeof first === 'number' ? first : goOnFrom(stretch)
      if (from === 0) manner = 'from now on'
    }
    world.kill(site)
  }
}

function optionsOf({ manner, from }: Stretch): { from?: number; initial?: boolean } {
  if (manner === 'with what is there') return { initial: true }
  return from > 0 ? { from } : {}
}

async function listen(world: World, changes: Changes<SpaceChange<readonly unknown[]>>, { list }: Stretch): Promise<void> {
  for await (const change of changes) {
    list.push(change)
    if (change.tuple[1] === LAST && change.kind === 'out') return
    // Some are slow readers.
    if (world.random.chance(0.1)) await world.sleep(world.random.next() * 20)
  }
}

/** Takes back what the last position has told, and says from where to ask for it again; 0 if nothing was told. */
function goOnFrom({ manner, from, list }: Stretch): number {
  const last = list.at(-1)?.position
  if (last === undefined) return manner === 'with what is there' ? 0 : from
  while (list.at(-1)?.position === last) list.pop()
  return last
}

/** It is a piece of the log without gap or double, where it said. */
function checkStretch(world: World, { manner, from, list, mark }: Stretch, logged: readonly Told[]): void {
  const last = list.at(-1)
  if (last === undefined) return
  const marked = logged.find(({ tuple }) => tuple[2] === mark)
  const isTold = marked === undefined || marked.position >= last.position || list.some((told) => textOf(told) === textOf(marked))
  world.check(isTold, `${mark} was not told, at position ${marked?.position}`)
  if (manner === 'with what is there') return checkInitial(world, list, logged)
  const start = from > 0 ? logged.findIndex(({ position }) => position >= from) : find(logged, list[0] as Told)
  const expected = logged.slice(start, start + list.length)
  world.check(sameChanges(list, expected), `watching ${manner} (${from}) told ${show(list)}; the log has ${show(expected)}`)
}

/** First what is there after some position, then all that follows. */
function checkInitial(world: World, list: readonly Told[], logged: readonly Told[]): void {
  const end = find(logged, list.at(-1) as Told) + 1
  for (let split = 0; split <= list.length; split += 1) {
    const start = end - (list.length - split)
    if (start < 0 || !sameChanges(list.slice(split), logged.slice(start, end))) continue
    if (sameChanges(list.slice(0, split), presentAfter(logged.slice(0, start)))) return
  }
  world.check(false, `what is there and what followed was told as ${show(list)}; the log has ${show(logged)}`)
}

/** Tuples that are there after these changes, in the order in which they appeared. */
function presentAfter(changes: readonly Told[]): readonly Told[] {
  const present: Told[] = []
  for (const change of changes) {
    if (change.kind === 'out') present.push(change)
    // The oldest of equal ones goes first, but one with a lease may go by its own time.
    else
      present.splice(
        present.findIndex(({ tuple }) => JSON.stringify(tuple) === JSON.stringify(change.tuple)),
        1,
      )
  }
  return present
}

function find(logged: readonly Told[], one: Told): number {
  return logged.findIndex((change) => textOf(change) === textOf(one))
}

function show(list: readonly Told[]): string {
  return list.map(textOf).join('; ')
}
