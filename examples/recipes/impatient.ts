/** A caller who does not wait for ever: when he gives up, nobody else is asked in vain, and no provider is to blame. */
import type { Service } from './service.ts'

/** The answer, or undefined when there is none after so many milliseconds. */
export async function askBriefly(service: Service, question: string, ms: number): Promise<string | undefined> {
  const signal = AbortSignal.timeout(ms)
  try {
    return await service.ask(question, { signal })
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  }
}
