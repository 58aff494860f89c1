/**
 * The command line: which commands there are, what they take, and how a stranger learns it.
 *
 * Boundary: words to calls. What a command does is in the files beside this one, each loaded only when it is called, so that none waits for what another
 * needs.
 */
import { readFileSync } from 'node:fs'
import { Command, CommanderError, Option } from 'commander'
import { PerdureError } from '../../errors.ts'
import { addAriel } from './ariel-commands.ts'
import type { DiagramCommandOptions } from './checkpoints.ts'
import type { ServeOptions } from './checkpoints-serve.ts'
import type { DrainOptions, ReasonOptions } from './control.ts'
import type { FaultOptions, LogOptions } from './look.ts'
import { complain, EXIT_FAILED, EXIT_USAGE, errorJson, exitCodeOf, sayJson } from './output.ts'
import type { RunOptions } from './run.ts'
import type { CancelOptions, LookOptions } from './runs.ts'

/** Commands of later versions: not listed, and refused by name. */
const NOT_YET = [...['node', 'dev', 'load-policy', 'promote', 'inject', 'monitor', 'demo']]

const URL_HELP = 'the site: a folder, as in ./perdure-data (default: $PERDURE_URL, else ./perdure-data)'

export async function main(argv: readonly string[]): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', nobodyReads)
  let code = 0
  const program = commands((exitCode) => {
    code = exitCode
  })
  try {
    await program.parseAsync(argv)
  } catch (error) {
    code = report(error, argv.includes('--json') ? 'json' : 'people')
  }
  await flushed(process.stdout)
  await flushed(process.stderr)
  // A program file may have left timers or sockets behind; nothing of ours is under way any more.
  process.exit(code)
}

/** As with `perdure log | head`: there is nobody to say anything to. */
function nobodyReads(error: unknown): void {
  if ((error as { code?: unknown }).code === 'EPIPE') process.exit(EXIT_FAILED)
  throw error
}

/** A pipe may not have taken everything yet. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}

function report(error: unknown, audience: 'json' | 'people'): number {
  // commander has printed already, help included.
  if (error instanceof CommanderError) {
    if (error.exitCode !== 0 && audience === 'json') {
      const usage = new PerdureError('PERDURE_E_USAGE', error.message)
      sayJson({ event: 'error', error: errorJson(usage) })
    }
    return error.exitCode === 0 ? 0 : EXIT_USAGE
  }
  if (audience === 'json') sayJson({ event: 'error', error: errorJson(error) })
  complain(error)
  return exitCodeOf(error)
}

function commands(exit: (code: number) => void): Command {
  const program = new Command('perdure')
    .description('Programs that go on when processes and machines fail.')
    .version(version(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'explain a command')
    .exitOverride()
    .showHelpAfterError('(perdure --help lists the commands, perdure COMMAND --help explains one)')
    .configureHelp({ subcommandTerm: (command) => `${command.name()} ${command.usage().replace('[options] ', '')}`.trim() })
  addRun(program, exit)
  addRuns(program)
  addControls(program)
  addLooks(program)
  addCheckpoints(program)
  addAriel(program, exit, notYet)
  for (const name of NOT_YET) addNotYet(program, name)
  return program
}

/** Of the package that this file is in. */
function version(): string {
  const found = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string
  }
  return found.version
}

/** Adds a command with the options that every one has. */
function add(program: Command, signature: string, description: string, example: string): Command {
  return program
    .command(signature)
    .description(description)
    .option('--url <url>', URL_HELP)
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', `\nExample:\n  ${example}`)
}

