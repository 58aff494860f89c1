/** A program for the simulator whose steps work in a folder: what was recorded is there, and nothing else ever is. */
import { resilient } from 'perdure'
import type { Scenario } from 'perdure/testing'

/**
 * Each step says outside what it found in its folder, as its effect; executed again it must find the same. Halves are written before
 * every pause, so that a crash leaves them wherever it can.
 */
export const clerks: Scenario = async (world) => {
  const { folders } = world
  const clerks = world.random.between(1, 3)
  const pages = world.random.between(2, 8)
  const found = (at: string) =>
    folders
      .list(at)
      .map((name) => `${name}=${folders.read(`${at}/${name}`)}`)
      .join(' ')
  const clerk = resilient(
    'clerk',
    async (p, id: number, count: number) => {
      const write = (page: number, part: string) =>
        p.step(
          `page ${page} ${part}`,
          async (info) => {
            const at = p.workDir
            world.effect(info, `clerk ${id} at ${page} ${part} finds: ${found(at)}`)
            folders.write(`${at}/total`, 'half')
            folders.write(`${at}/half of ${part}`, `${page}`)
            if (page > 1) folders.remove(`${at}/${part} ${page - 2}`)
            await world.pause(15)
            if (part === 'b' && page % 3 === 1 && info.attempt === 1) throw new Error('spilled ink')
            folders.remove(`${at}/half of ${part}`)
            folders.write(`${at}/${part} ${page}`, `${page}`)
            folders.write(`${at}/total`, `${page}`)
          },
          { retry: { attempts: 1_000, delayMs: 1 } },
        )
      for (let page = Number(p.restored ?? 0); page < count; page++) {
        const first = write(page, 'a')
        if (page % 3 > 0) await first
        await Promise.all([first, write(page, 'b'), p.sleep(3)])
        await p.space('desk').out(['page', id, page])
        if (page % 3 === 2) await p.checkpoint(page + 1)
      }
      return await p.step('read', () => found(p.workDir))
    },
    { layer: 'files' },
  )
  world.host([clerk])
  const names = Array.from({ length: clerks }, (_, id) => id)
  await Promise.all(names.map((id) => world.start(clerk, `clerk ${id}`, [id, pages])))
  const last = [pages - 2, pages - 1]
  const expected = [
    ...last.map((page) => `a ${page}=${page}`),
    ...last.map((page) => `b ${page}=${page}`),
    `total=${pages - 1}`,
  ].join(' ')
  for (const id of names) {
    const result = await world.result(clerk, `clerk ${id}`)
    world.check(result === expected, `clerk ${id} has at the end: ${result}; expected: ${expected}`)
  }
}
