/** A remote service as a member of a group. Where the caller's signal leads is the group's affair. */
import { attempt } from 'perdure/group'

export interface Asking {
  /** Of a caller who may give up waiting. */
  readonly signal?: AbortSignal
}

export interface Service {
  ask(question: string, asking?: Asking): Promise<string>
}

export class RemoteService implements Service {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  async ask(question: string, _asking: Asking = {}): Promise<string> {
    // Aborted when this attempt is given up: another answer has won, its time is over, or the caller does not wait any more.
    const { signal } = attempt()
    const response = await fetch(this.#url, { method: 'POST', body: question, signal })
    if (!response.ok) throw new Error(`${this.#url} answered ${response.status}`)
    return response.text()
  }
}
