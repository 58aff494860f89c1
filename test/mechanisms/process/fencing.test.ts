import { expect, test } from 'vitest'
import { ProcessMachine } from '../../../src/mechanisms/process/machine/machine.ts'
import { MachineDriver, run, session } from '../machine-driver.ts'

const OPTIONS = { layer: 'journal', maxTurnMs: 30_000, retainMs: 60_000 }

/** More nodes than a run may die at one place. */
const NODES = 12

function site() {
  const machine = new ProcessMachine()
  const driver = new MachineDriver([machine])
  for (let n = 1; n <= NODES; n++) {
    driver.apply(session(n), 1, 'process.node', `n${n}`, null, 0, `boot ${n}`, n, [['job', 'hash']], 8)
  }
  const status = (key: string) => machine.query('status', ['job', key]) as { state: string; attempt: number; node?: string }
  return { machine, driver, status }
}

test('reopening a site with many nodes is one death for a run, not one for each node', () => {
  const { machine, driver, status } = site()
  driver.apply(session(1), 2, 'process.start', 'job', 'a', { value: [] }, OPTIONS)
  expect(status('a')).toMatchObject({ attempt: 1, node: 'n1' })
  driver.entry(machine, (context) => machine.reopened(context))
  expect(status('a')).toMatchObject({ state: 'waiting', attempt: 1 })
  driver.apply(session(99), 1, 'process.node', 'n1', null, 0, 'another boot', 1, [['job', 'hash']], 8)
  expect(status('a')).toMatchObject({ attempt: 2, node: 'n1' })
})

test('an attached child whose start arrives after its parent was cancelled is cancelled too', () => {
  const { driver, status } = site()
  driver.apply(session(1), 2, 'process.start', 'job', 'parent', { value: [] }, OPTIONS)
  driver.apply(session(1), 3, 'process.cancel', 'job', 'parent', 'enough')
  driver.apply(run(1), 1, 'process.start', 'job', 'child', { value: [] }, { ...OPTIONS, attached: true })
  driver.apply(run(1), 2, 'process.start', 'job', 'free', { value: [] }, OPTIONS)
  driver.advance(5_000)
  expect(['parent', 'child', 'free'].map((key) => status(key).state)).toEqual(['cancelled', 'cancelled', 'running'])
})
