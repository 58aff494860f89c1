/** What an editor asks (SPEC 10, point 5): a `|` in a script is where the cursor stands. */
import { describe, expect, test } from 'vitest'
import { compile, parse, print } from '../../../src/mechanisms/ariel/ariel.ts'
import { OpenScript } from '../../../src/mechanisms/ariel/language-service.ts'
import { examples, includeExample } from './translate.ts'

const HEADER = '#define PUMP 1 /* PUMP, not PUMPS */\n#define SPARE 2\n#define PUMPS 3\n#define BOTH (PUMP)\n'

const PLANT = `INCLUDE "plant.h"
DEFINE 0 = MANAGER
TASK {PUMP} = "pump" IS NODE 0, TASKID 8
TASK {SPARE} = "spare pump" IS NODE 1, TASKID 8
TASK [10,12] = "valve" IS NODE 1, TASKID [1,3]
LOGICAL {PUMPS} = "pumps" IS TASK {PUMP}, {SPARE} END
ALPHACOUNT {PUMP} IS THRESHOLD = 3.0, FACTOR = 0.4 END
`

interface Opened {
  readonly script: OpenScript
  readonly at: number
}

/** The plant, then the text, with the cursor at the first `|` of it that has no other beside it. */
function open(text: string, before: string = PLANT): Opened {
  const at = text.search(/(?<!\|)\|(?!\|)/)
  const whole = before + text.slice(0, at) + text.slice(at + 1)
  const include = (path: string): string | undefined => (path === 'plant.h' ? HEADER : undefined)
  return { script: new OpenScript(whole, { include }), at: before.length + at }
}

const labels = (text: string): string[] => {
  const { script, at } = open(text)
  return script.complete(at).items.map(({ label }) => label)
}

const hover = (text: string): string => {
  const { script, at } = open(text)
  return script.hover(at)?.markdown ?? ''
}

/** What is written at the declarations, those of a header with its name before it. */
const declared = (text: string): string[] => {
  const { script, at } = open(text)
  return script.declarations(at).map(({ source, start, end }) => {
    const place = (source ?? script.source).place({ start, end })
    return `${source?.file ?? 'script'}:${place.line} ${(source?.text ?? script.text).slice(start, end)}`
  })
}

/** The script after a rename, and the header where it changes too. */
function renamed(text: string, name: string, before: string = PLANT): { script: string; header: string } | { refused: string } {
  const { script, at } = open(text, before)
  const result = script.rename(at, name)
  if ('refused' in result) return result
  const applied = (from: string, inHeader: boolean): string =>
    result.edits
      .filter(({ source }) => (source !== undefined) === inHeader)
      .sort((a, b) => b.start - a.start)
      .reduce((current, { start, end, text: written }) => current.slice(0, start) + written + current.slice(end), from)
  return { script: applied(script.text, false), header: applied(HEADER, true) }
}

