import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type DiagramOptions, diagram } from 'perdure/checkpoint'
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../src/errors.ts'
import { recoveryLine } from '../../../src/mechanisms/checkpoint/line.ts'
import { protocols } from '../../../src/mechanisms/checkpoint/protocols.ts'
import { MAX_DRAWN_EVENTS, spaceTime } from '../../../src/mechanisms/checkpoint/space-time.ts'
import type { Trace } from '../../../src/mechanisms/checkpoint/trace.ts'
import { PICTURES } from './counterexamples.ts'
import { CrashingGroup } from './crashing-group.ts'
import { trace } from './trace-words.ts'

/** Elements of this class, as they stand in the picture before the legend. */
function drawn(happened: Trace, options: DiagramOptions, sign: string): string[] {
  const [picture = ''] = diagram(happened, options).split('<!-- legend -->')
  return [...picture.matchAll(new RegExp(`<path class="${sign}" d="([^"]*)"`, 'g'))].map(([, path]) => path!)
}

/** What the pointer shows. */
function hints(happened: Trace, options: DiagramOptions = {}): string[] {
  return [...diagram(happened, options).matchAll(/<title>([^<]*)<\/title>/g)].map(([, hint]) => hint!)
}

function legendOf(happened: Trace, options: DiagramOptions = {}): string[] {
  const [, legend = ''] = diagram(happened, options).split('<!-- legend -->')
  return [...legend.matchAll(/<text[^>]*>([^<]*)</g)].map(([, meaning]) => meaning!)
}

const BOTH_WAYS = trace('a b', 'a send m b', 'b receive m a', 'b checkpoint 1', 'b send n a', 'a forced 1', 'a receive n b')

