/**
 * Who is in the team, as all processes have to know.
 *
 * Boundary: names, and who shares a process with whom.
 */
export const TEAM = 'team'
export const WORKERS: readonly string[] = ['worker-1', 'worker-2', 'worker-3']
/** Lives alone in its process, which is killed. */
export const UNLUCKY = 'worker-3'
export const OTHERS: readonly (readonly string[])[] = [
  ['planner', 'memory'],
  ['worker-1', 'worker-2'],
]
