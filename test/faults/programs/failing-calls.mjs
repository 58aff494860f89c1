/**
 * Lets one call of the system fail: the n-th of those that touch a folder, counted over the event loop and the threads beside it.
 *
 * The calls are the real ones, of Node's own modules, up to the one that is to fail: that one does half of what it should, if it
 * writes, and then throws what the system would.
 *
 * Import this module before anything that uses files.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import threads from 'node:worker_threads'

/** Slots shared with the thread: calls so far, the call that fails, its error, and which kind it was. */
const CALLS = 0
const FAILS = 1
const CODE = 2
const KIND = 3

export const CODES = ['EIO', 'ENOSPC']

/** In this order their places are numbers in the shared memory. */
const SYNC_CALLS = ['openSync', 'readSync', 'writeSync', 'fsyncSync', 'fdatasyncSync', 'renameSync', 'linkSync', 'unlinkSync']
const KINDS = [
  ...SYNC_CALLS,
  'mkdirSync',
  'readdirSync',
  'statSync',
  'open',
  'readFile',
  'rename',
  'writeFile',
  'datasync',
  'sync',
]

/** How the names of perdure's threads begin. */
const OURS = 'perdure '

const control = new Int32Array(new SharedArrayBuffer(16))

/**
 * From here on calls that touch a path below `root` are counted; the one of this number fails. 0: none fails.
 *
 * @param {number} number
 * @param {string} code
 */
export function failCall(number, code) {
  control[CALLS] = 0
  control[FAILS] = number
  control[CODE] = CODES.indexOf(code)
  control[KIND] = -1
}

const look = fs.readdirSync

/** Names of files, without a call that counts; none when there is no such folder. @param {string} folder */
export function namesIn(folder) {
  try {
    return look(folder)
  } catch {
    return []
  }
}

/** What has happened since `failCall`. */
export function callsMade() {
  const failed = control[KIND] ?? -1
  return { calls: control[CALLS] ?? 0, failed: failed < 0 ? null : (KINDS[failed] ?? null) }
}

/**
 * Wraps the calls of a module `fs`. Also runs in the thread, from its text: it may use nothing from outside.
 *
 * @param {any} files
 * @param {Int32Array} shared
 * @param {string} below
 * @param {readonly string[]} kinds
 */
function install(files, shared, below, kinds) {
  const ours = new Set()
  /** @param {unknown} what */
  const counts = (what) => (typeof what === 'number' ? ours.has(what) : String(what).startsWith(below))
  /** @param {string} kind */
  const failure = (kind) => {
    if (Atomics.add(shared, 0, 1) + 1 !== Atomics.load(shared, 1)) return undefined
    Atomics.store(shared, 3, kinds.indexOf(kind))
    const code = Atomics.load(shared, 2) === 0 ? 'EIO' : 'ENOSPC'
    return Object.assign(new Error(`${code}: let fail, ${kind}`), { code, syscall: kind })
  }
  for (const kind of kinds.filter((name) => name.endsWith('Sync'))) {
    const real = files[kind]
    files[kind] = (/** @type {any[]} */ ...words) => {
      const error = counts(words[0]) ? failure(kind) : undefined
      if (error && kind === 'writeSync') real(words[0], words[1], words[2], Math.floor(words[3] / 2), words[4])
      if (error) throw error
      const result = real(...words)
      if (kind === 'openSync' && counts(words[0])) ours.add(result)
      return result
    }
  }
  const { closeSync } = files
  files.closeSync = (/** @type {number} */ file) => {
    ours.delete(file)
    closeSync(file)
  }
  const { promises } = files
  for (const kind of ['open', 'readFile', 'rename']) {
    const real = promises[kind]
    promises[kind] = async (/** @type {any[]} */ ...words) => {
      const error = counts(words[0]) ? failure(kind) : undefined
      if (error) throw error
      const result = await real(...words)
      if (kind === 'open' && counts(words[0])) wrapHandle(result)
      return result
    }
  }
  /** @param {any} handle */
  function wrapHandle(handle) {
    for (const kind of ['writeFile', 'datasync', 'sync']) {
      const real = handle[kind].bind(handle)
      handle[kind] = async (/** @type {any[]} */ ...words) => {
        const error = failure(kind)
        if (error) throw error
        return real(...words)
      }
    }
  }
}

/**
 * Wraps the calls of this process and of the threads that perdure starts in it: the one that commits, and those that read and write
 * beside it.
 *
 * @param {string} root
 */
export function watchCalls(root) {
  install(fs, control, root, KINDS)
  const { Worker } = threads
  threads.Worker = class extends Worker {
    /**
     * @param {string | URL} program
     * @param {import('node:worker_threads').WorkerOptions} [options]
     */
    constructor(program, options = {}) {
      if (!options.name?.startsWith(OURS)) super(program, options)
      else {
        const own = options.eval ? program : `import(${JSON.stringify(String(program))})`
        super(`${wrapping(root)}\n${own}`, { ...options, eval: true, workerData: { ...options.workerData, failing: control } })
      }
    }
  }
  syncBuiltinESMExports()
}

/**
 * The text that does in a thread what `watchCalls` does here.
 *
 * @param {string} root
 */
function wrapping(root) {
  const shared = `require('node:worker_threads').workerData.failing`
  return `(${String(install)})(require('node:fs'), ${shared}, ${JSON.stringify(root)}, ${JSON.stringify(KINDS)});
require('node:module').syncBuiltinESMExports();`
}
