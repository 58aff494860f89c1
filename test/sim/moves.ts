/** Runs that are held, moved, drained and begun anew by many hands while everything else fails. */
import { PerdureError, resilient, run, space } from 'perdure'
import { isLost, type Scenario, type World } from 'perdure/testing'

/** From shorter than most steps to longer than any. */
const DRAINS_MS = [0, 300, 3_000, 60_000] as const

/** Long enough for every step. */
const PATIENT_MS = 60_000

/** A host that was cut off may begin a step so long after its last confirmation: half of what makes a silent node a dead one. */
const WINDOW_MS = 2_500

/** What may stand in the way of a move. */
const REFUSALS: ReadonlySet<string> = new Set(['PERDURE_E_NO_HOST', 'PERDURE_E_UNKNOWN_NODE', 'PERDURE_E_UNKNOWN_RUN'])

interface Held {
  readonly key: string
  readonly fromMs: number
  toMs: number
}

type Site = Awaited<ReturnType<World['attach']>>

/**
 * Every run comes to its result, whatever is done to it. No result of a step is used twice; an effect is repeated only under the key
 * of its incarnation, and by nobody when a move waits for steps and nothing fails; nothing happens while a run is held.
 */
export const moves: Scenario = async (world) => {
  const steps = world.random.between(1, 5)
  const keys = ['a', 'b', 'c'].slice(0, world.random.between(1, 3))
  const isPatient = world.random.chance(0.4)
  const wanderer = resilient('wanderer', async (p, count: number) => {
    const used: number[] = []
    for (let n = 0; n < count; n += 1) {
      const waitMs = Math.floor(p.random() ** 4 * 8_000)
      const way = p.version(`way ${n}`, 1)
      // In the turn of the gate: a body that would be told something else now would be told apart.
      const said = p.space('ways').out(['way', p.key, n, way])
      const drawn = await p.step('walk', async (info) => {
        world.effect(info, `${p.key} ${n} way ${way}`)
        await world.pause(waitMs)
        return n
      })
      await said
      used.push(drawn)
      if (p.random() < 0.4) await p.sleep(p.random() * 300)
    }
    return used.join()
  })
  world.host([wanderer])
  await Promise.all(keys.map((key) => world.start(wanderer, key, [steps])))
  const held: Held[] = []
  const resumed = new Map<string, number>()
  const hands = Array.from({ length: world.random.between(1, 2) }, async () => {
    const site = await world.attach()
    for (let deeds = world.random.between(1, 6); deeds > 0; deeds -= 1) {
      await world.sleep(world.random.next() ** 2 * 2_000)
      await deed(world, site, wanderer, {
        key: world.random.pick(keys),
        drainMs: isPatient ? PATIENT_MS : undefined,
        held,
        resumed,
      })
    }
  })
  await Promise.all(hands)
  const undisturbed = isPatient && world.faults.length === 0
  world.calm()
  for (const key of keys) {
    await world.insist((site) => run(site, wanderer, key).resume())
    const result = await world.result(wanderer, key)
    world.check(result === Array.from({ length: steps }, (_, n) => n).join(), `${key} used the results ${result}`)
  }
  checkEffects(world, keys, steps)
  checkHeld(world, held)
  if (undisturbed) checkNothingTwice(world)
  const ways = await world.insist(async (site) => (await space(site, 'ways')).copyCollect(['way', String, Number, Number]))
  world.check(
    ways.every(([, , , way]) => way === 1),
    'a gate was open for nobody',
  )
}

type Wanderer = Parameters<typeof run<readonly [number], string>>[1]

interface Deed {
  readonly key: string
  /** Undefined: any. */
  readonly drainMs: number | undefined
  readonly held: Held[]
  /** How often somebody has asked to resume each run. */
  readonly resumed: Map<string, number>
}

