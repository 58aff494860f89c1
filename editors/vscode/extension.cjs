/**
 * The client of the language server in Visual Studio Code: starts `perdure ariel lsp` in the folder that is open, and stops it.
 *
 * Boundary: only the start. Everything that is known of the language is on the other side.
 */
// biome-ignore lint/correctness/noUndeclaredDependencies: the editor itself supplies it; there is no such package.
const { workspace } = require('vscode')
const { LanguageClient } = require('vscode-languageclient/node')

let client

exports.activate = async () => {
  const [program, ...args] = workspace.getConfiguration('ariel').get('command')
  const cwd = workspace.workspaceFolders?.[0]?.uri.fsPath
  // On Windows npx is a script, which only a shell can start.
  const options = { ...(cwd !== undefined && { cwd }), shell: process.platform === 'win32' }
  client = new LanguageClient(
    'ariel',
    'ariel',
    { command: program, args, options },
    {
      documentSelector: [{ language: 'ariel' }],
      synchronize: { fileEvents: workspace.createFileSystemWatcher('**/*.{h,hpp}') },
    },
  )
  await client.start()
}

exports.deactivate = () => client?.stop()
