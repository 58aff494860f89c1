/**
 * Does something with every file of many: small ones several at once, large ones one by one.
 *
 * Boundary: order and memory, nothing else.
 */
import type { WorkFile } from '../../../log/work-folders.ts'

/** Each small file waits for a disk or a connection a few times; more at once gain little. */
const AT_ONCE = 8

/** Each is in memory as a whole while it is stored or fetched. */
const SMALL_BYTES = 1024 * 1024

/** Rejects with the first error, when nothing of it is under way any more. */
export async function eachFile(files: readonly WorkFile[], act: (file: WorkFile) => Promise<void>): Promise<void> {
  const small = files.filter(({ size }) => size <= SMALL_BYTES)
  const failed: unknown[] = []
  const lane = async () => {
    for (let file = small.pop(); file && failed.length === 0; file = small.pop()) {
      await act(file).catch((error: unknown) => failed.push(error))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  if (failed.length > 0) throw failed[0]
  for (const file of files) if (file.size > SMALL_BYTES) await act(file)
}
