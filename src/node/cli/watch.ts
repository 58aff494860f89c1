/**
 * Looks at a site and one run of it, again and again, as often as somebody wants to see it.
 *
 * Boundary: questions only; what is seen is durable.
 */
import type { Clock, Timer } from '../../clock.ts'
import type { Site } from '../../log/site.ts'
import type { Overview } from '../../mechanisms/process/machine/queries.ts'

export class Watch {
  readonly #site: Site
  readonly #clock: Clock
  readonly #run: readonly [definition: string, key: string]
  #before: Overview['statistics'] | undefined
  #timer: Timer | undefined
  #stopped = false
  last: Overview | undefined

  constructor(site: Site, definition: string, key: string) {
    this.#site = site
    this.#clock = site.link.clock
    this.#run = [definition, key]
  }

  /** Statistics count from here: they are those of this command, not of all that happened in the folder. */
  async begin(): Promise<void> {
    this.#before = (await this.#ask()).statistics
  }

  async look(): Promise<Overview> {
    const { statistics, ...rest } = await this.#ask()
    const before = this.#before ?? statistics
    this.last = {
      ...rest,
      statistics: {
        nodesLost: statistics.nodesLost - before.nodesLost,
        runsResumed: statistics.runsResumed - before.runsResumed,
        stepsExecuted: statistics.stepsExecuted - before.stepsExecuted,
        repliesReplayed: statistics.repliesReplayed - before.repliesReplayed,
      },
    }
    return this.last
  }

  every(everyMs: number, show: (overview: Overview) => void): void {
    const again = () => {
      if (this.#stopped) return
      this.look().then(
        (overview) => {
          if (this.#stopped) return
          show(overview)
          this.#timer = this.#clock.after(everyMs, again)
        },
        // The site has failed or closed: whoever waits for the result hears of it.
        () => undefined,
      )
    }
    again()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  async #ask(): Promise<Overview> {
    return (await this.#site.link.main.query('process', 'overview', this.#run)) as Overview
  }
}
