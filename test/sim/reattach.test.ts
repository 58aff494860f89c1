/** Sessions that last, in the simulator: some seeds, and the proof that it would notice. */
import { simulate } from 'perdure/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Attachments } from '../../src/log/attachments.ts'
import { Client } from '../../src/log/client.ts'
import { SessionMachine } from '../../src/log/sessions.ts'
import { tellers } from './reattach.ts'

const SEEDS = Number(process.env.PERDURE_REATTACH_SEEDS ?? 15)

/** A planted bug must be found within so many. */
const SEEDS_FOR_A_BUG = 200

test(
  `in ${SEEDS} seeds of clients whose sessions last, nothing is lost and nothing happens twice`,
  async () => {
    const report = await simulate({ seeds: SEEDS }, tellers)
    expect(report.sometimes['owner reopened']).toBeGreaterThan(SEEDS)
    expect(report.sometimes['session reattached to a new owner']).toBeGreaterThan(SEEDS)
  },
  // Long when many seeds are asked for.
  20_000 + SEEDS * 1_000,
)

describe('the simulator notices', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  const found = () =>
    simulate({ seeds: SEEDS_FOR_A_BUG, shrinkEvents: 0 }, tellers).then(
      () => 'nothing',
      () => 'the bug',
    )

  test('a client that sends nothing again', async () => {
    vi.spyOn(Client.prototype, 'unanswered').mockReturnValue([])
    expect(await found()).toBe('the bug')
  })

  test('a site that knows what it has done, and not what it has answered', async () => {
    vi.spyOn(SessionMachine.prototype, 'reply').mockReturnValue(undefined)
    expect(await found()).toBe('the bug')
  })

  test('a site that never gives up who was lost', async () => {
    vi.spyOn(Attachments.prototype, 'awaitReturn').mockReturnValue(undefined)
    expect(await found()).toBe('the bug')
  })
})