describe('completion', () => {
  test('at the begin of a statement offers what can begin one, with its meaning', () => {
    const { script, at } = open('WA|')
    const { from, items } = script.complete(at)
    expect(script.text.slice(from, at)).toBe('WA')
    expect(items.map(({ label }) => label)).toEqual(expect.arrayContaining(['WATCHDOG', 'IF', 'TASK', 'NPROCS', 'N-VERSION']))
    expect(items.map(({ label }) => label)).not.toContain('RESTART')
    expect(items.find(({ label }) => label === 'WATCHDOG')?.detail).toMatch(/sign of life/)
  })

  test.each([
    ['IF [ |', ['FAULTY', 'ERRN', 'NOT'], ['THEN', 'RESTART_', 'STOP']],
    ['IF [ FAULTY T1 |', ['AND', 'OR'], ['THEN', 'FAULTY']],
    ['IF [ FAULTY T1 ] |', ['THEN'], ['RESTART']],
    ['IF [ FAULTY T1 ] THEN |', ['RESTART', 'SEND', 'IF', 'FI'], ['FAULTY', 'AND WARN']],
    ['IF [ FAULTY T1 ] THEN RESTART T1 |', ['AND WARN', 'ELSE', 'ELIF', 'FI', 'SEND'], ['FAULTY']],
    ['IF [ FAULTY T1 ] THEN LOG |', ['CLOCK'], ['RESTART']],
    ['DEFINE 1 = |', ['ASSISTANT', 'AGENT'], ['STOP']],
    ['DA = |', ['STOP', 'RESTART'], ['SEND']],
    ['WATCHDOG TASK 1 WATCHES TASK 2 |', ['HEARTBEATS', 'ON', 'END'], ['VERSION']],
    ['WATCHDOG TASK 1 WATCHES TASK 2 HEARTBEATS EVERY 5 |', ['MS', 'S', 'US'], ['END']],
    ['N-VERSION TASK 7 VOTING ALGORITHM IS |', ['MEDIAN', 'MAJORITY'], ['VERSION']],
  ])('after %s offers what the grammar has there, and nothing else', (text, offered, withheld) => {
    expect(labels(text)).toEqual(expect.arrayContaining(offered))
    for (const label of withheld) expect(labels(text)).not.toContain(label)
  })

  test('where an entity is wanted offers the declared ones, found by their names too', () => {
    const { script, at } = open('IF [ FAULTY |')
    const items = script.complete(at).items
    expect(items.find(({ label }) => label === 'TASK {PUMP}')).toMatchObject({ detail: 'task 1 "pump"', kind: 'entity' })
    expect(items.find(({ label }) => label === 'TASK 11')?.filter).toContain('valve11')
    expect(items.map(({ label }) => label)).toEqual(expect.arrayContaining(['GROUP {PUMPS}', 'NODE 0', 'NODE 1']))
  })

  test('behind a brace offers symbols, those that name such an entity first, and replaces the brace that an editor has added', () => {
    const { script, at } = open('IF [ FAULTY GROUP {PU|} ] THEN STOP T1 FI')
    const { from, to, items } = script.complete(at)
    expect(script.text.slice(from, to)).toBe('{PU}')
    expect(items.map(({ label }) => label)).toEqual(['{PUMPS}', '{PUMP}', '{SPARE}', '{BOTH}'])
    expect(labels('IF [ FAULTY T{|')[0]).toBe('{PUMP}')
  })

  test('offers the variables that are in use, and takes no unit for one', () => {
    expect(labels('IF [ ELAPSED(T1) > 5 S ] THEN LET Q = 1 LET R = | FI').filter((label) => /^[A-Z]$/.test(label))).toEqual([
      'Q',
      'R',
    ])
  })

  test('offers nothing in comments and strings', () => {
    expect(labels('# WA|')).toEqual([])
    expect(labels('INCLUDE "pl|')).toEqual([])
    expect(labels('# {PU|')).toEqual([])
    expect(labels('IF [ FAULTY T1 ] THEN LOG "{PU|')).toEqual([])
  })

  test('does not depend on what comes after, and works behind errors', () => {
    expect(labels('IF [ FALTY T1 ] THEN RESTRAT T1 FI\nIF [ | ] )( THEN')).toContain('FAULTY')
  })
})

