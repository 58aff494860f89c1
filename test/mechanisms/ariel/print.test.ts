import { describe, expect, test } from 'vitest'
import { compile, parse, print } from '../../../src/mechanisms/ariel/ariel.ts'
import { examples, includeExample, rcodeOf } from './translate.ts'

const printed = (script: string): string => print(parse(script).tree)

describe('print', () => {
  test('lays out a section with one word, guard or action a line', () => {
    expect(
      printed('if [ -f t1&&!fired T{A} ] then restart t1; log "x" elif [ errn(task*)>=-1 ] then else let a = -(1+b)*2 fi'),
    ).toBe(
      'IF [ FAULTY T1 AND NOT FIRED T{A} ]\nTHEN\n    RESTART T1\n    LOG "x"\nELIF [ ERRN(TASK*) >= -1 ]\nTHEN\nELSE\n    LET A = -(1 + B) * 2\nFI\n',
    )
  })

  test('keeps comments at the end of their line, or before what follows them, and one empty line of several', () => {
    expect(printed('# top\n\n\nNPROCS = 2 # two\nif [ faulty t1 # why\n ] then # now\n # before\nstop t1 fi # done\n# end')).toBe(
      '# top\n\nNPROCS = 2  # two\n# why\nIF [ FAULTY T1 ]\nTHEN  # now\n    # before\n    STOP T1\nFI  # done\n# end\n',
    )
  })

  test('keeps the quotes that a string needs', () => {
    expect(printed(`INCLUDE 'a"b'`)).toBe(`INCLUDE 'a"b'\n`)
    expect(printed(`INCLUDE 'ab'`)).toBe('INCLUDE "ab"\n')
  })

  test('leaves alone what it could not read', () => {
    const broken = 'if [ faulty t1 ] then restrat t1 fi'
    expect(printed(broken)).toBe(broken)
    expect(printed('if [ faulty t1 and fired t1 or faulty t2 ] then stop t1 fi')).toContain(' or ')
  })

  test.each(['A - (B - C)', '(A - B) - C', 'A / (B * C)', '-(A + B)', '- - A', 'A - -B', 'A * (B + C) / D'])(
    'keeps the meaning of %s',
    (expression) => {
      const script = `IF [ VAL(A) > 1 ] THEN LET A = ${expression} FI`
      expect(rcodeOf(printed(script)).code).toEqual(rcodeOf(script).code)
    },
  )

  test.each(examples())('of $name is stable, and compiles to the same code and topology', ({ text }) => {
    const once = printed(text)
    expect(printed(once)).toBe(once)
    const [before, after] = [compile(text, { include: includeExample }), compile(once, { include: includeExample })]
    if (!before.ok || !after.ok) throw new Error('an example must compile')
    expect(after.rcode.code).toEqual(before.rcode.code)
    expect(after.rcode.strings).toEqual(before.rcode.strings)
    expect(after.topology.tasks).toEqual(before.topology.tasks)
  })
})
