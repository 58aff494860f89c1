/** A client that lasts: its connection is cut at every message, its site crashes at every record, and nothing is lost or doubled. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { REATTACH_MS } from '../../src/log/attachments.ts'
import { Client } from '../../src/log/client.ts'
import { SessionMachine } from '../../src/log/sessions.ts'
import { greet, type Outcome, script } from './reattach-script.ts'
import { type CutPlan, type Plans, ReattachStage } from './reattach-stage.ts'

/** Every so many-th place; all of them where the environment asks for it. */
const STRIDE = Number(process.env.PERDURE_REATTACH_STRIDE ?? 1)

interface Played extends Outcome {
  readonly stage: ReattachStage
  readonly messages: number
  /** Records when the client had attached, and when it was done. */
  readonly attached: number
  readonly records: number
}

async function play(plans: Plans = {}): Promise<Played> {
  const stage = await ReattachStage.open(plans, [greet] as never)
  const site = await stage.attach()
  expect(stage.messages).toBe(2)
  const attached = stage.records
  const outcome = await script(site, stage.clock)
  await site.close()
  await stage.clock.idle()
  const { messages, records } = stage
  // A goodbye may be lost like anything else; then the site waits for the client in vain.
  await stage.clock.advance(REATTACH_MS + 1_000)
  expect(stage.clients()).toEqual([])
  return { ...outcome, stage, attached, messages, records }
}

/** The hello and the welcome of the first connection: one that breaks there is an error of attaching, not of a session. */
const FIRST = 3

const CUTS: readonly Omit<CutPlan, 'at'>[] = [
  { message: 'is lost', under: 'arrives' },
  { message: 'is lost', under: 'is lost' },
  { message: 'arrives', under: 'arrives' },
  { message: 'arrives', under: 'is lost' },
]

describe('a script with every kind of operation', () => {
  test.each(CUTS)(
    'is answered alike when its connection is cut at any one message, which $message, and what is under way $under',
    async (how) => {
      const whole = await play()
      let cuts = 0
      for (let at = FIRST; at <= whole.messages; at += STRIDE) {
        const { stage, replies, tuples } = await play({ cut: { at, ...how } })
        expect({ at, replies, tuples }).toEqual({ at, replies: whole.replies, tuples: whole.tuples })
        cuts += stage.cuts
      }
      expect(cuts).toBe(Math.ceil((whole.messages - FIRST + 1) / STRIDE))
    },
  )

  test('is answered as it says', async () => {
    const { replies, tuples } = await play()
    const jobs = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => ['job', from + n])
    expect(replies).toEqual([
      { value: Array(10).fill(undefined) },
      { value: ['job', 0] },
      { value: undefined },
      { value: ['later', 5] },
      { value: ['later', 5] },
      'PERDURE_E_TIMEOUT',
      { value: undefined },
      { value: 'enough' },
      { value: undefined },
      { value: 9 },
      { value: { total: 0, waiting: [] } },
      expect.stringMatching(/^[0-9a-f]{64}$/),
      0,
      { value: 'Ada has 3 letters' },
      { value: jobs(1, 6) },
      { value: [['job', 6], null, undefined, null] },
      { value: [['job', 7], ['y']] },
      { value: undefined },
      { value: [['signal'], ['moved', 'y']] },
      { value: undefined },
      { value: [['job', 9]] },
      { value: undefined },
    ])
    expect(tuples).toEqual([['job', 9], ['y'], ['x'], ['last']])
  })

  test.each(['is lost', 'is durable'] as const)(
    'is answered alike when the owner crashes at any one record, which %s, and another opens the log',
    async (record) => {
      const whole = await play()
      let crashes = 0
      for (let at = whole.attached + 1; at <= whole.records; at += STRIDE) {
        const { stage, replies, tuples } = await play({ crash: { at, record } })
        expect({ at, replies, tuples }).toEqual({ at, replies: whole.replies, tuples: whole.tuples })
        crashes += stage.crashes
      }
      expect(crashes).toBe(Math.ceil((whole.records - whole.attached) / STRIDE))
    },
  )
})

describe('a mistake would be seen:', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  /** What comes of the script when its connection is cut at each message in turn. */
  async function cutEverywhere(): Promise<readonly unknown[]> {
    const whole = await play()
    const wrong: unknown[] = []
    for (let at = FIRST; at <= whole.messages; at += 1) {
      const played = await play({ cut: { at, message: 'is lost', under: 'is lost' } }).catch((error: Error) => error)
      if (played instanceof Error || JSON.stringify(played.replies) !== JSON.stringify(whole.replies)) wrong.push(at)
    }
    return wrong
  }

  test('a client that sends nothing again', async () => {
    vi.spyOn(Client.prototype, 'unanswered').mockReturnValue([])
    expect((await cutEverywhere()).length).toBeGreaterThan(10)
  })

  test('a site that does not remember what it has applied', async () => {
    const reply = SessionMachine.prototype.reply
    vi.spyOn(SessionMachine.prototype, 'reply').mockImplementation(function (this: SessionMachine, id, number) {
      return number % 2 === 0 ? undefined : reply.call(this, id, number)
    })
    expect((await cutEverywhere()).length).toBeGreaterThan(5)
  })
})
