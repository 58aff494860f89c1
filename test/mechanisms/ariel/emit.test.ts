/** Output forms (SPEC 6 and 8; REL, sections 2.2 and 3.3): what is written is what was compiled, and damaged files are refused. */
import { runInThisContext } from 'node:vm'
import fc from 'fast-check'
import { transformWithEsbuild } from 'vite'
import { describe, expect, test } from 'vitest'
import { type CompileOptions, compile, dryRun, type ListedAction } from '../../../src/mechanisms/ariel/ariel.ts'
import { disassemble } from '../../../src/mechanisms/ariel/emit-disassembly.ts'
import { emit, type OutputForm } from '../../../src/mechanisms/ariel/emit-form.ts'
import { literal } from '../../../src/mechanisms/ariel/emit-literal.ts'
import { readRCode, readTopology } from '../../../src/mechanisms/ariel/emit-reader.ts'
import * as glue from './emitted/08-ferry-glue.ts'
import * as hardwired from './emitted/08-ferry-module.ts'
import { examples, includeExample } from './translate.ts'

/** PERDURE_FUZZ=1000000 for the long run. */
const HISTORIES = Math.max(20, Math.floor(Number(process.env.PERDURE_FUZZ ?? 0) / 1000))

/** SPEC 6, the example. */
const SPARE = 'INCLUDE "h" IF [ FAULTY T2 AND ERRN(T2) >= 3 ] THEN STOP T2 SEND 9 T{SPARE} ELSE RESTART T2 FI'

function compiled(script: string, options: CompileOptions = { include: includeExample }) {
  const result = compile(script, options)
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics))
  return result
}

const spare = () => compiled(SPARE, { include: () => '#define SPARE 4' })
const ferry = () => compiled(examples().find(({ name }) => name === '08-ferry')?.text ?? '')
const bytes = (text: string) => new TextEncoder().encode(text)
const written = (script: ReturnType<typeof compiled>, form: OutputForm) => {
  const output = emit(script, form, 'x.ariel')
  return typeof output === 'string' ? bytes(output) : output
}

describe('SPEC 6: r-code as JSON', () => {
  test.each(examples())('of $name is read again as it was compiled', ({ text }) => {
    const script = compiled(text)
    expect(readRCode(written(script, 'json'))).toEqual(script.rcode)
  })

  test('has the keys rcode, code, lines and strings, and one instruction a line', () => {
    const text = emit(spare(), 'json', 'x.ariel') as string
    expect(Object.keys(JSON.parse(text))).toEqual(['rcode', 'code', 'lines', 'strings'])
    expect(text.split('\n').slice(3, 6)).toEqual(['[6,-1,-1],', '[12,0,-1],', '[21,18,2],'])
  })
})

describe('SPEC 6: classic binary r-code', () => {
  test('is triplets of 32-bit integers in little-endian order, without a header', () => {
    const output = emit(spare(), 'binary', 'x.ariel') as Uint8Array
    expect(output.length).toBe(15 * 12)
    expect([...output.slice(0, 12)]).toEqual([6, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255])
    expect([...output.slice(24, 36)]).toEqual([21, 0, 0, 0, 18, 0, 0, 0, 2, 0, 0, 0])
  })

  test.each(examples())('of $name is read again with the same instructions, without texts and lines', ({ text }) => {
    const script = compiled(text)
    const read = readRCode(written(script, 'binary'))
    expect(read.code).toEqual(script.rcode.code)
    expect(read.strings.length).toBe(script.rcode.strings.length)
    expect(new Set(read.lines)).toEqual(new Set([0]))
  })

  test('is read from the middle of a larger buffer too', () => {
    const output = written(spare(), 'binary')
    const larger = new Uint8Array(output.length + 7)
    larger.set(output, 5)
    expect(readRCode(larger.subarray(5, 5 + output.length)).code).toEqual(spare().rcode.code)
  })
})

describe('REL, 3.3: r-code hardwired as a TypeScript module', () => {
  test('is what it was before, so that a changed form shows in the review', async () => {
    await expect(emit(ferry(), 'module', '08-ferry.ariel')).toMatchFileSnapshot('emitted/08-ferry-module.ts')
  })

  test('exports the r-code and the topology that were compiled', () => {
    const { rcode, topology } = ferry()
    expect(hardwired.rcode).toEqual(rcode)
    expect(hardwired.topology).toEqual(topology)
  })

  test('keeps any text of a script a text', async () => {
    const script = compiled(`IF [ FAULTY T1 ] THEN LOG "it's \\ \u2028 $\{x \`" FI`)
    const { code } = await transformWithEsbuild(emit(script, 'module', "it's\nnot a name */.ariel") as string, 'x.ts')
    const strings = /strings: (\[[^\]]*\])/.exec(code)?.[1] ?? ''
    expect(runInThisContext(strings)).toEqual(["it's \\ \u2028 ${x `"])
  })

  test('writes any plain data as an expression that means it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        expect(JSON.stringify(runInThisContext(`(${literal(value, 0)})`))).toBe(JSON.stringify(value))
      }),
      { numRuns: 500 },
    )
  })
})

