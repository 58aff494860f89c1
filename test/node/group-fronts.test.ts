/** The program that conducts a call ends in the middle of it; the call belongs to another program, which goes on with it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { host, open, type Site } from 'perdure'
import { dependable, majority, nVersion } from 'perdure/group'
import { expect, test } from 'vitest'

let executions = 0
let letGo: () => void = () => undefined
const gate = new Promise<void>((resolve) => {
  letGo = resolve
})

class Patient {
  async wait(): Promise<string> {
    executions += 1
    await gate
    return 'over'
  }
}

const folder = mkdtempSync(join(tmpdir(), 'perdure-fronts-'))

async function patient(site: Site) {
  const strategy = nVersion({ variants: [Patient, Patient, Patient], adjudicator: majority() })
  return dependable(Patient, strategy, { site, name: 'patients' }).create({ key: 'k' })
}

test('another front conducts the call from the beginning, and no member is started twice', async () => {
  try {
    await using site = await open(join(folder, 'data'))
    for (const node of ['a', 'b', 'c']) await host(site, node, [Patient])
    // Calls are conducted by the program that has held the group for longest.
    const first = await open(join(folder, 'data'), { attach: true })
    await patient(first)
    await using second = await open(join(folder, 'data'), { attach: true })
    const waiting = (await patient(second)).wait()
    await expect.poll(() => executions).toBe(3)
    await first.close()
    letGo()
    expect(await waiting).toBe('over')
    expect(executions).toBe(3)
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})
