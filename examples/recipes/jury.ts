/** Voting over answers that are worded differently, such as those of language models: what counts is what the words say. */
import { majority, nVersion, objectGroup, stepwise } from 'perdure/group'
import { RemoteService, type Service } from './service.ts'

/** The last line without its punctuation, in small letters, since models are asked to answer there. */
export function gist(answer: string): string {
  const last = answer.trim().split('\n').at(-1) ?? ''
  return last
    .toLowerCase()
    .replace(/^answer:/, '')
    .replace(/[^\p{Letter}\p{Number}]+/gu, ' ')
    .trim()
}

const adjudicator = majority({ compareOn: gist })

/** All are asked at once, and the answer is there as soon as more than half agree. */
export function jury(models: Readonly<Record<string, string>>, timeoutMs: number): Service {
  return objectGroup(services(models), nVersion({ adjudicator, stateless: true, timeoutMs }), { name: 'jury' })
}

/** Only as many are asked as could be enough; the others when those disagree. Cheaper by a third with three, and slower then. */
export function frugalJury(models: Readonly<Record<string, string>>, timeoutMs: number): Service {
  return objectGroup(services(models), stepwise({ adjudicator, stateless: true, timeoutMs }), { name: 'jury' })
}

function services(urls: Readonly<Record<string, string>>): Record<string, RemoteService> {
  return Object.fromEntries(Object.entries(urls).map(([name, url]) => [name, new RemoteService(url)]))
}
