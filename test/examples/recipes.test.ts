/**
 * The recipes of docs/recipes.md, with services on real sockets.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { groupOf, type Verdict } from 'perdure/group'
import { afterEach, describe, expect, test } from 'vitest'
import { hedged } from '../../examples/recipes/hedged.ts'
import { askBriefly } from '../../examples/recipes/impatient.ts'
import { frugalJury, gist, jury } from '../../examples/recipes/jury.ts'
import { providers } from '../../examples/recipes/providers.ts'
import { RemoteService } from '../../examples/recipes/service.ts'
import { shadowed } from '../../examples/recipes/shadow.ts'
import { type Reply, type Stub, stub } from './stub-server.ts'

const stubs: Stub[] = []
afterEach(async () => {
  for (const one of stubs.splice(0)) await one.close()
})

async function serving(answer: (question: string, nth: number) => Reply | Promise<Reply>): Promise<Stub> {
  const one = await stub(answer)
  stubs.push(one)
  return one
}

/** Nobody listens there. */
async function nowhere(): Promise<string> {
  const gone = await stub(() => undefined)
  await gone.close()
  return gone.url
}

const PATIENT = { attemptMs: 20_000, timeoutMs: 30_000 }

/** Nobody answers sooner who is not to: whoever is waited for so long has been asked, or is asked again with more patience. */
const BRIEF_MS = 100

/** Longer than any machine stands still. */
const LONGEST_MS = 30_000

/** Tries with more and more patience, until it was enough for what had to happen meanwhile. */
async function patiently<T>(attempt: (ms: number) => Promise<T>, wasEnough: (result: T) => boolean): Promise<T> {
  for (let ms = BRIEF_MS; ; ms *= 4) {
    const result = await attempt(ms)
    if (wasEnough(result) || ms > LONGEST_MS) return result
  }
}

describe('several providers of one service', () => {
  test('answer as the first does, and the others are not asked', async () => {
    const [a, b] = [await serving((question) => `a: ${question}`), await serving(() => 'b')]
    expect(await providers({ a: a.url, b: b.url }, PATIENT).ask('why?')).toBe('a: why?')
    expect(b.questions).toEqual([])
  })

  test('are asked in turn when one refuses and one cannot be reached', async () => {
    const [a, c] = [await serving(() => 503), await serving(() => 'c')]
    const all = providers({ a: a.url, b: await nowhere(), c: c.url }, PATIENT)
    expect(await all.ask('why?')).toBe('c')
    expect(a.questions).toEqual(['why?'])
    expect(groupOf(all).counts).toMatchObject({
      calls: 1,
      masked: 1,
      members: { a: { failed: 1 }, b: { failed: 1 }, c: { agreed: 1 } },
    })
  })

  test('are asked in turn when one is silent, whose request is ended', async () => {
    const [a, b] = [await serving(() => undefined), await serving(() => 'b')]
    const asked = (attemptMs: number) => {
      const answer = providers({ a: a.url, b: b.url }, { ...PATIENT, attemptMs }).ask('why?')
      return answer.catch((error: unknown) => error)
    }
    expect(await patiently(asked, (answer) => answer === 'b' && a.questions.length > 0)).toBe('b')
    await a.left(a.questions.length)
    expect(new Set(a.abandoned)).toEqual(new Set(['why?']))
  })

  test('fail with the reasons of all in order when nobody answers', async () => {
    const [a, b] = [await serving(() => 503), await serving(() => 429)]
    const failing = providers({ a: a.url, b: b.url }, PATIENT).ask('why?')
    await expect(failing).rejects.toMatchObject({ code: 'PERDURE_E_GROUP_EXHAUSTED' })
    const { cause } = (await failing.catch((error: unknown) => error)) as { readonly cause: AggregateError }
    expect(cause.errors.map(({ message }: Error) => message)).toEqual([`${a.url} answered 503`, `${b.url} answered 429`])
  })
})

