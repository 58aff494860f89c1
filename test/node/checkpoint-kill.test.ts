/** Members in real processes that are killed: one after the other, all at once, at their worst moments, and the owner under them. */
import { open } from 'perdure'
import { type CheckpointGroup, checkpointGroup } from 'perdure/checkpoint'
import { expect, test } from 'vitest'
import { Crew, PLACES } from './crew.ts'

/** Everything that was handed in is put out, and all is as it should be. */
async function allIsWell(crew: Crew, group: CheckpointGroup): Promise<void> {
  await expect.poll(() => crew.putOut, { interval: 20, timeout: 90_000 }).toBe(crew.jobs)
  const { states } = await group.snapshot({ timeoutMs: 60_000 })
  expect(Object.keys(states)).toHaveLength(4)
  expect(crew.judge(states).wrong).toEqual([])
}

test('kill -9 of processes with members, at receive, save and output: joined again, each goes on where it must', async () => {
  await using crew = new Crew()
  await using site = await open(crew.data)
  const group = await checkpointGroup(site, 'crew', { lag: { undoneMs: 200 } })
  await Promise.all(Object.keys(PLACES).map((place) => crew.start(place)))
  for (const [member, place, what] of [
    ['a', 'one', 'receive'],
    ['c', 'two', 'output'],
    ['b', 'one', 'save'],
  ] as const) {
    await crew.handIn(group, 25)
    crew.order(member, what)
    await crew.handIn(group, 25)
    await crew.ended(place)
    await crew.start(place)
  }
  await allIsWell(crew, group)
})

test('kill -9 of the owner: members join its successor by themselves', async () => {
  await using crew = new Crew('bcs')
  await crew.start('owner')
  await using site = await open(crew.data, { attach: true })
  const group = await checkpointGroup(site, 'crew', { protocol: 'bcs', lag: { undoneMs: 200 } })
  await Promise.all(Object.keys(PLACES).map((place) => crew.start(place)))
  await crew.handIn(group, 40)
  await crew.kill('owner')
  await crew.start('owner')
  await crew.handIn(group, 40)
  await allIsWell(crew, group)
})

test('kill -9 of everybody at once: whoever is started again goes on from one line', async () => {
  await using crew = new Crew('hmnr')
  await crew.start('owner')
  await using site = await open(crew.data, { attach: true })
  const group = await checkpointGroup(site, 'crew', { protocol: 'hmnr', lag: { undoneMs: 200 } })
  await Promise.all(Object.keys(PLACES).map((place) => crew.start(place)))
  await crew.handIn(group, 40)
  await Promise.all(['owner', ...Object.keys(PLACES)].map((name) => crew.kill(name)))
  await crew.start('owner')
  await Promise.all(Object.keys(PLACES).map((place) => crew.start(place)))
  await crew.handIn(group, 40)
  await allIsWell(crew, group)
})

test('a process that is stopped is given up after some seconds; what it does when it goes on harms nobody', async () => {
  await using crew = new Crew()
  await using site = await open(crew.data)
  const group = await checkpointGroup(site, 'crew', { lag: { undoneMs: 200 } })
  await Promise.all(Object.keys(PLACES).map((place) => crew.start(place)))
  await crew.handIn(group, 20)
  const goOn = crew.stop('one')
  await crew.handIn(group, 20)
  const statuses = async () => {
    const listed = (await site.link.main.query('checkpoint', 'group', ['crew'])) as {
      readonly members: readonly { readonly name: string; readonly status: string }[]
    }
    return listed.members.filter(({ name }) => PLACES.one?.includes(name)).map(({ status }) => status)
  }
  await expect.poll(statuses, { interval: 50, timeout: 60_000 }).toEqual(['lost', 'lost'])
  await crew.start('one')
  goOn()
  await crew.handIn(group, 20)
  await allIsWell(crew, group)
})
