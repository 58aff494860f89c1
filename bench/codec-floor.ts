/**
 * The codec alone, as a floor for pairs: both operations written and read, and the reply copied, with no order and no promise.
 *
 * The codec is no export of the package; like everything here it is taken as built, while its types come from the source.
 */
type Codec = typeof import('../src/log/codec/codec.ts')

const { copyValue, Reader, Writer } = (await import(new URL('../dist/log/codec/codec.js', import.meta.url).href)) as Codec

export function codecPairsPerSecond(count: number): number {
  const writer = new Writer()
  const travel = (args: readonly unknown[]): unknown => {
    writer.reset()
    writer.value(args)
    return new Reader(writer.take()).value()
  }
  let read = 0
  const started = performance.now()
  for (let n = 0; n < count; n += 1) {
    const [, tuple] = travel(['jobs', ['job', n, 'cat.png']]) as [string, readonly unknown[]]
    travel(['jobs', ['3:415', 'job']])
    read += (copyValue(tuple) as readonly unknown[]).length
  }
  const rate = (count * 1000) / (performance.now() - started)
  if (read !== 3 * count) throw new Error('the codec lost a field')
  return rate
}

/** A message: its payload written, the operation around it written and read, the payload read. */
export function codecMessagesPerSecond(count: number): number {
  const writer = new Writer()
  const written = (value: unknown): Uint8Array => {
    writer.reset()
    writer.value(value)
    return writer.take()
  }
  let read = 0
  const started = performance.now()
  for (let n = 0; n < count; n += 1) {
    const operation = written([1, 0, 0, 7, 4_000, 'b', written(['job', n, 'cat.png']), null])
    const [, , , , , , payload] = new Reader(operation).value() as readonly [...unknown[], Uint8Array, null] & { 6: Uint8Array }
    read += (new Reader(payload).value() as readonly unknown[]).length
  }
  const rate = (count * 1000) / (performance.now() - started)
  if (read !== 3 * count) throw new Error('the codec lost a field')
  return rate
}

/** As many payloads read as a recovery gives to objects again. */
export function payloadsPerSecond(count: number): number {
  const writer = new Writer()
  const payloads = Array.from({ length: count }, (_, n) => {
    writer.reset()
    writer.value(['job', n, 'cat.png'])
    return writer.take()
  })
  let read = 0
  const started = performance.now()
  for (const payload of payloads) read += (new Reader(payload).value() as readonly unknown[]).length
  const rate = (count * 1000) / (performance.now() - started)
  if (read !== 3 * count) throw new Error('the codec lost a field')
  return rate
}
