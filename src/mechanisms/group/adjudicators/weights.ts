/**
 * Weights of votes as whole numbers, so that sums are exact and half is half.
 *
 * In doubles 0.1 + 0.2 is more than 0.3, and what is more than half would depend on who was added first. So weights are read as the
 * decimal numbers they were written as and multiplied by what makes them whole.
 *
 * Boundary: pure; nothing about values or ballots.
 */
import { usage } from '../strategy-options.ts'

export interface Scale {
  /** The fewest members that have more than half of the weight. */
  readonly fewest: number
  /** In the order of the members. `PERDURE_E_USAGE` when there is not exactly one weight for each. */
  of(members: number, id?: (member: number) => string): readonly number[]
}

export function weighing(given: readonly number[] | Readonly<Record<string, number>>): Scale {
  if (typeof given !== 'object' || given === null) throw usage('weighted takes an array of weights, or weights by id.')
  const whole = wholeNumbers(Object.values(given))
  const fewest = fewestOfMoreThanHalf(whole)
  if (Array.isArray(given)) return { fewest, of: (members) => (members === whole.length ? whole : refuse(whole.length, members)) }
  const byId = new Map(Object.keys(given).map((id, index) => [id, whole[index] as number]))
  return { fewest, of: (members, id) => inOrder(byId, members, id) }
}

function inOrder(byId: ReadonlyMap<string, number>, members: number, id?: (member: number) => string): readonly number[] {
  if (id === undefined)
    throw usage('weighted was given weights by id, and these members have no ids. Give an array in the order of the members.')
  if (members !== byId.size) return refuse(byId.size, members)
  return Array.from({ length: members }, (_, member) => {
    const weight = byId.get(id(member))
    if (weight === undefined)
      throw usage(`weighted has no weight for ${id(member)}: expected one for each of ${members} members.`)
    return weight
  })
}

function refuse(weights: number, members: number): never {
  throw usage(`weighted has ${weights} weights for ${members} members: expected one for each.`)
}

function wholeNumbers(weights: readonly number[]): readonly number[] {
  const wrong = weights.find((weight) => !(typeof weight === 'number' && weight >= 0 && Number.isFinite(weight)))
  if (wrong !== undefined) throw usage(`A weight of weighted is ${String(wrong)}: expected finite numbers from 0 on.`)
  if (!weights.some((weight) => weight > 0)) throw usage('All weights of weighted are 0: expected one at least that is more.')
  const decimals = weights.map(decimal)
  const least = Math.min(...decimals.map(({ exponent }) => exponent))
  const scaled = decimals.map(({ digits, exponent }) => digits * 10n ** BigInt(exponent - least))
  const divisor = scaled.reduce(greatestCommonDivisor)
  const whole = scaled.map((weight) => weight / divisor)
  if (whole.reduce((sum, weight) => sum + weight) <= BigInt(Number.MAX_SAFE_INTEGER)) return whole.map(Number)
  throw usage(
    `The weights ${weights.join(', ')} of weighted cannot be added exactly. Give whole numbers, such as 2 and 1 for two thirds and one third.`,
  )
}

/** The shortest decimal number that stands for this double, as it was most likely written. */
function decimal(weight: number): { readonly digits: bigint; readonly exponent: number } {
  const [mantissa = '0', exponent = '0'] = String(weight).split('e')
  const [integer = '0', fraction = ''] = mantissa.split('.')
  return { digits: BigInt(integer + fraction), exponent: Number(exponent) - fraction.length }
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b)
}

function fewestOfMoreThanHalf(weights: readonly number[]): number {
  const whole = weights.reduce((sum, weight) => sum + weight, 0)
  let weight = 0
  let members = 0
  for (const heaviest of [...weights].sort((a, b) => b - a)) {
    if (2 * weight > whole) break
    weight += heaviest
    members += 1
  }
  return members
}
