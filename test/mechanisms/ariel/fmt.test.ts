/** `fmt` (SPEC 8): one layout, the same meaning, nothing lost. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile, parse } from '../../../src/mechanisms/ariel/ariel.ts'
import { format } from '../../../src/mechanisms/ariel/fmt.ts'
import { examples, HEADER, include, includeExample } from './translate.ts'

/** PERDURE_FUZZ=1000000 for the long run. */
const SCRIPTS = Math.max(300, Math.floor(Number(process.env.PERDURE_FUZZ ?? 5_000) / 10))

describe('SPEC 8: fmt', () => {
  test.each(examples())(
    'of $name changes nothing the second time, and keeps r-code, texts, topology and comments',
    ({ text }) => {
      const once = format(text).text
      expect(format(once)).toMatchObject({ text: once, whole: true })
      expect(meaning(once)).toEqual(meaning(text))
      expect(comments(once)).toEqual(comments(text))
    },
  )

  test('keeps the line ends of the file', () => {
    expect(format('if [ faulty t1 ] then\r\n stop t1\r\nfi\r\n').text).toBe('IF [ FAULTY T1 ]\r\nTHEN\r\n    STOP T1\r\nFI\r\n')
    expect(format('nprocs = 2').text).toBe('NPROCS = 2\n')
  })

  test('keeps the mark at the begin of the file', () => {
    expect(format('\uFEFFnprocs=2\n').text).toBe('\uFEFFNPROCS = 2\n')
  })

  test('leaves a script alone that could not be read as a whole, and says why', () => {
    const script = 'if [ faulty t1 ] then restrat t1 fi'
    expect(format(script)).toMatchObject({ text: script, whole: false, diagnostics: [{ code: 'A005' }] })
  })

  test('lays out a script whose only errors are about what it names', () => {
    expect(format('if [ faulty t{nobody} ] then stop t1 fi')).toMatchObject({ whole: true })
  })

  test('of an empty file is an empty file', () => {
    expect(format('').text).toBe('')
  })

  test(`SPEC 8: of ${SCRIPTS} random scripts in random layouts changes nothing the second time and keeps every meaning and comment`, () => {
    fc.assert(
      fc.property(laidOut(), (script) => {
        expect(compile(script, { include }).diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
        const { text, whole } = format(script)
        expect(whole).toBe(true)
        expect(format(text).text).toBe(text)
        expect(meaning(text)).toEqual(meaning(script))
        expect(comments(text)).toEqual(comments(script))
      }),
      { numRuns: SCRIPTS, ...(process.env.PERDURE_FUZZ_SEED && { seed: Number(process.env.PERDURE_FUZZ_SEED) }) },
    )
  })
})

/** All but the lines, which a layout may change. */
function meaning(script: string): object {
  const compiled = compile(script, { include: (path) => includeExample(path) ?? (path === 'h' ? HEADER : undefined) })
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics))
  const { rcode, topology } = compiled
  const unplaced = <T extends { readonly line: number }>({ line: _, ...rest }: T): object => rest
  return {
    code: rcode.code,
    strings: rcode.strings,
    topology: { ...topology, watchdogs: topology.watchdogs.map(unplaced), tools: topology.tools.map(unplaced) },
  }
}

function comments(script: string): string[] {
  const { tree } = parse(script)
  return tree.comments.map(({ start, end }) => script.slice(start, end).trimEnd())
}

/** Words that must stand together, as one. */
type Words = readonly string[]

/** A script of the grammar, its words joined by blanks, lines' ends and comments, its keywords in any case. */
function laidOut(): fc.Arbitrary<string> {
  return script().chain((words) =>
    fc
      .tuple(fc.array(gap(), { minLength: words.length, maxLength: words.length }), fc.boolean())
      .map(([gaps, lower]) => words.map((word, at) => (lower ? lowered(word) : word) + gaps[at]).join('')),
  )
}

/** Case matters in strings and symbols. */
function lowered(word: string): string {
  return word.replace(/("[^"]*"|\{[^}]*\})|[A-Z]+/g, (found, kept) => (kept === undefined ? found.toLowerCase() : found))
}

function gap(): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constant(' ') },
    { weight: 2, arbitrary: fc.constantFrom('\n', '\n\n\n', '\t', '  \n  ') },
    { weight: 1, arbitrary: fc.constantFrom(' # note\n', '\n# "line" {X}\n', ' #\n', '\n\n  # a\n# b\n\n') },
  )
}

const TASK = fc.constantFrom('T1', 'T2', 'TASK{FIVE}', 'T{NINE}', 'TASK "a"', 'TASK 9')
const GROUP = fc.constantFrom('G1', 'L1', 'GROUP "crew"', 'LOGICAL 1')
const NODE = fc.constantFrom('N0', 'NODE 1')
const ENTITY = fc.oneof(TASK, GROUP, NODE)

function atom(): fc.Arbitrary<Words> {
  const status = fc.constantFrom('FAULTY', 'RUNNING', 'ISOLATED', '-f', '-k')
  return fc.oneof(
    fc.tuple(status, fc.oneof(ENTITY, fc.constantFrom('T*', 'NODE*', '*'))).map(([word, entity]) => [`${word} ${entity}`]),
    fc
      .tuple(TASK, fc.constantFrom('>', '>=', '==', '!='), fc.integer({ min: -9, max: 99 }))
      .map(([task, sign, value]) => [`ERRN(${task})${sign} ${value}`]),
    TASK.map((task) => [`ELAPSED(${task}) < 5 S`]),
    TASK.map((task) => [`ALPHA(${task})<=2.5`]),
    fc.constantFrom(['VAL(A) == 3'], ['DEADLOCKED T1 T2'], ['PHASE(T1) != {FIVE}']),
  )
}

