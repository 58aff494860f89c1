/**
 * Attaches once to whoever owns the folder and loads it, for as long as its one session lasts: `{ do: 'attach', folder, diary, name,
 * loops }`. `{ do: 'wait', name }`: waits for a tuple as well. `{ do: 'stop' }`: finishes what is under way, and says how much it was.
 */
import { open, space } from 'perdure'
import { Diary, load } from './load.mjs'
import { obey, say } from './orders.mjs'

/** @type {import('perdure').Site | undefined} */
let site

obey({
  async attach({ folder, diary: file, name, loops }) {
    site = await open(folder, { attach: true })
    say('attached')
    const error = await load(site, name, new Diary(file), loops)
    say('over', { code: error?.code })
  },
  async wait({ name }) {
    if (site === undefined) throw new Error('attach first')
    const prey = await space(site, 'prey')
    say('waits')
    await prey.in([name])
    say('taken')
  },
  async stop() {
    await site?.close()
    say('stopped')
  },
})
say('ready')
