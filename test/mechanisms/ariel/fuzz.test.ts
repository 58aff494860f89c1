import { expect, test } from 'vitest'
import { compile, type Diagnostic, parse, print } from '../../../src/mechanisms/ariel/ariel.ts'
import { wordsOf } from '../../../src/mechanisms/ariel/keywords.ts'
import { examples, includeExample } from './translate.ts'

/** PERDURE_FUZZ=1000000 for the long run. */
const SCRIPTS = Number(process.env.PERDURE_FUZZ ?? 5_000)
const SEED = Number(process.env.PERDURE_FUZZ_SEED ?? 1)

/** Of processor time, so that a machine that does something else too does not look like a hang. */
const HANG_MS = 1000

const WORDS = [
  ...wordsOf('section'),
  ...wordsOf('status'),
  ...wordsOf('action'),
  ...wordsOf('clause'),
  ...wordsOf('tool'),
  ...wordsOf('entity'),
  ...wordsOf('statement'),
  ...'[ ] ( ) { } " \' # ; . , = == - * / ! && || @1 ~~ $$ T$1 T* -f 0 7 -1 2.5 99999999999 \u00e9 \u{1F6F3} \ud800 \n \r\n \t \u0000 IF_ {X} {RUDDER}'.split(
    ' ',
  ),
]

/** Mulberry32: the same scripts from the same seed everywhere. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

function mutate(text: string, random: (below: number) => number): string {
  let result = text
  for (let times = 1 + random(4); times > 0; times -= 1) {
    const at = random(result.length + 1)
    const length = random(12)
    const word = WORDS[random(WORDS.length)] as string
    const from = random(result.length + 1)
    switch (random(7)) {
      case 0:
        result = result.slice(0, at) + result.slice(at + length)
        break
      case 1:
        result = `${result.slice(0, at)} ${word} ${result.slice(at)}`
        break
      case 2:
        result = result.slice(0, at) + word + result.slice(at + word.length)
        break
      case 3:
        result = result.slice(0, at) + result.slice(from, from + random(60)) + result.slice(at)
        break
      case 4:
        result = result.slice(0, at)
        break
      case 5: {
        const lines = result.split('\n')
        lines.splice(random(lines.length), 1 + random(3))
        result = lines.join('\n')
        break
      }
      default: {
        const words = [...result.matchAll(/[A-Za-z]+|[0-9]+/g)]
        const chosen = words[random(Math.max(words.length, 1))]
        if (chosen !== undefined) result = result.slice(0, chosen.index) + word + result.slice(chosen.index + chosen[0].length)
      }
    }
  }
  return result
}

function isInside({ line, column, endLine, endColumn, file }: Diagnostic, lines: readonly string[]): boolean {
  if (file !== undefined) return true
  const ordered = endLine > line || (endLine === line && endColumn >= column)
  const exists = (at: number, width: number): boolean =>
    at >= 1 && width >= 1 && width <= (lines[at - 1] ?? '').length + 1 && at <= lines.length
  return ordered && exists(line, column) && exists(endLine, endColumn)
}

test(`SPEC 8: of ${SCRIPTS} mutated scripts none crashes or hangs the translator, every diagnostic lies inside the text, and printing is stable`, () => {
  const random = randomFrom(SEED)
  const originals = examples()
  let good = 0
  for (let count = 0; count < SCRIPTS; count += 1) {
    const script = mutate((originals[random(originals.length)] as { text: string }).text, random)
    const begin = process.cpuUsage()
    const compiled = compile(script, { include: includeExample, classic: random(8) === 0 })
    const took = process.cpuUsage(begin).user / 1000
    const lines = script.split('\n')
    const outside = compiled.diagnostics.filter((diagnostic) => !isInside(diagnostic, lines))
    const { tree } = parse(script)
    const once = print(tree)
    const again = print(parse(once).tree)
    const failed =
      outside.length > 0 ||
      again !== once ||
      (!tree.whole && once !== script) ||
      took > HANG_MS ||
      changed(script, once, compiled)
    if (failed) expect({ script, outside, once, again, took }).toBe('a script that the translator takes')
    if (compiled.ok) good += 1
  }
  // Otherwise the mutations would be so coarse that only the parser's error paths were tried.
  expect(good).toBeGreaterThan(SCRIPTS / 20)
})

function changed(script: string, once: string, before: ReturnType<typeof compile>): boolean {
  if (!before.ok || once === script) return false
  const after = compile(once, { include: includeExample, classic: true })
  return (
    !after.ok ||
    JSON.stringify([after.rcode.code, after.rcode.strings]) !== JSON.stringify([before.rcode.code, before.rcode.strings])
  )
}
