/**
 * W4: the owner of a site, with worker processes, one of which it kills in the middle of a run.
 *
 *     node recovery.mjs FOLDER WORKERS [copies]
 *
 * Prints one JSON line: the milliseconds from the SIGKILL until the next step that had never run before.
 * A program of its own so that its workers start as those of a JavaScript program do, without a TypeScript loader.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { host, open, start } from 'perdure'
import { paced, pacedByTwo } from './definitions.mjs'

const STEPS = 200
const STEP_MS = 5
const KILLED_AT = 100
/** Well below the length of a step, so that the kill falls into the step it is meant for. */
const LOOK_MS = 1

const [folder, workers, copies] = process.argv.slice(2)
const definition = copies === 'copies' ? pacedByTwo : paced
const file = join(String(folder), 'steps.txt')
writeFileSync(file, '')

const site = await open(join(String(folder), 'data'))
await host(site, 'bench', [definition], { workers: Number(workers) })
const handle = await start(site, definition, 'w4', [file, STEPS, STEP_MS])

const victim = (await begun((step) => step.number >= KILLED_AT)).pid
const seen = Math.max(...stepsBegun().map(({ number }) => number))
const killedMs = performance.timeOrigin + performance.now()
process.kill(victim, 'SIGKILL')
const next = await begun((step) => step.number > seen && step.pid !== victim)
await handle.result()

const begins = stepsBegun().map(({ number }) => number)
console.log(JSON.stringify({ ms: next.ms - killedMs, executed: begins.length, repeated: begins.length - new Set(begins).size }))
await site.close()
process.exit(0)

function stepsBegun() {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => {
    const [number, pid, ms] = line.split(' ').map(Number)
    return { number: Number(number), pid: Number(pid), ms: Number(ms) }
  })
}

/** @param {(step: { number: number, pid: number, ms: number }) => boolean} wanted */
async function begun(wanted) {
  for (;;) {
    const found = stepsBegun().find(wanted)
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}
