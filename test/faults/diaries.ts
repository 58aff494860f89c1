/**
 * Judges what lies in a space after a crash by the diaries of those who used it.
 *
 * Every tuple has an id of its own. What was acknowledged has happened once; what was asked for and not answered has happened once
 * or not at all. So, for every id: it was put at most once, it is there or was taken or neither, and never both.
 *
 * Boundary: pure; the lines are those of `programs/load.mjs`.
 */

export interface Asked {
  readonly kind: 'out' | 'take' | 'grab'
  /** What was to be put or taken; null when any would do. */
  readonly id: string | null
  /** What came back: an id, or null for nothing; undefined while unknown. */
  readonly answer: string | null | undefined
}

type DiaryLine = ['ask' | 'ok', number: number, kind: Asked['kind'], id: string | null]

export function readDiary(lines: readonly string[]): Asked[] {
  const asked = new Map<number, Asked>()
  for (const line of lines) {
    const [what, number, kind, id] = JSON.parse(line) as DiaryLine
    if (what === 'ask') asked.set(number, { kind, id, answer: undefined })
    else asked.set(number, { ...(asked.get(number) as Asked), answer: id })
  }
  return [...asked.values()]
}

export interface Verdict {
  readonly asked: number
  readonly answered: number
  /** What is wrong, in words; empty when all is well. */
  readonly wrong: readonly string[]
}

/** `present`: the ids of all tuples in the space, in any order. */
export function judge(asked: readonly Asked[], present: readonly string[]): Verdict {
  const wrong: string[] = []
  const there = new Set(present)
  for (const id of there) if (present.indexOf(id) !== present.lastIndexOf(id)) wrong.push(`${id} is there twice`)
  const put = new Map(asked.flatMap((each) => (each.kind === 'out' ? [[each.id as string, each] as const] : [])))
  const taken = new Set<string>()
  const perhaps = new Set<string>()
  let unknownGrabs = 0
  for (const { kind, id, answer } of asked) {
    if (kind === 'out') continue
    if (answer === undefined && id !== null) perhaps.add(id)
    else if (answer === undefined) unknownGrabs += 1
    else if (answer === null && id !== null) wrong.push(`${id} was not found when it was to be taken`)
    else if (answer !== null) {
      if (taken.has(answer)) wrong.push(`${answer} was taken twice`)
      taken.add(answer)
    }
  }
  for (const id of there) {
    if (!put.has(id)) wrong.push(`${id} is there, though nobody put it`)
    if (taken.has(id)) wrong.push(`${id} is back, though it was taken`)
  }
  for (const id of taken) if (!put.has(id)) wrong.push(`${id} was taken, though nobody put it`)
  let missing = 0
  for (const [id, { answer }] of put) {
    if (answer === undefined || there.has(id) || taken.has(id) || perhaps.has(id)) continue
    // One of the unanswered takers of anything may have got it.
    if (id.endsWith('p') && missing < unknownGrabs) missing += 1
    else wrong.push(`${id} is lost, though its out was acknowledged`)
  }
  return { asked: asked.length, answered: asked.filter(({ answer }) => answer !== undefined).length, wrong }
}
