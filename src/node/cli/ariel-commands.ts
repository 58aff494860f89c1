/**
 * The commands below `perdure ariel`: what they take, and how a stranger learns it.
 *
 * Boundary: words to calls, as in `commands.ts`.
 */
import type { Command } from 'commander'
import type { BuildOptions, CheckOptions, DryRunOptions, FormatOptions } from './ariel.ts'

const CLASSIC_HELP = 'take scripts of the classic translator: some errors become warnings'

/** Commands of later versions: not listed, and refused by name. */
const NOT_YET = ['run', 'explain', 'test']

export function addAriel(program: Command, exit: (code: number) => void, notYet: (what: string) => Error): void {
  const ariel = program
    .command('ariel')
    .description('Check, translate, lay out and try scripts of ariel, the recovery language.')
    .helpCommand('help [command]', 'explain a command')
  addTranslator(ariel, exit)
  addTrials(ariel, exit)
  addFormatter(ariel, exit)
  for (const name of NOT_YET) {
    ariel
      .command(`${name} [arguments...]`, { hidden: true })
      .helpOption(false)
      .allowUnknownOption()
      .action(() => {
        throw notYet(`The command "ariel ${name}"`)
      })
  }
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
    .option('--topology <file>', 'where FILE is r-code: its topology.json')
    .option('--classic', CLASSIC_HELP)
    .action(async (file: string, history: string, options: DryRunOptions) =>
      exit((await import('./ariel.ts')).dryRunPolicy(file, history, options)),
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
  add(ariel, 'lsp', 'Serve an editor: the language server protocol on standard input and output.', 'perdure ariel lsp').action(
    async () => exit(await (await import('../ariel-lsp.ts')).serve(process.stdin, process.stdout)),
  )
}

function add(ariel: Command, signature: string, description: string, example: string): Command {
  return ariel.command(signature).description(description).addHelpText('after', `\nExample:\n  ${example}`)
}
