/**
 * What an author should know that is no error: said once, when a thing is defined, in the way in which Node itself warns.
 *
 * Boundary: `process.emitWarning`. It is the program's to hear (`process.on('warning', …)`), to silence (`--no-warnings`) and to
 * print; nothing here depends on it.
 */

/** Texts name definitions, of which programs have few; whoever makes more of them is not told again about each. */
const MAX_TEXTS = 1_000

const said = new Set<string>()

/** Each text is said once in a process. */
export function warnOnce(text: string): void {
  if (said.has(text) || said.size >= MAX_TEXTS) return
  said.add(text)
  // biome-ignore lint/style/noRestrictedGlobals: definitions are made without any handle to the shell, and their author has to be told
  process.emitWarning(text, 'PerdureWarning')
}
