/**
 * The methods of the language server: documents that are open in an editor, and what is asked about them.
 *
 * Boundary: parameters and results of the protocol, of which only the fields that are used are named.
 */
import type { Source, Span } from '../mechanisms/ariel/diagnostics.ts'
import { OpenScript } from '../mechanisms/ariel/language-service.ts'
import type { Completion } from '../mechanisms/ariel/language-service-completion.ts'
import {
  diagnosticOf,
  folderOf,
  headerUri,
  locationOf,
  type OpenDocument,
  offsetOf,
  type Position,
  type Range,
  rangeOf,
  type TextEdit,
  uriOf,
} from './ariel-lsp-places.ts'
import { includeFrom } from './cli/script-file.ts'

/** A request that is refused, with its code in the protocol. */
export class RpcError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

export type Answer = object | null

interface DocumentParams {
  readonly textDocument: { readonly uri: string; readonly version?: number; readonly text?: string }
  readonly contentChanges?: readonly { readonly text: string }[]
}

interface PositionParams extends DocumentParams {
  readonly position: Position
  readonly newName?: string
}

/** Code of a request that fails for a reason that the user should read. */
const REQUEST_FAILED = -32803
const INVALID_PARAMS = -32602

/** Numbers of the protocol. */
const FULL_TEXT = 1
const COMPLETION_KIND = { word: 14, entity: 12, symbol: 21, variable: 6 } as const

/** Scripts open at once: more than any editor shows. */
const MAX_OPEN = 1000

export class ArielServer {
  readonly #notify: (method: string, params: object) => void
  readonly #documents = new Map<string, OpenDocument>()
  readonly #unchecked = new Set<string>()

  constructor(notify: (method: string, params: object) => void) {
    this.#notify = notify
  }

  capabilities(): Answer {
    return {
      capabilities: {
        positionEncoding: 'utf-16',
        textDocumentSync: { openClose: true, change: FULL_TEXT, save: true },
        completionProvider: { triggerCharacters: ['{'] },
        hoverProvider: true,
        definitionProvider: true,
        declarationProvider: true,
        referencesProvider: true,
        renameProvider: { prepareProvider: true },
        documentFormattingProvider: true,
      },
      serverInfo: { name: 'perdure ariel lsp' },
    }
  }

  notified(method: string, params: unknown): void {
    switch (method) {
      case 'textDocument/didOpen': {
        const { uri, version, text } = (params as DocumentParams).textDocument
        return this.#hold(uri, version, text ?? '')
      }
      case 'textDocument/didChange': {
        const { textDocument, contentChanges } = params as DocumentParams
        const text = contentChanges?.at(-1)?.text
        if (text !== undefined) this.#hold(textDocument.uri, textDocument.version, text)
        return
      }
      case 'textDocument/didClose': {
        const { uri } = (params as DocumentParams).textDocument
        this.#documents.delete(uri)
        this.#unchecked.delete(uri)
        this.#notify('textDocument/publishDiagnostics', { uri, diagnostics: [] })
        return
      }
      case 'textDocument/didSave':
      case 'workspace/didChangeWatchedFiles':
        // A header may be another one now.
        for (const { uri, version, script } of this.#documents.values()) this.#hold(uri, version, script.text)
        return
      default:
    }
  }

  /** Sends the findings of what has changed. */
  publish(): void {
    for (const uri of this.#unchecked) {
      const document = this.#documents.get(uri)
      if (document === undefined) continue
      const diagnostics = document.script.diagnostics.map((found) => diagnosticOf(found, document))
      const version = document.version === undefined ? {} : { version: document.version }
      this.#notify('textDocument/publishDiagnostics', { uri, ...version, diagnostics })
    }
    this.#unchecked.clear()
  }

  /** Undefined for a method that there is not. */
  request(method: string, params: unknown): Answer | undefined {
    switch (method) {
      case 'textDocument/completion':
        return this.#at(params, completion)
      case 'textDocument/hover':
        return this.#at(params, hover)
      case 'textDocument/definition':
      case 'textDocument/declaration':
        return this.#at(params, declaration)
      case 'textDocument/references':
        return this.#at(params, (document, offset) => document.script.references(offset).map((to) => locationOf(to, document)))
      case 'textDocument/prepareRename':
        return this.#at(params, prepareRename)
      case 'textDocument/rename':
        return this.#at(params, (document, offset) => this.#rename(document, offset, (params as PositionParams).newName ?? ''))
      case 'textDocument/formatting':
        return formatting(this.#document(params))
      default:
        return undefined
    }
  }

  #hold(uri: string, version: number | undefined, text: string): void {
    if (!this.#documents.has(uri) && this.#documents.size >= MAX_OPEN) {
      throw new RpcError(REQUEST_FAILED, `${MAX_OPEN} scripts are open. Expected fewer: close some`)
    }
    const folder = folderOf(uri)
    const script = new OpenScript(text, folder === undefined ? {} : { include: includeFrom(folder) })
    this.#documents.set(uri, { uri, version, script })
    this.#unchecked.add(uri)
  }

  #document(params: unknown): OpenDocument {
    const uri = (params as Partial<DocumentParams> | undefined)?.textDocument?.uri
    const document = this.#documents.get(uri ?? '')
    if (document === undefined)
      throw new RpcError(INVALID_PARAMS, `${uri} is not open. Expected a document that was opened before`)
    return document
  }

