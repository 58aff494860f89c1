/**
 * A process of the team: attaches to the folder, and is one agent or several for as long as it is let.
 *
 *     agent-process.ts FOLDER NAME...
 *
 * The same words make an agent for the first time and take it over after a crash: who joins under a known name gets what that
 * one had.
 *
 * Boundary: a process; it is told nothing, and says what happens to its parent.
 */
import { open } from 'perdure'
import { checkpointGroup, type Member } from 'perdure/checkpoint'
import type { News } from './agent.ts'
import { Memory } from './memory.ts'
import { Planner } from './planner.ts'
import { TEAM } from './team.ts'
import { Worker } from './worker.ts'

const [folder, ...names] = process.argv.slice(2)
process.on('disconnect', () => process.exit())
const site = await open(folder as string, { attach: true })
const team = await checkpointGroup(site, TEAM)
await Promise.all(names.map(join))
tell({ event: 'ready' })

function join(name: string): Promise<Member> {
  if (name === 'planner') return team.join(name, (self) => new Planner(self, tell))
  if (name === 'memory') return team.join(name, (self) => new Memory(self, tell))
  return team.join(name, (self) => new Worker(self, tell))
}

function tell(news: News): void {
  process.send?.(news)
}
