/**
 * TOM, the time-out manager (SPEC 7.2; the paper, section 3.2; De Florio, Deconinck and Lauwereins, AARTC 2000).
 *
 * One list in the order of expiry. Each entry holds only how much later it expires than the one before it, so that the passing of time
 * is one subtraction and one comparison, at the head, however long the list is; only inserting walks.
 *
 * Boundary: pure: `advance` tells it the time. An alarm usually just sends a message to its owner.
 *   M1  The differences of the entries before an entry, and its own, add up to the time it has left.
 *   M2  Entries that expire at the same time expire in the order in which they were inserted.
 *   M3  A cyclic entry is put back with its full deadline at the moment it expires: it does not drift.
 */
import { PerdureError } from '../../errors.ts'

/** Entries of one manager. Inserting walks the list: a longer one wants another structure. */
export const MAX_TIMEOUTS = 65_536

export interface TimeOutName {
  readonly id: number
  /** Default 0. */
  readonly subid?: number
}

export type Alarm = (timeout: TimeOutName, atUs: number) => void

export interface TimeOutSettings extends TimeOutName {
  /** From insertion to expiry, in microseconds; above 0. */
  readonly deadlineUs: number
  readonly cyclic?: boolean
  /** Default: the alarm of the manager. */
  readonly alarm?: Alarm
}

interface Entry {
  readonly id: number
  readonly subid: number
  readonly cyclic: boolean
  deadlineUs: number
  alarm: Alarm | undefined
  suspended: boolean
  /** Later than the one before it, in microseconds. */
  differenceUs: number
  before: Entry | undefined
  after: Entry | undefined
  listed: boolean
}

/** What `dump` tells of an entry. */
export interface TimeOutStatus {
  readonly id: number
  readonly subid: number
  readonly deadlineUs: number
  readonly leftUs: number
  readonly cyclic: boolean
  readonly suspended: boolean
}

export class TimeOutManager {
  readonly #alarm: Alarm
  readonly #declared = new Map<string, Entry>()
  #head: Entry | undefined
  #nowUs: number
  #closed = false

  /** `init`: `alarm` is the default one. */
  constructor(nowUs: number, alarm: Alarm) {
    this.#nowUs = nowUs
    this.#alarm = alarm
  }

  /** Makes a time-out known; it does not run before `insert`. */
  declare({ id, subid = 0, deadlineUs, cyclic = false, alarm }: TimeOutSettings): void {
    if (this.#closed)
      throw new PerdureError('PERDURE_E_CLOSED', 'The time-out manager is closed: declare time-outs before `close`.')
    checkDeadline(deadlineUs)
    if (this.#declared.size >= MAX_TIMEOUTS) {
      throw new PerdureError('PERDURE_E_BUSY', `${MAX_TIMEOUTS} time-outs are declared: expected no more. Delete some first.`)
    }
    if (this.#declared.has(keyOf({ id, subid }))) throw unfit({ id, subid }, 'is declared already')
    const entry: Entry = {
      id,
      subid,
      cyclic,
      deadlineUs,
      alarm,
      suspended: false,
      differenceUs: 0,
      before: undefined,
      after: undefined,
      listed: false,
    }
    this.#declared.set(keyOf(entry), entry)
  }

  /** Starts it: it expires after its deadline. One that is running is left alone. */
  insert(name: TimeOutName): void {
    const entry = this.#find(name)
    if (!entry.listed) this.#link(entry)
  }

  /** Withdraws and forgets it. */
  delete(name: TimeOutName): void {
    const entry = this.#find(name)
    this.#unlink(entry)
    this.#declared.delete(keyOf(entry))
  }

  /** Starts it anew, with its full deadline from now. */
  renew(name: TimeOutName): void {
    const entry = this.#find(name)
    this.#unlink(entry)
    this.#link(entry)
  }

  /** It goes on running, but expires silently. */
  suspend(name: TimeOutName): void {
    this.#find(name).suspended = true
  }

  /** Ends a suspension, and restarts it. */
  enable(name: TimeOutName): void {
    this.#find(name).suspended = false
    this.renew(name)
  }

  setAction(name: TimeOutName, alarm: Alarm): void {
    this.#find(name).alarm = alarm
  }

  /** From the next start on. */
  setDeadline(name: TimeOutName, deadlineUs: number): void {
    checkDeadline(deadlineUs)
    this.#find(name).deadlineUs = deadlineUs
  }

  /** True while it runs. */
  isPresent(name: TimeOutName): boolean {
    return this.#declared.get(keyOf(name))?.listed === true
  }

  /** When the next entry expires; undefined without any. */
  get nextUs(): number | undefined {
    return this.#head === undefined ? undefined : this.#nowUs + this.#head.differenceUs
  }

  /** What runs, in the order of expiry. */
  dump(): readonly TimeOutStatus[] {
    const found: TimeOutStatus[] = []
    let leftUs = 0
    for (let entry = this.#head; entry !== undefined; entry = entry.after) {
      leftUs += entry.differenceUs
      const { id, subid, deadlineUs, cyclic, suspended } = entry
      found.push({ id, subid, deadlineUs, leftUs, cyclic, suspended })
    }
    return found
  }

  /** Nothing expires any more. */
  close(): void {
    this.#closed = true
    this.#head = undefined
    this.#declared.clear()
  }

  /** Lets time pass, and runs the alarms of what has expired by `nowUs`, in order, each at its own time. */
  advance(nowUs: number): void {
    for (let head = this.#head; head !== undefined && this.#nowUs + head.differenceUs <= nowUs; head = this.#head) {
      this.#pass(head.differenceUs)
      this.#unlink(head)
      if (head.cyclic) this.#link(head)
      if (!head.suspended) (head.alarm ?? this.#alarm)({ id: head.id, subid: head.subid }, this.#nowUs)
    }
    this.#pass(Math.max(0, nowUs - this.#nowUs))
  }

  #pass(us: number): void {
    this.#nowUs += us
    if (this.#head !== undefined) this.#head.differenceUs -= us
  }

  /** Walks until the sum passes the deadline (M2), and takes the rest from the follower. */
  #link(entry: Entry): void {
    let leftUs = entry.deadlineUs
    let before: Entry | undefined
    let after = this.#head
    while (after !== undefined && after.differenceUs <= leftUs) {
      leftUs -= after.differenceUs
      before = after
      after = after.after
    }
    entry.differenceUs = leftUs
    entry.before = before
    entry.after = after
    entry.listed = true
    if (before === undefined) this.#head = entry
    else before.after = entry
    if (after === undefined) return
    after.before = entry
    after.differenceUs -= leftUs
  }

  /** Gives the difference to the follower. */
  #unlink(entry: Entry): void {
    if (!entry.listed) return
    const { before, after } = entry
    entry.listed = false
    if (before === undefined) this.#head = after
    else before.after = after
    if (after === undefined) return
    after.before = before
    after.differenceUs += entry.differenceUs
  }

  #find(name: TimeOutName): Entry {
    const entry = this.#declared.get(keyOf(name))
    if (entry === undefined) throw unfit(name, 'is not declared')
    return entry
  }
}

function keyOf({ id, subid = 0 }: TimeOutName): string {
  return `${id} ${subid}`
}

function checkDeadline(us: number): void {
  if (Number.isSafeInteger(us) && us > 0) return
  throw new PerdureError('PERDURE_E_USAGE', `A deadline of ${us} microseconds: expected a whole number above 0.`)
}

function unfit({ id, subid = 0 }: TimeOutName, why: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', `The time-out ${id}.${subid} ${why}: declare each one once, before it is used.`)
}
