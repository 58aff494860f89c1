import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../src/errors.ts'
import { ariel, compile, dryRun } from '../../../src/mechanisms/ariel/ariel.ts'

const PUMP = 5

/** What a template throws. */
function thrown(make: () => unknown): PerdureError {
  try {
    make()
  } catch (error) {
    if (error instanceof PerdureError) return error
  }
  throw new Error('Expected an error of perdure.')
}

describe('the template tag ariel', () => {
  test('is a policy as compile makes it: r-code, topology and warnings', () => {
    const policy = ariel`
      TASK 5 = "pump" IS NODE 0, TASKID 1
      IF [ FAULTY T5 ] THEN SEND 4 T5 FI`
    const text = '\n      TASK 5 = "pump" IS NODE 0, TASKID 1\n      IF [ FAULTY T5 ] THEN SEND 4 T5 FI'
    expect(policy).toEqual(compile(text))
    expect(policy.diagnostics.map(({ code }) => code)).toEqual(['W103'])
    expect(dryRun(policy, '{"at":1,"kind":"error","entity":"T5","code":2}')).toEqual([
      { at: 1, line: 3, action: 'SEND', target: 'T5', value: 4 },
    ])
  })

  test('takes values as they are written: numbers, and pieces of the script', () => {
    const name = 'pump'
    const policy = ariel`TASK ${PUMP} = "${name}-a" IS NODE 0, TASKID 1
      IF [ ${`FAULTY T${PUMP}`} ] THEN RESTART T${PUMP} FI`
    expect(policy.topology.tasks).toEqual([{ number: 5, name: 'pump-a', node: 0, local: 1 }])
  })

  test('has no escapes, as every script', () => {
    expect(ariel`IF [ FAULTY T5 ] THEN RESTART T5 LOG "a\n\x" FI`.rcode.strings).toEqual(['a\\n\\x'])
  })

  test('throws all errors at once, with their places in the template', () => {
    const error = thrown(
      () => ariel`NPROCS = x IF [ FAULTY T${PUMP} ]
      RESTRAT T5
      FI`,
    )
    expect(error).toMatchObject({ code: 'PERDURE_E_SCRIPT' })
    expect(error.message.split('\n').slice(1)).toEqual([
      'script:1:10: error A004: expected a number or {SYMBOL}, found X',
      'script:2:7: error A005: unknown word RESTRAT (did you mean RESTART?): expected THEN',
    ])
    expect(error.data).toMatchObject({ diagnostics: [{ code: 'A004' }, { code: 'A005', line: 2, column: 7 }] })
  })

  test('reads no headers: an INCLUDE is not found', () => {
    expect(thrown(() => ariel`INCLUDE "plant.h"`).message).toContain('script:1:9: error A011')
  })
})
