/**
 * The length of the shortest way over the ellipsoid, with the formulae that most programs have used for forty years:
 * T. Vincenty, Direct and inverse solutions of geodesics on the ellipsoid with application of nested equations, Survey Review
 * XXIII, 176 (1975). The numbers in brackets below are those of his equations.
 *
 * On a sphere beside the ellipsoid the two points lie a little farther apart in longitude; the difference depends on the answer, so
 * it is iterated. Where it converges it is right to a tenth of a millimetre. Near the antipode of a point it does not: there the
 * way that the iteration looks for would go round more than half of that sphere, and it wanders for ever.
 *
 * Boundary: pure arithmetic in doubles. It shares no line and no constant with the other two methods: what is shared fails together.
 */

/** Degrees; metres. A `NoConvergence` is not a result: the way exists, and this method cannot find it. */
export interface Vincenty {
  metres(latitude1: number, longitude1: number, latitude2: number, longitude2: number): number
}

export interface Ellipsoid {
  /** Half of the axis through the equator, in metres. */
  readonly equatorial: number
  /** By which part the other half axis is shorter. */
  readonly flattening: number
}

export class NoConvergence extends Error {}

export function vincentyOn(ellipsoid: Ellipsoid): Vincenty {
  const { equatorial, flattening } = ellipsoid
  const polar = equatorial * (1 - flattening)
  return {
    metres(latitude1, longitude1, latitude2, longitude2) {
      const apart = degreesApart(longitude1, longitude2) * DEGREE
      const arc = arcOf(reduced(latitude1, flattening), reduced(latitude2, flattening), apart, flattening)
      return polar * lengthOf(arc, (equatorial * equatorial) / (polar * polar) - 1)
    },
  }
}

/** On the ellipsoid of all satellite navigation. */
export const vincenty: Vincenty = vincentyOn({ equatorial: 6_378_137, flattening: 1 / 298.257223563 })

/** A reduced latitude U: where the point is on the sphere beside the ellipsoid. */
interface Latitude {
  readonly sin: number
  readonly cos: number
}

/** The great circle between the points on that sphere. */
interface Arc {
  /** Its angle, sigma. */
  readonly angle: number
  readonly sin: number
  readonly cos: number
  /** Twice the angle from the equator to its middle, 2 sigma m. */
  readonly cosMiddle: number
  /** Of its azimuth alpha at the equator. */
  readonly cosSquaredAzimuth: number
}

/** In radians: 0.006 mm on the equator, as Vincenty has it. */
const CONVERGED = 1e-12

/**
 * Vincenty names no limit, and programs have 100 to 1,000. With the higher one giving up is the fault of the formulae and not of our
 * patience; most of what does not converge is noticed after a few rounds anyway.
 */
const MOST_ROUNDS = 1_000

const COINCIDENT: Arc = { angle: 0, sin: 0, cos: 1, cosMiddle: 0, cosSquaredAzimuth: 0 }

/** Finds the difference of longitudes on the sphere, lambda, from `apart`, that on the ellipsoid. */
function arcOf(u1: Latitude, u2: Latitude, apart: number, flattening: number): Arc {
  let lambda = apart
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const sinLambda = Math.sin(lambda)
    const cosLambda = Math.cos(lambda)
    const across = u2.cos * sinLambda
    const along = u1.cos * u2.sin - u1.sin * u2.cos * cosLambda
    const sin = Math.sqrt(across * across + along * along) // (14)
    const cos = u1.sin * u2.sin + u1.cos * u2.cos * cosLambda // (15)
    if (sin === 0 && cos > 0) return COINCIDENT
    const angle = Math.atan2(sin, cos) // (16)
    const sinAzimuth = (u1.cos * u2.cos * sinLambda) / sin // (17)
    const cosSquaredAzimuth = 1 - sinAzimuth * sinAzimuth
    // (18); along the equator it is 0 / 0, and multiplied by nothing but zeros.
    const cosMiddle = cosSquaredAzimuth === 0 ? 0 : cos - (2 * u1.sin * u2.sin) / cosSquaredAzimuth
    const c = (flattening / 16) * cosSquaredAzimuth * (4 + flattening * (4 - 3 * cosSquaredAzimuth)) // (10)
    const middle = cosMiddle + c * cos * (2 * cosMiddle * cosMiddle - 1)
    const next = apart + (1 - c) * flattening * sinAzimuth * (angle + c * sin * middle) // (11)
    // So says the paper itself: between two nearly antipodal points there may be no solution, and lambda is beyond pi then.
    if (!(Math.abs(next) <= Math.PI)) break
    if (Math.abs(next - lambda) < CONVERGED) return { angle, sin, cos, cosMiddle, cosSquaredAzimuth }
    lambda = next
  }
  throw new NoConvergence('The formulae of Vincenty do not converge for these two points: they are nearly antipodal.')
}

/** In units of the polar half axis, from the square of the second eccentricity. */
function lengthOf({ angle, sin, cos, cosMiddle, cosSquaredAzimuth }: Arc, eccentricity: number): number {
  const u = cosSquaredAzimuth * eccentricity
  const a = 1 + (u / 16_384) * (4_096 + u * (-768 + u * (320 - 175 * u))) // (3)
  const b = (u / 1_024) * (256 + u * (-128 + u * (74 - 47 * u))) // (4)
  const square = cosMiddle * cosMiddle
  const last = (b / 6) * cosMiddle * (4 * sin * sin - 3) * (4 * square - 3)
  const less = b * sin * (cosMiddle + (b / 4) * (cos * (2 * square - 1) - last)) // (6)
  return a * (angle - less) // (19)
}

const DEGREE = Math.PI / 180

/** The short way round, from -180 to 180; longitudes that differ little keep all their digits. */
function degreesApart(longitude1: number, longitude2: number): number {
  const east = longitude2 - longitude1
  if (Math.abs(east) <= 180) return east
  return east > 0 ? east - 360 : east + 360
}

function reduced(latitude: number, flattening: number): Latitude {
  const tan = (1 - flattening) * Math.tan(latitude * DEGREE)
  const cos = 1 / Math.sqrt(1 + tan * tan)
  return { sin: tan * cos, cos }
}