describe('SPEC 8: typed glue per tool block', () => {
  test('is what it was before, and type-checks with the tests', async () => {
    await expect(emit(ferry(), 'glue', '08-ferry.ariel')).toMatchFileSnapshot('emitted/08-ferry-glue.ts')
  })

  test('names every declared task with its number', () => {
    expect(glue.tasks).toEqual(Object.fromEntries(ferry().topology.tasks.map(({ name, number }) => [name, number])))
  })

  test('has the configuration of every tool block, with tasks by name and times in milliseconds', () => {
    expect(glue.t90).toMatchObject({ tool: 'replicated', number: 90, voting: 'weighted average', spare: 'engine-s' })
    expect(glue.t90.versions[1]).toEqual({ number: 2, task: 'engine-b', timeoutMs: 50 })
    expect(glue.t91).toMatchObject({ tool: 'consensus-recovery-block', acceptance: 'bearing_in_range', onSuccess: 'helm' })
    expect(glue.helm).toMatchObject({ tool: 'retry-block', attempts: 3, pauseMs: 20 })
    expect(glue.stabilizer4).toMatchObject({ tool: 'stabilizer', copies: 3, cycles: 5 })
    expect(glue.barrier1).toMatchObject({ tool: 'barrier', group: 'propulsion', timeoutMs: 500 })
  })

  test('of a watchdog is its configuration and the heartbeat call, the only change in user code', () => {
    expect(glue.rudderWd).toMatchObject({ watched: 'rudder', periodMs: 250, onError: 'restart' })
    const beaten: number[] = []
    glue.rudderWdHeartbeat({ heartbeat: (watchdog) => beaten.push(watchdog) })
    expect(beaten).toEqual([22])
  })

  test('demands from the program a function for each version, the metric and the acceptance test', () => {
    const supplied: glue.T91<number, number> = {
      versions: { radar81: (angle) => angle, radar82: (angle) => angle, radar83: (angle) => angle },
      metric: (a, b) => Math.abs(a - b),
      accept: (angle) => angle < 360,
    }
    const replicas = { 'engine-a': String, 'engine-b': String, 'engine-c': String }
    const t90: glue.T90<number, string> = { versions: replicas, metric: (a, b) => (a === b ? 0 : 1) }
    const helm: glue.Helm<number, string> = { attempt: async (course) => String(course), accept: (said) => said !== '' }
    const stabilizer: glue.Stabilizer4<number> = { metric: (a, b) => a - b }
    const tasks: glue.Tasks<number> = glue.tasks
    expect([t90, helm, stabilizer, tasks].map((each) => Object.keys(each).length)).toEqual([2, 2, 1, 11])
    expect(Object.keys(supplied.versions)).toEqual(glue.t91.versions.map(({ task }) => task))
    // @ts-expect-error: radar83 is missing.
    const lacking: glue.T91<number, number>['versions'] = { radar81: (angle) => angle, radar82: (angle) => angle }
    expect(lacking).not.toHaveProperty('radar83')
  })

  test('of a script without tools and tasks is an empty module', async () => {
    const text = emit(compiled('IF [ FAULTY T1 ] THEN STOP T1 FI'), 'glue', 'x.ariel') as string
    expect(text).toContain('export {}')
  })

  test('makes an identifier of any name, and never the same one twice', async () => {
    const names = ['__proto__', 'class', 'class!', '*/ 1', '7', 'a-b', 'a b', 'tasks', 'é', "it's"]
    const tasks = names.map((name, at) => `TASK ${at} = "${name}" IS NODE 0, TASKID ${at}`).join('\n')
    const blocks = names.map((_, at) => `RETRY-BLOCK TASK ${at} ATTEMPTS 2 ACCEPTANCE TEST "t" END RETRY-BLOCK`).join('\n')
    const text = emit(compiled(`${tasks}\n${blocks}`), 'glue', 'x.ariel') as string
    await transformWithEsbuild(text, 'x.ts')
    const exported = [...text.matchAll(/^export (?:const|interface|function|type) ([^ <(:]+)/gm)].map(([, name]) => name)
    expect(new Set(exported).size).toBe(exported.length)
    expect(exported.length).toBe(2 + 2 * names.length)
  })
})

describe('topology.json', () => {
  test.each(examples())('of $name is read again as it was compiled', ({ text }) => {
    const script = compiled(text)
    expect(readTopology(emit(script, 'topology', 'x.ariel') as string)).toEqual(script.topology)
  })

  test.each([
    ['', /no JSON/],
    ['null', /version undefined/],
    ['{"topology":2}', /version 2/],
    ['{"topology":1,"tasks":[]}', /lacks groups, filters/],
  ])('%s is refused', (text, message) => {
    expect(() => readTopology(text)).toThrow(
      expect.objectContaining({ code: 'PERDURE_E_RCODE', message: expect.stringMatching(message) }),
    )
  })
})

describe('damaged r-code', () => {
  const STOP = '[0,-1,-1]'
  const program = (code: string, lines = '[1]', strings = '[]') =>
    `{"rcode":1,"code":[${code}],"lines":${lines},"strings":${strings}}`

  test.each([
    ['text that is no JSON', bytes('{"rcode":1'), /no JSON/],
    ['another version', bytes('{"rcode":2}'), /version 2/],
    ['code that is no list of triplets', bytes(program('[0,-1]')), /triplets/],
    ['an operand beyond 32 bits', bytes(program('[0,-1,2147483648]')), /triplets/],
    ['an operand that is a string', bytes(program('[0,"-1",-1]')), /triplets/],
    ['lines that are not one for each instruction', bytes(program(STOP, '[]')), /lines/],
    ['strings that are none', bytes(program(STOP, '[1]', '[7]')), /strings/],
    ['no bytes at all', new Uint8Array(0), /0 bytes/],
    ['an instruction that is cut off', new Uint8Array(13), /13 bytes/],
    ['an opcode that there is not', bytes(program('[99,-1,-1]')), /99/],
    ['a jump backwards', bytes(program(`[12,1,-1],[10,-1,-1],${STOP}`, '[1,1,1]')), /jump/],
    ['a program without STOP', bytes(program('[49,0,-1]')), /STOP/],
    ['a string that there is not', bytes(program(`[46,0,-1],${STOP}`, '[1,1]')), /string/],
  ])('with %s is refused', (_what, damaged, message) => {
    expect(() => readRCode(damaged)).toThrow(
      expect.objectContaining({ code: 'PERDURE_E_RCODE', message: expect.stringMatching(message) }),
    )
  })

  test('of any kind is refused in words, never by a crash', () => {
    const good = written(ferry(), 'binary')
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, length) => {
        const damaged = good.slice(0, length)
        if (at < length) damaged[at] = byte
        try {
          readRCode(damaged)
        } catch (error) {
          expect(error).toMatchObject({ code: 'PERDURE_E_RCODE' })
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('the disassembler', () => {
  test('says what the operands of every opcode stand for', async () => {
    const { text } = examples().find(({ name }) => name === '09-every-opcode') ?? { text: '' }
    await expect(disassemble(compiled(text).rcode)).toMatchFileSnapshot('emitted/09-every-opcode.txt')
  })

  test('reads the binary form', () => {
    const lines = disassemble(readRCode(written(spare(), 'binary'))).split('\n')
    expect(lines[2]).toBe(' 2  FAULTY          18     2  ; T2')
    expect(lines[4]).toBe(' 4  COMPARE          4     3  ; >= 3')
    expect(lines[6]).toBe(' 6  FALSE            5    -1  ; to 11')
  })
})

/** A history about the entities of the examples, in which enough goes wrong. */
function history(): fc.Arbitrary<string> {
  const at = fc.integer({ min: 1, max: 400 })
  const task = fc.constantFrom('T1', 'T2', 'T5', 'T21', 'T22', 'T31', 'T32', 'T34', 'T40')
  const entity = fc.oneof(task, fc.constantFrom('N0', 'N1', 'N2'))
  const event = fc.oneof(
    { weight: 5, arbitrary: fc.record({ at, kind: fc.constant('error'), entity, code: fc.constantFrom(1, 7, 17) }) },
    fc.record({ at, kind: fc.constant('ok'), entity }),
    fc.record({ at, kind: fc.constant('phase'), entity: task, value: fc.constantFrom(0, 3, 9) }),
    fc.record({ at, kind: fc.constant('heartbeat'), entity: task }),
    fc.record({ at, kind: fc.constant('status'), entity: task, status: fc.constantFrom('waiting', 'running', 'stopped') }),
  )
  return fc.array(event, { minLength: 10, maxLength: 40 }).map((events) => {
    let now = 0
    const lines = events.map((each) => {
      now += each.at
      return JSON.stringify({ ...each, at: now })
    })
    return [...lines, JSON.stringify({ at: now + 1000, kind: 'end' })].join('\n')
  })
}

describe('every output form gives the same decisions', () => {
  /** LOG texts and line numbers excepted. */
  const decided = (actions: readonly ListedAction[]) =>
    actions.map(({ line: _, ...action }) => (action.action === 'LOG' ? { ...action, value: typeof action.value } : action))

  test.each(examples())('of $name: r-code JSON, and the binary together with topology.json', ({ text }) => {
    const script = compiled(text)
    const topology = readTopology(emit(script, 'topology', 'x.ariel') as string)
    const json = { rcode: readRCode(written(script, 'json')), topology }
    const binary = { rcode: readRCode(written(script, 'binary')), topology }
    fc.assert(
      fc.property(history(), (events) => {
        const actions = dryRun(script, events)
        expect(dryRun(json, events)).toEqual(actions)
        expect(decided(dryRun(binary, events))).toEqual(decided(actions))
      }),
      { numRuns: HISTORIES },
    )
  })

  test('of 08-ferry: the hardwired module', () => {
    const script = ferry()
    let performed = 0
    fc.assert(
      fc.property(history(), (events) => {
        const actions = dryRun(script, events)
        performed += actions.length
        expect(dryRun(hardwired, events)).toEqual(actions)
      }),
      { numRuns: HISTORIES },
    )
    // Otherwise nothing would have been compared.
    expect(performed).toBeGreaterThan(0)
  })
})
