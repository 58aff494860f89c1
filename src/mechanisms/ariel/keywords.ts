/**
 * Every word of the language, once: the scanner reads by this table, and grammars for editors and completion are made from it.
 *
 * Boundary: words only. Which word may stand where is the parser's business.
 */

const WORDS = {
  statement: ['INCLUDE', 'DEFINE', 'NPROCS', 'NUMTASKS', 'DA', 'INJECT'],
  role: ['MANAGER', 'ASSISTANT', 'BACKUP', 'AGENT'],
  entity: ['TASK', 'NODE', 'GROUP', 'LOGICAL', 'COMPONENT', 'TASKID', 'MBOX', 'ALIAS'],
  tool: [
    'ALPHACOUNT',
    'WATCHDOG',
    'N-VERSION',
    'REPLICATED',
    'RETRY-BLOCK',
    'RECOVERY-BLOCK',
    'CONSENSUS-RECOVERY-BLOCK',
    'STABILIZER',
    'BARRIER',
  ],
  clause: [
    'ACCEPTANCE',
    'AFTER',
    'ALGORITHM',
    'ALTERNATE',
    'ATTEMPTS',
    'COPIES',
    'CYCLES',
    'EPSILON',
    'ERROR',
    'EVERY',
    'FACTOR',
    'HEARTBEATS',
    'IS',
    'METHOD',
    'METRIC',
    'ON',
    'REPLICA',
    'SCALE',
    'SPARE',
    'SUCCESS',
    'TEST',
    'THRESHOLD',
    'TIMEOUT',
    'VERSION',
    'VOTING',
    'WATCHES',
  ],
  value: [
    'AVERAGE',
    'BACKUPFAULT',
    'CONSENSUS',
    'EXACT',
    'MAJORITY',
    'MANAGERFAULT',
    'MEDIAN',
    'MODULAR',
    'PLURALITY',
    'REDUNDANCY',
    'SIMPLE',
    'SPARING',
    'STANDBY',
    'WEIGHTED',
  ],
  section: ['IF', 'THEN', 'ELIF', 'ELSE', 'FI', 'END'],
  status: [
    'FAULTY',
    'RUNNING',
    'PRESENT',
    'STARTED',
    'RESTARTED',
    'REBOOTED',
    'STOPPED',
    'KILLED',
    'ISOLATED',
    'TRANSIENT',
    'FIRED',
    'REINTEGRATED',
  ],
  query: ['DEADLOCKED', 'ERRN', 'ERRT', 'PHASE', 'ALPHA', 'ELAPSED', 'VAL'],
  action: [
    'STOP',
    'KILL',
    'SHUTDOWN',
    'ISOLATE',
    'START',
    'RESTART',
    'REBOOT',
    'ENABLE',
    'SEND',
    'WARN',
    'ERR',
    'REMOVE',
    'CLEAR',
    'CALL',
    'PAUSE',
    'LET',
    'LOG',
  ],
  part: ['ANY', 'CLOCK', 'ERRORLIST', 'FROM'],
  operator: ['AND', 'OR', 'NOT', 'PLUS', 'MINUS', 'TIMES', 'DIV'],
  unit: ['S', 'MS', 'US', 'TICKS'],
  timeout: [
    'MIA_SEND_TIMEOUT',
    'TAIA_SEND_TIMEOUT',
    'IMALIVE_CLEAR_TIMEOUT',
    'MIA_RECV_TIMEOUT',
    'TAIA_RECV_TIMEOUT',
    'IMALIVE_SET_TIMEOUT',
    'TEIF_TIMEOUT',
    'MID_TIMEOUT',
    'REQUEST_DB_TIMEOUT',
    'REPLY_DB_TIMEOUT',
  ],
} as const

export type WordClass = keyof typeof WORDS
export type WordOf<C extends WordClass> = (typeof WORDS)[C][number]
export type Keyword = WordOf<WordClass>

/** Other spellings of the same word (SPEC 2: hyphens and plurals; `ERRORL` of 4.2). Underscores in names of time-outs are dropped by rule. */
export const SPELLINGS: Readonly<Record<string, Keyword>> = {
  TASKS: 'TASK',
  ARE: 'IS',
  ALIASES: 'ALIAS',
  TASK_ID: 'TASKID',
  TASKIDS: 'TASKID',
  MAILBOX: 'MBOX',
  MAILBOXES: 'MBOX',
  NVERSION: 'N-VERSION',
  'ALPHA-COUNT': 'ALPHACOUNT',
  'TIME-OUT': 'TIMEOUT',
  RETRYBLOCK: 'RETRY-BLOCK',
  RECOVERYBLOCK: 'RECOVERY-BLOCK',
  CONSENSUSRECOVERYBLOCK: 'CONSENSUS-RECOVERY-BLOCK',
  ERRORL: 'ERRORLIST',
}

/** Letters that name a kind of entity when a number, `{`, a star, a reference or a name follows without a blank (SPEC 2.1). */
export const PREFIXES: Readonly<Record<string, 'TASK' | 'NODE' | 'GROUP' | 'LOGICAL'>> = {
  T: 'TASK',
  N: 'NODE',
  G: 'GROUP',
  L: 'LOGICAL',
}

/** The short forms of conditions (SPEC 4), written with a `-` before them. */
export const FLAGS: Readonly<Record<string, WordOf<'status'>>> = {
  F: 'FAULTY',
  P: 'PRESENT',
  R: 'RESTARTED',
  K: 'KILLED',
  I: 'ISOLATED',
  REI: 'REINTEGRATED',
  T: 'TRANSIENT',
}

const classes = new Map<string, WordClass>()
const spelled = new Map<string, Keyword>(Object.entries(SPELLINGS))
for (const [name, words] of Object.entries(WORDS) as [WordClass, readonly Keyword[]][]) {
  for (const word of words) {
    classes.set(word, name)
    spelled.set(word, word)
    if (name === 'timeout') spelled.set(bareTimeout(word), word)
  }
}

/** Every spelling that can be written, for suggestions: of two that are equally near the word itself, not another spelling of it. */
export const ALL_SPELLINGS: readonly string[] = [...new Set([...classes.keys(), ...spelled.keys()])]

/** Spellings with a hyphen, longest first: the scanner must try them before it stops at the hyphen. */
export const HYPHENATED: readonly string[] = ALL_SPELLINGS.filter((word) => word.includes('-')).sort(
  (a, b) => b.length - a.length,
)

/** The keyword that an upper-case spelling stands for; undefined if it is none. */
export function keywordOf(spelling: string): Keyword | undefined {
  return spelled.get(spelling) ?? (spelling.includes('_') || spelling.endsWith('TIMEOUT') ? timeoutOf(spelling) : undefined)
}

export function wordsOf<C extends WordClass>(name: C): (typeof WORDS)[C] {
  return WORDS[name]
}

/** SPEC 3: underscores and the final word TIMEOUT of a time-out's name may be left out. */
function timeoutOf(spelling: string): Keyword | undefined {
  const word = spelled.get(bareTimeout(spelling))
  return word !== undefined && classes.get(word) === 'timeout' ? word : undefined
}

function bareTimeout(name: string): string {
  return name.replaceAll('_', '').replace(/TIMEOUT$/, '')
}
