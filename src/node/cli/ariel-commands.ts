/**
 * The commands below `perdure ariel`: what they take, and how a stranger learns it.
 *
 * Boundary: words to calls, as in `commands.ts`.
 */
import { type Command, Option } from 'commander'
import type { BuildOptions, CheckOptions, DryRunOptions, FormatOptions } from './ariel.ts'
import type { ExplainCommandOptions, WhatIfCommandOptions } from './ariel-explain.ts'
import type { ExploreOptions } from './ariel-explore.ts'
import type { RunOptions } from './ariel-run.ts'
import type { TestOptions } from './ariel-test.ts'

const CLASSIC_HELP = 'take scripts of the classic translator: some errors become warnings'
const RUN_HELP = `
The time of a notification is that of its arrival, in milliseconds since the command began. A line that cannot be read is refused on
standard error, and the next one counts. SIGHUP reads the policy again: database and variables stay; one with errors is refused.`
const TOPOLOGY_HELP = 'where FILE is r-code: its topology.json'

export function addAriel(program: Command, exit: (code: number) => void, notYet: (what: string) => Error): void {
  const ariel = program
    .command('ariel')
    .description('Check, translate, lay out and try scripts of ariel, the recovery language.')
    .helpCommand('help [command]', 'explain a command')
  addTranslator(ariel, exit)
  addTrials(ariel, exit)
  addRun(ariel, exit, notYet)
  addQuestions(ariel, exit)
  addFormatter(ariel, exit)
}

function addTranslator(ariel: Command, exit: (code: number) => void): void {
  add(ariel, 'check <file>', 'Say what is wrong with a script, and where.', 'perdure ariel check plant.ariel')
    .option('--classic', CLASSIC_HELP)
    .option('--json', 'print one diagnostic a line, as JSON')
    .action(async (file: string, options: CheckOptions) => exit((await import('./ariel.ts')).checkScript(file, options)))
  add(
    ariel,
    'build <file>',
    'Translate a script. With errors in it nothing is written.',
    'perdure ariel build plant.ariel -o plant.rcode.json\n  perdure ariel build plant.ariel --emit module -o src/plant-policy.ts',
  )
    .option('-o, --output <file>', 'where to (default: standard output)')
    .option('--emit <form>', 'json, binary, module, topology or glue (default: json)')
    .option('--listing', 'print the instructions for people as well; without -o in place of the form')
    .option('--classic', CLASSIC_HELP)
    .action(async (file: string, options: BuildOptions) => exit((await import('./ariel.ts')).buildScript(file, options)))
  add(
    ariel,
    'list <file>',
    'Disassemble r-code, JSON or binary.',
    'perdure ariel build plant.ariel --emit binary -o plant.rcode && perdure ariel list plant.rcode',
  ).action(async (file: string) => exit((await import('./ariel.ts')).listProgram(file)))
}

function addTrials(ariel: Command, exit: (code: number) => void): void {
  add(
    ariel,
    'dry-run <file> <history>',
    'Print what a policy would have done in a recorded history, one action a line, as JSON.',
    'perdure ariel dry-run plant.ariel night-of-the-storm.jsonl',
  )
    .option('--topology <file>', TOPOLOGY_HELP)
    .option('--against <file>', 'print in what another policy would have done differently: - no more, + in addition')
    .option('--against-topology <file>', 'the topology.json of the other one, where that is r-code')
    .option('--classic', CLASSIC_HELP)
    .action(async (file: string, history: string, options: DryRunOptions) =>
      exit((await import('./ariel.ts')).dryRunPolicy(file, history, options)),
    )
  add(
    ariel,
    'test <files...>',
    'Try scripts against the cases beside them: NAME.history.jsonl with what is expected in NAME.expected.jsonl.',
    'perdure ariel test plant.ariel --gaps',
  )
    .option('--gaps', 'name the sections, branches and atoms that no case has tried')
    .option('--at-least <percent>', 'fail if less of the branches is tried')
    .option('--update', 'write what the scripts do now as what is expected')
    .option('--classic', CLASSIC_HELP)
    .option('--json', 'print one case a line, and the coverage, as JSON')
    .action(async (files: string[], options: TestOptions) => exit((await import('./ariel-test.ts')).testScripts(files, options)))
}

