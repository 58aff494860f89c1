/**
 * The machines of a site, put together.
 *
 * Boundary: the one place that knows all machines and connects their ports; every site of this version composes the same ones,
 * whichever of them the program imported, because they share one log.
 */
import type { Clock } from '../clock.ts'
import { Gateway } from '../log/gateway.ts'
import type { Log } from '../log/log.ts'
import type { RebuildOptions } from '../log/replay.ts'
import { Replica } from '../log/replica.ts'
import { AttachedMachine } from '../mechanisms/checkpoint/attached/machine.ts'
import { CheckpointMachine } from '../mechanisms/checkpoint/machine/machine.ts'
import { GroupMachine } from '../mechanisms/group/machine/machine.ts'
import { ProcessMachine } from '../mechanisms/process/machine/machine.ts'
import { SpaceMachine } from '../mechanisms/space/machine/machine.ts'
import { FaultMachine } from '../support/faults.ts'

export function composeReplica(): Replica {
  const processes = new ProcessMachine()
  const spaces = new SpaceMachine(processes)
  processes.connect((placeholder, field, outcome, context) => spaces.complete(placeholder, field, outcome, context))
  const faults = new FaultMachine()
  const groups = new GroupMachine({
    report: (fault, context) => faults.report(fault, context),
    out: (out, context) => spaces.deposit(out, context),
  })
  const checkpoints = new CheckpointMachine({
    report: (fault, context) => faults.report(fault, context),
    out: (out, context) => spaces.deposit(out, context),
  })
  const machines = [spaces, processes, groups, faults, checkpoints, new AttachedMachine()]
  return new Replica(machines, { runs: processes, members: checkpoints }, composeReplica)
}

/** Rebuilds the state of the log and starts to take operations. */
export function openGateway(log: Log, clock: Clock, options?: Pick<RebuildOptions, 'progress' | 'warn'>): Promise<Gateway> {
  return Gateway.open(log, composeReplica(), clock, options)
}
