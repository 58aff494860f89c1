/** Attaches to whoever owns the folder and loads it; when the owner is gone it looks for the next, for ever. */
import { setTimeout as pause } from 'node:timers/promises'
import { open } from 'perdure'
import { Diary, load } from './load.mjs'
import { obey, say } from './orders.mjs'

/** Between two looks for an owner: a fraction of what it takes to start one. */
const LOOK_MS = 5

obey({
  async attach({ folder, diary: file, name, loops }) {
    const diary = new Diary(file)
    for (let times = 1; ; times += 1) {
      const site = await attached(folder)
      say('attached', { times })
      await load(site, `${name}-${times}`, diary, loops)
      await site.close()
    }
  },
})
say('ready')

/** @param {string} folder */
async function attached(folder) {
  for (;;) {
    try {
      return await open(folder, { attach: true })
    } catch {
      await pause(LOOK_MS)
    }
  }
}
