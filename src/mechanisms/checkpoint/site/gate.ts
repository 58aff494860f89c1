/**
 * Holds back what an object sends while it must not be sent, in the order of the calls.
 *
 * Boundary: order and nothing else; when the gate is open, its owner says.
 */
import { PerdureError } from '../../../errors.ts'

/** What an object may send while it is saving, or its group goes back: far more than it is given in that time. */
const MAX_WAITING = 16_384

interface Waiting {
  readonly go: () => void
  readonly reject: (error: unknown) => void
}

export class Gate {
  readonly #member: string
  #open = false
  #waiting: Waiting[] = []
  #refusal: PerdureError | undefined

  constructor(member: string) {
    this.#member = member
  }

  get isOpen(): boolean {
    return this.#open && this.#refusal === undefined
  }

  /**
   * Calls `act` now, or when the gate opens, unless the signal has aborted until then. Rejects with what `refuse` was given, and with
   * `PERDURE_E_BUSY` where too much waits.
   */
  wait<T>(act: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal)
    if (this.#open) return act()
    if (this.#waiting.length >= MAX_WAITING) return Promise.reject(full(this.#member))
    return new Promise((resolve, reject) => {
      const go = () => (signal?.aborted ? reject(signal.reason) : void act().then(resolve, reject))
      this.#waiting.push({ go, reject })
    })
  }

  /** What waits goes first. */
  open(): void {
    if (this.#refusal !== undefined) return
    this.#open = true
    const waiting = this.#waiting
    this.#waiting = []
    for (const { go } of waiting) go()
  }

  shut(): void {
    this.#open = false
  }

  /** It never opens again. */
  refuse(error: PerdureError): void {
    this.#refusal ??= error
    const waiting = this.#waiting
    this.#waiting = []
    for (const { reject } of waiting) reject(error)
  }
}

function full(member: string): PerdureError {
  const text = `${MAX_WAITING} messages of the member ${member} wait until it has saved its state; this one was not sent. Send less while it saves, or make save quicker.`
  return new PerdureError('PERDURE_E_BUSY', text)
}
