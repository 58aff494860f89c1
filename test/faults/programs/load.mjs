/**
 * Load on a space, with a diary of what was asked for and what was answered.
 *
 * A line is written to the diary before each operation and another when it is answered, each with one write, so that the diary
 * is complete up to the very moment of a kill.
 */
import { appendFileSync, closeSync, openSync, writeSync } from 'node:fs'
import { space } from 'perdure'

/** Own tuples that a loop leaves lying: enough that every kill meets some, few enough that all can be listed. */
const LEFT_LYING = 4

export class Diary {
  /** @param {string} file */
  constructor(file) {
    appendFileSync(file, '')
    this.file = openSync(file, 'a')
    this.next = 1
  }

  /**
   * The operation's answer; throws what it throws, and then its outcome is unknown.
   *
   * @template T
   * @param {'out' | 'take' | 'grab'} kind
   * @param {string | null} id what is put, or taken; null when any will do
   * @param {() => Promise<T>} operation
   * @param {(answer: T) => string | null} idOf which tuple the answer was, null for none
   */
  async keep(kind, id, operation, idOf) {
    const number = this.next
    this.next += 1
    this.write(['ask', number, kind, id])
    const answer = await operation()
    this.write(['ok', number, kind, idOf(answer)])
    return answer
  }

  /** @param {readonly unknown[]} line */
  write(line) {
    writeSync(this.file, `${JSON.stringify(line)}\n`)
  }

  close() {
    closeSync(this.file)
  }
}

/**
 * Puts and takes until the site ends; resolves with the error that ended it.
 *
 * @param {import('perdure').Site} site
 * @param {string} name different for every process and every time
 * @param {Diary} diary
 * @param {number} loops callers at a time
 */
export async function load(site, name, diary, loops) {
  const jobs = await space(site, 'jobs')
  let over = false
  /** @param {number} which */
  const loop = async (which) => {
    /** @type {string[]} */
    const lying = []
    for (let n = 1; !over; n += 1) {
      const id = `${name}.${which}.${n}`
      await diary.keep(
        'out',
        id,
        () => jobs.out(['own', id, n]),
        () => id,
      )
      lying.push(id)
      if (lying.length > LEFT_LYING) await takeOwn(jobs, diary, /** @type {string} */ (lying.shift()), n)
      await diary.keep(
        'out',
        `${id}p`,
        () => jobs.out(['pool', `${id}p`]),
        () => `${id}p`,
      )
      await diary.keep(
        'grab',
        null,
        () => jobs.inp(['pool', String]),
        (tuple) => tuple?.[1] ?? null,
      )
    }
  }
  const failures = await Promise.allSettled(
    Array.from({ length: loops }, (_, which) =>
      loop(which).finally(() => {
        over = true
      }),
    ),
  )
  return failures.find((each) => each.status === 'rejected')?.reason
}

/**
 * Now one that waits for the tuple, now one that does not.
 *
 * @param {import('perdure').Space} jobs
 * @param {Diary} diary
 * @param {string} id
 * @param {number} n
 */
function takeOwn(jobs, diary, id, n) {
  const take = () => (n % 2 === 0 ? jobs.in(['own', id, Number]) : jobs.inp(['own', id, Number]))
  return diary.keep('take', id, take, (tuple) => tuple?.[1] ?? null)
}
