/** A rewrite beside the code it is to replace: the old code answers always, the new one is compared, and what differs is kept. */
import { isDeepStrictEqual } from 'node:util'
import { adjudicator, nVersion, objectGroup, undecided, type Verdict } from 'perdure/group'

/** Enough to see what is wrong with the rewrite. */
const MISMATCHES_KEPT = 100

const CONTROL = 0

/** Decides as soon as the control has answered; the candidate may take its time and is compared later. */
const control = adjudicator({
  name: 'control()',
  judge(ballots) {
    const answer = ballots.find(({ member }) => member === CONTROL)
    return answer === undefined ? undecided : answer.value
  },
  agrees: (answer, vote) => vote.kind === 'value' && isDeepStrictEqual(vote.value, answer),
})

/** The candidate must not change anything outside of itself: it is executed as often as the control. */
export function shadowed<T extends object>(old: T, rewrite: T, mismatches: Verdict[]) {
  const strategy = nVersion({ adjudicator: control, stateless: true, stragglerMs: 10_000 })
  return objectGroup({ control: old, candidate: rewrite }, strategy, {
    name: 'rewrite',
    onVerdict(verdict: Verdict) {
      const differs = verdict.faulty.includes('candidate') || verdict.late.includes('candidate')
      if (differs && mismatches.length < MISMATCHES_KEPT) mismatches.push(verdict)
    },
  })
}