describe('hover', () => {
  test('over a condition says in words when it is true, and what its entity is', () => {
    const text = hover('IF [ FAU|LTY T{PUMP} AND ERRN(T2) >= 3 ] THEN STOP T1 FI')
    expect(text).toBe('True when an error record about task 1 "pump" is open.')
    expect(hover('IF [ FAULTY T{PU|MP} ] THEN STOP T1 FI')).toContain('`{PUMP}` is **1** (plant.h, line 1).')
    expect(hover('IF [ FAULTY T{PU|MP} ] THEN STOP T1 FI')).toContain('on node 0, its task 8 there; in group 3 "pumps"')
  })

  test.each([
    ['FAULTY G3', 'an error record about group 3 "pumps" or any member of it is open'],
    ['RUNNING G3', 'some member of group 3 "pumps" is running without an open error record about the group or a member'],
    ['RUNNING N0', 'node 0 is up without an open error record'],
    ['PRESENT G3', 'some member of group 3 "pumps" is running'],
    ['STARTED T1', 'task 1 "pump" has been started'],
    ['-r T1', 'task 1 "pump" has been restarted at least once'],
    ['REBOOTED N0', 'node 0 has been rebooted at least once'],
    ['KILLED G3', 'every member of group 3 "pumps" was stopped by a deliberate action'],
    ['ISOLATED *', 'some entity was cut off by a deliberate action'],
    ['TRANSIENT T1', 'task 1 "pump" is FAULTY with an alpha-count below the threshold of its filter'],
    ['FIRED T1', 'the watchdog task 1 "pump" fired and has not been cleared since'],
    ['REINTEGRATED N*', 'some node came back after it was given up for dead'],
    ['DEADLOCKED T1 T2', 'task 1 "pump" and task 2 "spare pump" wait for each other'],
    ['ERRN(T1) > 3', 'the number of error records about task 1 "pump", open and settled, is more than 3'],
    ['ERRT(T1) == {SPARE}', 'the code of the latest error record about task 1 "pump" (0 if there is none) is SPARE (2)'],
    ['PHASE(T1) != 0', 'the phase that task 1 "pump" declared last (0 if none) is not 0'],
    ['RESTARTED(T1) >= 2', 'the number of restarts of task 1 "pump" is at least 2'],
    ['ALPHA(T1) < 2.5', 'the alpha-count of task 1 "pump" is less than 2.5'],
    ['ELAPSED(T1) <= 5 S', 'the age of the latest error record about task 1 "pump" (if there is one) is at most 5 S'],
    ['VAL(A) == 1', 'the variable A is 1'],
  ])('SPEC 4.1: %s is true when %s', (condition, meaning) => {
    expect(hover(`IF [ |${condition} ] THEN STOP T1 FI`).split('\n')[0]).toBe(`True when ${meaning}.`)
  })

  test('over the frame of a guard says when all of it is true', () => {
    const guard = '( FIRED T1 || FAULTY T2 ) AND NOT ISOLATED N0 AND NOT ( FAULTY N0 OR FAULTY N1 )'
    for (const text of [
      `I|F [ ${guard} ] THEN STOP T1 FI`,
      `IF [| ${guard} ] THEN STOP T1 FI`,
      `IF [ ${guard} ] TH|EN STOP T1 FI`,
    ]) {
      expect(hover(text).split('\n\n').slice(1).join('\n\n')).toBe(
        `True when all of these hold:

- at least one of these:
  - the watchdog task 1 "pump" fired and has not been cleared since
  - an error record about task 2 "spare pump" is open
- it is not so that node 0 was cut off by a deliberate action
- not at least one of these:
  - an error record about node 0 is open
  - an error record about node 1 is open`,
      )
    }
  })

  test('inside nested sections is about the innermost guard', () => {
    const nested = 'IF [ FAULTY T1 ] THEN IF [ FAULTY T2 ] THEN STOP T1 ELSE IF [ |FIRED T1 ] THEN STOP T2 FI FI FI'
    expect(hover(nested)).toContain('the watchdog task 1 "pump" fired')
  })

  test('over an entity says what it is', () => {
    expect(hover('IF [ FAULTY T1 ] THEN RESTART T|1 FI')).toBe(
      '**task 1 "pump"**; on node 0, its task 8 there; in group 3 "pumps"; alpha-count filter: threshold 3, factor 0.4.',
    )
    expect(hover('IF [ FAULTY T1 ] THEN RESTART G3| FI')).toContain('members: task 1 "pump", task 2 "spare pump"')
    expect(hover('IF [ FAULTY T1 ] THEN REBOOT N0| FI')).toBe('**node 0**; manager.')
  })

  test('over a word says what it means, and over what means nothing is silent', () => {
    expect(hover('IF [ FAULTY T1 ] THEN RES|TART T1 FI')).toMatch(/^\*\*RESTART\*\*: .*initial state/)
    expect(hover('WATCH|DOG')).toMatch(/sign of life/)
    expect(hover('# WATCH|DOG')).toBe('')
  })
})