function addRun(program: Command, exit: (code: number) => void): void {
  add(
    program,
    'run <file>',
    'Run the process that FILE exports as its default, on several node processes of this machine, and print its result.\nFILE is JavaScript, or TypeScript where Node strips types or tsx is installed.',
    `perdure run greet.mjs --input '["Ada"]' --key greet-1 --nodes 2\n\nAny process may be killed at any time: its runs go on elsewhere. After a crash of everything, or Ctrl-C,\nthe same command with the same --key goes on where it was.`,
  )
    .option('--input <json>', `the arguments of the process, as a JSON array: '["Ada", 3]'`)
    .option('--key <key>', 'names this run: the same key is the same run (default: a fresh one)')
    .option('--nodes <count>', 'node processes to start (default: one for each core)')
    .addOption(new Option('--monitor [port]').hideHelp())
    .action(async (file: string, options: RunOptions & { readonly monitor?: unknown }) => {
      if (options.monitor !== undefined) throw notYet('The option --monitor')
      exit(await (await import('./run.ts')).runProgram(file, options))
    })
}

const RUN_HELP = 'the key of a run, or definition/key where several runs have the key'

function addRuns(program: Command): void {
  add(program, 'ps', 'List the runs of a site: their state, node, and why they wait.', 'perdure ps --url ./perdure-data').action(
    async (options: LookOptions) => (await import('./runs.ts')).listRuns(options),
  )
  add(program, 'show', 'Show one run: its state, input, journal and result.', 'perdure show greet/greet-1')
    .argument('<run>', RUN_HELP)
    .action(async (run: string, options: LookOptions) => (await import('./runs.ts')).showRun(run, options))
  add(program, 'cancel', 'Tell a run to stop; it may clean up for 5 s.', "perdure cancel greet-1 --reason 'wrong input'")
    .argument('<run>', RUN_HELP)
    .option('--reason <text>', 'what the run and those who wait for it are told')
    .action(async (run: string, options: CancelOptions) => (await import('./runs.ts')).cancelRun(run, options))
}

const DRAIN_HELP = 'how long steps under way may take, in milliseconds, before they are cut off (default: 30000)'

function addControls(program: Command): void {
  add(
    program,
    'restart',
    'Begin a run anew from scratch, with the same input, in whatever state it is.\nIts steps are executed again, under other idempotency keys.',
    "perdure restart greet-1 --reason 'the body is mended'",
  )
    .argument('<run>', RUN_HELP)
    .option('--reason <text>', 'what is recorded with it')
    .action(async (run: string, options: ReasonOptions) => (await import('./control.ts')).restartRun(run, options))
  add(
    program,
    'migrate',
    'Let a run go on another node. No step is executed twice, unless one takes too long.',
    'perdure migrate greet-1 node-2',
  )
    .argument('<run>', RUN_HELP)
    .argument('[node]', 'the node it is to go on (default: the least loaded other one)')
    .option('--drain-ms <ms>', DRAIN_HELP)
    .action(async (run: string, node: string | undefined, options: DrainOptions) =>
      (await import('./control.ts')).migrateRun(run, node, options),
    )
  add(
    program,
    'pause',
    'Hold a run: nothing of it is executed until it is resumed. Time passes, and what it waits for comes.',
    "perdure pause greet-1 --reason 'not before Monday'",
  )
    .argument('<run>', RUN_HELP)
    .option('--reason <text>', 'why, for those who look at it')
    .option('--drain-ms <ms>', DRAIN_HELP)
    .action(async (run: string, options: ReasonOptions & DrainOptions) => (await import('./control.ts')).pauseRun(run, options))
  add(
    program,
    'resume',
    'Let a paused run go on; a wedged or diverged one too, once what was in its way is mended.',
    'perdure resume greet-1',
  )
    .argument('<run>', RUN_HELP)
    .action(async (run: string, options: LookOptions) => (await import('./control.ts')).resumeRun(run, options))
  addDrain(program, 'drain', 'Hand all runs of a node over to others, or let them wait; it takes no new ones.', 'stay')
  addDrain(program, 'stop', 'Drain a node, then end its process; it is not started again.', 'stop')
}