describe('the picture of a trace', () => {
  test('is one document of SVG with a title and a description, without a script, and loads nothing', () => {
    const svg = diagram(BOTH_WAYS, { title: 'two objects' })
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^>]* role="img"/)
    expect(svg).toMatch(/^<svg[^>]*>\n<title>two objects<\/title>\n<desc>/)
    expect(svg).toMatch(/<desc>[^<]*2 objects: a, b\. 1 basic and 1 forced/)
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/script|href|https?:|@import|url\((?!#)/)
    expect(openAndClosed(svg)).toBe(true)
  })

  test('follows light and dark', () => {
    expect(diagram(BOTH_WAYS)).toContain('@media (prefers-color-scheme: dark)')
  })

  test('has a line with its name for every object, also for one without events', () => {
    const svg = diagram(trace('a b idle', 'a send m b', 'b receive m a'))
    for (const name of ['a', 'b', 'idle']) expect(svg).toContain(`</title>${name}</text>`)
    expect(drawn(trace('a b idle'), {}, 'row')).toHaveLength(3)
  })

  test('has a filled X for a basic checkpoint and an outlined one for a forced one, each with its index', () => {
    expect(drawn(BOTH_WAYS, {}, 'basic')).toHaveLength(1)
    expect(drawn(BOTH_WAYS, {}, 'forced')).toHaveLength(1)
    expect(hints(BOTH_WAYS)).toEqual(expect.arrayContaining(['basic checkpoint 1', 'forced checkpoint 1']))
    expect(diagram(BOTH_WAYS).match(/class="index"[^>]*>1</g)).toHaveLength(2)
  })

  test('has an arrow for every message, with its name while there are few', () => {
    expect(hints(BOTH_WAYS)).toEqual(expect.arrayContaining(['m: a to b', 'n: b to a']))
    expect(diagram(BOTH_WAYS)).toMatch(/class="msg"[^>]*>m</)
    const many = Array.from({ length: 30 }, (_, k) => [`a send m${k} b`, `b receive m${k} a`]).flat()
    expect(diagram(trace('a b', ...many))).not.toContain('class="msg"')
  })

  test('has a stub for a message that was never received, and for one from outside', () => {
    const given = trace('a b', 'a send m b', 'b receive job client')
    expect(drawn(given, {}, 'open')).toHaveLength(1)
    expect(hints(given)).toContain('job: client to b')
  })

  test('has replayed deliveries dashed, undone parts pale, and the rollback', () => {
    const given = trace('a b', 'a send m b', 'b receive m a', 'b send n a', 'b rollback 0', 'b replay m a')
    expect(hints(given)).toEqual(expect.arrayContaining(['m: a to b, undone', 'm: a to b, replay', 'n: b to a, undone']))
    expect(drawn(given, {}, 'replay')).toHaveLength(1)
    expect(drawn(given, {}, 'rollback')).toHaveLength(1)
    expect(hints(given)).toContain('back to checkpoint 0')
  })

  test('has the line as one path through the checkpoints of all objects', () => {
    const [path, ...others] = drawn(BOTH_WAYS, { line: { a: 'current', b: 1 } }, 'cut')
    expect(others).toEqual([])
    expect(path!.split('L')).toHaveLength(4)
    expect(drawn(BOTH_WAYS, {}, 'cut')).toEqual([])
  })

  test('marks the orphans and the missing messages of a line', () => {
    const orphan = trace('a b', 'a checkpoint 1', 'a send m b', 'b receive m a', 'b checkpoint 1')
    expect(hints(orphan, { line: { a: 1, b: 1 } })).toContain('m: a to b, orphan')
    const missing = trace('a b', 'a send m b', 'a checkpoint 1', 'b checkpoint 1', 'b receive m a')
    expect(hints(missing, { line: { a: 1, b: 1 } })).toContain('m: a to b, missing')
    expect(diagram(missing, { line: { a: 1, b: 1 } })).toMatch(/<desc[^<]*no orphans; missing: m\. The line: a 1, b 1\./)
  })

  test('marks, without a line, the message of an undone future that was received, and the one that waits to be replayed', () => {
    const ghost = trace('a b', 'a checkpoint 1', 'a send m b', 'a rollback 1', 'b receive m a')
    expect(hints(ghost)).toContain('m: a to b, orphan')
    const waits = trace('a b', 'a send m b', 'b receive m a', 'b rollback 0')
    expect(hints(waits)).toContain('m: a to b, missing')
  })

  test('explains in a legend the signs that occur and no others', () => {
    expect(legendOf(trace('a b', 'a send m b', 'b receive m a'))).toEqual(['message'])
    expect(legendOf(BOTH_WAYS)).toEqual(['basic checkpoint', 'forced checkpoint', 'message'])
  })

  test('has names and titles as text, whatever is in them', () => {
    const name = '<b>&"\u0000\ud800'
    const given: Trace = { objects: [name], events: [{ object: name, kind: 'send', msg: ']]>', to: '<script>' }] }
    const svg = diagram(given, { title: '</title><script>alert(1)</script>' })
    expect(svg).not.toMatch(/<script|<b>/)
    expect(svg).toContain('&lt;b&gt;&amp;&quot;\ufffd\ufffd')
    expect(openAndClosed(svg)).toBe(true)
  })

  test('grows in width with the trace and stays readable in size', () => {
    const widthOf = (given: Trace) => Number(/ width="(\d+)/.exec(diagram(given))![1])
    const many = Array.from({ length: 100 }, (_, k) => [`a send m${k} b`, `b receive m${k} a`]).flat()
    expect(widthOf(trace('a b', ...many))).toBeGreaterThan(2 * widthOf(BOTH_WAYS))
  })

  test('refuses a trace that contradicts itself, one that is too long, and a line that is not of it', () => {
    const circle = trace('a b', 'a receive n b', 'a send m b', 'b receive m a', 'b send n a')
    const long = { objects: ['a'], events: new Array(MAX_DRAWN_EVENTS + 1).fill(BOTH_WAYS.events[0]) }
    for (const wrong of [circle, trace('a', 'z send m a'), long]) expect(codeOf(() => diagram(wrong))).toBe('PERDURE_E_USAGE')
    expect(codeOf(() => diagram(BOTH_WAYS, { line: { a: 7, b: 1 } }))).toBe('PERDURE_E_USAGE')
    for (const none of [undefined, null, {}, { objects: ['a'] }])
      expect(codeOf(() => diagram(none as never))).toBe('PERDURE_E_USAGE')
  })
})

describe('the layout of random traces', () => {
  const SEEDS = 20
  const runs = Array.from({ length: SEEDS }, (_, seed) => {
    const group = new CrashingGroup(protocols.exact(2 + (seed % 15)), seed).run(150)
    return { happened: group.trace, line: recoveryLine(group.trace, group.trace.objects.slice(0, 1)) }
  })

  test('has every arrow from the left to the right', () => {
    const arrows = runs.flatMap(({ happened, line }) => spaceTime(happened, line).arrows)
    const whole = arrows.filter(({ start, end }) => start !== undefined && end !== undefined)
    expect(whole.length).toBeGreaterThan(500)
    expect(whole.filter(({ start, end }) => end!.column <= start!.column)).toEqual([])
  })

  test('has the events of an object in their order, no two in one place', () => {
    for (const { happened } of runs) {
      const { rows, arrows } = spaceTime(happened)
      for (const [row, { saved, rollbacks }] of rows.entries()) {
        const ends = arrows.flatMap(({ start, end }) => [end, start]).filter((point) => point?.row === row)
        const columns = [...new Set(ends)].map((point) => point!.column)
        const taken = [...columns, ...saved.map(({ column }) => column), ...rollbacks.map(({ column }) => column)]
        const events = happened.events.filter(({ object }) => object === happened.objects[row])
        expect(new Set(taken).size).toBe(events.length)
        const inOrder = events.filter(({ kind }) => kind === 'checkpoint').map((event) => 'index' in event && event.index)
        expect(saved.map(({ index }) => index)).toEqual(inOrder)
      }
    }
  })

  test('has no orphan at a recovery line', () => {
    for (const { happened, line } of runs)
      expect(spaceTime(happened, line).arrows.filter(({ kind }) => kind === 'orphan')).toEqual([])
  })

  test('is the same text every time', () => {
    for (const { happened, line } of runs.slice(0, 5)) expect(diagram(happened, { line })).toBe(diagram(happened, { line }))
  })
})

describe('the pictures of the documentation', () => {
  test.each(Object.entries(PICTURES))(
    'checkpoint-%s.svg is the diagram of its trace',
    async (name, { title, trace: given, line }) => {
      const file = fileURLToPath(new URL(`../../../docs/images/checkpoint-${name}.svg`, import.meta.url))
      await expect(diagram(given, { title, ...(line !== undefined && { line }) })).toMatchFileSnapshot(file)
    },
  )

  test('each is shown in docs/checkpoint-protocols.md', () => {
    const page = readFileSync(fileURLToPath(new URL('../../../docs/checkpoint-protocols.md', import.meta.url)), 'utf8')
    for (const name of Object.keys(PICTURES)) expect(page).toContain(`(images/checkpoint-${name}.svg)`)
  })
})

/** Whether all elements are closed, and in order. */
function openAndClosed(svg: string): boolean {
  const open: string[] = []
  for (const [, end, name, empty] of svg.matchAll(/<(\/?)([a-z]+)(?:"[^"]*"|[^">])*?(\/?)>/g)) {
    if (end === '/') {
      if (open.pop() !== name) return false
    } else if (empty !== '/') open.push(name!)
  }
  return open.length === 0 && !/&(?!(amp|lt|gt|quot);)/.test(svg)
}

function codeOf(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error instanceof PerdureError ? error.code : error
  }
  return undefined
}