describe('go to declaration', () => {
  test('of a task, by number, symbol, name or range, is its TASK statement', () => {
    expect(declared('IF [ FAULTY T1| ] THEN STOP T1 FI')).toEqual(['script:3 {PUMP}'])
    expect(declared('IF [ FAULTY TASK "spare pu|mp" ] THEN STOP T1 FI')).toEqual(['script:4 {SPARE}'])
    expect(declared('IF [ FAULTY T1|1 ] THEN STOP T1 FI')).toEqual(['script:5 [10,12]'])
    expect(declared('WATCHDOG TASK 12 WATCHES TASK 1|0 HEARTBEATS EVERY 5 MS END WATCHDOG')).toEqual(['script:5 [10,12]'])
  })

  test('of a group is its LOGICAL statement', () => {
    expect(declared('IF [ FAULTY G3| ] THEN STOP T1 FI')).toEqual(['script:6 {PUMPS}'])
  })

  test('of a symbol is its #define, and the entity that it names', () => {
    expect(declared('IF [ FAULTY T{PU|MP} ] THEN STOP T1 FI').sort()).toEqual(['plant.h:1 PUMP', 'script:3 {PUMP}'])
    expect(declared('IF [ ERRT(T1) == {PU|MP} ] THEN STOP T1 FI')).toEqual(['plant.h:1 PUMP'])
  })

  test('of a number that a tool block declares is that block', () => {
    const block = 'RETRY-BLOCK TASK 77 ATTEMPTS 2 ACCEPTANCE TEST "t" END RETRY-BLOCK\n'
    expect(declared(`${block}IF [ FAULTY T77| ] THEN STOP T1 FI`)).toEqual(['script:8 77'])
  })

  test('of a header is the header', () => {
    const { script, at } = open('INCLUDE "pla|nt.h"', '')
    expect(script.headerAt(at)).toBe('plant.h')
  })

  test('of what nobody has declared is nowhere', () => {
    expect(declared('IF [ FAULTY T99| ] THEN STOP T1 FI')).toEqual([])
    expect(declared('IF [ FAULTY T{NOBO|DY} ] THEN STOP T1 FI')).toEqual([])
  })
})

test('references are all places of an entity, however it is written', () => {
  const { script, at } = open('IF [ FAULTY T1| ] THEN STOP TASK "pump" FI')
  const places = script.references(at).map(({ start, end }) => script.text.slice(start, end))
  expect(places).toEqual(['{PUMP}', '"pump"', '{PUMP}', '{PUMP}', '1', '"pump"'])
})

