/** `perdure ariel …` as its users meet it: the built program, scripts and headers in folders, exit codes 0 good, 1 errors, 2 wrong usage. */
import { existsSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { compile } from '../../src/mechanisms/ariel/ariel.ts'
import { readRCode } from '../../src/mechanisms/ariel/emit-reader.ts'
import { Workshop } from './cli-driver.ts'

const HEADER = '#define PUMP 5\n'
const GOOD = 'INCLUDE "plant.h"\nIF [ FAULTY T{PUMP} ]\nTHEN\n    RESTART T{PUMP}\nFI\n'
const BAD = 'INCLUDE "plant.h"\n# é\n\tIF [ FAULTY T{PUMB} ] RESTART T5\n'

/** A folder with a header and a good script. */
function workshop(): Workshop {
  const shop = new Workshop()
  shop.write('plant.h', HEADER)
  shop.write('plant.ariel', GOOD)
  return shop
}

const rcode = () => {
  const compiled = compile(GOOD, { include: () => HEADER })
  return compiled.ok ? compiled.rcode : undefined
}

describe('SPEC 8: perdure ariel check', () => {
  test('of a good script prints nothing and exits 0', async () => {
    await using shop = workshop()
    expect(await shop.run('ariel', 'check', 'plant.ariel')).toMatchObject({ code: 0, stdout: '', stderr: '' })
  })

  test('prints file:line:column, severity, code and message, the line, and carets under the place; exits 1', async () => {
    await using shop = workshop()
    const { code, stdout, stderr } = await shop.run('ariel', 'check', shop.write('bad.ariel', BAD))
    expect(stderr).toBe('')
    expect(stdout).toBe(`bad.ariel:3:15: error A010: {PUMB} is not defined (did you mean PUMP?): define it in an included file
    3 | \tIF [ FAULTY T{PUMB} ] RESTART T5
      | \t             ^^^^^^
bad.ariel:3:24: error A004: expected THEN, found RESTART
    3 | \tIF [ FAULTY T{PUMB} ] RESTART T5
      | \t                      ^^^^^^^
bad.ariel:3:34: error A006: IF is not closed: expected FI before the end of input
    3 | \tIF [ FAULTY T{PUMB} ] RESTART T5
      | \t                                ^
  bad.ariel:3:2: IF was opened here
3 errors
`)
    expect(code).toBe(1)
  })

  test('--json prints one diagnostic a line and nothing else', async () => {
    await using shop = workshop()
    const { code, lines, stdout } = await shop.run('ariel', 'check', shop.write('bad.ariel', BAD), '--json')
    expect(code).toBe(1)
    expect(lines.map(({ code: found }) => found)).toEqual(['A010', 'A004', 'A006'])
    expect(lines[1]).toEqual({
      code: 'A004',
      severity: 'error',
      line: 3,
      column: 24,
      endLine: 3,
      endColumn: 31,
      message: 'expected THEN, found RESTART',
      expected: ['THEN'],
    })
    expect(lines[2]?.related).toEqual([{ line: 3, column: 2, endLine: 3, endColumn: 4, message: 'IF was opened here' }])
    expect(stdout.trim().split('\n').length).toBe(3)
  })

  test('exits 0 with warnings alone, and says how many', async () => {
    await using shop = workshop()
    const script = 'IF [ FAULTY T1 ] THEN SEND 1 T2 FI'
    const { code, stdout } = await shop.run('ariel', 'check', shop.write('warned.ariel', script))
    expect(code).toBe(0)
    expect(stdout).toMatch(/warned\.ariel:1:1: warning W103.*\n1 warning\n$/s)
  })

  test('--classic takes scripts of the classic translator', async () => {
    await using shop = workshop()
    const script = 'IF [ FAULTY T1 ] THEN STOP T1 FI\nNPROCS = 2\n'
    shop.write('old.ariel', script)
    expect((await shop.run('ariel', 'check', 'old.ariel')).code).toBe(1)
    expect((await shop.run('ariel', 'check', 'old.ariel', '--classic')).code).toBe(0)
  })

  test('finds headers relative to the script, wherever it is called from, and names them as seen from there', async () => {
    await using shop = workshop()
    mkdirSync(shop.path('deep'))
    shop.write('deep/own.h', '#define X 1\n#define X 2\n')
    shop.write('deep/s.ariel', 'INCLUDE "own.h"\nINCLUDE "../plant.h"\nIF [ FAULTY T{PUMP} ] THEN STOP T{X} FI\n')
    const { code, stdout } = await shop.run('ariel', 'check', 'deep/s.ariel')
    expect(code).toBe(1)
    expect(stdout).toMatch(/^deep\/own\.h:2:11: error A012: .*\n {4}2 \| #define X 2\n/)
    expect(stdout).toContain('deep/own.h:1:11: X was defined here')
    expect(stdout).toMatch(/1 error\n$/)
  })

  test.each([
    [['check'], /missing required argument/],
    [['check', 'nowhere.ariel'], /no file nowhere\.ariel.*Expected an ariel script/],
    [['check', '.'], /is no file/],
    // A path through a file: later versions of Node say that there is none.
    [['check', 'plant.ariel/x'], /(plant\.ariel\/x cannot be read: ENOTDIR|no file plant\.ariel\/x).*Expected an ariel script/],
    [['check', 'x'.repeat(300)], /cannot be read: ENAMETOOLONG.*Expected an ariel script/],
    [['build', 'plant.ariel', '--emit', 'elf'], /Expected one of: json, binary, module, topology, glue/],
    [['build', 'plant.ariel', '-o', 'plant.ariel'], /is the script itself/],
    [['build', 'plant.ariel', '-o', 'no/such/folder/x'], /cannot be written/],
    [['build', 'plant.ariel', '-o', '.'], /cannot be written/],
    [['run', 'plant.ariel', 'tasks.json'], /not built yet/],
  ])('SPEC 8: perdure ariel %j exits 2 and says what was expected', async (words, message) => {
    await using shop = workshop()
    const { code, stderr } = await shop.run('ariel', ...words)
    expect(stderr).toMatch(message)
    expect(code).toBe(2)
    expect(readFileSync(shop.path('plant.ariel'), 'utf8')).toBe(GOOD)
  })
})

describe('SPEC 8: perdure ariel build', () => {
  test('writes r-code JSON to standard output', async () => {
    await using shop = workshop()
    const { code, stdout, stderr } = await shop.run('ariel', 'build', 'plant.ariel')
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toEqual(rcode())
  })

  test('writes every form to a file', async () => {
    await using shop = workshop()
    for (const form of ['json', 'binary', 'module', 'topology', 'glue']) {
      const done = await shop.run('ariel', 'build', 'plant.ariel', '--emit', form, '-o', `out.${form}`)
      expect(done).toMatchObject({ code: 0, stdout: '', stderr: '' })
    }
    expect(readRCode(readFileSync(shop.path('out.json')))).toEqual(rcode())
    expect(readRCode(readFileSync(shop.path('out.binary'))).code).toEqual(rcode()?.code)
    expect(readFileSync(shop.path('out.module'), 'utf8')).toMatch(
      /^\/\/ Written by `perdure ariel build plant\.ariel --emit module`/,
    )
    expect(JSON.parse(readFileSync(shop.path('out.topology'), 'utf8'))).toMatchObject({ topology: 1, tasks: [] })
    expect(readFileSync(shop.path('out.glue'), 'utf8')).toContain('export {}')
  })

  test('with errors says them on standard error, exits 1, and leaves what an earlier build wrote', async () => {
    await using shop = workshop()
    shop.write('bad.ariel', BAD)
    shop.write('plant.rcode.json', 'as it was')
    const { code, stdout, stderr } = await shop.run('ariel', 'build', 'bad.ariel', '-o', 'plant.rcode.json')
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/error A010.*3 errors\n$/s)
    expect(readFileSync(shop.path('plant.rcode.json'), 'utf8')).toBe('as it was')
  })

  test('with warnings writes all the same', async () => {
    await using shop = workshop()
    const { code, stdout, stderr } = await shop.run('ariel', 'build', shop.write('w.ariel', 'IF [ FAULTY T1 ] THEN SEND 1 T2 FI'))
    expect(code).toBe(0)
    expect(stderr).toContain('W103')
    expect(JSON.parse(stdout)).toMatchObject({ rcode: 1 })
  })

  test('--listing prints the instructions, alone or beside the file', async () => {
    await using shop = workshop()
    const alone = await shop.run('ariel', 'build', 'plant.ariel', '--listing')
    expect(alone.stdout).toMatch(/^0 {2}INC_NEST +-1 +-1 {2}; line 2\n/)
    const beside = await shop.run('ariel', 'build', 'plant.ariel', '--listing', '-o', 'x.json')
    expect(beside.stdout).toBe(alone.stdout)
    expect(existsSync(shop.path('x.json'))).toBe(true)
  })
})

describe('perdure ariel list', () => {
  test('disassembles both forms alike', async () => {
    await using shop = workshop()
    await shop.run('ariel', 'build', 'plant.ariel', '--emit', 'binary', '-o', 'x.rcode')
    await shop.run('ariel', 'build', 'plant.ariel', '-o', 'x.json')
    const binary = await shop.run('ariel', 'list', 'x.rcode')
    expect(binary.code).toBe(0)
    expect(binary.stdout).toMatch(/^2 {2}FAULTY +18 +5 {2}; T5$/m)
    expect((await shop.run('ariel', 'list', 'x.json')).stdout).toBe(binary.stdout)
  })

  test('refuses what is no r-code, and exits 1', async () => {
    await using shop = workshop()
    expect(await shop.run('ariel', 'list', 'plant.ariel')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/PERDURE_E_RCODE/),
    })
  })
})

