import { describe, expect, test } from 'vitest'
import { EPOCHS_KEPT, Epochs } from '../../../src/mechanisms/checkpoint/epochs.ts'

const stamped = (epoch: number, index: number, from = 0) => ({ from, epoch, index })

describe('the wire rule', () => {
  test('a message stamped (e, x) by s is accepted if and only if x < line[s] for every recovery after e', () => {
    const epochs = new Epochs(1)
    epochs.recovered([5])
    epochs.recovered([3])
    epochs.recovered([4])
    const accepted = (epoch: number) => [2, 3, 4, 5].filter((index) => epochs.accepts(stamped(epoch, index)))
    expect([0, 1, 2, 3].map(accepted)).toEqual([[2], [2], [2, 3], [2, 3, 4, 5]])
  })

  test('a line in which the sender goes on undoes nothing of it', () => {
    const epochs = new Epochs(2)
    epochs.recovered([1, 'current'])
    expect(epochs.accepts(stamped(0, 1, 0))).toBe(false)
    expect(epochs.accepts(stamped(0, 99, 1))).toBe(true)
  })

  test('what is older than all recoveries that are remembered is refused', () => {
    const epochs = new Epochs(1)
    for (let count = 0; count <= EPOCHS_KEPT; count++) epochs.recovered(['current'])
    expect(epochs.current).toBe(EPOCHS_KEPT + 1)
    expect(epochs.accepts(stamped(0, 0))).toBe(false)
    expect(epochs.accepts(stamped(1, 0))).toBe(true)
  })
})
