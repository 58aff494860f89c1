/**
 * kill -9 of processes with members of a checkpoint group, of the owner under them, and of several at once, while they work: what they
 * put out is counted by idempotency key at a file outside. None is lost, and none comes from a future that was undone.
 */
import { open } from 'perdure'
import { checkpointGroup } from 'perdure/checkpoint'
import { expect, test } from 'vitest'
import { seeded } from '../log/seeded.ts'
import { Crew, PLACES } from '../node/crew.ts'
import { amount, KILL_ROUNDS, LONG_TEST_MS, report } from './amount.ts'

/** Of one folder: its processes start anew as often. */
const KILLS_PER_FOLDER = 50

/** Processes killed in all; PERDURE_FAULT_ROUNDS=15000 for as many as the figure asks for, which takes some ten minutes. */
const KILLS = amount(6, Math.ceil(KILL_ROUNDS / 15))

const JOBS_PER_ROUND = 20
const PROTOCOLS = ['exact', 'bcs', 'hmnr', 'fdas'] as const
const NAMES = ['owner', ...Object.keys(PLACES)] as const

test(
  'outputs under kill -9 of members and owner: none lost, none from an undone future',
  async () => {
    const random = seeded(5)
    const totals = { kills: 0, ofTheOwner: 0, jobs: 0, again: 0 }
    for (let folder = 0; totals.kills < KILLS; folder++) {
      const protocol = PROTOCOLS[folder % PROTOCOLS.length] as 'exact'
      await using crew = new Crew(protocol)
      await crew.start('owner')
      await using site = await open(crew.data, { attach: true })
      const group = await checkpointGroup(site, 'crew', { protocol, lag: { undoneMs: 200 } })
      await Promise.all(Object.keys(PLACES).map((place) => crew.start(place)))
      for (let here = 0; here < KILLS_PER_FOLDER && totals.kills < KILLS; ) {
        await crew.handIn(group, JOBS_PER_ROUND)
        const aim = Math.floor(crew.jobs - JOBS_PER_ROUND * random())
        await expect.poll(() => crew.putOut, { interval: 5, timeout: 60_000 }).toBeGreaterThan(aim - JOBS_PER_ROUND)
        const victims = NAMES.filter(() => random() < 0.5)
        await Promise.all(victims.map((name) => crew.kill(name)))
        await Promise.all(victims.map((name) => crew.start(name)))
        here += victims.length
        totals.kills += victims.length
        if (victims.includes('owner')) totals.ofTheOwner += 1
      }
      await expect.poll(() => crew.putOut, { interval: 20, timeout: 60_000 }).toBe(crew.jobs)
      const { states } = await group.snapshot({ timeoutMs: 60_000 })
      const { wrong, again } = crew.judge(states)
      expect(wrong).toEqual([])
      totals.jobs += crew.jobs
      totals.again += again
    }
    report('outputs of checkpoint groups', { ...totals })
  },
  LONG_TEST_MS,
)
