/**
 * More bugs for `mutants.test.ts`: of checkpoint groups, in the service and in the proxy.
 *
 * Boundary: data, as in `mutants.ts`. Those that only a test of one rule can see are in `test/mechanisms/checkpoint/mutants.test.ts`.
 */
import type { Mutant } from './mutants.ts'

const MACHINE = 'mechanisms/checkpoint/machine'
const PROXY = 'mechanisms/checkpoint/site'

export const CHECKPOINT_MUTANTS: readonly Mutant[] = [
  // The service
  {
    name: 'a ghost that stays in the logs, if it was sent right after the checkpoint gone back to',
    file: `${MACHINE}/recovering.ts`,
    find: 'return to !== null && to !== undefined && index >= to',
    replace: 'return to !== null && to !== undefined && index > to',
    scenario: 'tokens',
  },
  {
    name: 'a replay that begins with the last message before the checkpoint',
    file: `${MACHINE}/mailbox.ts`,
    find: '    this.heard = this.#countUpTo(position)\n    this.noted = this.heard\n',
    replace: '    this.heard = Math.max(0, this.#countUpTo(position) - 1)\n    this.noted = this.heard\n',
    scenario: 'tokens',
  },
  {
    name: 'a recovery that does not wait until all have halted',
    file: `${MACHINE}/recovering.ts`,
    find: "  for (const { session, halt } of group.byName.values()) if (session !== null && halt === 'asked') return\n",
    replace: '',
    scenario: 'tokens',
  },
  {
    name: 'a dead member that counts as one that works',
    file: `${MACHINE}/recovering.ts`,
    find: 'if (session === null || failedPlaces.has(place)) slots.push(slot)',
    replace: 'if (session !== null && failedPlaces.has(place)) slots.push(slot)',
    scenario: 'tokens',
  },
  {
    name: 'a grant with the state of the oldest checkpoint',
    file: `${MACHINE}/grants.ts`,
    find: 'const { index, state, rule, delivered } = checkpoints.at(-1)!',
    replace: 'const { index, rule, delivered } = checkpoints.at(-1)!\n  const { state } = checkpoints[0]!',
    scenario: 'tokens',
  },
  {
    name: 'an output that leaves as soon as the line has reached its interval',
    file: `${MACHINE}/saving.ts`,
    find: 'outputs[count]!.interval < floor) count += 1',
    replace: 'outputs[count]!.interval <= floor) count += 1',
    scenario: 'outputs',
  },
  {
    name: 'an output of an interval that is undone',
    file: `${MACHINE}/recovering.ts`,
    find: 'member.outputs = member.outputs.filter(({ interval }) => interval < to)',
    replace: 'member.outputs = member.outputs.filter(({ interval }) => interval <= to)',
    scenario: 'outputs',
  },
  {
    name: 'an output that was given to a proxy that died, and to nobody after it',
    file: `${MACHINE}/grants.ts`,
    find: '  tellReleased(member, member.released, context)\n',
    replace: '',
    scenario: 'outputs',
  },
  {
    name: 'a picture of the group without what is on its way',
    file: `${MACHINE}/speaking.ts`,
    find: '  if (group.snapshots.length > 0) passes(group, receiver, mail)\n',
    replace: '',
    scenario: 'tokens',
    faults: [],
  },
  {
    name: 'a member that leaves before what it has done is stable',
    file: `${MACHINE}/saving.ts`,
    find: 'checkpoints.length === 1 && checkpoints[0]!.workMs === null && outputs.length === 0 && released.length === 0',
    replace: 'outputs.length === 0 && released.length === 0',
    scenario: 'visitors',
  },
  {
    name: 'a message that is taken out of the log of its receiver with the first checkpoint after it',
    file: `${MACHINE}/saving.ts`,
    find: '  mailbox.drop(first.delivered)\n',
    replace: '  mailbox.drop(checkpoints.at(-1)!.delivered)\n',
    scenario: 'tokens',
  },
  {
    name: 'a tuple taken by an interval that is undone, and given back to nobody',
    file: `${MACHINE}/requests.ts`,
    find: "  for (const { space, id } of gone) perform(member, nextNumber(member), 'space.release', [space, id], context)\n",
    replace: '',
    scenario: 'merchants',
  },
  {
    name: 'a tuple that is taken for good before the interval that took it is stable',
    file: `${MACHINE}/requests.ts`,
    find: "  if (isStable(member, interval)) perform(member, nextNumber(member), 'space.ack', [space, id], context)\n  else addHeld(member, hold)\n",
    replace: "  void [isStable, addHeld, hold]\n  perform(member, nextNumber(member), 'space.ack', [space, id], context)\n",
    scenario: 'merchants',
  },
  {
    name: 'a request of an interval that is undone, and that goes on waiting',
    file: `${MACHINE}/requests.ts`,
    find: '    member.requests.delete(number)\n    context.withdraw(callerOf(member), number)\n',
    replace: '    void [context, number]\n',
    scenario: 'merchants',
    faults: ['worker crash'],
  },
  {
    name: 'a group that is called by an interval that may be undone',
    file: `${MACHINE}/saving.ts`,
    find: 'outputs[count]!.interval < floor) count += 1',
    replace: "outputs[count]!.interval < floor + (outputs[count]!.output[0] === 'call' ? 1 : 0)) count += 1",
    scenario: 'merchants',
  },
  // The proxy
  {
    name: 'a member that is given messages before they are durable',
    file: `${PROXY}/incarnation.ts`,
    find: 'if (mail === undefined || mail[0] > this.#port.durablePosition ||',
    replace: 'if (mail === undefined ||',
    scenario: 'tokens',
  },
  {
    name: 'a member that stays and delivers the ghosts it was given',
    file: `${PROXY}/incarnation.ts`,
    find: 'index >= (line[from] ?? Number.POSITIVE_INFINITY)',
    replace: 'index > (line[from] ?? Number.POSITIVE_INFINITY)',
    scenario: 'tokens',
  },
  {
    name: 'a proxy that sends while the state is being saved',
    file: `${PROXY}/incarnation.ts`,
    find: '    this.#saving = true\n    this.#out.gate.shut()\n',
    replace: '    this.#saving = true\n',
    scenario: 'tokens',
  },
  {
    name: 'a state that is written down some time after save has returned it',
    file: `${PROXY}/incarnation.ts`,
    find: 'isThenable(state) ? Promise.resolve(state).then(takenState) : takenState(state)',
    replace: 'Promise.resolve(state).then(() => null).then(() => null).then(() => takenState(state as never))',
    scenario: 'tokens',
  },
]
