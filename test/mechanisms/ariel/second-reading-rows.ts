/**
 * What the second reading of the specification knows about an entity, and the conditions of SPEC 4.1 over it.
 *
 * Boundary: test code only.
 */
import type { Filter } from './policy-tree.ts'

export interface ErrorRecord {
  readonly code: number
  readonly at: number
  open: boolean
}

export class Row {
  readonly kind: 'T' | 'N' | 'G'
  readonly number: number
  /** Of a group its tasks, of a node those on it. */
  readonly members: Row[] = []
  node: Row | undefined
  filter: Filter | undefined
  status: string
  starts = 0
  restarts = 0
  reboots = 0
  phase = 0
  fired = false
  reintegrated = false
  records: ErrorRecord[] = []
  score = 0
  lastErrorAt = 0
  /** Full periods since then that have counted as successes. */
  periods = 0
  readonly waitsWith = new Set<Row>()

  constructor(kind: Row['kind'], number: number) {
    this.kind = kind
    this.number = number
    this.status = kind === 'N' ? 'up' : 'running'
  }

  get isOpen(): boolean {
    return this.records.some(({ open }) => open)
  }
}

/** What a test has found: those that fulfil it, and the rest of the same set. */
export type Found = { readonly '@': readonly Row[]; readonly '~': readonly Row[] } | undefined

export function holds(word: string, row: Row): boolean {
  return row.kind === 'G' ? holdsOfGroup(word, row) : holdsOfOne(word, row)
}

function holdsOfOne(word: string, row: Row): boolean {
  const isUp = row.status === (row.kind === 'T' ? 'running' : 'up')
  const found: Readonly<Record<string, boolean>> = {
    FAULTY: row.isOpen,
    PRESENT: row.kind === 'T' && isUp,
    RUNNING: isUp && !row.isOpen,
    STARTED: row.starts > 0,
    RESTARTED: row.restarts > 0,
    REBOOTED: row.reboots > 0,
    STOPPED: row.status === (row.kind === 'T' ? 'stopped' : 'down'),
    ISOLATED: row.status === 'isolated',
    TRANSIENT: row.isOpen && row.score < (row.filter?.threshold ?? Number.POSITIVE_INFINITY),
    FIRED: row.fired,
    REINTEGRATED: row.reintegrated,
  }
  return found[word] ?? false
}

/** One member is enough, but all of them must be STOPPED or ISOLATED; FAULTY is about the group or a member. */
function holdsOfGroup(word: string, row: Row): boolean {
  const { members } = row
  if (word === 'FAULTY') return row.isOpen || members.some(({ isOpen }) => isOpen)
  if (word === 'RUNNING') return !holdsOfGroup('FAULTY', row) && holdsOfGroup('PRESENT', row)
  if (word === 'STOPPED' || word === 'ISOLATED') return members.every((member) => holds(word, member))
  return ['PRESENT', 'STARTED', 'RESTARTED'].includes(word) && members.some((member) => holds(word, member))
}

/** False for what there is no value of. */
export function compares(value: number, sign: string, constant: number): boolean {
  if (Number.isNaN(value)) return false
  return (
    {
      '==': value === constant,
      '!=': value !== constant,
      '>': value > constant,
      '>=': value >= constant,
      '<': value < constant,
      '<=': value <= constant,
    }[sign] ?? false
  )
}

/** Of a group those of its members too, as for FAULTY. */
export function recordsOf(row: Row): readonly ErrorRecord[] {
  return row.kind === 'G' ? [row, ...row.members].flatMap(({ records }) => records) : row.records
}
