/** The language server as an editor meets it: the built program, over standard input and output, driven by the protocol's own library. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import {
  CompletionRequest,
  createProtocolConnection,
  DefinitionRequest,
  DidChangeTextDocumentNotification,
  DidChangeWatchedFilesNotification,
  DidCloseTextDocumentNotification,
  DidOpenTextDocumentNotification,
  DocumentFormattingRequest,
  ExitNotification,
  HoverRequest,
  InitializedNotification,
  InitializeRequest,
  type InitializeResult,
  type Location,
  PrepareRenameRequest,
  type ProtocolConnection,
  PublishDiagnosticsNotification,
  type PublishDiagnosticsParams,
  ReferencesRequest,
  RenameRequest,
  ShutdownRequest,
  StreamMessageReader,
  StreamMessageWriter,
  type TextEdit,
} from 'vscode-languageserver-protocol/node'

const COMMAND = fileURLToPath(new URL('../../dist/node/cli.js', import.meta.url))

const HEADER = '#define PUMP 1\n#define SPARE 2\n'
const SCRIPT = `INCLUDE "plant.h"
TASK {PUMP} = "pump" IS NODE 0, TASKID 8
TASK {SPARE} = "spare" IS NODE 1, TASKID 8
IF [ FAULTY T{PUMP} ] THEN START T{SPARE} STOP T{PUMP} FI
`

/** An editor with a server of its own, in a folder with a header and scripts. */
class Editor implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'perdure-lsp-test-'))
  readonly child: ChildProcess
  readonly connection: ProtocolConnection
  readonly #published: PublishDiagnosticsParams[] = []
  readonly #waiting = new Set<() => void>()
  #version = 0

  constructor(...words: readonly string[]) {
    writeFileSync(join(this.folder, 'plant.h'), HEADER)
    this.child = spawn(process.execPath, [COMMAND, 'ariel', 'lsp', ...words], { stdio: ['pipe', 'pipe', 'inherit'] })
    const { stdin, stdout } = this.child
    if (stdin === null || stdout === null) throw new Error('no pipes')
    this.connection = createProtocolConnection(new StreamMessageReader(stdout), new StreamMessageWriter(stdin))
    this.connection.onNotification(PublishDiagnosticsNotification.type, (params) => {
      this.#published.push(params)
      for (const wake of [...this.#waiting]) wake()
    })
    this.connection.listen()
  }

  static async started(): Promise<Editor> {
    const editor = new Editor()
    await editor.initialize()
    await editor.connection.sendNotification(InitializedNotification.type, {})
    return editor
  }

  initialize(): Promise<InitializeResult> {
    return this.connection.sendRequest(InitializeRequest.type, { processId: process.pid, rootUri: null, capabilities: {} })
  }

  uri(name: string): string {
    return pathToFileURL(join(this.folder, name)).href
  }

  open(name: string, text: string): Promise<void> {
    this.#version += 1
    const textDocument = { uri: this.uri(name), languageId: 'ariel', version: this.#version, text }
    return this.connection.sendNotification(DidOpenTextDocumentNotification.type, { textDocument })
  }

  change(name: string, text: string): Promise<void> {
    this.#version += 1
    const textDocument = { uri: this.uri(name), version: this.#version }
    return this.connection.sendNotification(DidChangeTextDocumentNotification.type, { textDocument, contentChanges: [{ text }] })
  }

  /** The first findings published for a file, from now or before, that fit. */
  async findings(
    name: string,
    fits: (params: PublishDiagnosticsParams) => boolean = () => true,
  ): Promise<PublishDiagnosticsParams> {
    for (;;) {
      const found = this.#published.find((params) => params.uri === this.uri(name) && fits(params))
      if (found !== undefined) return found
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  /** Where a piece of a text stands, its first character. */
  at(name: string, text: string, piece: string, nth = 0) {
    let offset = -1
    for (let times = 0; times <= nth; times += 1) offset = text.indexOf(piece, offset + 1)
    const lines = text.slice(0, offset).split('\n')
    return { textDocument: { uri: this.uri(name) }, position: { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 } }
  }

  async end(): Promise<number | null> {
    const [code] = this.child.exitCode === null ? ((await once(this.child, 'exit')) as [number | null]) : [this.child.exitCode]
    return code
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection.dispose()
    this.child.kill('SIGKILL')
    await this.end()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function applied(text: string, edits: readonly TextEdit[]): string {
  const lines = text.split('\n')
  const offsetOf = ({ line, character }: { line: number; character: number }): number =>
    lines.slice(0, line).reduce((sum, before) => sum + before.length + 1, character)
  return [...edits]
    .sort((a, b) => offsetOf(b.range.start) - offsetOf(a.range.start))
    .reduce((now, { range, newText }) => now.slice(0, offsetOf(range.start)) + newText + now.slice(offsetOf(range.end)), text)
}

describe('perdure ariel lsp', () => {
  test('says what it can do, counts columns in UTF-16, and ends with 0 after a proper farewell', async () => {
    await using editor = new Editor()
    const { capabilities } = await editor.initialize()
    expect(capabilities).toMatchObject({
      positionEncoding: 'utf-16',
      hoverProvider: true,
      definitionProvider: true,
      documentFormattingProvider: true,
      renameProvider: { prepareProvider: true },
      completionProvider: {},
    })
    await editor.connection.sendRequest(ShutdownRequest.type)
    await editor.connection.sendNotification(ExitNotification.type)
    expect(await editor.end()).toBe(0)
  })

  test('takes the words that libraries for editors put behind the command', async () => {
    await using editor = new Editor('--stdio', `--clientProcessId=${process.pid}`)
    expect((await editor.initialize()).serverInfo?.name).toBe('perdure ariel lsp')
  })

  test('sends findings when a script is opened and while it is typed, and takes them back when it is closed', async () => {
    await using editor = await Editor.started()
    await editor.open('plant.ariel', SCRIPT.replace('START', 'STRAT'))
    const { diagnostics, version } = await editor.findings('plant.ariel', (params) => params.diagnostics.length > 0)
    expect(version).toBe(1)
    expect(diagnostics).toEqual([
      {
        code: 'A005',
        source: 'ariel',
        severity: 1,
        message: expect.stringMatching(/did you mean START/),
        range: { start: { line: 3, character: 27 }, end: { line: 3, character: 32 } },
      },
    ])
    await editor.change('plant.ariel', SCRIPT)
    expect((await editor.findings('plant.ariel', (params) => params.version === 2)).diagnostics).toEqual([])
    await editor.change('plant.ariel', `${SCRIPT}${SCRIPT}`)
    const twice = await editor.findings('plant.ariel', (params) => params.version === 3)
    const again = twice.diagnostics.find(({ code }) => code === 'A012')
    expect(again?.relatedInformation).toEqual([
      {
        location: {
          uri: editor.uri('plant.ariel'),
          range: { start: { line: 1, character: 5 }, end: { line: 1, character: 11 } },
        },
        message: expect.stringMatching(/declared here/),
      },
    ])
    await editor.connection.sendNotification(DidCloseTextDocumentNotification.type, {
      textDocument: { uri: editor.uri('plant.ariel') },
    })
    await editor.findings('plant.ariel', (params) => params.version === undefined && params.diagnostics.length === 0)
  })

  test('checks a burst of changes once, and the last one', async () => {
    await using editor = await Editor.started()
    await editor.open('plant.ariel', SCRIPT)
    for (let times = 0; times < 50; times += 1) void editor.change('plant.ariel', `${SCRIPT}${'\n'.repeat(times)}X`)
    await editor.change('plant.ariel', SCRIPT)
    expect((await editor.findings('plant.ariel', ({ version }) => version === 52)).diagnostics).toEqual([])
  })

  test('looks at headers again when they have changed, and shows what is wrong in one', async () => {
    await using editor = await Editor.started()
    await editor.open('plant.ariel', SCRIPT)
    await editor.findings('plant.ariel', ({ diagnostics }) => diagnostics.length === 0)
    writeFileSync(join(editor.folder, 'plant.h'), '#define PUMP 1\n#define PUMP 7\n')
    await editor.connection.sendNotification(DidChangeWatchedFilesNotification.type, {
      changes: [{ uri: editor.uri('plant.h'), type: 2 }],
    })
    const { diagnostics } = await editor.findings('plant.ariel', (params) => params.diagnostics.length > 0)
    expect(diagnostics.map(({ code }) => code)).toEqual(expect.arrayContaining(['A012', 'A010']))
    expect(diagnostics.find(({ code }) => code === 'A012')?.relatedInformation?.[0]?.location).toMatchObject({
      uri: editor.uri('plant.h'),
      range: { start: { line: 1, character: 13 } },
    })
  })

  test('completes, and replaces what is typed', async () => {
    await using editor = await Editor.started()
    const text = `${SCRIPT}IF [ FAULTY TASK {SP} ] THEN STOP T1 FI`
    await editor.open('plant.ariel', text)
    const place = editor.at('plant.ariel', text, 'SP} ]')
    const answer = await editor.connection.sendRequest(CompletionRequest.type, {
      ...place,
      position: { ...place.position, character: place.position.character + 2 },
    })
    const items = Array.isArray(answer) ? answer : (answer?.items ?? [])
    const spare = items.find(({ label }) => label === '{SPARE}')
    expect(spare?.detail).toBe('2 "spare"')
    expect(applied(text, [spare?.textEdit as TextEdit])).toBe(text.replace('{SP}', '{SPARE}'))
  })

  test('goes to declarations, in the script and in its header, and to the header itself', async () => {
    await using editor = await Editor.started()
    await editor.open('plant.ariel', SCRIPT)
    const asked = async (piece: string, nth = 0) =>
      (await editor.connection.sendRequest(DefinitionRequest.type, editor.at('plant.ariel', SCRIPT, piece, nth))) as Location[]
    const found = await asked('SPARE}', 1)
    expect(found.map(({ uri, range }) => [uri, range.start.line]).sort()).toEqual(
      [
        [editor.uri('plant.ariel'), 2],
        [editor.uri('plant.h'), 1],
      ].sort(),
    )
    expect(await asked('plant.h')).toMatchObject([{ uri: editor.uri('plant.h') }])
    const references = await editor.connection.sendRequest(ReferencesRequest.type, {
      ...editor.at('plant.ariel', SCRIPT, 'PUMP}', 1),
      context: { includeDeclaration: true },
    })
    expect(references?.map(({ range }) => range.start.line)).toEqual([1, 1, 3, 3])
  })

  test('renames a symbol in the script, in the header and in every open script that includes it', async () => {
    await using editor = await Editor.started()
    await editor.open('plant.ariel', SCRIPT)
    const other = 'INCLUDE "plant.h"\nIF [ FAULTY T{PUMP} ] THEN STOP T1 FI'
    await editor.open('other.ariel', other)
    const place = editor.at('plant.ariel', SCRIPT, 'PUMP}', 1)
    expect(await editor.connection.sendRequest(PrepareRenameRequest.type, place)).toMatchObject({ placeholder: 'PUMP' })
    const edit = await editor.connection.sendRequest(RenameRequest.type, { ...place, newName: 'MOTOR' })
    const changes = edit?.changes ?? {}
    expect(Object.keys(changes).sort()).toEqual(['other.ariel', 'plant.ariel', 'plant.h'].map((name) => editor.uri(name)))
    const changed = (name: string, text: string): string => applied(text, changes[editor.uri(name)] ?? [])
    expect(changed('plant.ariel', SCRIPT)).toBe(SCRIPT.replaceAll('{PUMP}', '{MOTOR}'))
    expect(changed('plant.h', HEADER)).toBe(HEADER.replace('PUMP', 'MOTOR'))
    expect(changed('other.ariel', other)).toBe(other.replace('PUMP', 'MOTOR'))
  })

  test('refuses a rename in words', async () => {
    await using editor = await Editor.started()
    await editor.open('plant.ariel', SCRIPT)
    const place = editor.at('plant.ariel', SCRIPT, 'PUMP}', 1)
    await expect(editor.connection.sendRequest(RenameRequest.type, { ...place, newName: 'SPARE' })).rejects.toThrow(
      /defined already/,
    )
  })

  test('shows the meaning of a guard', async () => {
    await using editor = await Editor.started()
    await editor.open('plant.ariel', SCRIPT)
    const found = await editor.connection.sendRequest(HoverRequest.type, editor.at('plant.ariel', SCRIPT, 'FAULTY'))
    expect(found).toEqual({
      contents: { kind: 'markdown', value: 'True when an error record about task 1 "pump" is open.' },
      range: { start: { line: 3, character: 5 }, end: { line: 3, character: 19 } },
    })
    expect(await editor.connection.sendRequest(HoverRequest.type, editor.at('plant.ariel', SCRIPT, '= "pump"'))).toBeNull()
  })

  test('formats, and leaves alone what it cannot read', async () => {
    await using editor = await Editor.started()
    const options = { tabSize: 4, insertSpaces: true }
    const formatted = async (text: string): Promise<string> => {
      await editor.open('plant.ariel', text)
      const textDocument = { uri: editor.uri('plant.ariel') }
      return applied(text, (await editor.connection.sendRequest(DocumentFormattingRequest.type, { textDocument, options })) ?? [])
    }
    expect(await formatted('nprocs=2 # two\n\n\nda=stop')).toBe('NPROCS = 2  # two\n\nDA = STOP\n')
    expect(await formatted('nprocs=2 )(')).toBe('nprocs=2 )(')
  })

  test('answers what it does not know, and what comes too early, with an error, and goes on', async () => {
    await using editor = new Editor()
    const early = editor.connection.sendRequest('textDocument/hover', {})
    await expect(early).rejects.toMatchObject({ code: -32002 })
    await editor.initialize()
    await expect(editor.initialize()).rejects.toMatchObject({ code: -32600 })
    await expect(editor.connection.sendRequest('textDocument/codeLens', {})).rejects.toMatchObject({ code: -32601 })
    await expect(editor.connection.sendRequest('textDocument/hover', {})).rejects.toMatchObject({ code: -32602 })
    await expect(
      editor.connection.sendRequest('textDocument/hover', { textDocument: { uri: 'file:///nowhere.ariel' } }),
    ).rejects.toThrow(/not open/)
    await editor.connection.sendNotification('$/something', {})
    await editor.connection.sendNotification('textDocument/didOpen', {})
    await editor.open('plant.ariel', SCRIPT)
    await editor.findings('plant.ariel')
  })

  test('ends with 1 when the editor is gone, and with words when its input is no protocol', async () => {
    await using editor = await Editor.started()
    editor.child.stdin?.end()
    expect(await editor.end()).toBe(1)
    const lost = spawn(process.execPath, [COMMAND, 'ariel', 'lsp'], { stdio: 'pipe' })
    let said = ''
    lost.stderr.on('data', (text) => {
      said += String(text)
    })
    lost.stdin.end('hello\r\n\r\n')
    const [code] = (await once(lost, 'close')) as [number]
    expect(code).toBe(1)
    expect(said).toMatch(/PERDURE_E_PROTOCOL.*started by an editor/)
  })

  test('serves scripts that are in no folder, without headers', async () => {
    await using editor = await Editor.started()
    const uri = 'untitled:Untitled-1'
    const textDocument = { uri, languageId: 'ariel', version: 1, text: SCRIPT }
    const published = new Promise<PublishDiagnosticsParams>((resolve) => {
      editor.connection.onNotification(PublishDiagnosticsNotification.type, (params) => resolve(params))
    })
    await editor.connection.sendNotification(DidOpenTextDocumentNotification.type, { textDocument })
    expect((await published).diagnostics.map(({ code }) => code)).toEqual(['A011'])
  })
})
