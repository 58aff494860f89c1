/** A whole site over a disk that may fail, with snapshots taken in slices: what production opens, without threads. */
import { type Clock, systemClock } from '../../src/clock.ts'
import { encode } from '../../src/log/codec/codec.ts'
import { type DiskLog, openDisk } from '../../src/log/engines/disk.ts'
import type { Gateway } from '../../src/log/gateway.ts'
import type { Replica } from '../../src/log/replica.ts'
import { ownedSite, type Site } from '../../src/log/site.ts'
import { Keeper, type TakeShadow } from '../../src/log/snapshots/keeper.ts'
import { openGateway } from '../../src/node/compose.ts'
import { inSlices } from '../../src/node/shadow.ts'
import type { SimulatedProcess } from '../../src/testing/faulty-disk.ts'

export interface StoredSite {
  readonly site: Site
  readonly gateway: Gateway
  readonly keeper: Keeper
  readonly log: DiskLog
  readonly warnings: string[]
}

interface StoredOptions {
  readonly grownBytes?: number
  readonly clock?: Clock
  /** Changes how shadows are taken. */
  readonly shadow?: (take: TakeShadow) => TakeShadow
}

/** `grownBytes`: when snapshots are due; by default only when a test takes one. */
export async function openStored(
  process: SimulatedProcess,
  { grownBytes = Number.MAX_SAFE_INTEGER, clock = systemClock, shadow = (take) => take }: StoredOptions = {},
): Promise<StoredSite> {
  const log = await openDisk(process)
  const warnings: string[] = []
  const warn = (text: string) => void warnings.push(text)
  try {
    const gateway = await openGateway(log, clock, { warn })
    const takeShadow = shadow(inSlices(log, clock))
    const keeper = new Keeper(gateway, log.snapshots, { takeShadow, warn, grownBytes, blobs: log.shelf })
    const socket = () => Promise.reject(new Error('a site of this test has no socket'))
    const closing = () => keeper.close()
    const site = ownedSite({ url: 'test:', gateway, pid: 0, socket, hear: () => undefined, closing })
    return { site, gateway, keeper, log, warnings }
  } catch (error) {
    await log.close().catch(() => undefined)
    throw error
  }
}

/** The whole state as bytes; equal states have equal bytes. */
export function stateOf(replica: Replica): string {
  return Buffer.concat([...replica.snapshot()].map((part) => encode(part, Number.POSITIVE_INFINITY))).toString('base64')
}
