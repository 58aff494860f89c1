/**
 * More programs for the simulator, each after one promise: that what is undone is not seen outside, that a body of several strands is
 * woven once, that values keep their kinds.
 */
import { resilient, space } from 'perdure'
import { isLost, type Scenario, type World } from 'perdure/testing'

/** Enough for a future to be undone, fewer than the deaths after which a run is wedged. */
const MOST_LOSSES = 3

/**
 * Rule 3: runs and plain clients sell the same seats, and the power goes just when a run has been given one. Whoever is given the
 * seat in the next generation sells it; the first one must not have told anybody yet.
 */
export const seats: Scenario = async (world) => {
  const count = world.random.between(2, 6)
  const lose = lossesOf(world)
  const seller = resilient('seller', async (p, name: string) => {
    let sold = 0
    for (;;) {
      const seat = await p.race({ closed: p.space('hall').rd(['closed']), seat: p.space('hall').in(['seat', Number]) })
      if (seat.key === 'closed') return sold
      lose()
      const [, number] = seat.value
      await p.step('sell', (info) => world.effect(info, `seat ${number} to ${name}`))
      sold += 1
    }
  })
  world.host([seller])
  const sold: string[] = []
  let unknown = 0
  await world.insist(async (site) => {
    const hall = await space(site, 'hall')
    const known = await hall.count(['seat', Number])
    for (let number = known; number < count; number++) await hall.out(['seat', number])
  })
  await Promise.all(['Ada', 'Bob'].map((name) => world.start(seller, name, [name])))
  const clerk = async () => {
    const site = await world.attach()
    const hall = await space(site, 'hall')
    unknown += 1
    const seat = await hall.inp(['seat', Number])
    unknown -= 1
    if (seat !== null) sold.push(`seat ${seat[1]} to the clerk`)
    world.kill(site)
  }
  // Sometimes it closes while seats are left.
  const customers = world.random.chance(0.7) ? count : 0
  for (let tries = 0; tries < customers; tries++) {
    await world.sleep(world.random.next() * 20)
    await clerk().catch((error: unknown) => {
      if (!isLost(error)) throw error
    })
  }
  world.calm()
  await world.insist(async (site) => (await space(site, 'hall')).out(['closed']))
  await Promise.all(['Ada', 'Bob'].map((name) => world.result(seller, name)))
  const left = await world.insist(async (site) => (await space(site, 'hall')).count(['seat', Number]))
  const all = [...new Set(world.effects.map(({ content }) => String(content))), ...sold]
  const numbers = all.map((sale) => sale.split(' ')[1])
  world.check(new Set(numbers).size === numbers.length, `a seat was sold twice: ${all.join('; ')}`)
  const missing = count - left - all.length
  world.check(missing >= 0 && missing <= unknown, `${missing} seats of ${count} are lost, ${unknown} may have been taken`)
}

/** The power goes before the next event, now and then. */
function lossesOf(world: World): () => void {
  let losses = 0
  return () => {
    if (losses >= MOST_LOSSES || !world.random.chance(0.3)) return
    losses += 1
    world.strike('power loss')
  }
}

/** One body of several strands at a time: which of them goes on next is the same in every execution. */
export const weave: Scenario = async (world) => {
  const strands = world.random.between(2, 4)
  const length = world.random.between(2, 6)
  const spinner = resilient('spinner', async (p, strand: number, count: number) => {
    for (let n = 0; n < count; n++) {
      await p.space('loom').out(['yarn', strand, n])
      if (p.random() < 0.5) await p.sleep(p.random() * 10)
    }
  })
  const weaver = resilient('weaver', async (p, width: number, count: number) => {
    const loom = p.space('loom')
    const cloth: string[] = []
    const weaveStrand = async (strand: number) => {
      for (let n = 0; n < count; n++) {
        const [, , yarn] = await loom.in(['yarn', strand, Number])
        cloth.push(`${strand}.${yarn}`)
        await loom.out(['knot', cloth.length, `${strand}.${yarn}`])
        if (p.random() < 0.3) await p.sleep(p.random() * 5)
      }
    }
    await Promise.all(Array.from({ length: width }, (_, strand) => weaveStrand(strand)))
    const text = cloth.join(' ')
    await p.step('show', (info) => world.effect(info, `${text} at ${p.now()}`))
    return text
  })
  world.host([spinner, weaver])
  const strandNumbers = Array.from({ length: strands }, (_, strand) => strand)
  await Promise.all([
    ...strandNumbers.map((strand) => world.start(spinner, `s${strand}`, [strand, length])),
    world.start(weaver, 'w', [strands, length]),
  ])
  const text = await world.result(weaver, 'w')
  const knots = text.split(' ')
  for (const strand of strandNumbers) {
    const own = knots.filter((knot) => knot.startsWith(`${strand}.`)).join(' ')
    const expected = Array.from({ length }, (_, n) => `${strand}.${n}`).join(' ')
    world.check(own === expected, `strand ${strand} was woven as ${own}`)
  }
  await world.insist(async (site) => {
    const loom = await space(site, 'loom')
    for (const [at, knot] of knots.entries()) {
      const tied = await loom.count(['knot', at + 1, knot])
      world.check(tied === 1, `the knot ${knot} was tied ${tied} times in the place where the cloth has it`)
    }
    const all = await loom.count(['knot', Number, String])
    world.check(all === knots.length, `${all} knots were tied, the cloth has ${knots.length}`)
  })
}

/** Values that look alike and are of different kinds: each goes to who asked for its kind. */
export const kinds: Scenario = async (world) => {
  const each = world.random.between(1, 4)
  const alike = [1, '1', 1n, true, null, [1], { one: 1 }] as const
  const sorter = resilient('sorter', async (p, count: number) => {
    const mixed = p.space('mixed')
    const names: string[] = []
    for (let n = 0; n < count; n++) {
      const [, number] = await mixed.in(['value', Number])
      const [, text] = await mixed.in(['value', '1'])
      const [, big] = await mixed.in(['value', BigInt])
      const [, truth] = await mixed.in(['value', Boolean])
      const [, nothing] = await mixed.in(['value', null])
      const [, list] = await mixed.in(['value', Array])
      const [, object] = await mixed.in(['value', { one: 1 }])
      names.push([number, text, big, truth, nothing, list, object].map(nameOf).join(' '))
    }
    return names
  })
  const mixer = resilient('mixer', async (p, count: number) => {
    for (let n = 0; n < count * alike.length; n++) {
      await p.space('mixed').out(['value', alike[(n * 3) % alike.length]])
      if (p.random() < 0.3) await p.sleep(1)
    }
  })
  world.host([sorter, mixer])
  await Promise.all([world.start(sorter, 's', [each]), world.start(mixer, 'm', [each])])
  for (const names of await world.result(sorter, 's')) {
    world.check(names === alike.map(nameOf).join(' '), `the kinds came as ${names}`)
  }
}

function nameOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}
