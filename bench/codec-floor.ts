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
