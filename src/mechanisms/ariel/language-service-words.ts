/**
 * What the words of the language mean, in a line each (SPEC 3 to 4.2): shown by editors where a word stands, and beside completions.
 *
 * Boundary: texts only. A word without a line here is not explained.
 */
import type { Keyword, WordOf } from './keywords.ts'

/** Where the sentence takes an entity it says `it`. */
export const STATUS_MEANINGS: Readonly<Record<WordOf<'status'>, string>> = {
  FAULTY: 'an open error record about it is in the database; of a group, about it or any member',
  RUNNING: 'it is running (of a node: up) and not FAULTY',
  PRESENT: 'it is running; of a group, some member is',
  STARTED: 'it has been started; of a group, some member has',
  RESTARTED: 'it has been restarted at least once; as RESTARTED(e) > 3, how often',
  REBOOTED: 'the node has been rebooted at least once',
  STOPPED: 'it was stopped by a deliberate action; of a group, every member was',
  KILLED: 'it was stopped by a deliberate action; of a group, every member was',
  ISOLATED: 'it was cut off by a deliberate action; of a group, every member was',
  TRANSIENT: 'it is FAULTY and its alpha-count is below the threshold of its filter',
  FIRED: 'this watchdog fired and has not been cleared since',
  REINTEGRATED: 'the node came back after it was given up for dead',
}

export const QUERY_MEANINGS: Readonly<Record<WordOf<'query'>, string>> = {
  DEADLOCKED: 'the two tasks wait for each other, as a detector has reported',
  ERRN: 'the number of its error records, open and settled',
  ERRT: 'the code of its latest error record, 0 if there is none',
  PHASE: 'the last value that the task declared about its own progress, 0 if none',
  ALPHA: 'its alpha-count: plus 1 on an error, times FACTOR on a success',
  ELAPSED: 'the time since its latest error record; false if there is none',
  VAL: 'the value of a variable',
}

export const ACTION_MEANINGS: Readonly<Record<WordOf<'action'>, string>> = {
  STOP: 'terminate a task or all members of a group; shut a node down',
  KILL: 'terminate a task or all members of a group; shut a node down',
  SHUTDOWN: 'shut a node down',
  ISOLATE: 'cut a task or node off: nothing of it is heard any more',
  START: 'start, or wake, a task or group',
  RESTART: 'put a task or group back to its initial state; reboot a node',
  REBOOT: 'reboot a node',
  ENABLE: 'wake a task or group; boot a node',
  SEND: 'send an integer to a task, or to every member of a group',
  WARN: 'tell an entity of the notification that started this pass, or of an error if there is one',
  ERR: 'if an error with this code regards the entity, warn another one',
  REMOVE: 'delete error records of an entity, or its phase',
  CLEAR: 'reset FIRED of a watchdog',
  CALL: 'call a registered function',
  PAUSE: 'wait; the rest of the pass goes on afterwards (without a unit: seconds)',
  LET: 'assign to a variable',
  LOG: 'write to the log',
}

const OTHERS: Partial<Readonly<Record<Keyword, string>>> = {
  INCLUDE: 'read the symbols that a C header defines: #define NAME integer',
  DEFINE: 'the role of the backbone component of a node: DEFINE 1-3 = ASSISTANT',
  NPROCS: 'how many nodes there are',
  NUMTASKS: 'how many tasks a node loads',
  DA: 'the default action for a backbone component found faulty',
  INJECT: 'a fault for tests, after so many ticks',
  ALPHACOUNT: 'the alpha-count filter of a task or node, which tells transient faults from permanent ones',
  WATCHDOG: 'fires when a task gives no sign of life within the period',
  'N-VERSION': 'versions that run on the same input and are voted',
  REPLICATED: 'replicas that are voted, or of which the next takes over when one fails',
  'RETRY-BLOCK': 'the same task again on unchanged input, until its result passes the acceptance test',
  'RECOVERY-BLOCK': 'alternates in order, from restored state, until a result passes the acceptance test',
  'CONSENSUS-RECOVERY-BLOCK': 'a vote first; without agreement the versions in order against the acceptance test',
  STABILIZER: 'a value counts only after it was read the same in several cycles, and is held in several copies',
  BARRIER: 'members of a group wait for each other, at most until the time-out',
  IF: 'a section: actions that are carried out in each pass in which the guard is true',
  ELIF: 'tried only if the guards before it were false',
  ELSE: 'carried out if no guard of this section was true',
  MANAGER: 'the component that leads the backbone at first',
  ASSISTANT: 'a component that follows the manager and may replace it',
}

/** What a word means; RESTARTED and the like as conditions. */
export function meaningOf(word: string): string | undefined {
  const tables: Readonly<Record<string, string>>[] = [STATUS_MEANINGS, QUERY_MEANINGS, ACTION_MEANINGS, OTHERS]
  return tables.find((table) => Object.hasOwn(table, word))?.[word]
}
