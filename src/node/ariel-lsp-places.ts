/**
 * Places of the language server: offsets, lines and names of headers as the protocol has them, and back.
 *
 * Positions of the protocol count lines and columns from 0, columns in UTF-16 code units, as our own do but for the 1.
 *
 * Boundary: no state; nothing is read.
 */
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Diagnostic, Place, Source } from '../mechanisms/ariel/diagnostics.ts'
import type { Location, OpenScript } from '../mechanisms/ariel/language-service.ts'

export interface Position {
  readonly line: number
  readonly character: number
}

export interface Range {
  readonly start: Position
  readonly end: Position
}

export interface TextEdit {
  readonly range: Range
  readonly newText: string
}

export interface OpenDocument {
  readonly uri: string
  readonly version: number | undefined
  readonly script: OpenScript
}

/** Numbers of the protocol. */
const SEVERITY = { error: 1, warning: 2 } as const

export function locationOf({ source, ...span }: Location, document: OpenDocument): object {
  if (source === undefined) return { uri: document.uri, range: rangeOf(document.script.source.place(span)) }
  return { uri: headerUri(document, source), range: rangeOf(source.place(span)) }
}

export function diagnosticOf(found: Diagnostic, document: OpenDocument): object {
  const { code, severity, message, related = [], file } = found
  const here = { code, source: 'ariel', severity: SEVERITY[severity] }
  const relatedInformation = related.map((other) => ({
    location: { uri: uriOf(document, other.file) ?? document.uri, range: rangeOf(other) },
    message: other.message,
  }))
  // What is wrong in a header is shown where the script includes it; the place itself is one click away.
  if (file !== undefined) {
    const location = { uri: uriOf(document, file) ?? document.uri, range: rangeOf(found) }
    return {
      ...here,
      range: rangeOf(document.script.source.place({ start: 0, end: 0 })),
      message: `${file}:${found.line}:${found.column}: ${message}`,
      relatedInformation: [{ location, message }, ...relatedInformation],
    }
  }
  return { ...here, range: rangeOf(found), message, ...(relatedInformation.length > 0 && { relatedInformation }) }
}

export function rangeOf({ line, column, endLine, endColumn }: Place): Range {
  return { start: { line: line - 1, character: column - 1 }, end: { line: endLine - 1, character: endColumn - 1 } }
}

/** Of a position beyond the end of its line the end, as the protocol demands. */
export function offsetOf(source: Source, { line, character }: Position): number {
  return source.offsetOf(line + 1, character + 1)
}

/** Undefined for documents that are in no folder, such as new ones. */
export function folderOf(uri: string): string | undefined {
  return uri.startsWith('file:') ? dirname(fileURLToPath(uri)) : undefined
}

export function uriOf({ uri }: OpenDocument, file: string | undefined): string | undefined {
  const folder = folderOf(uri)
  return file === undefined || folder === undefined ? undefined : pathToFileURL(resolve(folder, file)).href
}

export function headerUri(document: OpenDocument, { file }: Source): string {
  return uriOf(document, file) ?? document.uri
}
