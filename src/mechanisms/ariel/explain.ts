/**
 * Why a policy did what it did in a history, and why not something else (SPEC 10).
 *
 *     explain(compiled, history)            // every pass: its notification, each branch that was tried, each atom, what followed
 *     whyNot(compiled, history, { line })   // every pass in which a line did not act: what kept it from acting
 *
 * Boundary: pure. It replays the history with an observer, which makes the interpreter ask every atom of every guard it comes to.
 */

import { OUTPUTS } from '../../support/backbone/binding.ts'
import { NO_VALUE } from '../../support/backbone/conditions.ts'
import type { Database } from '../../support/backbone/database.ts'
import { actionName } from '../../support/backbone/effects.ts'
import { type EntityName, KIND_BITS, KINDS, writtenName } from '../../support/backbone/entity.ts'
import type { Notification } from '../../support/backbone/notification.ts'
import type { Note, Observer, Performed } from '../../support/backbone/performed.ts'
import { BITS, OPCODES, type RCode, type Triplet } from '../../support/backbone/rcode.ts'
import type { Policy } from '../../support/backbone/rint.ts'
import type { Row } from '../../support/backbone/rows.ts'
import { conditionText, constantText } from './condition-text.ts'
import { type DryRunOptions, type ListedAction, listed, Replay } from './dry-run.ts'
import { type History, readHistory } from './history.ts'
import { atomsIn, branchAt, type GuardNode, type ProgramBranch, sectionsOf } from './sections.ts'

export interface ExplainedAtom {
  /** As `ERRN(T21) >= 3`. */
  readonly condition: string
  readonly truth: boolean
  /** What a comparison was made with; absent for a status, `none` where there was nothing to compare. */
  readonly value?: string
  /** The error records that it looked at. */
  readonly records: readonly ExplainedRecords[]
}

export interface ExplainedRecords {
  /** As `T21`. */
  readonly entity: string
  readonly code: number
  readonly count: number
  readonly open: number
  /** Time of the latest, in milliseconds. */
  readonly lastAt: number
}

export interface ExplainedBranch {
  readonly word: 'IF' | 'ELIF' | 'ELSE'
  readonly line: number
  readonly taken: boolean
  readonly atoms: readonly ExplainedAtom[]
  readonly actions: readonly ListedAction[]
}

export interface ExplainedPass {
  /** Milliseconds. */
  readonly at: number
  readonly notification: Notification
  /** What the ON ERROR clause of a watchdog did before the program ran. */
  readonly alarms: readonly ListedAction[]
  /** Those that the pass came to, in the order of the text. */
  readonly branches: readonly ExplainedBranch[]
  readonly notes: readonly Note[]
}

export interface Refusal {
  /** Milliseconds. */
  readonly at: number
  readonly notification: Notification
  /**
   * `guard`: it was false; `earlier branch`: one before it in its section acted; `stopped`: the pass ended there or before (RUNAWAY);
   * `no such record`: ERR asked for one that is not there; `nothing to act on`: a set was empty, or held only what it does not apply to.
   */
  readonly because: 'guard' | 'earlier branch' | 'stopped' | 'no such record' | 'nothing to act on'
  /** Of the branch that this is about: the one with the line, or one around it. */
  readonly line: number
  /** The atoms that kept the guard from being true. */
  readonly atoms: readonly ExplainedAtom[]
}

export type ExplainOptions = Omit<DryRunOptions, 'observer'>

/** Errors as of `dryRun`. */
export function explain(policy: Policy, history: string | History, options: ExplainOptions = {}): readonly ExplainedPass[] {
  const sections = sectionsOf(policy.rcode)
  return recordPasses(policy, history, options).map((pass) => {
    const reached = sections.flatMap((section) => section.branches).filter((branch) => wasReached(branch, pass))
    const branches = reached.sort((a, b) => a.first - b.first)
    return {
      at: pass.atUs / 1000,
      notification: pass.notification,
      alarms: pass.performed.filter(({ address }) => address < 0).map(listed),
      branches: branches.map((branch) => ({
        word: branch.word,
        line: branch.line,
        taken: wasTaken(branch, pass),
        atoms: branch.guard === undefined ? [] : atomsIn(branch.guard).map((atom) => explainAtom(atom, pass, policy.rcode)),
        actions: pass.performed.filter(({ address }) => branchAt(sections, address) === branch).map(listed),
      })),
      notes: pass.notes,
    }
  })
}