function guard(depth: number): fc.Arbitrary<Words> {
  if (depth === 0) return atom()
  const inner = guard(depth - 1)
  const chain = (word: string): fc.Arbitrary<Words> =>
    fc
      .array(inner, { minLength: 2, maxLength: 3 })
      .map((terms) => terms.flatMap((term, at) => [...(at > 0 ? [word] : []), '(', ...term, ')']))
  return fc.oneof(
    atom(),
    chain('AND'),
    chain('||'),
    inner.map((term) => ['NOT', '(', ...term, ')']),
    inner.map((term) => ['!', '(', ...term, ')']),
  )
}

function expression(depth: number): fc.Arbitrary<Words> {
  const leaf = fc.constantFrom<Words>(['A'], ['B'], ['7'], ['{FIVE}'])
  if (depth === 0) return leaf
  const inner = expression(depth - 1)
  return fc.oneof(
    leaf,
    inner.map((operand) => ['-', '(', ...operand, ')']),
    fc
      .tuple(inner, fc.constantFrom('+', '-', '*', '/', 'PLUS', 'DIV'), inner)
      .map(([left, operator, right]) => ['(', ...left, ')', operator, '(', ...right, ')']),
  )
}

function action(depth: number): fc.Arbitrary<Words> {
  const simple: fc.Arbitrary<Words> = fc.oneof(
    fc.tuple(fc.constantFrom('STOP', 'RESTART', 'ISOLATE'), ENTITY).map(([word, entity]) => [word, entity]),
    fc.tuple(TASK, GROUP).map(([task, group]) => ['RESTART', task, 'AND', 'WARN', group, '(', '1', ',', '{FIVE}', ')']),
    fc.tuple(TASK, TASK).map(([one, other]) => ['ERR', '7', one, 'WARN', other]),
    fc.tuple(TASK, TASK).map(([one, other]) => ['WARN', one, '(', 'ERR', '{FIVE}', other, ')']),
    TASK.map((task) => ['REMOVE', 'ANY', task, 'FROM', 'ERRORLIST']),
    fc.constantFrom<Words>(
      ['CALL', '3', '(', '1', ',', '-2', ')'],
      ['PAUSE 20 MS'],
      ['LOG', 'CLOCK', ';'],
      ['LOG', '"a # b"'],
      ['SEND', '-4', 'T9'],
    ),
    expression(2).map((words) => ['LET', 'B', '=', ...words]),
  )
  return depth === 0 ? simple : fc.oneof({ weight: 4, arbitrary: simple }, { weight: 1, arbitrary: section(depth - 1) })
}

function section(depth: number): fc.Arbitrary<Words> {
  const actions = fc.array(action(depth), { maxLength: 3 }).map((words) => words.flat())
  const branch = fc.tuple(guard(2), actions).map(([words, then]) => ['[', ...words, ']', 'THEN', ...then])
  return fc
    .tuple(branch, fc.array(branch, { maxLength: 2 }), fc.option(actions))
    .map(([first, more, otherwise]) => [
      'IF',
      ...first,
      ...more.flatMap((words) => ['ELIF', ...words]),
      ...(otherwise === null ? [] : ['ELSE', ...otherwise]),
      'FI',
    ])
}

const CONFIGURATION: readonly Words[] = [
  ['INCLUDE', '"h"'],
  ['TASK 1', '=', '"a"', 'IS', 'NODE 0', ',', 'TASKID 1'],
  ['TASK', '[', '2', ',', '9', ']', '=', '"w"', 'IS', 'NODE', '1', ',', 'TASKID', '[', '2', ',', '9', ']'],
  ['LOGICAL 1', '=', '"crew"', 'IS', 'TASK 1', ',', '2', ',', 'TASK {FIVE}', 'END LOGICAL'],
]

const OPTIONAL: readonly Words[] = [
  ['NPROCS', '=', '2', '.'],
  ['DEFINE', '0', '=', 'MANAGER'],
  ['DA', '=', 'RESTART'],
  ['MIASEND', '=', '1000'],
  ['ALPHACOUNT', '2', 'IS', 'THRESHOLD', '=', '3.0', ',', 'FACTOR', '=', '0', ',', 'EVERY', '10 S', 'END'],
  ['WATCHDOG', '7', 'WATCHES', 'TASK 1', 'HEARTBEATS', 'EVERY', '250 MS', 'ON', 'ERROR', 'WARN', 'TASK 2', 'END', 'WATCHDOG'],
  [
    'NVERSION',
    'TASK',
    '8',
    'VERSION',
    '1',
    'IS',
    'TASK 2',
    'VERSION',
    '2',
    'IS',
    'TASK 3',
    'VOTING',
    'ALGORITHM',
    'IS',
    'SIMPLE',
    'MAJORITY',
    'END NVERSION',
  ],
  ['STABILIZER', '4', 'COPIES', '3', 'CYCLES', '5', 'METRIC', '"m"', 'EPSILON', '0.01', 'END STABILIZER'],
  ['INJECT', 'MANAGERFAULT', 'ON', 'NODE', '0', 'AFTER', '900', 'TICKS'],
]

function script(): fc.Arbitrary<Words> {
  return fc
    .tuple(fc.subarray([...OPTIONAL]), fc.array(section(1), { maxLength: 3 }))
    .map(([optional, sections]) => [...CONFIGURATION.flat(), ...optional.flat(), ...sections.flat()])
}
