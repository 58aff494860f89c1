/**
 * What a flood of tuples does to the rest of the site: how long a new run waits for its first step, and a run whose worker is
 * killed for its next one.
 *
 *     node flood.mjs owner|clients|nobody FOLDER SHARE
 *
 * Prints one JSON line: the longest of many starts, and the way back after a kill, in milliseconds. The flood comes from the program
 * that owns the folder, or from two attached ones; who starts runs and kills is a program of its own.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { host, open, space, start } from 'perdure'
import { paced } from './definitions.mjs'

const TUPLES = 1_000_000

/** Unawaited operations of a flooding program: nearly as many as it may have before it is told that the site is busy. */
const UNAWAITED = 60_000

/** Issued in one go: what a program does in one go holds its own loop. */
const BURST = 1_000

const STEP_MS = 5

/** Runs started one after the other while the flood lasts; enough for a worst case, few enough for a short flood. */
const MOST_STARTS = 60

/** So many starts, then the kill; early, while the flood is at its height. */
const BEFORE_KILL = 10

const [role = '', folder = '', share = '1', ...more] = process.argv.slice(2)
const data = join(folder, 'data')
const nowMs = () => performance.timeOrigin + performance.now()

const ROLES = { owner: site, clients: site, nobody: site, flooder, prober }
const act = ROLES[/** @type {keyof typeof ROLES} */ (role)]
if (act === undefined) throw new Error(`no role ${role}`)
await act()
process.exit(0)

/** The owner: hosts two workers, lets the flood come, and says what the prober found. */
async function site() {
  const owned = await open(data)
  await host(owned, 'bench', [paced], { workers: 2 })
  const prober = child('prober')
  await heard(prober, 'ready')
  const found = heard(prober, '{')
  const count = Math.round(TUPLES * Number(share))
  let over = false
  const flooders = role === 'clients' ? [0, 1].map(() => child('flooder', String(Math.round(count / 2)))) : []
  const flooding = role === 'owner' ? [flood(owned, count, () => over)] : flooders.map(ended)
  await Promise.all(flooders.map((flooder) => heard(flooder, 'flooding')))
  prober.stdin.write('go\n')
  if (flooding.length > 0) void Promise.all(flooding).then(() => prober.stdin.write('over\n'))
  const line = await found
  over = true
  console.log(line)
}

/** @param {import('perdure').Site} on @param {number} count @param {() => boolean} over */
async function flood(on, count, over) {
  const jobs = await space(on, 'flood')
  let open = 0
  for (let n = 0; n < count && !over(); ) {
    for (let i = 0; i < BURST && open < UNAWAITED; i += 1, n += 1) {
      open += 1
      jobs.out(['flood', n, 'cat.png']).then(
        () => (open -= 1),
        () => (open -= 1),
      )
    }
    await turn()
  }
}

async function flooder() {
  const attached = await open(data, { attach: true })
  const first = await space(attached, 'flood')
  await Promise.all(Array.from({ length: BURST }, (_, n) => first.out(['first', n, 'cat.png'])))
  console.log('flooding')
  await flood(attached, Number(more[0]), () => false)
  await attached.durable()
}

/** Starts runs until the flood is over, and kills the worker of one that has been there from the start. */
async function prober() {
  const attached = await open(data, { attach: true })
  const lines = (/** @type {string} */ file) => {
    try {
      return readFileSync(join(folder, file), 'utf8').trim().split('\n')
    } catch {
      return []
    }
  }
  /** @param {string} file @param {(lines: readonly string[]) => boolean} holds */
  const until = async (file, holds) => {
    const deadlineMs = nowMs() + 15_000
    for (let found = lines(file); ; found = lines(file)) {
      if (holds(found)) return found
      if (nowMs() > deadlineMs) throw new Error(`nothing came in ${file}`)
      await pause(1)
    }
  }
  const long = await start(attached, paced, 'long', [join(folder, 'long'), 100_000, STEP_MS])
  await until('long', (found) => found.length > 20)
  let over = false
  console.log('ready')
  await new Promise((resolve) => {
    process.stdin.on('data', (text) => {
      if (String(text).includes('over')) over = true
      resolve(undefined)
    })
  })
  const startedMs = []
  let backMs = Number.NaN
  for (let n = 0; n < MOST_STARTS; n += 1) {
    if (n === BEFORE_KILL) backMs = await kill()
    const issuedMs = nowMs()
    void start(attached, paced, `short ${n}`, [join(folder, `short-${n}`), 1, 0]).catch(() => undefined)
    const [line = ''] = await until(`short-${n}`, (found) => found.length > 0 && found[0]?.split(' ').length === 3)
    startedMs.push(Number(line.split(' ')[2]) - issuedMs)
    await pause(20)
    if (over && n >= BEFORE_KILL) break
  }
  console.log(JSON.stringify({ starts: startedMs, backMs }))
  await long.cancel('measured').catch(() => undefined)

  async function kill() {
    const before = lines('long')
    const [, pid] = before.at(-1)?.split(' ') ?? []
    process.kill(Number(pid), 'SIGKILL')
    const killedMs = nowMs()
    const other = (/** @type {string} */ line) => line.split(' ').length === 3 && line.split(' ')[1] !== pid
    const found = await until('long', (all) => all.some(other))
    return Number(found.find(other)?.split(' ')[2]) - killedMs
  }
}

/** @param {string} as @param {readonly string[]} words */
function child(as, ...words) {
  const made = spawn(process.execPath, [fileURLToPath(import.meta.url), as, folder, share, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  process.on('exit', () => made.kill('SIGKILL'))
  return made
}

/** @param {import('node:child_process').ChildProcessByStdio<import('node:stream').Writable, import('node:stream').Readable, null>} from @param {string} start */
function heard(from, start) {
  let printed = ''
  return new Promise((resolve, reject) => {
    from.stdout.on('data', (text) => {
      printed += String(text)
      const line = printed.split('\n').find((candidate) => candidate.startsWith(start))
      if (line !== undefined && printed.includes(`${line}\n`)) resolve(line)
    })
    from.once('exit', (code) => reject(new Error(`a process of the flood ended with ${code}`)))
  })
}

/** @param {ReturnType<typeof child>} process */
function ended(process) {
  return new Promise((resolve) => process.once('exit', resolve))
}
