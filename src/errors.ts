/**
 * One class of error, one table of codes.
 *
 * A `PerdureError` says what happened, what was expected and what to do, in its message; its `code` is what programs decide
 * on, its `data` what they decide with. `docs/errors.md` has a section for every code, and a test compares both ways.
 *
 * Broken invariants are not errors of this kind to a user: `invariant` throws `PERDURE_E_INVARIANT`, which stops the node.
 */

export const ERRORS = {
  PERDURE_E_ABORTED: 'the caller gave up waiting through its AbortSignal',
  PERDURE_E_ACTION_ABORTED: 'a coordinated atomic action undid what it had done',
  PERDURE_E_ACTION_FAILED: 'a coordinated atomic action could not undo what it had done',
  PERDURE_E_ACTION_SIGNALLED: 'a coordinated atomic action ended with an exception that it declares',
  PERDURE_E_BLOB: 'a blob is missing or its content does not fit its name',
  PERDURE_E_BUSY: 'too much is under way; the operation was not sent',
  PERDURE_E_CANCELLED: 'the run was cancelled',
  PERDURE_E_CLOSED: 'the site, or what belongs to it, is closed',
  PERDURE_E_CORRUPT: 'a record inside the log is damaged',
  PERDURE_E_DISAGREEMENT: 'the members of a group that must agree do not',
  PERDURE_E_DIVERGED: 'a body did something else than its journal says',
  PERDURE_E_FILES: 'a work folder holds what cannot be kept',
  PERDURE_E_FOLDER: 'the folder cannot be made or written',
  PERDURE_E_FOREIGN_AWAIT:
    'a run issued an operation after awaiting something that is no operation, while others were outstanding',
  PERDURE_E_FORMAT: 'the log was written in a format this version does not know',
  PERDURE_E_GROUP_EXHAUSTED: 'a group has no member left that could be asked',
  PERDURE_E_HISTORY: 'a recorded history cannot be read',
  PERDURE_E_HOLD_LOST: 'a tuple that was held is not held any more',
  PERDURE_E_IMPORT: 'a program file cannot be loaded, or exports no process',
  PERDURE_E_IN_STEP: 'a step used the operations of its process',
  PERDURE_E_INTERRUPTED: 'another participant of an action has raised an exception',
  PERDURE_E_INVARIANT: 'something that must always hold does not; this is a bug in perdure',
  PERDURE_E_JOURNAL_FULL: 'a run has issued more operations than a journal may hold',
  PERDURE_E_KEY_TAKEN: 'a run of this definition and key exists with another input',
  PERDURE_E_LOCKED: 'the folder is in use by a living process',
  PERDURE_E_LOG_FAILED: 'a write or sync of the log failed; the outcome of what was under way is unknown',
  PERDURE_E_MEMBER_LOST: 'the thread or node in which a member of a group lived is gone',
  PERDURE_E_MEMBER_TAKEN: 'a member of this name has joined the checkpoint group, and its proxy lives',
  PERDURE_E_NAME: 'a name has characters or a length that names may not have',
  PERDURE_E_NODE_TAKEN: 'a living node has this name',
  PERDURE_E_NONDETERMINISTIC: 'the body of a strict process asked for something that does not repeat',
  PERDURE_E_NO_HOST: 'no node can take the run, or not the one that was named',
  PERDURE_E_NOT_YET: 'this option is part of the contract but not built yet',
  PERDURE_E_NO_QUORUM: 'too few members of a group agree',
  PERDURE_E_OUTSTANDING: 'a checkpoint was asked for while operations were outstanding',
  PERDURE_E_PROTOCOL: 'the other side of a connection sent something that is not the protocol',
  PERDURE_E_QUOTA: 'a space has no room for more',
  PERDURE_E_RCODE: 'a file holds no program of the recovery interpreter, or a damaged one',
  PERDURE_E_RECOVERY_BLOCK: 'no alternate of a recovery block passed the acceptance test',
  PERDURE_E_REVOKED: 'an attempt that was given up still tried to do something',
  PERDURE_E_RUN_LOST: 'the process of a run of layer none died',
  PERDURE_E_SCRIPT: 'a script of ariel that a program holds has errors',
  PERDURE_E_SESSION_LOST: 'the connection to the site was lost; the outcome of what was under way is unknown',
  PERDURE_E_SLOW_READER: 'a watcher was told of changes faster than it read them',
  PERDURE_E_STALE: 'an operation came from an owner that has been replaced',
  PERDURE_E_STATE: 'the state of an object cannot be copied, and its class does not say how',
  PERDURE_E_TEMPLATE: 'a template is not an array of values, formals and operators',
  PERDURE_E_TIE: 'two answers have equally many votes',
  PERDURE_E_TIMEOUT: 'the time allowed has passed',
  PERDURE_E_TRIMMED: 'the position asked for is no longer in the log',
  PERDURE_E_UNKNOWN_GROUP: 'no group of this name has this key, or no checkpoint group has this name',
  PERDURE_E_UNKNOWN_MEMBER: 'no member of this name has joined the checkpoint group',
  PERDURE_E_UNKNOWN_NODE: 'no node has this name',
  PERDURE_E_UNKNOWN_RUN: 'no run of this definition has this key',
  PERDURE_E_UNSAFE: 'the checkpoint protocol cannot know where a recovery may go back to',
  PERDURE_E_URL: 'the URL of a site cannot be understood',
  PERDURE_E_USAGE: 'a command or call has arguments that do not fit',
  PERDURE_E_VALUE: 'a value cannot travel, or is too large',
  PERDURE_E_WEDGED: 'a run died too often at the same place',
  PERDURE_E_WORKER_IMPORT: 'a module of process definitions opens, hosts or starts something when it is imported',
} as const

export type ErrorCode = keyof typeof ERRORS

export interface ErrorDetails {
  readonly cause?: unknown
  /** What a program may decide on: plain data, so that it can travel. */
  readonly data?: Readonly<Record<string, unknown>>
}

export class PerdureError extends Error {
  readonly code: ErrorCode
  readonly data: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'PerdureError'
    this.code = code
    this.data = details.data ?? {}
  }

  /** True for an error of this code, also when it came through another copy of the package or over the wire. */
  static is(error: unknown, code: ErrorCode): error is PerdureError {
    return error instanceof Error && (error as { code?: unknown }).code === code
  }
}

/** Stops the node when something that must always hold does not. */
export function invariant(holds: unknown, what: string): asserts holds {
  if (!holds) throw new PerdureError('PERDURE_E_INVARIANT', `${what}. This is a bug in perdure: please report it with the log.`)
}
