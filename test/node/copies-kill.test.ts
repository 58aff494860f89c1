/** Copies of one run in different OS processes, one of which is killed: the others go on where it was. */
import { describe, expect, test } from 'vitest'
import { nodesOf, type Running, Workshop } from './cli-driver.ts'

const STEPS = 60

/** Steps of some milliseconds; each says who executes it, and when. One of them lasts until somebody has been killed. */
const PROGRAM = `
import { appendFileSync, existsSync } from 'node:fs'
import { resilient } from 'perdure'

export default resilient('paced', async (p) => {
  for (let n = 1; n <= ${STEPS}; n++) {
    await p.step('pause', async ({ idempotencyKey }) => {
      appendFileSync('effects', [n, process.pid, idempotencyKey, performance.timeOrigin + performance.now()].join(' ') + '\\n')
      console.error('step ' + n)
      do await new Promise((resolve) => setTimeout(resolve, 5))
      while (n === ${STEPS - 10} && !existsSync('killed'))
    })
  }
  return ${STEPS}
}, { layer: 'replicas', replicas: 2 })
`

interface Effect {
  readonly number: number
  readonly pid: number
  readonly key: string
  readonly ms: number
}

function effectsOf(shop: Workshop): readonly Effect[] {
  return shop.effects().flatMap((line) => {
    const [number = '', pid = '', key = '', ms = ''] = line.split(' ')
    return ms === '' ? [] : [{ number: Number(number), pid: Number(pid), key, ms: Number(ms) }]
  })
}

/** Waits until a step of this number has begun. */
async function begun(shop: Workshop, running: Running, number: number): Promise<Effect> {
  const found = () => effectsOf(shop).find((effect) => effect.number >= number)
  await running.until(() => found() !== undefined, `step ${number}`)
  return found() as Effect
}

describe('kill -9 of one copy of two', () => {
  test.each(['that executes the step', 'that follows'] as const)(
    '%s: the other goes on; each step once, but for one that the dead had claimed',
    async (which) => {
      await using shop = new Workshop()
      const running = shop.start('run', shop.write('paced.mjs', PROGRAM), '--nodes', '2', '--key', 'k', '--json')
      const executor = (await begun(shop, running, 20)).pid
      await running.until(() => nodesOf(running.lines).size === 2, 'both workers')
      const workers = [...nodesOf(running.lines).values()]
      expect(workers).toContain(executor)
      const victim = which === 'that executes the step' ? executor : (workers.find((pid) => pid !== executor) ?? 0)
      const last = Math.max(...effectsOf(shop).map(({ number }) => number))
      const killedMs = performance.timeOrigin + performance.now()
      process.kill(victim, 'SIGKILL')
      shop.write('killed', '')
      const { lines, code } = await running.done()
      expect(code).toBe(0)
      expect(lines.at(-1)).toMatchObject({ value: STEPS, stats: { nodesLost: 1, runsResumed: 0, stepsExecuted: STEPS } })
      const effects = effectsOf(shop)
      const numbers = effects.map(({ number }) => number)
      expect([...new Set(numbers)].sort((a, b) => a - b)).toEqual(Array.from({ length: STEPS }, (_, n) => n + 1))
      const repeated = effects.filter(({ number }, at) => numbers.indexOf(number) !== at)
      expect(repeated.length).toBeLessThanOrEqual(1)
      for (const again of repeated) {
        const first = effects.find(({ number }) => number === again.number)
        expect([first?.pid, first?.key]).toEqual([victim, again.key])
      }
      const next = effects.find(({ number, pid, ms }) => number > last && pid !== victim && ms >= killedMs)
      console.log(`copies · kill -9 of the one ${which}: ${((next?.ms ?? 0) - killedMs).toFixed(1)} ms to the next new step`)
    },
  )
})
