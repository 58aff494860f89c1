/** Runs, the builds of their definition, and the nodes that host them; through the public API, with real workers. */
import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Workshop } from './cli-driver.ts'

const build = (step: string) => `
import { resilient } from 'perdure'
export const deal = resilient('deal', async (p) => {
  const box = p.space('box')
  const paid = await p.step('${step}', () => '${step}')
  await box.out(['paid'])
  const [, go] = await box.in(['go', String])
  return [paid, go]
})`

/** Does what the lines of the test say, one at a time, and prints what they come to. */
const DIRECTOR = `
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { host, open, run, space, start } from 'perdure'
import * as oldBuild from './old.mjs'
import * as newBuild from './new.mjs'

const site = await open('./data', { hear: () => {} })
const box = await space(site, 'box')
const nodes = new Map()
const commands = {
  start: async (key) => { await start(site, oldBuild.deal, key, []) },
  host: async (name, which) => {
    const { deal } = which === 'old' ? oldBuild : newBuild
    nodes.set(name, await host(site, name, [deal], { workers: 1 }))
  },
  close: async (name) => { await nodes.get(name).close() },
  paid: async () => { await box.rd(['paid']) },
  go: async (word) => { await box.out(['go', word]) },
  status: (key) => run(site, oldBuild.deal, key).status(),
  until: async (key, what, value) => {
    for (;;) {
      const status = await run(site, oldBuild.deal, key).status()
      if (status[what] === value) return status
      await setTimeout(10)
    }
  },
  result: (key) => run(site, oldBuild.deal, key).result(),
  end: async () => { await site.close(); process.exit(0) },
}
for (let n = 0; ; n++) {
  while (!existsSync('command-' + n)) await setTimeout(5)
  const [name, ...words] = JSON.parse(readFileSync('command-' + n, 'utf8'))
  const done = await commands[name](...words).then((value = null) => ({ value }), ({ code, message, data }) => ({ error: { code, message, data } }))
  console.log(JSON.stringify({ n, ...done }))
}
`

interface Answer {
  readonly n: number
  readonly value?: unknown
  readonly error?: { readonly code: string; readonly message: string; readonly data: unknown }
}

async function directed(play: (shop: Workshop, tell: (...words: string[]) => Promise<Answer>) => Promise<void>): Promise<void> {
  await using shop = new Workshop()
  shop.write('old.mjs', build('charge'))
  shop.write('new.mjs', build('refund'))
  const running = shop.startNode(shop.write('director.mjs', DIRECTOR))
  let told = 0
  await play(shop, async (...words) => {
    const n = told
    told += 1
    writeFileSync(shop.path('writing'), JSON.stringify(words))
    shop.rename('writing', `command-${n}`)
    return (await running.line((line) => line.n === n)) as unknown as Answer
  })
}

test('a run that nobody hosts waits, and says for what, in its status, in ps and in show; a node that comes later takes it', async () => {
  await directed(async (shop, tell) => {
    await tell('start', 'k')
    const waiting = { state: 'waiting', reason: 'no host for deal' }
    expect((await tell('status', 'k')).value).toMatchObject(waiting)
    const { lines } = await shop.run('ps', '--url', 'data', '--json')
    expect(lines).toMatchObject([{ definition: 'deal', key: 'k', ...waiting }])
    expect((await shop.run('ps', '--url', 'data')).stdout).toMatch(/deal\/k +waiting .*no host for deal/)
    expect((await shop.run('show', 'deal/k', '--url', 'data')).stdout).toMatch(/state +waiting\nwhy +no host for deal/)
    await tell('host', 'a', 'old')
    await tell('paid')
    expect((await tell('status', 'k')).value).toMatchObject({ state: 'running', node: 'a/1', attempt: 1 })
    await tell('close', 'a')
    expect((await tell('status', 'k')).value).toMatchObject(waiting)
    await tell('host', 'b', 'old')
    await tell('go', 'on')
    expect((await tell('result', 'k')).value).toEqual(['charge', 'on'])
  })
})

test('a run whose journal does not fit one build is tried on the other; when none is left it is diverged, with expected and found', async () => {
  await directed(async (shop, tell) => {
    await tell('host', 'first', 'old')
    await tell('start', 'k')
    await tell('paid')
    // The next in the order of registration is the wrong one.
    await tell('host', 'second', 'new')
    await tell('host', 'third', 'old')
    await tell('close', 'first')
    // It runs on the second too, until that build has asked for something else.
    expect((await tell('until', 'k', 'node', 'third/1')).value).toMatchObject({ attempt: 3 })

    await tell('close', 'third')
    const { value } = await tell('until', 'k', 'state', 'diverged')
    const sides = /expected: process\.step "charge"\n *found: +process\.step "refund"/
    expect(value).toMatchObject({ state: 'diverged', reason: expect.stringMatching(sides) })
    expect((await tell('result', 'k')).error).toMatchObject({
      code: 'PERDURE_E_DIVERGED',
      data: { number: 1, expected: { preview: '"charge"' }, found: { preview: '"refund"' } },
    })
    expect((await shop.run('show', 'deal/k', '--url', 'data')).stdout).toMatch(sides)

    await tell('host', 'fourth', 'old')
    await tell('go', 'on')
    expect((await tell('result', 'k')).value).toEqual(['charge', 'on'])
  })
})
