/**
 * Commits on a thread of their own, with synchronous calls.
 *
 * A synchronous write and sync takes a third of the time of an asynchronous one, which travels through the thread pool twice;
 * but it blocks whoever calls it. So a thread does nothing else. It sleeps in `Atomics.wait` until the engine has put bytes into
 * memory that both share, and answers with a message, which the event loop delivers like any other input.
 *
 * Boundary: part of the shell. The thread knows files and bytes; the engine decides what they are.
 *
 * Its program is plain JavaScript in a text, since a thread does not get the loaders (tsx, vitest) of the thread that starts it,
 * and a text of forty lines is simpler than carrying them over. It mirrors `Commit` of `storage.ts`; the contract suite runs it.
 */

import { resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { FOLDERS_ARE_SYNCED } from './disk-io.ts'
import { COMMIT_BYTES, type Commit, type Committer } from './storage.ts'

export async function threadCommitter(folder: string): Promise<Committer> {
  const committer = new ThreadCommitter(resolve(folder))
  await committer.started
  return committer
}

/** Slots of the shared control words: how many orders were given, what the last one is, and its two lengths. */
const ORDERS = 0
const KIND = 1
const LENGTH = 2
const NAME_LENGTH = 3
/** The offset is a double in the slots 4 and 5: it may pass 4 GB. */
const OFFSET = 2
const CONTROL_BYTES = 32

const KINDS = { create: 1, append: 2, end: 3 } as const

/** Behind the bytes of a commit there is room for the name of its file. */
const NAME_BYTES = 256

/** What the thread answers: nothing, or the error as data. */
type Answer = undefined | { readonly code: string; readonly message: string }

class ThreadCommitter implements Committer {
  readonly buffer: Uint8Array
  readonly started: Promise<void>
  readonly #names: Uint8Array
  readonly #control: Int32Array
  readonly #offset: Float64Array
  readonly #thread: Worker
  readonly #ended: Promise<void>
  #done: ((failure: Error | undefined) => void) | undefined
  #dead: Error | undefined
  #closing: Promise<void> | undefined

  constructor(folder: string) {
    const shared = new SharedArrayBuffer(COMMIT_BYTES + NAME_BYTES)
    const control = new SharedArrayBuffer(CONTROL_BYTES)
    this.buffer = new Uint8Array(shared, 0, COMMIT_BYTES)
    this.#names = new Uint8Array(shared, COMMIT_BYTES)
    this.#control = new Int32Array(control)
    this.#offset = new Float64Array(control)
    const workerData = { folder, shared, control, syncFolders: FOLDERS_ARE_SYNCED, namesAt: COMMIT_BYTES }
    this.#thread = new Worker(PROGRAM, { eval: true, execArgv: [], name: 'perdure log', workerData })
    this.started = new Promise((started, failed) => {
      this.#thread.once('online', started)
      this.#thread.once('error', failed)
    })
    this.#thread.on('message', (answer: Answer) => this.#answered(answer))
    this.#thread.on('error', (error: Error) => this.#died(error))
    this.#ended = new Promise((ended) => {
      this.#thread.once('exit', () => {
        this.#died(new Error('the thread that writes the log has ended'))
        ended()
      })
    })
  }

  commit(commit: Commit, done: (failure: Error | undefined) => void): void {
    if (this.#dead) {
      const dead = this.#dead
      queueMicrotask(() => done(dead))
      return
    }
    this.#done = done
    this.#offset[OFFSET] = commit.kind === 'append' ? commit.offset : 0
    if (commit.kind === 'create') this.#control[NAME_LENGTH] = new TextEncoder().encodeInto(commit.name, this.#names).written
    this.#order(KINDS[commit.kind], commit.length)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#done) {
      const done = this.#done
      await new Promise<void>((resolved) => {
        this.#done = (failure) => {
          done(failure)
          resolved()
        }
      })
    }
    const alive = this.#dead === undefined
    this.#dead ??= new Error('the thread that writes the log was told to end')
    if (alive) this.#order(KINDS.end, 0)
    await this.#ended
  }

  #order(kind: number, length: number): void {
    this.#control[KIND] = kind
    this.#control[LENGTH] = length
    Atomics.add(this.#control, ORDERS, 1)
    Atomics.notify(this.#control, ORDERS)
  }

  #answered(answer: Answer): void {
    const done = this.#done
    this.#done = undefined
    done?.(answer && Object.assign(new Error(answer.message), { code: answer.code }))
  }

  #died(error: Error): void {
    this.#dead ??= error
    const done = this.#done
    this.#done = undefined
    done?.(this.#dead)
  }
}

const PROGRAM = `'use strict'
const fs = require('node:fs')
const { join } = require('node:path')
const { parentPort, workerData } = require('node:worker_threads')
const { folder, shared, syncFolders, namesAt } = workerData
const control = new Int32Array(workerData.control)
const offsets = new Float64Array(workerData.control)
const bytes = new Uint8Array(shared)
let file = -1

function writeFully(length, offset) {
  for (let done = 0; done < length; ) done += fs.writeSync(file, bytes, done, length - done, offset + done)
}

function create(length) {
  if (file >= 0) fs.closeSync(file)
  const name = Buffer.from(shared, namesAt, control[${NAME_LENGTH}]).toString()
  file = fs.openSync(join(folder, name), 'wx')
  writeFully(length, 0)
  fs.fdatasyncSync(file)
  if (!syncFolders) return
  const above = fs.openSync(folder, 'r')
  try { fs.fsyncSync(above) } finally { fs.closeSync(above) }
}

function append(length) {
  writeFully(length, offsets[${OFFSET}])
  fs.fdatasyncSync(file)
}

for (let order = 1; ; order += 1) {
  while (Atomics.load(control, ${ORDERS}) < order) Atomics.wait(control, ${ORDERS}, order - 1)
  if (control[${KIND}] === ${KINDS.end}) break
  let answer
  try {
    if (control[${KIND}] === ${KINDS.create}) create(control[${LENGTH}])
    else append(control[${LENGTH}])
  } catch (error) {
    answer = { code: String(error.code), message: String(error.message) }
  }
  parentPort.postMessage(answer)
}
if (file >= 0) fs.closeSync(file)
`
