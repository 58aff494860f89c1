/**
 * The length of the shortest way over the ellipsoid, exact to some nanometres and everywhere: C. F. F. Karney, Algorithms for
 * geodesics, Journal of Geodesy 87 (2013), in its author's own program.
 *
 * Near the antipode, where other formulae fail, it starts from a solution of the problem in the plane and goes on with Newton's
 * method, which it holds in bounds by bisection; so it always converges.
 *
 * Boundary: the package that has the program is known here alone.
 */
import geographiclib from 'geographiclib-geodesic'

/** Latitudes from -90 to 90 and longitudes in degrees; metres. */
export const karney = {
  metres(latitude1: number, longitude1: number, latitude2: number, longitude2: number): number {
    return WGS84.Inverse(latitude1, longitude1, latitude2, longitude2, DISTANCE).s12!
  },
}

const { WGS84, DISTANCE } = geographiclib.Geodesic
