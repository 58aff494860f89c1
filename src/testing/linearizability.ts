/**
 * Was there an order? A history says when each operation was called and when and what it answered; it is linearizable if some order
 * explains every answer in which no operation stands before one that had answered before it was called.
 *
 *     const { verdict } = checkLinearizable(history, tupleSpaceModel)
 *
 * The search is Wing and Gong's with Lowe's memory: operations are put into the order one after the other, and a set of ordered
 * operations that leads to a state seen before is not tried again.
 *
 * Boundary: pure; knows histories and a sequential model, nothing of who made them.
 *   N1  An operation without an answer may have taken effect at any time after its call, or never.
 *   N2  A verdict of `unknown` means that the search was given up; whoever asked treats it as a failure.
 */

export interface HistoryEntry<I, O> {
  /** Who did it, for people. */
  readonly process: string
  readonly input: I
  /** Of one clock for all processes. */
  readonly calledAt: number
  /** Absent when the outcome is not known (N1). */
  readonly returned?: { readonly at: number; readonly output: O } | undefined
}

/** What one process alone would see. */
export interface SequentialModel<S, I, O> {
  readonly initial: S
  /** The state after the operation; undefined when it cannot happen in this state, or not with this output. States are not changed. */
  next(state: S, input: I, returned: { readonly output: O } | undefined): S | undefined
  /** Equal for equal states. */
  key(state: S): string
  /**
   * Operations of different parts do not see each other. Each part is then searched by itself, which is what makes long histories
   * feasible: the search grows with what overlaps. Absent: all are of one part.
   */
  part?(input: I): string
}

export interface Linearization {
  readonly verdict: 'linearizable' | 'not linearizable' | 'unknown'
  /** How many steps were tried. */
  readonly steps: number
  /** Of the part that could not be explained. */
  readonly part?: string | undefined
  /** The longest order found that explains answers from the beginning: as indexes into the history, or that part of it. */
  readonly order: readonly number[]
}

/** Some seconds of search, and some hundred megabytes of memory. */
const MAX_STEPS = 2_000_000

export function checkLinearizable<S, I, O>(
  history: readonly HistoryEntry<I, O>[],
  model: SequentialModel<S, I, O>,
  maxSteps: number = MAX_STEPS,
): Linearization {
  if (model.part === undefined) return search(history, model, maxSteps)
  const parts = new Map<string, HistoryEntry<I, O>[]>()
  for (const entry of history) {
    const name = model.part(entry.input)
    const part = parts.get(name)
    if (part) part.push(entry)
    else parts.set(name, [entry])
  }
  let steps = 0
  for (const [name, part] of parts) {
    const found = search(part, model, maxSteps)
    steps += found.steps
    if (found.verdict !== 'linearizable') return { ...found, steps, part: name }
  }
  return { verdict: 'linearizable', steps, order: [] }
}

function search<S, I, O>(
  history: readonly HistoryEntry<I, O>[],
  model: SequentialModel<S, I, O>,
  maxSteps: number,
): Linearization {
  const line = new Line(history)
  const seen = new Set<string>()
  const trail: { readonly call: Moment; readonly before: S }[] = []
  let longest: readonly number[] = []
  let state = model.initial
  let steps = 0
  let moment = line.first
  while (line.unexplained > 0) {
    if (moment?.kind === 'call') {
      steps += 1
      if (steps > maxSteps) return { verdict: 'unknown', steps, order: longest }
      const { input, returned } = history[moment.index] as HistoryEntry<I, O>
      const after = model.next(state, input, returned)
      if (after !== undefined && line.isNew(moment, model.key(after), seen)) {
        trail.push({ call: moment, before: state })
        state = after
        line.takeOut(moment)
        moment = line.first
      } else moment = moment.next
      continue
    }
    // An answer whose operation has no place yet: the last one placed was placed too early.
    if (trail.length > longest.length) longest = trail.map(({ call }) => call.index)
    const last = trail.pop()
    if (last === undefined) return { verdict: 'not linearizable', steps, order: longest }
    line.putBack(last.call)
    state = last.before
    moment = last.call.next
  }
  return { verdict: 'linearizable', steps, order: trail.map(({ call }) => call.index) }
}

interface Moment {
  readonly kind: 'call' | 'return'
  readonly index: number
  readonly at: number
  /** Of a call: its answer, if there is one. */
  answer: Moment | undefined
  previous: Moment | undefined
  next: Moment | undefined
}

/** Calls and answers of the operations that have no place yet, in the order of time. */
class Line {
  first: Moment | undefined
  /** Answers in the line. */
  unexplained = 0
  readonly #placed: Uint8Array
  /** Of the calls, by when they came: the place of each in `#placed`. */
  readonly #rank: number[] = []
  #low = 0
  #high = 0

  constructor(history: readonly HistoryEntry<unknown, unknown>[]) {
    this.#placed = new Uint8Array(history.length + 1)
    const moments: Moment[] = []
    for (const [index, { calledAt, returned }] of history.entries()) {
      const blank = { index, answer: undefined, previous: undefined, next: undefined }
      const answer: Moment | undefined = returned && { ...blank, kind: 'return', at: returned.at }
      moments.push({ ...blank, kind: 'call', at: calledAt, answer })
      if (answer === undefined) continue
      moments.push(answer)
      this.unexplained += 1
    }
    // At one moment calls come first: operations that touch are taken to overlap.
    moments.sort((a, b) => a.at - b.at || (a.kind === b.kind ? 0 : a.kind === 'call' ? -1 : 1))
    let rank = 0
    for (const [place, moment] of moments.entries()) {
      moment.previous = moments[place - 1]
      moment.next = moments[place + 1]
      if (moment.kind !== 'call') continue
      this.#rank[moment.index] = rank
      rank += 1
    }
    this.first = moments[0]
  }

  /** Whether these operations, with this one, have not led to this state before. */
  isNew(call: Moment, stateKey: string, seen: Set<string>): boolean {
    const rank = this.#rank[call.index] as number
    this.#placed[rank] = 1
    let low = this.#low
    while (this.#placed[low] === 1) low += 1
    const high = Math.max(this.#high, rank)
    // All before `low` have a place and none after `high`: what is between tells the sets apart.
    let key = `${low}:`
    for (let at = low + 1; at <= high; at++) key += this.#placed[at]
    this.#placed[rank] = 0
    key += `:${stateKey}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  }

  takeOut(call: Moment): void {
    this.#unlink(call)
    if (call.answer !== undefined) {
      this.#unlink(call.answer)
      this.unexplained -= 1
    }
    this.#mark(call, 1)
  }

  putBack(call: Moment): void {
    if (call.answer !== undefined) {
      this.#link(call.answer)
      this.unexplained += 1
    }
    this.#link(call)
    this.#mark(call, 0)
  }

  #mark(call: Moment, placed: 0 | 1): void {
    const rank = this.#rank[call.index] as number
    this.#placed[rank] = placed
    if (placed === 1) {
      this.#high = Math.max(this.#high, rank)
      while (this.#placed[this.#low] === 1) this.#low += 1
      return
    }
    this.#low = Math.min(this.#low, rank)
    while (this.#high > 0 && this.#placed[this.#high] === 0) this.#high -= 1
  }

  #unlink(moment: Moment): void {
    if (moment.previous) moment.previous.next = moment.next
    else this.first = moment.next
    if (moment.next) moment.next.previous = moment.previous
  }

  #link(moment: Moment): void {
    if (moment.previous) moment.previous.next = moment
    else this.first = moment
    if (moment.next) moment.next.previous = moment
  }
}
