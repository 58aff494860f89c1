/**
 * Seeds that once failed, each with its story. A seed means the same only as long as the simulation draws the same numbers, so
 * these are no proof by themselves; what each of them found has a test of its own where it was mended.
 */

export interface HistoricalSeed {
  readonly scenario: string
  readonly seed: number
  readonly story: string
}

export const HISTORICAL: readonly HistoricalSeed[] = [
  {
    scenario: 'farm',
    seed: 38,
    story: 'reopening fenced dead nodes one by one and moved a run from each to the next: five deaths at one place, wedged',
  },
  {
    scenario: 'patience',
    seed: 79,
    story: 'an attached child whose start was under way when its parent was cancelled was never cancelled',
  },
  {
    scenario: 'beads',
    seed: 73,
    story: 'a snapshot listed spaces in the order of their first use, which a restored machine no longer knew',
  },
  {
    scenario: 'farm',
    seed: 466,
    story: 'a process that was stopped between asking for a confirmation and the answer began a step after it had been fenced',
  },
  {
    scenario: 'moves',
    seed: 200,
    story:
      'a marker of a version gate whose message came twice was counted twice, and the steps after the next gates never began',
  },
  {
    scenario: 'adders',
    seed: 1037,
    story: 'a time-out of a call that was started again was wanted again, but not after a snapshot that had left it out',
  },
]
