/** The judge of the crash tests sees what it is there to see. */
import { describe, expect, test } from 'vitest'
import { type Asked, judge, readDiary } from './diaries.ts'

const put = (id: string, answer: string | undefined = id): Asked => ({ kind: 'out', id, answer })
const unanswered = (kind: Asked['kind'], id: string | null): Asked => ({ kind, id, answer: undefined })
const took = (id: string): Asked => ({ kind: 'take', id, answer: id })
const grabbed = (answer: string | null): Asked => ({ kind: 'grab', id: null, answer })

describe('the judge of a space after a crash', () => {
  test.each<[what: string, asked: Asked[], present: string[]]>([
    ['an acknowledged tuple that is there', [put('a')], ['a']],
    ['one that was taken', [put('a'), took('a')], []],
    ['an unacknowledged one, there', [unanswered('out', 'a')], ['a']],
    ['an unacknowledged one, not there', [unanswered('out', 'a')], []],
    ['one that an unanswered take may have got', [put('a'), unanswered('take', 'a')], []],
    ['one that an unanswered grab may have got', [put('1p'), unanswered('grab', null)], []],
    ['a grab that found nothing', [grabbed(null)], []],
  ])('accepts %s', (_what, asked, present) => {
    expect(judge(asked, present).wrong).toEqual([])
  })

  test.each<[what: string, asked: Asked[], present: string[], wrong: RegExp]>([
    ['an acknowledged tuple that is lost', [put('a')], [], /a is lost/],
    ['a tuple that is there twice', [put('a')], ['a', 'a'], /a is there twice/],
    ['an unacknowledged one that is there twice', [unanswered('out', 'a')], ['a', 'a'], /a is there twice/],
    ['a tuple that is back', [put('a'), took('a')], ['a'], /a is back/],
    ['a tuple that two have got', [put('1p'), grabbed('1p'), grabbed('1p')], [], /1p was taken twice/],
    ['a tuple that nobody put', [], ['a'], /nobody put it/],
    ['an answer that nobody put', [grabbed('1p')], [], /nobody put it/],
    ['more tuples gone than unanswered grabs', [put('1p'), put('2p'), unanswered('grab', null)], [], /2p is lost/],
    ['a take that found nothing where something was', [put('a'), { kind: 'take', id: 'a', answer: null }], ['a'], /not found/],
  ])('sees %s', (_what, asked, present, wrong) => {
    expect(judge(asked, present).wrong.join('\n')).toMatch(wrong)
  })

  test('takes what is asked for and not answered in a diary for unknown', () => {
    const lines = ['["ask",1,"out","a"]', '["ask",2,"grab",null]', '["ok",1,"out","a"]']
    expect(readDiary(lines)).toEqual([put('a'), unanswered('grab', null)])
    expect(judge(readDiary(lines), ['a'])).toEqual({ asked: 2, answered: 1, wrong: [] })
  })
})
