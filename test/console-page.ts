/**
 * A page with files and a terminal on it, executed: the files are written to a folder in which the package is installed, the commands run
 * there one after the other, and the page comes back with what they really printed.
 *
 * A block that opens with a file's name after its language adds to that file. In a block for a console, a line with `$` is a command,
 * and what follows is its output.
 */
import { execFile } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const BLOCK = /^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm

/** The page as its commands would have it. */
export async function executed(page: string): Promise<string> {
  const text = readFileSync(page, 'utf8')
  const folder = mkdtempSync(join(tmpdir(), 'perdure-page-'))
  try {
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(process.cwd(), join(folder, 'node_modules', 'perdure'), 'dir')
    let result = ''
    let from = 0
    for (const block of text.matchAll(BLOCK)) {
      const [whole, language, name, content = ''] = block
      if (name !== undefined) appendFileSync(join(folder, name), content)
      result += text.slice(from, block.index)
      result += language === 'console' ? `\`\`\`console\n${await session(folder, content)}\`\`\`` : whole
      from = block.index + whole.length
    }
    return result + text.slice(from)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function session(folder: string, content: string): Promise<string> {
  let result = ''
  for (const line of content.split('\n').filter((each) => each.startsWith('$ '))) {
    result += `${line}\n${await shell(folder, line.slice(2))}`
  }
  return result
}

/** Everything that a command prints, on both streams. `npx perdure` is what the build has made. */
function shell(folder: string, command: string): Promise<string> {
  const program = join(process.cwd(), 'dist', 'node', 'cli.js')
  const words = command.replaceAll('npx perdure', `"${process.execPath}" "${program}"`)
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', `exec 2>&1; ${words}`], { cwd: folder, env: { ...process.env, NO_COLOR: '1' } }, (_, stdout) => {
      resolve(stdout)
    })
  })
}