describe('a caller who gives up', () => {
  test('gets no answer, ends the request, has nobody else asked, and blames nobody', async () => {
    const [a, b] = [await serving(() => undefined), await serving(() => 'b')]
    const all = providers({ a: a.url, b: b.url }, PATIENT)
    let calls = 0
    const asked = (ms: number) => {
      calls += 1
      return askBriefly(all, 'why?', ms)
    }
    expect(await patiently(asked, () => a.questions.length > 0)).toBeUndefined()
    await a.left(a.questions.length)
    expect(b.questions).toEqual([])
    expect(groupOf(all).counts).toMatchObject({ calls, masked: 0, members: { a: { calls, failed: 0, late: 0 } } })
    expect(groupOf(all).counts.members.b).toBeUndefined()
  })

  test('ends all requests of a jury and blames none of its members', async () => {
    const all = [await serving(() => undefined), await serving(() => undefined), await serving(() => undefined)]
    const [a, b, c] = all.map(({ url }) => url) as [string, string, string]
    const three = jury({ a, b, c }, 30_000)
    expect(await askBriefly(three, 'why?', 300)).toBeUndefined()
    await Promise.all(all.map((one) => one.left(one.questions.length)))
    const blame = { failed: 0, late: 0, disagreed: 0 }
    expect(groupOf(three).counts).toMatchObject({ calls: 1, masked: 0, members: { a: blame, b: blame, c: blame } })
  })

  test('whose time is enough gets his answer, and errors as they are', async () => {
    const [a, b] = [await serving((question) => (question === 'why?' ? 'a' : 500)), await serving(() => 500)]
    const all = providers({ a: a.url, b: b.url }, PATIENT)
    expect(await askBriefly(all, 'why?', 20_000)).toBe('a')
    await expect(askBriefly(all, 'how?', 20_000)).rejects.toMatchObject({ code: 'PERDURE_E_GROUP_EXHAUSTED' })
  })
})

describe('voting over answers', () => {
  test('is about what the words say', () => {
    expect(gist('Let me think.\n\nAnswer: **Forty-two!**\n')).toBe('forty two')
    expect(gist('ANSWER: forty-two.')).toBe('forty two')
    expect(gist('forty-three')).not.toBe(gist('forty-two'))
    expect(gist('')).toBe('')
  })

  async function models(...answers: readonly Reply[]): Promise<{ readonly all: Stub[]; readonly urls: Record<string, string> }> {
    const all = await Promise.all(answers.map((answer) => serving(() => answer)))
    return { all, urls: Object.fromEntries(all.map(({ url }, place) => [`model-${place + 1}`, url])) }
  }

  test('takes the answer of two of three, though they say it in other words, and blames the third', async () => {
    const { urls } = await models('Answer: Canberra.', 'It is Sydney.\nAnswer: Sydney', 'I know that.\nAnswer: canberra')
    const three = jury(urls, 20_000)
    expect(gist(await three.ask('The capital of Australia?'))).toBe('canberra')
    await expect.poll(() => groupOf(three).counts.members['model-2']?.disagreed).toBe(1)
    expect(groupOf(three).counts.members['model-2']).toMatchObject({ calls: 1, agreed: 0 })
  })

  test('does not wait for a third that is silent', async () => {
    const { urls } = await models('Canberra', undefined, 'canberra')
    expect(await jury(urls, 20_000).ask('The capital of Australia?')).toMatch(/canberra/i)
  })

  test('has no answer when all three differ', async () => {
    const { urls } = await models('Canberra', 'Sydney', 'Melbourne')
    await expect(jury(urls, 20_000).ask('The capital of Australia?')).rejects.toMatchObject({ code: 'PERDURE_E_NO_QUORUM' })
  })

  test('asks only two of three when these agree, and the third when they do not', async () => {
    const agreeing = await models('Canberra', 'canberra', 'Sydney')
    expect(await frugalJury(agreeing.urls, 20_000).ask('The capital of Australia?')).toMatch(/canberra/i)
    expect(agreeing.all.map(({ questions }) => questions.length)).toEqual([1, 1, 0])
    const differing = await models('Canberra', 'Sydney', 'canberra')
    expect(await frugalJury(differing.urls, 20_000).ask('The capital of Australia?')).toMatch(/canberra/i)
    expect(differing.all.map(({ questions }) => questions.length)).toEqual([1, 1, 1])
  })
})