/** For each pass in which no action of that line was performed: what kept it from acting, from the outside in. */
export function whyNot(
  policy: Policy,
  history: string | History,
  { line, ...options }: ExplainOptions & { readonly line: number },
): readonly Refusal[] {
  const { rcode } = policy
  const deeds = deedsOn(rcode, line)
  const [first] = deeds
  if (first === undefined) return []
  return recordPasses(policy, history, options)
    .filter((pass) => !deeds.some((deed) => wasDone(deed, pass)))
    .map((pass) => {
      const deed = deeds.find(({ branch }) => wasTaken(branch, pass)) ?? first
      return { at: pass.atUs / 1000, notification: pass.notification, ...refusalOf(deed, pass, rcode) }
    })
}

/** An instruction that does something, and the branch that it does it in. */
export interface Deed {
  readonly address: number
  readonly branch: ProgramBranch
}

/** What a line of the script does. */
export function deedsOn(rcode: RCode, line: number): readonly Deed[] {
  const sections = sectionsOf(rcode)
  return rcode.lines.flatMap((each, address): readonly Deed[] => {
    const [opcode] = rcode.code[address] as Triplet
    if (each !== line || !(actionName(opcode) !== undefined || DOING.has(opcode))) return []
    const branch = branchAt(sections, address)
    return branch === undefined ? [] : [{ address, branch }]
  })
}

/** Beside the actions on entities. */
const DOING: ReadonlySet<number> = new Set([...OUTPUTS, OPCODES.SET])

function wasDone({ address }: Deed, { performed, values }: RecordedPass): boolean {
  return values.has(address) || performed.some((action) => action.address === address)
}

/** What was seen of one pass. */
interface RecordedPass {
  readonly atUs: number
  readonly notification: Notification
  readonly values: Map<number, number>
  readonly records: Map<number, readonly ExplainedRecords[]>
  readonly performed: Performed[]
  readonly notes: Note[]
  /** The instruction that was repeated too often. */
  stoppedAt: number | undefined
}

function recordPasses(policy: Policy, history: string | History, options: ExplainOptions): readonly RecordedPass[] {
  const passes: RecordedPass[] = []
  const seen: { database?: Database } = {}
  const observer: Observer = {
    stored: (notification, then) => {
      if (then === 'no pass') return
      const nothing = { values: new Map(), records: new Map(), performed: [], notes: [], stoppedAt: undefined }
      passes.push({ atUs: notification.atUs, notification, ...nothing })
    },
    evaluated: (address, value) => {
      const pass = passes.at(-1)
      pass?.values.set(address, value)
      const [opcode, a, b] = policy.rcode.code[address] as Triplet
      if (seen.database !== undefined && LOOKING_AT_RECORDS.has(opcode))
        pass?.records.set(address, recordsOf(a, b, seen.database))
    },
    performed: (action) => passes.at(-1)?.performed.push(action),
    noted: (note) => passes.at(-1)?.notes.push(note),
    stopped: (address) => {
      const pass = passes.at(-1)
      if (pass !== undefined) pass.stoppedAt = address
    },
  }
  const replay = new Replay(policy, { ...options, observer })
  seen.database = replay.rint.database
  replay.run(typeof history === 'string' ? readHistory(history) : history)
  return passes
}

const LOOKING_AT_RECORDS: ReadonlySet<number> = new Set([
  OPCODES.FAULTY,
  OPCODES.TRANSIENT,
  OPCODES.RUNNING,
  OPCODES.STRERRN,
  OPCODES.STRERRT,
  OPCODES.STRELAPSED,
  OPCODES.STRALPHA,
])

/** Of a group those of its members too. */
function recordsOf(a: number, number: number, database: Database): readonly ExplainedRecords[] {
  const kinds = (a & BITS.ANY) !== 0 ? KINDS : KINDS.filter((kind) => (a & KIND_BITS[kind]) !== 0)
  const isStar = (a & BITS.STAR) !== 0
  const rows = kinds.flatMap((kind): readonly Row[] =>
    isStar ? database.domain<EntityName['kind']>(kind) : [database.row({ kind, number })],
  )
  const all = new Set(rows.flatMap((row): readonly Row[] => (row.kind === 'group' ? [row, ...row.members] : [row])))
  return [...all].flatMap((row) =>
    row.errors.tallies.map(({ code, count, open, atUs }) => ({
      entity: writtenName(row),
      code,
      count,
      open,
      lastAt: atUs / 1000,
    })),
  )
}