function addRun(ariel: Command, exit: (code: number) => void, notYet: (what: string) => Error): void {
  add(
    ariel,
    'run <file> [tasks]',
    'Run a policy on notifications as they come on standard input, one JSON object a line; print each action when it is decided.',
    'tail -F faults.jsonl | perdure ariel run plant.ariel --record night.jsonl',
  )
    .option('--record <file>', 'keep what comes, with the times, as a history')
    .option('--topology <file>', TOPOLOGY_HELP)
    .option('--classic', CLASSIC_HELP)
    .addHelpText('after', RUN_HELP)
    .action(async (file: string, tasks: string | undefined, options: RunOptions) => {
      if (tasks !== undefined) throw notYet(`Starting the tasks of ${tasks}`)
      exit(await (await import('./ariel-run.ts')).runPolicy(file, options))
    })
}

function addQuestions(ariel: Command, exit: (code: number) => void): void {
  add(
    ariel,
    'explain <file> <history>',
    'Say why a policy did what it did in a history: each guard, each atom, and the records behind it.',
    'perdure ariel explain plant.ariel night.jsonl --line 12\n  perdure ariel explain plant.ariel night.jsonl --why-not 14 --at 640',
  )
    .option('--line <number>', 'only where an action of this line was performed')
    .option('--why-not <number>', 'where the action of this line was not performed, and what kept it')
    .option('--at <ms>', 'only at this time of the history')
    .option('--all', 'every pass, and the branches that were not taken')
    .option('--topology <file>', TOPOLOGY_HELP)
    .option('--classic', CLASSIC_HELP)
    .option('--json', 'print one pass a line, as JSON')
    .action(async (file: string, history: string, options: ExplainCommandOptions) =>
      exit((await import('./ariel-explain.ts')).explainPolicy(file, history, options)),
    )
  add(
    ariel,
    'what-if <file> <entity>',
    'Say which sections react to an error about an entity, and what would be done.',
    'perdure ariel what-if plant.ariel T5 --code 12 --after night.jsonl',
  )
    .option('--code <number>', 'of the error (default: 4)')
    .option('--after <history>', 'what happened before')
    .option('--topology <file>', TOPOLOGY_HELP)
    .option('--classic', CLASSIC_HELP)
    .option('--json', 'print the answer as JSON')
    .action(async (file: string, entity: string, options: WhatIfCommandOptions) =>
      exit((await import('./ariel-explain.ts')).askWhatIf(file, entity, options)),
    )
  add(
    ariel,
    'explore <file>',
    'Try all that can happen in a small system, and say where the policy goes on for ever and how long recovery takes.',
    'perdure ariel explore plant.ariel --depth 6',
  )
    .option('--depth <number>', 'how many notifications in a row (default: 8)')
    .option('--code <number>', 'of the errors (default: 4)')
    .option('--entities <names>', 'only of these, as in T1,T2,N0 (default: all that are declared)')
    .option('--step-ms <number>', 'time between two notifications (default: 1000)')
    .option('--seconds <number>', 'stop after so long with what was found (default: 60)')
    .option('--topology <file>', TOPOLOGY_HELP)
    .option('--classic', CLASSIC_HELP)
    .option('--json', 'print the findings as JSON')
    .action(async (file: string, options: ExploreOptions) =>
      exit(await (await import('./ariel-explore.ts')).exploreScript(file, options)),
    )
}

function addFormatter(ariel: Command, exit: (code: number) => void): void {
  add(
    ariel,
    'fmt <files...>',
    'Lay out scripts in place, and print the names of those that changed.',
    'perdure ariel fmt *.ariel',
  )
    .option('--check', 'change nothing; exit 1 if something would')
    .action(async (files: string[], options: FormatOptions) => exit((await import('./ariel.ts')).formatScripts(files, options)))
  add(ariel, 'lsp', 'Serve an editor: the language server protocol on standard input and output.', 'perdure ariel lsp')
    .option('--stdio', 'what it does anyway; editors say so')
    .addOption(new Option('--clientProcessId <number>', 'of the editor; the end of the input is enough to know').hideHelp())
    .action(async () => exit(await (await import('../ariel-lsp.ts')).serve(process.stdin, process.stdout)))
}

function add(ariel: Command, signature: string, description: string, example: string): Command {
  return ariel.command(signature).description(description).addHelpText('after', `\nExample:\n  ${example}`)
}
