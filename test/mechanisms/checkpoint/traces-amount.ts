/** How many random traces are tried: `PERDURE_TRACES=100000 npx vitest run checkpoint/recovery` tries that many, on two cores. */

/** Over all protocols that can recover. */
const TRACES = Number(process.env.PERDURE_TRACES ?? 360)

export const TRACES_EACH: number = Math.ceil(TRACES / 6)

/** A trace takes one or two milliseconds; a busy machine takes ten times that. */
export const tracesMs: number = 60_000 + 20 * TRACES_EACH
