/** An active tuple becomes exactly one passive one, whatever happens to the runs that fill it, their nodes and the site. */
import fc from 'fast-check'
import { any, resilient, start } from 'perdure'
import { active } from 'perdure/process'
import { expect, test } from 'vitest'
import { cut } from '../../log/array-log.ts'
import { Stage, type StageNode } from './stage.ts'

const fib = resilient('fib', async (p, n: number): Promise<number> => {
  if (n < 2) return n
  await p.sleep(1)
  const before = await p.step('minus one', () => n - 1)
  return before + n
})
const fails = resilient('fails', async (p) => {
  await p.sleep(2)
  throw new Error('no tuple without it')
})
/** A run that evals, and takes what it has made. */
const maker = resilient('maker', async (p) => {
  const box = p.space('box')
  await box.eval(['of a run', active(fib, [5]), active(fails, [])])
  return (await box.rd(['of a run', any, any]))[1]
})
const ALL = [fib, fails, maker]

const EVENTS = ['kill', 'restart', 'pause', 'resume', 'migrate', 'cancel'] as const
const event = fc.record({ at: fc.integer({ min: 5, max: 60 }), what: fc.constantFrom(...EVENTS), which: fc.nat(5) })

/** The evals, disturbed at these positions; the stage once everything has ended. */
async function disturbed(events: readonly { at: number; what: (typeof EVENTS)[number]; which: number }[]): Promise<Stage> {
  const stage = await Stage.open()
  const nodes = new Map<string, StageNode>()
  const join = async (name: string) => nodes.set(name, await stage.node(name, ALL))
  for (const name of ['a', 'b']) await join(name)
  const due = [...events].sort((x, y) => x.at - y.at)
  const issue = (name: string, ...args: readonly unknown[]) => stage.site.issuer.issue(name, args).catch(() => undefined)
  stage.afterEach((position) => {
    for (let next = due[0]; next !== undefined && next.at <= position; next = due[0]) {
      const { what, which } = next
      due.shift()
      stage.clock.hop(() => {
        const node = nodes.get(which % 2 === 0 ? 'a' : 'b')
        if (what === 'kill' && node) {
          nodes.delete(node.name)
          node.kill()
          stage.clock.hop(() => void join(node.name))
        }
        const runs = stage.gateway.replica.query('process', 'runs', []) as { definition: string; key: string }[]
        const run = runs[which % Math.max(1, runs.length)]
        if (what === 'kill' || run === undefined) return
        const more = { restart: ['x'], pause: ['x', 1_000], resume: [], migrate: [null, 1_000], cancel: ['x'] }[what]
        void issue(`process.${what}`, run.definition, run.key, ...more)
      })
    }
  })
  await stage.settle(start(stage.site, maker, 'm', []))
  await stage.settle(stage.site.issuer.issue('space.eval', ['box', ['of a client', null, null], fields()]))
  await finished(stage)
  return stage
}

/** As `space.eval` has them: index, definition, input. */
function fields(): readonly unknown[] {
  const of = ({ name, layer, retainMs, maxTurnMs }: (typeof ALL)[number]) => ({ definition: name, layer, retainMs, maxTurnMs })
  return [
    [1, of(fib), [7]],
    [2, of(fails), []],
  ]
}

async function finished(stage: Stage): Promise<void> {
  for (let round = 0; round < 100; round += 1) {
    await stage.clock.advance(10_000)
    const runs = stage.gateway.replica.query('process', 'runs', []) as { definition: string; key: string; state: string }[]
    const live = runs.filter(({ state }) => !['done', 'failed', 'cancelled'].includes(state))
    if (live.length === 0) return
    for (const { definition, key } of live) void stage.site.issuer.issue('process.resume', [definition, key])
  }
  throw new Error('a run does not end')
}

function check(stage: Stage): void {
  const { tuples } = stage.tuples('box') as { tuples: readonly { tuple: readonly unknown[] }[] }
  const of = (name: string) => tuples.filter(({ tuple }) => tuple[0] === name)
  const evals = stage.applied.filter(({ name, admission }) => name === 'space.eval' && admission === 'fresh')
  const byRun = evals.filter(({ caller }) => caller.startsWith('run')).length
  expect(of('of a client')).toHaveLength(1)
  // Each incarnation that came so far as to eval has made its own.
  expect(of('of a run')).toHaveLength(byRun)
}

test('killed, restarted, paused, moved and cancelled at random: exactly one passive tuple for each eval', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 8 }), async (events) => check(await disturbed(events))),
    { numRuns: Number(process.env.PERDURE_EVAL_CASES ?? 150) },
  )
})

test('the site reopened from every prefix of its log: exactly one passive tuple', async () => {
  const whole = await disturbed([])
  check(whole)
  const { records } = whole.shelf
  expect(records.length).toBeGreaterThan(10)
  for (let count = 0; count <= records.length; count += 1) {
    const stage = await Stage.open({ shelf: cut(whole.shelf, count) })
    for (const name of ['a', 'b']) await stage.node(name, ALL)
    await stage.settle(start(stage.site, maker, 'm', []))
    await finished(stage)
    const { tuples } = stage.tuples('box') as { tuples: readonly { tuple: readonly unknown[] }[] }
    expect(tuples.filter(({ tuple }) => tuple[0] === 'of a run')).toHaveLength(1)
    expect(tuples.filter(({ tuple }) => tuple[0] === 'of a client').length).toBeLessThanOrEqual(1)
  }
})
