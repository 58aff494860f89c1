/** Work folders on the real disk: what is seen in them, what they are made to hold, and when they go. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MAX_BLOB } from '../../src/log/log.ts'
import type { WorkFile, WorkFolder, WorkFolders } from '../../src/log/work-folders.ts'
import { removeWorkFolders, sweepWorkFolders, workFolders } from '../../src/node/work-folders.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const fileOf = (path: string, text: string, executable = false): WorkFile => ({
  path,
  size: Buffer.byteLength(text),
  blob: sha256(text),
  executable,
})

let temporary = ''
let folders: WorkFolders
let folder: WorkFolder
const contents = new Map<string, Uint8Array>()
const fetch = async (blob: string) => contents.get(blob) ?? Promise.reject(new Error(`no blob ${blob}`))
const blobOf = (text: string) => {
  contents.set(sha256(text), Buffer.from(text))
  return text
}
const at = (...names: string[]) => join(folder.path, ...names)
const listed = async () => [...(await folder.list())].sort((a, b) => (a.path < b.path ? -1 : 1))

beforeEach(async () => {
  temporary = mkdtempSync(join(tmpdir(), 'pd-'))
  vi.stubEnv('TMPDIR', temporary)
  folders = workFolders('0123456789abcdef')
  folder = await folders.create('1-2')
})

afterEach(async () => {
  await folder.remove()
  vi.unstubAllEnvs()
  rmSync(temporary, { recursive: true, force: true })
})

describe('what is in a folder', () => {
  test('files with their sha256 and mode, empty folders, and nothing of what is around', async () => {
    mkdirSync(at('a/b'), { recursive: true })
    mkdirSync(at('empty/inner'), { recursive: true })
    writeFileSync(at('a/b/c'), 'text')
    writeFileSync(at('run'), '#!')
    chmodSync(at('run'), 0o755)
    expect(await listed()).toEqual([
      fileOf('a/b/c', 'text'),
      { path: 'empty/inner/', size: 0, blob: '', executable: false },
      fileOf('run', '#!', true),
    ])
  })

  test('a change that leaves size and time as they were is seen', async () => {
    writeFileSync(at('a'), 'one')
    const { atime, mtime } = statSync(at('a'))
    expect(await listed()).toEqual([fileOf('a', 'one')])
    writeFileSync(at('a'), 'two')
    utimesSync(at('a'), atime, mtime)
    expect(await listed()).toEqual([fileOf('a', 'two')])
    chmodSync(at('a'), 0o755)
    expect(await listed()).toEqual([fileOf('a', 'two', true)])
  })

  test('a large file is hashed piece by piece', async () => {
    const text = 'x'.repeat(1_000_000)
    writeFileSync(at('large'), text)
    expect(await listed()).toEqual([fileOf('large', text)])
  })

  test.each([
    ['a link to a file', () => symlinkSync('/etc/hostname', at('link'))],
    ['a link to a folder', () => symlinkSync('/etc', at('link'))],
    ['a link to nothing', () => symlinkSync('nowhere', at('link'))],
    [
      'a file that is too large',
      () => {
        writeFileSync(at('large'), '')
        truncateSync(at('large'), MAX_BLOB + 1)
      },
    ],
    ['a name with a line feed', () => writeFileSync(at('a\nb'), '')],
    ['a name with a backslash', () => writeFileSync(at('a\\b'), '')],
  ])('%s: PERDURE_E_FILES', async (_what, make) => {
    make()
    await expect(folder.list()).rejects.toMatchObject({ code: 'PERDURE_E_FILES' })
  })

  test('a name that is no UTF-8: PERDURE_E_FILES, and it can be removed', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${folder.path}/`), Buffer.from([0x61, 0xff])]), '')
    await expect(folder.list()).rejects.toMatchObject({ code: 'PERDURE_E_FILES', message: expect.stringContaining('no UTF-8') })
    await folder.become([fileOf('b', blobOf('b'))], fetch)
    expect(readdirSync(folder.path)).toEqual(['b'])
  })

  test('a socket, as any device: PERDURE_E_FILES', async () => {
    const server = createServer().listen(at('socket'))
    await once(server, 'listening')
    await expect(folder.list()).rejects.toMatchObject({ code: 'PERDURE_E_FILES' })
    server.close()
  })
})

describe('a folder that is to hold something', () => {
  test('holds exactly that, however it was', async () => {
    mkdirSync(at('old/deep'), { recursive: true })
    writeFileSync(at('old/deep/x'), 'x')
    mkdirSync(at('kept'))
    writeFileSync(at('kept/same'), 'same')
    writeFileSync(at('kept/other'), 'before')
    writeFileSync(at('was-file'), '')
    mkdirSync(at('was-folder'))
    const inode = statSync(at('kept/same')).ino
    const wanted = [
      fileOf('kept/other', blobOf('after')),
      fileOf('kept/same', 'same'),
      fileOf('run', blobOf('#!'), true),
      { path: 'void/inner/', size: 0, blob: '', executable: false },
      fileOf('was-file/y', blobOf('y')),
      fileOf('was-folder', blobOf('now a file')),
    ]
    await folder.become(wanted, fetch)
    expect(await listed()).toEqual(wanted)
    expect(readdirSync(folder.path).sort()).toEqual(['kept', 'run', 'void', 'was-file', 'was-folder'])
    expect(statSync(at('kept/same')).ino).toBe(inode)
    await folder.become([], fetch)
    expect(readdirSync(folder.path)).toEqual([])
  })

  test('is not left through a link that lies where a folder should be', async () => {
    const outside = join(temporary, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'precious'), 'precious')
    symlinkSync(outside, at('sub'))
    symlinkSync(join(outside, 'precious'), at('file'))
    await folder.become([fileOf('sub/a', blobOf('a')), fileOf('file', blobOf('mine'))], fetch)
    expect(readdirSync(outside)).toEqual(['precious'])
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('precious')
    expect(await listed()).toEqual([fileOf('file', 'mine'), fileOf('sub/a', 'a')])
  })

  test.each(['../out', '/abs', 'a/../../out', 'a/./b', '', '.', '..', 'a\\..\\b', 'a\0b'])(
    'of the name %j: PERDURE_E_FILES, and nothing is touched',
    async (path) => {
      writeFileSync(at('there'), 'there')
      await expect(folder.become([fileOf(path, blobOf('x'))], fetch)).rejects.toMatchObject({ code: 'PERDURE_E_FILES' })
      expect(readdirSync(folder.path)).toEqual(['there'])
      expect(readdirSync(dirname(folder.path)).sort()).toEqual(['1-1-2', 's'])
    },
  )
})

describe('the folders of a process', () => {
  const roots = () => readdirSync(temporary).filter((name) => name.startsWith('perdure-work-'))

  test('lie in one of its own, which nobody else may enter, and go with the last of them', async () => {
    const root = dirname(folder.path)
    expect(statSync(root).mode & 0o777).toBe(0o700)
    const second = await folders.create('3-4')
    expect(dirname(second.path)).toBe(root)
    writeFileSync(join(second.path, 'x'), '')
    await second.remove()
    expect(existsSync(second.path)).toBe(false)
    expect(existsSync(folder.path)).toBe(true)
    const removed = folder.remove()
    const third = await folders.create('5-6')
    await removed
    expect(existsSync(third.path)).toBe(true)
    await third.remove()
    expect(roots()).toEqual([])
  })

  test('are removed by the next who hosts when it was killed, and never while it lives', async () => {
    const code = `import('${new URL('../../dist/node/work-folders.js', import.meta.url)}').then(async ({ workFolders }) => {
      const folder = await workFolders('feedfeedfeedfeed').create('7-8')
      console.log(folder.path)
      setInterval(() => {}, 1000)
    })`
    const child = spawn(process.execPath, ['-e', code], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const path = String(line).trim()
    writeFileSync(join(path, 'half'), 'half')
    await sweepWorkFolders()
    expect(readFileSync(join(path, 'half'), 'utf8')).toBe('half')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(existsSync(path)).toBe(true)
    const other = workFolders('1111222233334444')
    const next = await other.create('9-9')
    expect(existsSync(path)).toBe(false)
    expect(existsSync(folder.path)).toBe(true)
    await next.remove()
  })

  test('that has just begun are left alone', async () => {
    mkdirSync(join(temporary, 'perdure-work-begins'))
    await sweepWorkFolders()
    expect(roots()).toContain('perdure-work-begins')
    await removeWorkFolders('begins')
    expect(roots()).not.toContain('perdure-work-begins')
  })

  test('cannot be made where nothing may be written: PERDURE_E_FOLDER', async () => {
    vi.stubEnv('TMPDIR', join(temporary, 'absent'))
    await expect(workFolders('abcdabcdabcdabcd').create('1-1')).rejects.toMatchObject({ code: 'PERDURE_E_FOLDER' })
    vi.stubEnv('TMPDIR', join(temporary, 'x'.repeat(100)))
    await expect(workFolders('abcdabcdabcdabcd').create('1-1')).rejects.toMatchObject({
      code: 'PERDURE_E_FOLDER',
      message: expect.stringContaining('more than 100 bytes'),
    })
  })
})