async function deed(world: World, site: Site, wanderer: Wanderer, { key, drainMs: given, held, resumed }: Deed): Promise<void> {
  const { random } = world
  const drainMs = given ?? random.pick(DRAINS_MS)
  const handle = run(site, wanderer, key)
  const release = () => {
    resumed.set(key, (resumed.get(key) ?? 0) + 1)
    for (const each of held) if (each.key === key) each.toMs = Math.min(each.toMs, world.nowMs)
  }
  try {
    switch (random.pick(['hold', 'hold', 'resume', 'migrate', 'drain', 'restart', 'pause'] as const)) {
      case 'hold': {
        const before = resumed.get(key)
        if (!(await handle.pause('somebody asked', { drainMs })) || resumed.get(key) !== before) return
        const period: Held = { key, fromMs: world.nowMs, toMs: Number.POSITIVE_INFINITY }
        held.push(period)
        if (given === undefined && random.chance(0.2)) world.strike('owner crash')
        await world.sleep(random.next() * 6_000)
        release()
        await handle.resume()
        return
      }
      case 'resume':
        release()
        return void (await handle.resume())
      case 'pause':
        // It is resumed in the end, by somebody else.
        return void (await handle.pause('nobody waits', { drainMs }))
      case 'migrate':
        return void (await handle.migrate(undefined, { drainMs }))
      case 'drain':
        return void (await site.issuer.issue('process.drain', [`node/${random.between(1, 4)}`, drainMs, 'stop']))
      case 'restart':
        // Only one that goes on: a run that has ended is begun anew by those who mean it.
        if (random.chance(0.5)) await handle.restart('somebody asked')
    }
  } catch (error) {
    const isRefused = error instanceof PerdureError && REFUSALS.has(error.code)
    if (!isRefused && !isLost(error)) throw error
    world.check(!isLost(error), `a session that lasts was lost: ${String(error)}`)
  }
}

/** Each step of the last incarnation has one key; those of earlier ones have theirs. */
function checkEffects(world: World, keys: readonly string[], steps: number): void {
  const wanted = keys.flatMap((key) => Array.from({ length: steps }, (_, n) => `${key} ${n} way 1`))
  const byKey = new Map<string, string>()
  const last = new Map<string, number>()
  for (const { idempotencyKey, content } of world.effects) {
    const text = String(content)
    const [, id, incarnation] = idempotencyKey.split(':')
    const name = `${id} ${incarnation} ${text}`
    world.check((byKey.get(name) ?? idempotencyKey) === idempotencyKey, `${text} has two keys in one incarnation`)
    byKey.set(name, idempotencyKey)
    last.set(text, Math.max(last.get(text) ?? 0, Number(incarnation)))
  }
  world.check([...last.keys()].sort().join() === wanted.sort().join(), `the effects are ${[...last.keys()].join('; ')}`)
  for (const key of keys) {
    const incarnations = new Set(wanted.filter((text) => text.startsWith(`${key} `)).map((text) => last.get(text)))
    world.check(incarnations.size === 1, `the last steps of ${key} belong to several incarnations`)
  }
}

/** While a run is held nothing of it happens, but what a host that was cut off had begun. */
function checkHeld(world: World, held: readonly Held[]): void {
  for (const { key, fromMs, toMs } of held) {
    const within = world.effects.find(
      ({ content, atMs }) => String(content).startsWith(`${key} `) && atMs > fromMs + WINDOW_MS && atMs < toMs,
    )
    world.check(within === undefined, `${String(within?.content)} happened at ${within?.atMs}, and was held from ${fromMs} on`)
  }
}

function checkNothingTwice(world: World): void {
  const times = new Map<string, number>()
  for (const { idempotencyKey } of world.effects) times.set(idempotencyKey, (times.get(idempotencyKey) ?? 0) + 1)
  const twice = [...times].find(([, count]) => count > 1)
  world.check(twice === undefined, `the effect ${twice?.[0]} happened ${twice?.[1]} times, and nothing had failed`)
}
