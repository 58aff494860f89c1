/**
 * Five agents in three processes, one of which is killed again and again.
 *
 *     node --import tsx examples/agents/agents.ts [--kills N]
 *
 * They throw darts to estimate pi: a planner gives out tasks; three workers ask a memory, throw, and write to each other when they feel
 * like it. All use clocks and chance, so none could be executed again. They save at their own pace; when one dies, the group goes back to a
 * consistent line, only as far as it must, and from there on to something else than before.
 *
 * Boundary: owns the folder, starts and kills processes, and says what happens. `check.ts` judges the end, and trusts nobody.
 */
import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { open } from 'perdure'
import { type CheckpointGroup, checkpointGroup, diagram, type Line, type Trace } from 'perdure/checkpoint'
import type { Answer, Saved } from './agent.ts'
import { checkLetters, checkTrace } from './check.ts'
import { Crew } from './crew.ts'
import { type Fault, Logbook } from './logbook.ts'
import { OTHERS, TEAM, UNLUCKY } from './team.ts'
import { answerLine, findingsLine, HELP, letters, MOST_KILLS, say, undoneLine, wentBack } from './telling.ts'

/** Letters that the unlucky one is given before its story goes on: enough to have saved once, and then enough to have something to lose. */
const FIRST_LETTERS = 8
const MORE_LETTERS = 4
/** So that it is not always killed at the same point of its work. */
const LONGEST_RESPITE_MS = 300

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '5' },
    url: { type: 'string', default: 'perdure-data' },
    help: { type: 'boolean' },
  },
})
const kills = Number(values.kills)
if (values.help) console.log(HELP)
else if (Number.isInteger(kills) && kills >= 0 && kills <= MOST_KILLS) process.exitCode = await main(values.url)
else {
  console.error(`--kills ${values.kills}: expected a whole number from 0 to ${MOST_KILLS}.`)
  process.exitCode = 2
}

interface Scene {
  readonly team: CheckpointGroup
  readonly crew: Crew
  readonly logbook: Logbook
}

async function main(parent: string): Promise<number> {
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'agents-'))
  const isWell = await perform(folder)
  if (isWell) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  return isWell ? 0 : 1
}

/** True if all is well in the end. */
async function perform(folder: string): Promise<boolean> {
  const logbook = new Logbook()
  subscribe('perdure:fault', (fault) => logbook.hearFault(fault as Fault))
  await using site = await open(folder)
  const team = await checkpointGroup(site, TEAM)
  using crew = new Crew(folder, (news) => logbook.hear(news))
  const scene = { team, crew, logbook }
  console.log('Five agents estimate pi by throwing darts. They use clocks and chance: nobody could execute them again.')
  const starts = [...OTHERS, [UNLUCKY]]
  const processes = await Promise.all(starts.map((names) => crew.start(names)))
  for (const [n, { pid }] of processes.entries()) say('process', `${pid} is ${starts[n]?.join(' and ')}`)
  await team.send('planner', { kind: 'begin' })
  const widest = await killAgainAndAgain(scene, processes.at(-1) as ChildProcess)
  await team.send('planner', { kind: 'finish' })
  await crew.orFailure(logbook.until(() => logbook.answer !== undefined))
  const isWell = await settleAccounts(scene, logbook.answer as Answer)
  const picture = `${folder}.svg`
  writeFileSync(picture, diagram(widest ?? (await team.trace()), { title: 'The team, and what one kill has undone' }))
  say('picture', picture)
  return isWell
}

/** Returns the trace after the recovery that took most of them back. */
async function killAgainAndAgain(scene: Scene, first: ChildProcess): Promise<Trace | undefined> {
  const { team, crew, logbook } = scene
  let unlucky = first
  let widest: { readonly trace: Trace; readonly count: number } | undefined
  for (let n = 1; n <= kills; n += 1) {
    await someWork(scene, n === 1 ? FIRST_LETTERS : MORE_LETTERS)
    const { undone, replayed, lines } = logbook
    const before = lines.length
    say(`kill ${n}`, `-9 ${unlucky.pid}, which is ${UNLUCKY} and was given ${letters(logbook.countOf(UNLUCKY))} so far`)
    await crew.kill(unlucky)
    unlucky = await crew.start([UNLUCKY])
    await logbook.until(() => lines.length > before)
    const line = lines[before] as Line
    const trace = await team.trace()
    say('  back', wentBack(line, trace))
    const count = Object.values(line).filter((to) => to !== 'current').length
    if (count >= (widest?.count ?? 0)) widest = { trace, count }
    await someWork(scene, MORE_LETTERS)
    say('  undone', undoneLine({ undone: logbook.undone - undone, replayed: logbook.replayed - replayed }))
  }
  return widest?.trace
}

/** Until the unlucky one has something to lose. */
async function someWork({ crew, logbook }: Scene, more: number): Promise<void> {
  const enough = logbook.countOf(UNLUCKY) + more
  await crew.orFailure(logbook.until(() => logbook.countOf(UNLUCKY) >= enough))
  await pause(Math.random() * LONGEST_RESPITE_MS)
}

/** True if all is well. */
async function settleAccounts({ team, logbook }: Scene, answer: Answer): Promise<boolean> {
  const snapshot = await team.snapshot()
  const found = checkLetters(snapshot)
  const wrongInTrace = checkTrace(await team.trace())
  const wrongLetters = [found.lost, found.doubled, found.orphaned, found.misplaced].flat()
  const workers = Object.values(snapshot.states).map((state) => (state as Saved<Partial<Answer> & { hints?: number }>).work)
  const thrown = workers.filter(({ hints }) => hints !== undefined).reduce((sum, work) => sum + (work.thrown ?? 0), 0)
  say('answer', answerLine(answer))
  say('checked', findingsLine(found))
  say('', `${thrown.toLocaleString('en')} darts thrown, ${answer.thrown.toLocaleString('en')} in the answer`)
  for (const text of wrongInTrace) say('', `in the trace: ${text}`)
  const { deliveries, undone, replayed } = logbook
  const kept = deliveries - undone
  say(
    'kept',
    `${kept} of ${deliveries} deliveries; ${undone} were undone by ${kills === 1 ? 'one kill' : `${kills} kills`}, and ${replayed} of them made again`,
  )
  return wrongLetters.length === 0 && wrongInTrace.length === 0 && thrown === answer.thrown
}