describe('hedging', () => {
  test('asks a second service when the first is slow, takes the first answer, and ends the other request', async () => {
    const slow = await serving(() => undefined)
    const quick = await serving(() => slow.asked(1).then(() => 'quick'))
    expect(await hedged(slow.url, quick.url, BRIEF_MS).ask('why?')).toBe('quick')
    expect(slow.questions).toEqual(['why?'])
    await slow.left(1)
  })

  test('asks nobody else as long as the first answers', async () => {
    const [first, second] = [await serving(() => 'first'), await serving(() => 'second')]
    expect(await hedged(first.url, second.url, 20_000).ask('why?')).toBe('first')
    expect(second.questions).toEqual([])
  })

  test('stops when the budget is spent: of 12 slow calls at once two are hedged, and the others wait for the first service', async () => {
    let isFree = false
    const waiting: (() => void)[] = []
    const slow = await serving(async () => {
      if (!isFree) await new Promise<void>((resolve) => waiting.push(resolve))
      return 'slow'
    })
    const quick = await serving(() => slow.asked(12).then(() => 'quick'))
    const pair = hedged(slow.url, quick.url, BRIEF_MS)
    const answers = Array.from({ length: 12 }, (_, n) => pair.ask(`${n}`))
    await slow.asked(12)
    await quick.asked(2)
    await slow.left(2)
    isFree = true
    for (const release of waiting.splice(0)) release()
    const said = await Promise.all(answers)
    expect(said.filter((answer) => answer === 'quick')).toHaveLength(2)
    expect(quick.questions).toHaveLength(2)
  })
})

describe('a rewrite beside the old code', () => {
  class OldPrices {
    async price(pieces: number): Promise<{ readonly cents: number }> {
      if (pieces < 0) throw new RangeError('no pieces')
      return { cents: 100 * pieces }
    }
  }
  class NewPrices extends OldPrices {
    override async price(pieces: number): Promise<{ readonly cents: number }> {
      if (pieces === 7) throw new TypeError('not finished')
      return { cents: pieces > 10 ? 90 * pieces : 100 * pieces }
    }
  }

  test('never changes an answer: the old code decides, also when the new one differs or throws', async () => {
    const prices = shadowed(new OldPrices(), new NewPrices(), [])
    expect(await Promise.all([1, 7, 20].map((pieces) => prices.price(pieces)))).toEqual([
      { cents: 100 },
      { cents: 700 },
      { cents: 2_000 },
    ])
    await expect(prices.price(-1)).rejects.toThrow(new RangeError('no pieces'))
  })

  test('is counted, and kept with the arguments, where it differs', async () => {
    const mismatches: Verdict[] = []
    const prices = shadowed(new OldPrices(), new NewPrices(), mismatches)
    for (const pieces of [1, 2, 7, 20]) await prices.price(pieces)
    await expect.poll(() => groupOf(prices).counts.members.candidate).toMatchObject({ agreed: 2, disagreed: 1, failed: 1 })
    expect(mismatches.map(({ args }) => args)).toEqual([[7], [20]])
    expect(mismatches[1]?.ballots).toMatchObject([
      { id: 'control', value: { cents: 2_000 } },
      { id: 'candidate', value: { cents: 1_800 } },
    ])
  })

  test('does not delay the old code when it hangs', async () => {
    const hanging = new RemoteService((await serving(() => undefined)).url)
    const answering = new RemoteService((await serving(() => 'answer')).url)
    expect(await shadowed(answering, hanging, []).ask('why?')).toBe('answer')
  })
})

describe('docs/recipes.md', () => {
  const page = existsSync('docs/recipes.md') ? readFileSync('docs/recipes.md', 'utf8') : ''

  test.each(readdirSync('examples/recipes'))('shows %s as it is', (file) => {
    expect(page).toContain(`\`\`\`ts\n// examples/recipes/${file}\n${readFileSync(`examples/recipes/${file}`, 'utf8')}\`\`\`\n`)
  })
})
