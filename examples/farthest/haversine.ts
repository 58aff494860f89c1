/**
 * The length of the shortest way between two points, as if the Earth were a ball: known since the navigators' tables of 1805.
 *
 * It always answers, at once, and never exactly: the Earth is flattened by 1 / 298. How wrong it can be is provable. One degree
 * to the north is 0.56% shorter on the ellipsoid than on the ball at the equator and 0.45% longer at the poles, one to the east is
 * 0.11% to 0.45% longer; whatever way one takes, each piece of it changes by that much at most, and so does the whole.
 *
 * Boundary: pure arithmetic in doubles. It shares no line and no constant with the other two methods: what is shared fails together.
 */

/** Of the true length: no answer is farther from it than this part of the greater of the two. */
export const HAVERSINE_ERROR = 0.0056

/** Latitudes from -90 to 90 and longitudes in degrees; metres. */
export const haversine = {
  metres(latitude1: number, longitude1: number, latitude2: number, longitude2: number): number {
    const north = Math.sin(((latitude2 - latitude1) / 2) * DEGREE)
    const east = Math.sin(((longitude2 - longitude1) / 2) * DEGREE)
    const half = north * north + Math.cos(latitude1 * DEGREE) * Math.cos(latitude2 * DEGREE) * east * east
    // Of points exactly opposite rounding makes a little more than 1, which has no arc sine.
    return 2 * RADIUS * Math.asin(Math.sqrt(Math.min(1, half)))
  },
}

/** The mean of the three half-axes (R1 of the International Union of Geodesy and Geophysics), in metres. */
const RADIUS = 6_371_008.7714

const DEGREE = Math.PI / 180
