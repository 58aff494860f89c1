/**
 * Figures that are points of one curve, drawn with characters: whether it is flat is seen at a glance, in a terminal and in the
 * output of CI.
 *
 * Boundary: numbers to text.
 */
import { type Figure, median } from './measure.ts'

/** Of the longest bar. */
const WIDTH = 50

/** The lines of all curves among the figures; a bar is as long as its median is large against the largest of its curve. */
export function drawn(figures: readonly Figure[]): readonly string[] {
  const names = new Set(figures.map(({ curve }) => curve).filter((name) => name !== undefined))
  return [...names].flatMap((name) => {
    const points = figures.filter(({ curve }) => curve === name)
    const medians = points.map(({ values }) => median(values))
    const most = Math.max(...medians)
    const widest = Math.max(...points.map(({ what }) => what.length))
    const bars = points.map(({ what, unit }, at) => {
      const value = medians[at] ?? 0
      return `${what.padEnd(widest)} ${'#'.repeat(Math.max(1, Math.round((value / most) * WIDTH)))} ${value.toFixed(1)} ${unit}`
    })
    return ['', `${name}:`, ...bars]
  })
}