describe('SPEC 5.3: perdure ariel dry-run', () => {
  const HISTORY = '{"at":100,"kind":"error","entity":"T5","code":12}\n{"at":900,"kind":"end"}\n'
  const ACTIONS = '{"at":100,"line":4,"action":"RESTART","target":"T5"}\n'

  test('prints one performed action a line', async () => {
    await using shop = workshop()
    shop.write('night.jsonl', HISTORY)
    expect(await shop.run('ariel', 'dry-run', 'plant.ariel', 'night.jsonl')).toMatchObject({
      code: 0,
      stdout: ACTIONS,
      stderr: '',
    })
  })

  test('takes a script with a zero in it for a script, and says A001', async () => {
    await using shop = workshop()
    shop.write('zero.ariel', 'NPROCS = \0 2\n')
    shop.write('night.jsonl', '')
    const { code, stderr } = await shop.run('ariel', 'dry-run', 'zero.ariel', 'night.jsonl')
    expect(stderr).toMatch(/^zero\.ariel:1:10: error A001: U\+0000/)
    expect(code).toBe(1)
  })

  test('takes r-code with its topology too', async () => {
    await using shop = workshop()
    shop.write('night.jsonl', HISTORY)
    await shop.run('ariel', 'build', 'plant.ariel', '--emit', 'binary', '-o', 'x.rcode')
    await shop.run('ariel', 'build', 'plant.ariel', '--emit', 'topology', '-o', 'topology.json')
    const { code, lines } = await shop.run('ariel', 'dry-run', 'x.rcode', 'night.jsonl', '--topology', 'topology.json')
    expect([code, lines]).toEqual([0, [{ at: 100, line: 0, action: 'RESTART', target: 'T5' }]])
    const without = await shop.run('ariel', 'dry-run', 'x.rcode', 'night.jsonl')
    expect(without).toMatchObject({ code: 2, stderr: expect.stringMatching(/Expected --topology/) })
  })

  test('of a script with errors says them and exits 1; so it does with a history that cannot be read', async () => {
    await using shop = workshop()
    shop.write('night.jsonl', HISTORY)
    shop.write('bad.ariel', BAD)
    const bad = await shop.run('ariel', 'dry-run', 'bad.ariel', 'night.jsonl')
    expect(bad).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/A010/) })
    const unread = await shop.run('ariel', 'dry-run', 'plant.ariel', shop.write('x.jsonl', 'nothing\n'))
    expect(unread).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/PERDURE_E_HISTORY/) })
  })
})

