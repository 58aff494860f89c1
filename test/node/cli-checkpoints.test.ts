/** `perdure checkpoints` as its users meet it: the built program beside a group that goes on in another process, and after that has gone. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Running, Workshop } from './cli-driver.ts'

/** Two members that pass a number to and fro until it is 0; says so when they have, and stays. */
const BANK = `
import { open } from 'perdure'
import { checkpointGroup } from 'perdure/checkpoint'

const site = await open('./perdure-data')
const bank = await checkpointGroup(site, 'bank')
let left = () => undefined
const over = new Promise((resolve) => { left = resolve })
const member = (self) => ({
  seen: 0,
  save() { return this.seen },
  restore(seen) { this.seen = seen },
  async receive(n, from) {
    this.seen = n
    if (n > 0) await self.send(from, n - 1)
    else left()
  },
})
const a = await bank.join('a', member)
await bank.join('b', member)
await a.send('b', 6)
await over
await a.checkpoint()
console.log(JSON.stringify({ event: 'ready' }))
setInterval(() => undefined, 1000)
`

async function bankOf(shop: Workshop): Promise<Running> {
  const owner = shop.startNode(shop.write('bank.mjs', BANK))
  await owner.line(({ event }) => event === 'ready')
  return owner
}

describe('perdure checkpoints, beside a group that goes on,', () => {
  const shop = new Workshop()
  beforeAll(() => bankOf(shop).then(() => undefined))
  afterAll(() => shop[Symbol.asyncDispose]())

  test('lists the groups of the site', async () => {
    const { code, stdout } = await shop.run('checkpoints')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^GROUP +PROTOCOL +MEMBERS +RECOVERIES\nbank +exact +2 +\d+\n$/)
    const { lines } = await shop.run('checkpoints', '--json')
    expect(lines).toEqual([{ name: 'bank', protocol: 'exact', members: 2, lost: 0, recoveries: expect.any(Number) }])
  })

  test('checkpoint makes a member save, and says which checkpoint it is', async () => {
    const first = await shop.run('checkpoint', 'bank', 'b')
    expect(first.stdout).toMatch(/^b of bank has taken checkpoint \d+\n$/)
    expect(first.code).toBe(0)
    const second = await shop.run('checkpoint', 'bank', 'b', '--json')
    const index = Number(/(\d+)\n$/.exec(first.stdout)?.[1]) + 1
    expect(second.lines).toEqual([{ event: 'checkpoint', group: 'bank', member: 'b', index }])
    const third = await shop.run('checkpoint', 'bank', 'nobody')
    expect(third.stderr).toMatch(/^PERDURE_E_UNKNOWN_MEMBER: .*\ba, b\b/)
    expect(third.code).toBe(1)
  })

  test('diagram writes the picture of a group, with the line for those who fail', async () => {
    const { code, stderr } = await shop.run('checkpoints', 'diagram', 'bank', '-o', 'bank.svg', '--failed', 'a')
    expect(code).toBe(0)
    expect(stderr).toMatch(/^bank\.svg: \d+ events; the line: a \d+, b (\d+|current)\n$/)
    const svg = readFileSync(shop.path('bank.svg'), 'utf8')
    expect(svg).toMatch(/^<svg [\s\S]*<title>Checkpoint group bank, if a fails<\/title>[\s\S]*<\/svg>\n$/)
    expect(svg).toContain('class="cut"')
    expect(svg).toMatch(/<title>(basic|forced) checkpoint \d/)
  })

  test('diagram prints the picture where no file is named, also when nobody owns the site any more', async () => {
    await using killed = new Workshop()
    const owner = await bankOf(killed)
    owner.killEverything()
    await owner.done()
    const { code, stdout } = await killed.run('checkpoints', 'diagram', 'bank')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^<svg [\s\S]*<\/svg>\n$/)
  })

  test('refuses a group that is not there, a member that is not there and a file that cannot be written, and says what there is', async () => {
    const noGroup = await shop.run('checkpoints', 'diagram', 'bonk')
    expect(noGroup.code).toBe(1)
    expect(noGroup.stderr).toMatch(/PERDURE_E_UNKNOWN_GROUP: There is no checkpoint group bonk .*expected one of bank/)
    const noMember = await shop.run('checkpoints', 'diagram', 'bank', '--failed', 'a,z')
    expect(noMember.code).toBe(2)
    expect(noMember.stderr).toMatch(/names z, who is no member\. Expected some of a, b/)
    const noFolder = await shop.run('checkpoints', 'diagram', 'bank', '-o', 'nowhere/bank.svg')
    expect(noFolder.code).toBe(2)
    expect(noFolder.stderr).toContain('nowhere/bank.svg cannot be written')
  })
})
