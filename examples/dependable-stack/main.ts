/** Starts the two machines, uses the stack, and kills one of them on the way. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'perdure'
import { reversed } from './client.ts'
import { dependableStack } from './dependable-stack.ts'

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'dependable-stack-'))

async function machine(name: string): Promise<ChildProcess> {
  const child = fork(new URL('./node.ts', import.meta.url), [folder, name])
  await once(child, 'message')
  return child
}

await using site = await open(folder)
const marumbi = await machine('marumbi')
let atibaia = await machine('atibaia')
const stack = await dependableStack(site, 'pilha')

console.log('1 2 3 turned round:', ...(await reversed([1, 2, 3], stack)))

await stack.push(7)
atibaia.kill('SIGKILL')
await once(atibaia, 'exit')
const popped = stack.pop()
console.log('atibaia is gone, and with it its ListStack; it is started again')
atibaia = await machine('atibaia')
console.log('on the stack was', await popped)

for (const child of [marumbi, atibaia]) child.disconnect()