describe('SPEC 8: perdure ariel fmt', () => {
  const ROUGH = 'if [ faulty t5 ] then restart t5 fi # why\n'
  const SMOOTH = 'IF [ FAULTY T5 ]\nTHEN\n    RESTART T5\nFI  # why\n'

  test('lays out files in place, and names those that changed', async () => {
    await using shop = workshop()
    shop.write('rough.ariel', ROUGH)
    const { code, stdout } = await shop.run('ariel', 'fmt', 'plant.ariel', 'rough.ariel')
    expect([code, stdout]).toEqual([0, 'rough.ariel\n'])
    expect(readFileSync(shop.path('rough.ariel'), 'utf8')).toBe(SMOOTH)
    expect(await shop.run('ariel', 'fmt', 'plant.ariel', 'rough.ariel')).toMatchObject({ code: 0, stdout: '' })
  })

  test('--check changes nothing, and exits 1 if something would', async () => {
    await using shop = workshop()
    shop.write('rough.ariel', ROUGH)
    const { code, stdout } = await shop.run('ariel', 'fmt', '--check', 'plant.ariel', 'rough.ariel')
    expect([code, stdout]).toEqual([1, 'rough.ariel\n'])
    expect(readFileSync(shop.path('rough.ariel'), 'utf8')).toBe(ROUGH)
    expect((await shop.run('ariel', 'fmt', '--check', 'plant.ariel')).code).toBe(0)
  })

  test('leaves a script alone that cannot be read, says why, goes on with the others, and exits 1', async () => {
    await using shop = workshop()
    shop.write('bad.ariel', BAD)
    shop.write('rough.ariel', ROUGH)
    const { code, stdout, stderr } = await shop.run('ariel', 'fmt', 'bad.ariel', 'rough.ariel')
    expect([code, stdout]).toEqual([1, 'rough.ariel\n'])
    expect(stderr).toMatch(/A004.*bad\.ariel is left as it is/s)
    expect(readFileSync(shop.path('bad.ariel'), 'utf8')).toBe(BAD)
    expect(readFileSync(shop.path('rough.ariel'), 'utf8')).toBe(SMOOTH)
  })

  test('keeps the byte order mark of a file, which counts as no column', async () => {
    await using shop = workshop()
    shop.write('rough.ariel', `\uFEFF${ROUGH}`)
    await shop.run('ariel', 'fmt', 'rough.ariel')
    expect(readFileSync(shop.path('rough.ariel'), 'utf8')).toBe(`\uFEFF${SMOOTH}`)
    shop.write('bad.ariel', '\uFEFFFI')
    expect((await shop.run('ariel', 'check', 'bad.ariel')).stdout).toMatch(/^bad\.ariel:1:1: /)
  })

  test('refuses a file that is not UTF-8, and does not touch it', async () => {
    await using shop = workshop()
    const latin1 = Buffer.from(`${ROUGH}# \u00e9\n`, 'latin1')
    writeFileSync(shop.path('latin1.ariel'), latin1)
    expect(await shop.run('ariel', 'fmt', 'latin1.ariel')).toMatchObject({ code: 2, stderr: expect.stringMatching(/not UTF-8/) })
    expect(readFileSync(shop.path('latin1.ariel'))).toEqual(latin1)
  })

  test.skipIf(process.platform === 'win32')('keeps links, and the mode of a file', async () => {
    await using shop = workshop()
    shop.write('rough.ariel', ROUGH)
    symlinkSync('rough.ariel', shop.path('link.ariel'))
    const mode = statSync(shop.path('rough.ariel')).mode
    await shop.run('ariel', 'fmt', 'link.ariel')
    expect(lstatSync(shop.path('link.ariel')).isSymbolicLink()).toBe(true)
    expect(statSync(shop.path('rough.ariel')).mode).toBe(mode)
    expect(readFileSync(shop.path('rough.ariel'), 'utf8')).toBe(SMOOTH)
  })
})

test('perdure ariel lists its commands, and each explains itself with an example', async () => {
  await using shop = workshop()
  const { stdout } = await shop.run('ariel', '--help')
  for (const command of ['check', 'build', 'list', 'dry-run', 'test', 'explain', 'what-if', 'explore', 'fmt', 'lsp'])
    expect(stdout).toMatch(new RegExp(`^ +${command} `, 'm'))
  expect((await shop.run('ariel', 'build', '--help')).stdout).toContain('\nExample:\n  perdure ariel build')
})
