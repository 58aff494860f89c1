/** A policy on the command line that is given notifications as they come (SPEC 8, 10; issue 6, point 4). */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Workshop } from './cli-driver.ts'

const PLANT = `TASK 5 = "pump" IS NODE 0, TASKID 1
WATCHDOG 10 WATCHES TASK 5 HEARTBEATS EVERY 300 MS ON ERROR RESTART END WATCHDOG
IF [ FAULTY T5 AND ERRT(T5) == 12 ]
THEN
    STOP T5
FI
`
const BEAT = '{"kind":"heartbeat","entity":"T5"}\n'
const ERROR = '{"at":77,"kind":"error","entity":"T5","code":12}\n'

function workshop(): Workshop {
  const shop = new Workshop()
  shop.write('plant.ariel', PLANT)
  return shop
}

test('acts when a notification comes and when none does, and a dry run of its record performs the same', async () => {
  await using shop = workshop()
  const run = shop.startReading('ariel', 'run', 'plant.ariel', '--record', 'night.jsonl')
  run.tell(BEAT)
  // No line makes it fire: time does.
  expect(await run.line(({ action }) => action === 'RESTART')).toMatchObject({ line: 2, target: 'T5' })
  run.tell(ERROR.slice(0, 20))
  run.tell(ERROR.slice(20))
  expect(await run.line(({ action }) => action === 'STOP')).toMatchObject({ line: 5, target: 'T5' })
  run.tell(ERROR.trimEnd())
  run.hangUp()
  const { code, stdout, stderr } = await run.done()
  expect([code, stderr]).toEqual([0, ''])
  expect((await shop.run('ariel', 'dry-run', 'plant.ariel', 'night.jsonl')).stdout).toBe(stdout)
  const again = await shop.run('ariel', 'run', 'plant.ariel', '--record', 'night.jsonl')
  expect([again.code, again.stderr]).toEqual([2, expect.stringMatching(/--record night\.jsonl cannot be made: .*not there yet/)])
})

test('a line that cannot be read is refused by its number, the next one counts, and the exit code tells of it', async () => {
  await using shop = workshop()
  const run = shop.startReading('ariel', 'run', 'plant.ariel')
  run.tell(`${BEAT}not json\n\n{"kind":"error","entity":"X5","code":12}\n"${'x'.repeat(1024 * 1024)}"\n${ERROR}`)
  await run.line(({ action }) => action === 'STOP')
  run.hangUp()
  const { code, stderr } = await run.done()
  expect(stderr.trim().split('\n')).toEqual([
    expect.stringMatching(/^refused: Line 2 of the history: the line is no JSON; expected/),
    expect.stringMatching(/^refused: Line 4 of the history: "entity" is "X5"; expected the name of a task/),
    expect.stringMatching(/^refused: Line 5 of the history: it has more than 1048576 characters/),
  ])
  expect(code).toBe(1)
})

test('SIGHUP reads the policy again and keeps what it knows, one with errors is refused, and SIGTERM ends it well', async () => {
  await using shop = workshop()
  shop.write('plant.ariel', 'IF [ FAULTY T5 ] THEN LET A = A + 1 LOG A FI\n')
  const run = shop.startReading('ariel', 'run', 'plant.ariel')
  run.tell(ERROR)
  await run.line(({ value }) => value === 1)
  shop.write('plant.ariel', 'IF [ FAULTY T5 ] THEN LET A = A + 10 LOG A FI\n')
  run.signal('SIGHUP')
  await run.until(() => run.stderr.includes('The policy was read again.'), 'the new policy')
  run.tell(ERROR)
  await run.line(({ value }) => value === 11)
  shop.write('plant.ariel', 'IF [ FAULTY T5 ]\n')
  run.signal('SIGHUP')
  await run.until(() => run.stderr.includes('The policy stays as it was.'), 'a refusal')
  expect(run.stderr).toMatch(/plant\.ariel:1:17: error A006/)
  run.tell(ERROR)
  await run.line(({ value }) => value === 21)
  run.signal('SIGTERM')
  expect((await run.done()).code).toBe(0)
})

test('nothing comes after the end of a history: the command ends there, and its record is a history', async () => {
  await using shop = workshop()
  const run = shop.startReading('ariel', 'run', 'plant.ariel', '--record', 'night.jsonl')
  run.tell(`{"kind":"end"}\n${ERROR}`)
  expect(await run.done()).toMatchObject({ code: 0, stdout: '' })
  expect(await shop.run('ariel', 'dry-run', 'plant.ariel', 'night.jsonl')).toMatchObject({ code: 0, stdout: '' })
})

test('r-code that could not run is refused when it is read again, and the policy stays', async () => {
  await using shop = workshop()
  shop.write('plant.ariel', 'IF [ FAULTY T5 ] THEN LET A = A + 1 LOG A FI\n')
  for (const [form, file] of [
    ['json', 'plant.json'],
    ['topology', 'topology.json'],
  ] as const)
    await shop.run('ariel', 'build', 'plant.ariel', '--emit', form, '-o', file)
  const run = shop.startReading('ariel', 'run', 'plant.json', '--topology', 'topology.json')
  run.tell(ERROR)
  await run.line(({ value }) => value === 1)
  const rcode = JSON.parse(readFileSync(shop.path('plant.json'), 'utf8')) as { code: number[][] }
  shop.write('plant.json', JSON.stringify({ ...rcode, code: rcode.code.slice(0, -1) }))
  run.signal('SIGHUP')
  await run.until(() => run.stderr.includes('The policy stays as it was.'), 'a refusal')
  run.tell(ERROR)
  await run.line(({ value }) => value === 2)
  run.hangUp()
  expect((await run.done()).code).toBe(0)
})