describe('rename', () => {
  test('of a symbol changes the script and the header, and neither longer names nor comments', () => {
    expect(renamed('IF [ FAULTY T{ PU|MP } ] THEN STOP G{PUMPS} FI', 'MOTOR')).toEqual({
      script: `${PLANT.replaceAll('{PUMP}', '{MOTOR}')}IF [ FAULTY T{ MOTOR } ] THEN STOP G{PUMPS} FI`,
      header: '#define MOTOR 1 /* PUMP, not PUMPS */\n#define SPARE 2\n#define PUMPS 3\n#define BOTH (MOTOR)\n',
    })
  })

  test('of a task or group changes its declaration and where it is named, not other texts', () => {
    expect(renamed('IF [ FAULTY TASK "pu|mp" ] THEN LOG "pump" FI', 'motor')).toMatchObject({
      script: `${PLANT.replace('"pump"', '"motor"')}IF [ FAULTY TASK "motor" ] THEN LOG "pump" FI`,
    })
    expect(renamed('IF [ FAULTY GROUP "pu|mps" ] THEN STOP T1 FI', 'motors')).toMatchObject({
      script: `${PLANT.replace('"pumps"', '"motors"')}IF [ FAULTY GROUP "motors" ] THEN STOP T1 FI`,
    })
  })

  test('of a variable changes it everywhere, and no unit', () => {
    expect(renamed('IF [ VAL(S) > 1 AND ELAPSED(T1) > 5 S ] THEN LET S| = S + 1 LOG S FI', 'q')).toMatchObject({
      script: `${PLANT}IF [ VAL(Q) > 1 AND ELAPSED(T1) > 5 S ] THEN LET Q = Q + 1 LOG Q FI`,
    })
  })

  test.each([
    ['IF [ FAULTY T{PU|MP} ] THEN STOP T1 FI', '7up', /no name of a symbol/],
    ['IF [ FAULTY T{PU|MP} ] THEN STOP T1 FI', 'SPARE', /defined already/],
    ['IF [ FAULTY TASK "pu|mp" ] THEN STOP T1 FI', 'spare pump', /declared already/],
    ['IF [ FAULTY TASK "pu|mp" ] THEN STOP T1 FI', 'a"b', /double quote/],
    ['IF [ FAULTY T1 ] THEN LET A| = B FI', 'B', /in use/],
    ['IF [ FAULTY T1 ] THEN LET A| = B FI', 'AB', /one letter/],
    ['IF [ FAULTY T|1 ] THEN STOP T1 FI', 'x', /Only symbols/],
  ])('%s to %s is refused in words', (text, name, message) => {
    expect(renamed(text, name)).toEqual({ refused: expect.stringMatching(message) })
  })

  test('says beforehand what it would rename', () => {
    const { script, at } = open('IF [ FAULTY T{ PU|MP } ] THEN STOP T1 FI')
    const found = script.renamable(at)
    expect(found?.name).toBe('PUMP')
    expect(script.text.slice(found?.start, found?.end)).toBe('PUMP')
    const nothing = open('I|F [ FAULTY T1 ] THEN STOP T1 FI')
    expect(nothing.script.renamable(nothing.at)).toBeUndefined()
  })

  test('keeps the meaning of a script', () => {
    const text = examples().find(({ name }) => name === '08-ferry')?.text ?? ''
    const script = new OpenScript(text, { include: includeExample })
    const result = script.rename(text.indexOf('{BRIDGE}') + 2, 'DECK')
    if ('refused' in result) throw new Error(result.refused)
    let [after, header] = [text, includeExample('ferry.h') ?? '']
    for (const { source, start, end, text: written } of [...result.edits].sort((a, b) => b.start - a.start)) {
      if (source === undefined) after = after.slice(0, start) + written + after.slice(end)
      else header = header.slice(0, start) + written + header.slice(end)
    }
    const [one, other] = [compile(text, { include: includeExample }), compile(after, { include: () => header })]
    expect(after).not.toContain('{BRIDGE}')
    expect(one.ok && other.ok && other.rcode).toEqual(one.ok && one.rcode)
  })
})

describe('format', () => {
  test('is that of print', () => {
    const text = 'if [ faulty t1 ] then stop t1 fi'
    expect(new OpenScript(text).format()).toBe(print(parse(text).tree))
  })

  test('does nothing to a script that could not be read', () => {
    expect(new OpenScript('if [ faulty t1 ] then restrat t1 fi').format()).toBeUndefined()
  })
})

test('everything answers at every place of every example, whole and cut off there', () => {
  for (const { text } of examples()) {
    const whole = new OpenScript(text, { include: includeExample })
    // 41 is prime: the places differ from line to line.
    for (let at = 0; at <= text.length; at += 41) {
      for (const script of [whole, new OpenScript(text.slice(0, at), { include: includeExample })]) {
        const length = script.text.length
        const { from, to } = script.complete(at)
        const spans = [{ start: from, end: to }, ...script.references(at)]
        const hovered = script.hover(at)
        if (hovered !== undefined) spans.push(hovered)
        for (const { start, end } of spans) expect(start >= 0 && start <= end && end <= length).toBe(true)
        expect(script.declarations(at).every(({ start, end }) => start < end)).toBe(true)
      }
    }
  }
})
