/** Real file systems that are full, or turn read-only under a running site: small ones, mounted for one process alone. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { report } from './amount.ts'
import { type Child, Children } from './children.ts'
import { judge } from './diaries.ts'

/** A process needs a mount namespace of its own, and the right and the tools to mount in it. */
const MAY_MOUNT =
  process.platform === 'linux' &&
  spawnSync('unshare', ['--mount', 'sh', '-c', 'command -v mkfs.ext4 && command -v e2fsck && command -v findmnt']).status === 0

/** More than fits any of the disks below. */
const ENDLESS = 100_000

interface Filled {
  readonly acknowledged: readonly string[]
  readonly unknown: readonly string[]
  readonly codes: readonly string[]
  readonly reading: unknown
}

/** Numbers the orders, so that the answer to each can be told from the others. */
class Stage {
  readonly #child: Child
  readonly mount: string
  readonly data: string
  #orders = 0
  readonly #put: Filled[] = []

  constructor(child: Child, mount: string) {
    this.#child = child
    this.mount = mount
    this.data = `${mount}/data`
  }

  async shell(command: string): Promise<void> {
    await this.#order('shell', 'shell', { command })
  }

  /** The code it is refused with, or null. */
  async open(): Promise<unknown> {
    return (await this.#order('open', 'open', { folder: this.data })).code
  }

  async fill(most: number): Promise<Filled> {
    const filled = (await this.#order('fill', 'filled', { most })) as unknown as Filled
    this.#put.push(filled)
    return filled
  }

  async close(): Promise<void> {
    await this.#order('close', 'closed', {})
  }

  /** Everything acknowledged so far is there, everything else there at most once; how many were acknowledged. */
  async expectWhole(): Promise<number> {
    const { total, ids } = (await this.#order('list', 'list', {})) as unknown as { total: number; ids: string[] }
    const acknowledged = this.#put.flatMap((filled) => filled.acknowledged)
    const unknown = this.#put.flatMap((filled) => filled.unknown)
    expect(total).toBe(ids.length)
    const asked = [
      ...acknowledged.map((id) => ({ kind: 'out' as const, id, answer: id })),
      ...unknown.map((id) => ({ kind: 'out' as const, id, answer: undefined })),
    ]
    expect(judge(asked, ids).wrong).toEqual([])
    return acknowledged.length
  }

  async #order(what: string, event: string, words: Readonly<Record<string, unknown>>) {
    this.#orders += 1
    const name = this.#orders
    this.#child.tell({ do: what, name, ...words })
    return await Promise.race([
      this.#child.event(event, (line) => line.name === name),
      this.#child.event('failed').then(({ message }) => Promise.reject(new Error(`${what}: ${String(message)}`))),
    ])
  }
}

async function staged(children: Children): Promise<Stage> {
  const child = children.start('filling', [], { under: ['unshare', '--mount', '--propagation', 'private'] })
  await child.event('ready')
  const stage = new Stage(child, children.path('mount'))
  await stage.shell(`mkdir ${stage.mount}`)
  return stage
}

/** A file system of a real disk: an image of 4 MB, which becomes read-only when it finds itself broken. */
async function imageMounted(stage: Stage): Promise<void> {
  await stage.shell(`truncate -s 4M ${stage.mount}.img && mkfs.ext4 -q -F -O ^has_journal ${stage.mount}.img`)
  await stage.shell(`mount -o loop,errors=remount-ro ${stage.mount}.img ${stage.mount}`)
}

test.skipIf(!MAY_MOUNT)(
  'a disk that becomes full: the site fails, and once there is room everything acknowledged is there (skipped without root on Linux)',
  async () => {
    for (const system of ['tmpfs', 'ext4'] as const) {
      await using children = new Children()
      const stage = await staged(children)
      if (system === 'tmpfs') await stage.shell(`mount -t tmpfs -o size=1m tmpfs ${stage.mount}`)
      else await imageMounted(stage)
      const ballast = `${stage.mount}/ballast`
      await stage.shell(`dd if=/dev/zero of=${ballast} bs=1k count=${system === 'tmpfs' ? 600 : 3_300} status=none`)
      expect(await stage.open()).toBeNull()
      const { acknowledged, codes, reading } = await stage.fill(ENDLESS)
      expect(acknowledged.length).toBeGreaterThan(100)
      expect(codes).toEqual(['PERDURE_E_LOG_FAILED'])
      expect(reading).toBe('PERDURE_E_LOG_FAILED')
      await stage.close()
      const full = await stage.open()
      if (full === null) await stage.close()
      else expect(full).toBe('PERDURE_E_FOLDER')
      await stage.shell(`rm ${ballast}`)
      expect(await stage.open()).toBeNull()
      await stage.expectWhole()
      expect((await stage.fill(32)).codes).toEqual([])
      const there = await stage.expectWhole()
      await stage.close()
      report(`full disk, ${system}`, { acknowledged: there, 'opened while full': full === null ? 'yes' : 'refused' })
    }
  },
)

test.skipIf(!MAY_MOUNT)(
  'a disk that turns read-only under a running site: it fails, and everything acknowledged is there once the disk is mended (skipped without root on Linux)',
  async () => {
    await using children = new Children()
    const stage = await staged(children)
    await imageMounted(stage)
    expect(await stage.open()).toBeNull()
    expect((await stage.fill(200)).codes).toEqual([])
    // What the kernel does when it finds the file system broken.
    const device = `$(basename $(findmnt -no SOURCE ${stage.mount}))`
    await stage.shell(`echo test > /sys/fs/ext4/${device}/trigger_fs_error`)
    const after = await stage.fill(ENDLESS)
    expect(after).toMatchObject({ acknowledged: [], codes: ['PERDURE_E_LOG_FAILED'], reading: 'PERDURE_E_LOG_FAILED' })
    await stage.close()
    expect(await stage.open()).toBe('PERDURE_E_FOLDER')
    await stage.shell(`umount ${stage.mount} && { e2fsck -fy ${stage.mount}.img || test $? -le 2; }`)
    await stage.shell(`mount -o loop ${stage.mount}.img ${stage.mount}`)
    expect(await stage.open()).toBeNull()
    await stage.expectWhole()
    expect((await stage.fill(32)).codes).toEqual([])
    report('read-only disk', { acknowledged: await stage.expectWhole() })
    await stage.close()
  },
)

test.skipIf(!MAY_MOUNT)(
  'a disk that is mounted read-only is refused, and whole once it can be written again (skipped without root on Linux)',
  async () => {
    await using children = new Children()
    const stage = await staged(children)
    await stage.shell(`mount -t tmpfs -o size=8m tmpfs ${stage.mount}`)
    expect(await stage.open()).toBeNull()
    await stage.fill(200)
    await stage.close()
    await stage.shell(`mount -o remount,ro ${stage.mount}`)
    expect(await stage.open()).toBe('PERDURE_E_FOLDER')
    await stage.shell(`mount -o remount,rw ${stage.mount}`)
    expect(await stage.open()).toBeNull()
    expect(await stage.expectWhole()).toBeGreaterThanOrEqual(200)
    await stage.close()
  },
)
