/**
 * Limits of memory for processes: V8's own, and the kernel's for a group of processes, which ends the largest of them.
 *
 * Boundary: knows the two layouts of Linux's control groups; says undefined where this user may not make one.
 */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StartOptions } from './children.ts'

/** Where V8 itself gives up; no core of the process is wanted. */
export const HEAP_LIMIT: StartOptions = {
  flags: ['--max-old-space-size=64'],
  under: ['sh', '-c', 'ulimit -c 0 && exec "$@"', 'sh'],
}

const LAYOUTS = [
  { root: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes' },
  { root: '/sys/fs/cgroup', limit: 'memory.max' },
] as const

export interface MemoryGroup {
  /** Starts a process, with all its children, inside the group; V8 is told to take what it likes. */
  readonly options: StartOptions
  /** Once everybody in it is told to go: waits until they are gone. */
  remove(): Promise<void>
}

/** A group whose processes may have so much memory together; undefined where there is none for us. */
export function memoryGroup(name: string, bytes: number): MemoryGroup | undefined {
  for (const { root, limit } of LAYOUTS) {
    const folder = join(root, `perdure-${name}-${process.pid}`)
    try {
      mkdirSync(folder)
    } catch {
      continue
    }
    if (!existsSync(join(folder, limit))) {
      rmdirSync(folder)
      continue
    }
    writeFileSync(join(folder, limit), String(bytes))
    const enter = `echo $$ > ${folder}/cgroup.procs && exec "$@"`
    return {
      options: { flags: ['--max-old-space-size=8192'], under: ['sh', '-c', enter, 'sh'] },
      remove: () => removed(folder),
    }
  }
  return undefined
}

/** A process has closed its files before it has left its group. */
async function removed(folder: string): Promise<void> {
  for (;;) {
    try {
      return rmdirSync(folder)
    } catch (error) {
      if ((error as { code?: string }).code !== 'EBUSY') throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

/** Whether `memoryGroup` gives one. */
export const GROUPS_ALLOWED: boolean = (() => {
  const group = memoryGroup('probe', 2 ** 30)
  void group?.remove()
  return group !== undefined
})()