function addDrain(program: Command, name: string, description: string, then: 'stay' | 'stop'): void {
  add(program, name, description, `perdure ${name} node-1 --drain-ms 10000`)
    .argument('<node>', 'the name of a node, or of a program whose workers are nodes')
    .option('--drain-ms <ms>', DRAIN_HELP)
    .action(async (node: string, options: DrainOptions) => (await import('./control.ts')).drainNode(node, then, options))
}

function addLooks(program: Command): void {
  add(program, 'tuples', 'List the tuples of one space or of all, oldest first, and who waits for some.', 'perdure tuples towns')
    .argument('[space]', 'the name of a space (default: all)')
    .action(async (space: string | undefined, options: LookOptions) => (await import('./look.ts')).listTuples(space, options))
  add(program, 'nodes', 'List the node processes that execute runs now.', 'perdure nodes').action(async (options: LookOptions) =>
    (await import('./look.ts')).listNodes(options),
  )
  add(
    program,
    'faults',
    'List what has gone wrong and was noticed, masked or given up: when, about whom, by whom, and the code that policies count.',
    'perdure faults --limit 20',
  )
    .option('--limit <count>', 'how many, the latest ones (default: 50)')
    .action(async (options: FaultOptions) => (await import('./look.ts')).listFaults(options))
  add(
    program,
    'log',
    'Print entries of the log: position, time, who, operation and arguments.\nPositions have gaps, because records of entries count as well.',
    'perdure log --from 1 --limit 20',
  )
    .option('--from <position>', 'the first position to print (default: the newest entries)')
    .option('--limit <count>', 'how many entries, at most (default: 50)')
    .option('--follow', 'go on printing what is added, until interrupted')
    .action(async (options: LogOptions) => (await import('./look.ts')).showLog(options))
}

function addCheckpoints(program: Command): void {
  add(
    program,
    'checkpoint',
    'Ask a member of a checkpoint group to save its state now. Says when it is stable, and which checkpoint it is.',
    'perdure checkpoint bank a',
  )
    .argument('<group>', 'the name of a checkpoint group')
    .argument('<member>', 'the name of a member')
    .action(async (group: string, member: string, options: LookOptions) =>
      (await import('./checkpoints.ts')).askToSave(group, member, options),
    )
  const checkpoints = add(
    program,
    'checkpoints',
    'List the checkpoint groups of a site: their protocol and their members.',
    'perdure checkpoints\n  perdure checkpoints diagram bank -o bank.svg',
  ).action(async (options: LookOptions) => (await import('./checkpoints.ts')).listGroups(options))
  add(
    checkpoints,
    'diagram',
    'Draw what has happened in a checkpoint group since its last line, as a space-time diagram in SVG.',
    'perdure checkpoints diagram bank -o bank.svg --failed a,b',
  )
    .argument('<group>', 'the name of a checkpoint group')
    .option('-o, --output <file>', 'where to (default: standard output)')
    .option('--failed <members>', 'show where the group goes back to if these members fail, as in a,b')
    .action(async (group: string, _: DiagramCommandOptions, command: Command) =>
      (await import('./checkpoints.ts')).drawGroup(group, command.optsWithGlobals()),
    )
  add(
    checkpoints,
    'serve',
    'Serve checkpoint groups of attached members over HTTP, with their proxies to download. A token is taken from PERDURE_TOKEN.',
    'perdure checkpoints serve --port 7337',
  )
    .option('--port <port>', 'where it listens, on this machine only (default: 7337)')
    .action(async (_: ServeOptions, command: Command) =>
      (await import('./checkpoints-serve.ts')).serve(command.optsWithGlobals()),
    )
}

function addNotYet(program: Command, name: string): void {
  program
    .command(`${name} [arguments...]`, { hidden: true })
    .helpOption(false)
    .allowUnknownOption()
    .action(() => {
      throw notYet(`The command "${name}"`)
    })
}

function notYet(what: string): PerdureError {
  return new PerdureError(
    'PERDURE_E_NOT_YET',
    `${what} is part of the contract but not built yet. See perdure --help for what is.`,
  )
}
