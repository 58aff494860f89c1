/** Asks a machine one thing after the other and says what it answers, for tests of single rules. */
import type { Caller } from '../../../src/log/machine.ts'
import type { MachineDriver, Reply } from '../machine-driver.ts'

export interface Asking {
  readonly driver: MachineDriver
  /** The answer to the operation itself: its value, or the code of its error; the string 'waits' when there is none yet. */
  ask(caller: Caller, name: string, ...args: readonly unknown[]): unknown
}

/** Numbers above this are left to tests that number themselves. */
const FIRST = 1_000

export function askWith(driver: MachineDriver): Asking {
  let number = FIRST
  return {
    driver,
    ask(caller, name, ...args) {
      number += 1
      const mine = number
      const reply = driver.apply(caller, mine, name, ...args).find((each) => each.number === mine)
      return reply === undefined ? 'waits' : outcomes([reply])[0]
    },
  }
}

export function outcomes(replies: readonly Reply[]): unknown[] {
  return replies.map(({ outcome }) => ('value' in outcome ? outcome.value : outcome.error.code))
}
