/**
 * Builds the library: `tsc`, then removes from dist/ what no source file stands behind any more.
 *
 * dist/ is never emptied first: a running test may be executing files of it.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')

const { status } = spawnSync(process.execPath, [compiler], { cwd: root, stdio: 'inherit' })
removeOrphans()
process.exitCode = status ?? 1

function removeOrphans() {
  const output = join(root, 'dist')
  if (!existsSync(output)) return
  for (const file of readdirSync(output, { recursive: true, encoding: 'utf8' })) {
    const source = file.replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts')
    if (source !== file && !existsSync(join(root, 'src', source))) rmSync(join(output, file), { force: true })
  }
}