function explainAtom(
  { address, query }: Extract<GuardNode, { kind: 'atom' }>,
  { values, records }: RecordedPass,
  rcode: RCode,
): ExplainedAtom {
  const value = query === undefined ? undefined : values.get(query)
  const [asked] = query === undefined ? [0] : (rcode.code[query] as Triplet)
  return {
    condition: conditionText(rcode, address, query),
    truth: values.get(address) !== 0,
    ...(value !== undefined && { value: value === NO_VALUE ? 'none' : constantText(asked, value) }),
    records: records.get(query ?? address) ?? [],
  }
}

function isPast(branch: ProgramBranch, { values }: RecordedPass): boolean {
  return branch.decided !== undefined && values.has(branch.decided)
}

function wasTaken(branch: ProgramBranch, pass: RecordedPass): boolean {
  if (branch.decided !== undefined) return pass.values.get(branch.decided) !== undefined && pass.values.get(branch.decided) !== 0
  return wasReached(branch, pass)
}

function wasReached(branch: ProgramBranch, pass: RecordedPass): boolean {
  if (branch.decided !== undefined) return isPast(branch, pass)
  const before = branch.section.branches.filter((other) => other !== branch)
  return before.every((other) => isPast(other, pass) && !wasTaken(other, pass))
}

function refusalOf({ address, branch }: Deed, pass: RecordedPass, rcode: RCode): Pick<Refusal, 'because' | 'line' | 'atoms'> {
  const { parent } = branch.section
  if (parent !== undefined && !wasTaken(parent, pass)) return refusalOf({ address, branch: parent }, pass, rcode)
  const { branches } = branch.section
  const earlier = branches.slice(0, branches.indexOf(branch)).find((other) => wasTaken(other, pass))
  if (earlier !== undefined) {
    const atoms = earlier.guard === undefined ? [] : atomsIn(earlier.guard).map((atom) => explainAtom(atom, pass, rcode))
    return { because: 'earlier branch', line: earlier.line, atoms }
  }
  const { guard, line } = branch
  if (!wasReached(branch, pass)) return { because: 'stopped', line, atoms: [] }
  if (wasTaken(branch, pass) || guard === undefined) return { because: idleReason(address, pass, rcode), line, atoms: [] }
  return { because: 'guard', line, atoms: blamed(guard, 'true', pass).map((atom) => explainAtom(atom, pass, rcode)) }
}

/** Of an instruction whose branch was taken. The code of ERR v f WARN e asks for the record two instructions before it warns (SPEC 6). */
function idleReason(address: number, { stoppedAt, values }: RecordedPass, { code }: RCode): Refusal['because'] {
  if (stoppedAt !== undefined && stoppedAt <= address) return 'stopped'
  return code[address - 2]?.[0] === OPCODES.CHKERR && values.get(address - 2) === 0 ? 'no such record' : 'nothing to act on'
}

/** The atoms that keep a term from being what was wanted. */
function blamed(guard: GuardNode, wanted: 'true' | 'false', pass: RecordedPass): readonly Extract<GuardNode, { kind: 'atom' }>[] {
  const is = truthOf(guard, pass)
  if (is === (wanted === 'true')) return []
  if (guard.kind === 'atom') return [guard]
  if (guard.kind === 'not') return blamed(guard.term, wanted === 'true' ? 'false' : 'true', pass)
  return [...blamed(guard.left, wanted, pass), ...blamed(guard.right, wanted, pass)]
}

function truthOf(guard: GuardNode, pass: RecordedPass): boolean {
  if (guard.kind === 'atom') return pass.values.get(guard.address) !== 0
  if (guard.kind === 'not') return !truthOf(guard.term, pass)
  const [left, right] = [truthOf(guard.left, pass), truthOf(guard.right, pass)]
  return guard.kind === 'and' ? left && right : left || right
}
