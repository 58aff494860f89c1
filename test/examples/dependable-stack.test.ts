/** The paper's DependableStack as its readers run it: two machines as processes, one of which is killed. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { reversed } from '../../examples/dependable-stack/client.ts'
import { ArrayStack, ListStack } from '../../examples/dependable-stack/stack.ts'

const MAIN = fileURLToPath(new URL('../../examples/dependable-stack/main.ts', import.meta.url))

test('DependableStack: the client is given its answers although the machine with ListStack is killed on the way', async () => {
  const flags = ['--conditions=perdure-src', '--import', 'tsx']
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, MAIN], { timeout: 110_000 })
  expect(stdout.trim().split('\n')).toEqual([
    '1 2 3 turned round: 3 2 1',
    'atibaia is gone, and with it its ListStack; it is started again',
    'on the stack was 7',
  ])
})

test.each([
  ['ArrayStack', ArrayStack],
  ['ListStack', ListStack],
] as const)('the text of the client is that of any stack: %s', async (_, Variant) => {
  expect(await reversed([1, 2, 3], new Variant())).toEqual([3, 2, 1])
})
