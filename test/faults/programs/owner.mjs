/**
 * Owns a folder and loads it, when told: `{ do: 'own', folder, diary, name, loops, sizes }`. Started ahead, since starting takes longest.
 * `{ do: 'leak' }`: takes more and more memory besides, until its process is ended for it.
 */
import { open } from 'perdure'
import { Diary, load } from './load.mjs'
import { obey, say } from './orders.mjs'

/** So many numbers at a time, a megabyte and a half: dozens of turns until the end, in which the load goes on. */
const LEAKED = 200_000

obey({
  async own({ folder, diary, name, loops, sizes }) {
    const site = await open(folder, sizes ? { sizes } : {})
    say('open', { position: site.position })
    const error = await load(site, name, new Diary(diary), loops)
    say('over', { code: error?.code })
  },
  leak() {
    /** @type {unknown[]} */
    const kept = []
    setInterval(() => kept.push(new Array(LEAKED).fill(kept.length)), 1)
  },
})
say('ready')
