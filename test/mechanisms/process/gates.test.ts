import { expect, test } from 'vitest'
import { Gates } from '../../../src/mechanisms/process/host/gates.ts'

const first = () => 'for the first time' as const

test('a marker that is answered twice, since its message came twice, is one marker: the next gate is settled by its own answer only', () => {
  const gates = new Gates([])
  gates.answer('a', 1, first)
  gates.marked('a')
  gates.marked('a')
  expect(gates.settled).toBe(true)
  gates.answer('b', 1, first)
  expect(gates.settled).toBe(false)
  gates.marked('a')
  expect(gates.settled).toBe(false)
  gates.marked('b')
  expect(gates.settled).toBe(true)
})
