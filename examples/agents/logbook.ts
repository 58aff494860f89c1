/**
 * What the processes have told: who was given which letter, what was undone, and what was given again.
 *
 * Boundary: counts news. A process that is killed takes its last words with it, so the counts may be a few too low.
 */
import type { Line } from 'perdure/checkpoint'
import type { Answer, News } from './agent.ts'

/** What is published on `perdure:fault`, as far as it matters here. */
export interface Fault {
  readonly code: string
  readonly data?: { readonly line?: Line }
}

export class Logbook {
  answer: Answer | undefined
  /** Letters that agents were given, by colleagues; those given again are counted again. */
  deliveries = 0
  undone = 0
  replayed = 0
  /** Where the group has gone back to, each time. */
  readonly lines: Line[] = []
  readonly #counts: Record<string, number> = {}
  readonly #given: Record<string, Set<string>> = {}
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = []

  hear(news: News): void {
    if (news.event === 'answer') this.answer = news.answer
    if (news.event === 'restored') {
      this.undone += Math.max(0, this.countOf(news.agent) - news.count)
      this.#counts[news.agent] = news.count
    }
    if (news.event === 'received') this.#received(news)
    this.#look()
  }

  hearFault({ code, data }: Fault): void {
    if (code === 'rolled-back' && data?.line !== undefined) this.lines.push(data.line)
    this.#look()
  }
  /** Letters of colleagues that the agent has at present. */
  countOf(agent: string): number {
    return this.#counts[agent] ?? 0
  }

  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ holds, resolve }))
  }

  #look(): void {
    const due = this.#waiting.filter(({ holds }) => holds())
    this.#waiting = this.#waiting.filter((waiting) => !due.includes(waiting))
    for (const { resolve } of due) resolve()
  }

  #received({ agent, id, count }: Extract<News, { readonly event: 'received' }>): void {
    const given = this.#given[agent] ?? new Set()
    this.#given[agent] = given
    this.#counts[agent] = count
    this.deliveries += 1
    if (given.has(id)) this.replayed += 1
    given.add(id)
  }
}
