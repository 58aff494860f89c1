/**
 * Statements of the configuration that are no blocks, as text.
 *
 * Boundary: pure.
 */
import { printFilter } from './print-block.ts'
import { printDuration, printNumeral, printText } from './print-guard.ts'
import type { Configuration, Range } from './syntax.ts'

export function printConfiguration(statement: Configuration): string {
  switch (statement.kind) {
    case 'include':
      return `INCLUDE ${printText(statement.path)}`
    case 'roles': {
      const nodes = statement.nodes.map(printNumeral).join(', ')
      const upTo = statement.upTo === undefined ? '' : `-${printNumeral(statement.upTo)}`
      return `DEFINE ${nodes}${upTo} = ${statement.role}`
    }
    case 'nodes':
      return `NPROCS = ${printNumeral(statement.count)}`
    case 'numtasks':
      return `NUMTASKS ${printNumeral(statement.node)} = ${printNumeral(statement.count)}`
    case 'default':
      return `DA = ${statement.action}`
    case 'timeout':
      return `${statement.name} = ${printDuration(statement.time)}`
    case 'task': {
      const { range, name, node, local } = statement
      return `TASK ${printRange(range)} = ${printText(name)} IS NODE ${printNumeral(node)}, TASKID ${printRange(local)}`
    }
    case 'mailbox': {
      const { range, mailbox, alias } = statement
      return `TASK ${printRange(range)} IS MBOX ${printRange(mailbox)}, ALIAS ${printRange(alias)}`
    }
    case 'group': {
      const members = statement.members.map((member) => `TASK ${printNumeral(member)}`).join(', ')
      return `${statement.word} ${printNumeral(statement.number)} = ${printText(statement.name)} IS ${members} END ${statement.word}`
    }
    case 'alpha': {
      const kind = statement.entity === 'task' ? 'TASK' : 'NODE'
      return `ALPHACOUNT ${kind} ${printNumeral(statement.number)} IS ${printFilter(statement.filter)}`
    }
    case 'inject': {
      const { fault, on, node, after } = statement
      return `INJECT ${fault} ON ${on} ${printNumeral(node)} AFTER ${printDuration(after)}`
    }
  }
}

function printRange({ first, last }: Range): string {
  return last === undefined ? printNumeral(first) : `[${printNumeral(first)}, ${printNumeral(last)}]`
}
