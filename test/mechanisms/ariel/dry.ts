/**
 * Scripts and histories in one line each, and what comes of them: what the tests of dry runs have in common.
 *
 * Boundary: test code only.
 */
import { compile, type DryRunOptions, dryRun, type HistoryEvent, readHistory } from 'perdure/ariel'

/** `error T5 12 @120`: a line of a history. */
export function event(written: string): HistoryEvent {
  const [words, at = '0'] = written.split(' @') as [string, string?]
  const [kind, entity, rest, ...more] = words.split(' ')
  const field = { error: 'code', phase: 'value', status: 'status', ok: 'successes' }[kind as string]
  const value = kind === 'status' ? rest : Number(rest)
  const fields =
    kind === 'deadlock'
      ? { entities: [entity, rest, ...more] }
      : { entity, ...(rest !== undefined && field !== undefined && { [field]: value }) }
  const [found] = readHistory(JSON.stringify({ at: Number(at), kind, ...(kind !== 'end' && fields) }))
  return found as HistoryEvent
}

/** The policy of a script without errors. */
export function policyOf(script: string): Extract<ReturnType<typeof compile>, { ok: true }> {
  const compiled = compile(script)
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics, undefined, 1))
  return compiled
}

/** `120 RESTART T5` or `120 SEND T9 = 4` for each action, in its order. */
export function actions(script: string, history: readonly string[], options: DryRunOptions = {}): string[] {
  return dryRun(policyOf(script), history.map(event), options).map(({ at, action, target, value }) => {
    const words = [String(at), action, ...(target === undefined ? [] : [target])]
    return value === undefined ? words.join(' ') : `${words.join(' ')} = ${value}`
  })
}

/** Whether a guard is true in a pass after a history: that of a phase of task 99, which nothing else is about. */
export function isTrue(guard: string, history: readonly string[], configuration = ''): boolean {
  const last = history.at(-1)?.split(' @')[1] ?? '0'
  const script = `${configuration} IF [ ${guard} ] THEN LOG 1 ELSE LOG 0 FI`
  return actions(script, [...history, `phase T99 0 @${last}`]).at(-1) === `${last} LOG = 1`
}