  #at(params: unknown, answer: (document: OpenDocument, offset: number) => Answer): Answer {
    const document = this.#document(params)
    const position = (params as Partial<PositionParams>).position
    if (!Number.isInteger(position?.line) || !Number.isInteger(position?.character)) {
      throw new RpcError(INVALID_PARAMS, 'There is no position. Expected a line and a character')
    }
    return answer(document, offsetOf(document.script.source, position as Position))
  }

  /** A symbol changes in every open script that includes the header, since they share it. */
  #rename(document: OpenDocument, offset: number, name: string): Answer {
    const from = document.script.renamable(offset)?.name ?? ''
    const renamed = document.script.rename(offset, name)
    if ('refused' in renamed) throw new RpcError(REQUEST_FAILED, renamed.refused)
    const changes: Record<string, TextEdit[]> = {}
    const change = (uri: string, source: Source, span: Span, newText: string): void => {
      changes[uri] ??= []
      changes[uri].push({ range: rangeOf(source.place(span)), newText })
    }
    for (const { source, text, ...span } of renamed.edits) {
      if (source === undefined) change(document.uri, document.script.source, span, text)
      else change(headerUri(document, source), source, span, text)
    }
    const headers = new Set(renamed.edits.flatMap(({ source }) => (source === undefined ? [] : [headerUri(document, source)])))
    for (const other of this.#documents.values()) {
      if (other === document || !other.script.headers.some((path) => headers.has(uriOf(other, path) ?? ''))) continue
      const also = other.script.renameSymbol(from, name)
      if ('refused' in also) throw new RpcError(REQUEST_FAILED, `In ${other.uri}: ${also.refused}`)
      for (const { source, text, ...span } of also.edits)
        if (source === undefined) change(other.uri, other.script.source, span, text)
    }
    return { changes }
  }
}

function completion({ script }: OpenDocument, offset: number): Answer {
  const { from, to, items } = script.complete(offset)
  const range = rangeOf(script.source.place({ start: from, end: to }))
  return { isIncomplete: false, items: items.map((item, at) => completionItem(item, range, at)) }
}

function completionItem({ label, kind, detail, filter }: Completion, range: Range, at: number): object {
  return {
    label,
    kind: COMPLETION_KIND[kind],
    ...(detail !== undefined && { detail }),
    ...(filter !== undefined && { filterText: filter }),
    // Keeps our order, which an editor would otherwise replace by that of the alphabet.
    sortText: String(at).padStart(5, '0'),
    textEdit: { range, newText: label },
  }
}

function hover({ script }: OpenDocument, offset: number): Answer {
  const found = script.hover(offset)
  if (found === undefined) return null
  return { contents: { kind: 'markdown', value: found.markdown }, range: rangeOf(script.source.place(found)) }
}

function declaration(document: OpenDocument, offset: number): Answer {
  const header = document.script.headerAt(offset)
  const uri = header === undefined ? undefined : uriOf(document, header)
  if (uri !== undefined) return [{ uri, range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } } }]
  return document.script.declarations(offset).map((to) => locationOf(to, document))
}

function prepareRename({ script }: OpenDocument, offset: number): Answer {
  const found = script.renamable(offset)
  if (found === undefined)
    throw new RpcError(REQUEST_FAILED, 'Only symbols, variables and names of tasks and groups can be renamed')
  return { range: rangeOf(script.source.place(found)), placeholder: found.name }
}

function formatting({ script }: OpenDocument): Answer {
  const text = script.format()
  if (text === undefined || text === script.text) return []
  return [{ range: rangeOf(script.source.place({ start: 0, end: script.text.length })), newText: text }]
}
