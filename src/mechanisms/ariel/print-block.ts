/**
 * Heads and clauses of tool blocks as text.
 *
 * Boundary: pure.
 */
import { printDuration, printNumeral, printText } from './print-guard.ts'
import type { AlphaParameters, Block, Clause } from './syntax.ts'

export function printBlockHead({ tool, number, watched }: Block): string {
  const task = tool === 'STABILIZER' || tool === 'BARRIER' ? '' : 'TASK '
  const watches = watched === undefined ? '' : ` WATCHES TASK ${printNumeral(watched)}`
  return `${tool} ${task}${printNumeral(number)}${watches}`
}

export function printClause(clause: Clause): string {
  switch (clause.kind) {
    case 'time':
      return `${clause.word}${clause.word === 'HEARTBEATS' ? ' EVERY' : ''} ${printDuration(clause.time)}`
    case 'count':
      return `${clause.word} ${printNumeral(clause.count)}`
    case 'name':
      return `${clause.word}${clause.word === 'ACCEPTANCE' ? ' TEST' : ''} ${printText(clause.name)}`
    case 'epsilon':
      return `EPSILON ${printNumeral(clause.epsilon)}`
    case 'variant': {
      const timeout = clause.timeout === undefined ? '' : ` TIMEOUT ${printDuration(clause.timeout)}`
      return `${clause.word} ${printNumeral(clause.number)} IS TASK ${printNumeral(clause.task)}${timeout}`
    }
    case 'voting': {
      const scale = clause.scale === undefined ? '' : ` SCALE ${printNumeral(clause.scale)}`
      return `VOTING ALGORITHM IS ${clause.algorithm}${scale}`
    }
    case 'method':
      return `METHOD IS ${clause.method}`
    case 'spare':
      return `SPARE TASK ${printNumeral(clause.task)}`
    case 'group':
      return `${clause.word} ${printNumeral(clause.group)}`
    case 'outcome':
      return `ON ${clause.event} TASK ${printNumeral(clause.task)}`
    case 'alarm':
      return `ON ERROR ${clause.action}${clause.action === 'WARN' ? ` ${clause.word} ${printNumeral(clause.target)}` : ''}`
    case 'filter':
      return `ALPHACOUNT IS ${printFilter(clause.filter)}`
  }
}

export function printFilter({ threshold, factor, every }: AlphaParameters): string {
  const period = every === undefined ? '' : `, EVERY ${printDuration(every)}`
  return `THRESHOLD = ${printNumeral(threshold)}, FACTOR = ${printNumeral(factor)}${period} END ALPHACOUNT`
}
